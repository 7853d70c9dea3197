"""vLLM Semantic Router's own command accepts the exported configuration; its router is not run."""

import os
import subprocess
import sys

import pytest

from tests.exporters.test_litellm_native import LINEAR, LISTED
from tests.interop.conftest import installed
from tests.interop.test_litellm_gateway import HOSTILE
from tests.policies import a_policy
from tierwise.exporters import export, vllm_sr

pytestmark = [pytest.mark.interop, pytest.mark.timeout(600)]


LONG = pytest.mark.skipif("TIERWISE_INTEROP_PROMPTS" not in os.environ, reason="ten seconds a file; set TIERWISE_INTEROP_PROMPTS")


@pytest.fixture(scope="session")
def command():
    """vllm-sr of the tested version, installed once."""
    pip = ["{folder}/bin/pip", "install", "-q", "--disable-pip-version-check", f"vllm-sr=={vllm_sr.TESTED}"]
    folder = installed(f"vllm-sr-{vllm_sr.TESTED}", [sys.executable, "-m", "venv", "--clear", "{folder}"], pip)
    return folder / "bin" / "vllm-sr"


def validated(command, path):
    return subprocess.run([str(command), "config", "validate", "--config", str(path)], capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize(("spec", "tiers"), [(LINEAR, 2), pytest.param(LISTED, 5, marks=LONG)], ids=["linear", "rules"])
def test_its_validator_accepts_the_file(spec, tiers, command, tmp_path):
    top = "frontier" if tiers == 2 else "t4"
    rules = ({"id": "r", "when": {"keywords_any": [h.replace("\n", " ") for h in HOSTILE]}, "tier": top},)
    export(a_policy(tiers, spec, rules), [], "vllm-sr", tmp_path)
    done = validated(command, tmp_path / "vllm-sr-config.yaml")
    assert done.returncode == 0, done.stdout[-1500:] + done.stderr[-1500:]


@LONG
def test_its_validator_would_refuse_a_wrong_one(command, tmp_path):
    export(a_policy(3, LINEAR), [], "vllm-sr", tmp_path)
    path = tmp_path / "vllm-sr-config.yaml"
    path.write_text(path.read_text().replace("name: band_0", "name: band_9", 1))
    assert validated(command, path).returncode != 0
