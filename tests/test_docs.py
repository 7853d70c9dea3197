"""The guides say what is so: their Python runs as it stands, their commands exist, and each endpoint is described as its preset is."""

import json
import re
import subprocess
import sys

import pytest

from tierwise.endpoints.presets import ENDPOINTS
from tierwise.settings import ROOT

BLOCK = re.compile(r"^```python\n(.*?)^```", re.M | re.S)
QUIET = (
    "import socket\n\n\ndef refuse(*_, **__):\n    raise OSError('the example asked for a network')\n\n\nsocket.socket.connect = refuse\n"
)


def test_the_python_of_the_guide_runs(tmp_path):
    blocks = BLOCK.findall((ROOT / "docs" / "python-api.md").read_text(encoding="utf-8"))
    assert len(blocks) >= 6
    script = tmp_path / "guide.py"
    last = "import sys\nassert 'streamlit' not in sys.modules\n"
    script.write_text(QUIET + "".join(blocks) + last, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, script], cwd=tmp_path, capture_output=True, text=True, env={"PYTHONPATH": str(ROOT), "PATH": ""}, timeout=200
    )
    assert done.returncode == 0, done.stderr
    for said in ("169 prompts", "done 507 outcomes", "held-out: saves", "100% of", "507 outcomes are elsewhere too"):
        assert said in done.stdout, done.stdout
    assert all((tmp_path / name).stat().st_size > 1000 for name in ("policy.json", "report.html", "run.html", "results.xlsx"))


def test_every_command_of_the_sharing_guide_exists():
    from tierwise.cli.command import COMMANDS

    text = (ROOT / "docs" / "sharing.md").read_text(encoding="utf-8")
    named = {
        *re.findall(r"python -m tierwise ([a-z-]+)", text),
        "report",
        "results",
        "export-bundle",
        "import-bundle",
        "gate",
        "export-promptfoo",
    }
    assert named <= set(COMMANDS)


def endpoint_sections() -> dict[str, str]:
    parts = re.split(r"^## (.+)$", (ROOT / "docs" / "endpoints.md").read_text(encoding="utf-8"), flags=re.M)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


@pytest.mark.parametrize("name", list(ENDPOINTS))
def test_the_endpoints_guide_says_what_the_preset_says(name):
    entry, section = ENDPOINTS[name], endpoint_sections()[ENDPOINTS[name].title]
    row = dict(re.findall(r"^\| (key is in|endpoint|model) \| (.*) \|$", section, re.M))
    tiers = entry.tiers()
    keys = {t.api_key_env for t in tiers}
    assert set(re.findall(r"`(\w+_KEY)`", row["key is in"])) == keys - {None}
    assert row["key is in"].startswith("empty") == entry.keyless
    if entry.api_base:
        assert f"`{entry.api_base}`" in row["endpoint"]
    else:
        assert row["endpoint"].startswith("empty")
    examples = re.findall(r"`([^`]+)`", row["model"])
    assert examples[-1] in {t.model for t in tiers}
    for header in entry.params.get("extra_headers", {}):
        assert header in section
    if "extra_body" in entry.params:
        assert json.dumps({"extra_body": entry.params["extra_body"]}) in section


def test_the_endpoints_guide_has_no_section_of_a_preset_that_is_gone():
    assert set(endpoint_sections()) == {"For all of them", *(ENDPOINTS[name].title for name in ENDPOINTS)}


def test_the_faults_in_the_endpoints_guide_are_what_a_test_call_says():
    source = (ROOT / "tierwise" / "endpoints" / "presets.py").read_text(encoding="utf-8")
    told = re.findall(r"^\| ([^|]+?) \|", endpoint_sections()["For all of them"], re.M)
    said = [re.sub(r" \((?:\d|5)\w\w\)$", "", t) for t in told if t not in ("it says", "---")]
    assert len(said) >= 12
    for words in said:
        assert words.replace("30 seconds", "{") in source, words
