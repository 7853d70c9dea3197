"""Every export target: it agrees on every prompt or refuses in words, whatever the score, the tiers and the names."""

import ast
import sys
from dataclasses import replace

import pytest

from tests.conftest import make_matrix
from tests.policies import SPECS, a_policy, tuning
from tierwise.errors import BadInput, NotFound
from tierwise.exporters import EXPORTERS, GROUPS, export
from tierwise.policy import make_policy
from tierwise.types import Sample, Tier

SAMPLES = make_matrix(40, 3, seed=2).samples
TARGETS = list(EXPORTERS)
HOSTILE = ("=cmd|' /C calc'!A0", '"; import os; os._exit(3) #', "'''\\", "</script><script>alert(1)</script>", "${PATH} `id` $(id) {{7*7}}",
           "os.environ/PATH", "*/ process.exit(3) /*", "__proto__", "\u202eRTL Größe ☃ \U0001f600")  # fmt: skip
PIN = {"provider": 'anthropic" onload=x', "allow_fallbacks": False}
METADATA_RULE = {"id": "critical", "when": {"metadata": {"critical": ["true"]}}, "tier": "frontier", "pin": PIN}
SECRET = "sk-secret-0123456789abcdef"


@pytest.fixture(autouse=True)
def _a_key_in_the_environment(monkeypatch):
    for name in ("OPENAI_API_KEY", "TIER_KEY", "OPENROUTER_API_KEY", "ANTHROPIC_API_KEY"):
        monkeypatch.setenv(name, SECRET)


def exported(policy, target, folder, samples=SAMPLES):
    """The export, or None where it is refused in words."""
    try:
        done = export(policy, samples, target, folder)
    except BadInput as error:
        assert len(str(error)) > 40 and "Traceback" not in str(error)
        assert not folder.exists() or not list(folder.iterdir()), "a refusal writes nothing"
        return None
    assert done.agreement == 1 and done.checked == len(samples) and not done.over and not done.under
    return done


@pytest.mark.parametrize("tiers", [2, 3, 4, 5])
@pytest.mark.parametrize("kind", SPECS)
@pytest.mark.parametrize("target", TARGETS)
def test_it_agrees_or_refuses(target, kind, tiers, tmp_path):
    exported(a_policy(tiers, SPECS[kind]), target, tmp_path)


MUST_HOLD = [t for t in TARGETS if t not in ("litellm-native", "vllm-sr", "cloudflare")]


@pytest.mark.parametrize("target", MUST_HOLD)
def test_metadata_rules_and_pins_are_held(target, tmp_path):
    samples = [*SAMPLES[:5], *(Sample(f"c{i}", "hello", metadata={"critical": v}) for i, v in enumerate(["true", True, "True", "no"]))]
    assert exported(a_policy(3, SPECS["mean"], (METADATA_RULE,)), target, tmp_path, samples)


@pytest.mark.parametrize("target", TARGETS)
def test_hostile_names_and_words_stay_text(target, tmp_path):
    matrix = make_matrix(20, 5)
    tiers = tuple(Tier(name, f"test/{i}", f"https://t{i}.example/v1", "TIER_KEY", 1.0, 2.0) for i, name in enumerate(HOSTILE[:5]))
    policy = make_policy(
        tuning(replace(matrix, run=replace(matrix.run, tiers=tiers)), SPECS["hash"]), HOSTILE[8],
        rules=[{"id": h, "when": {"keywords_any": [h]}, "tier": HOSTILE[i % 5], "note": h} for i, h in enumerate(HOSTILE)],
    )  # fmt: skip
    samples = [Sample(f"h{i}", f"please look at {h} now") for i, h in enumerate(HOSTILE)] + list(SAMPLES[:5])
    done = exported(policy, target, tmp_path, samples)
    for path in done.files if done else ():
        assert path.parent == tmp_path and path.name.isascii()


@pytest.mark.parametrize("target", TARGETS)
def test_no_key_is_written(target, tmp_path):
    matrix = make_matrix(20, 3)
    live = replace(matrix.run, kind="live", tiers=(
        Tier("cheap", "openai/gpt-4o-mini", None, "TIER_KEY", 0.15, 0.6, {"temperature": 0, "timeout": 30}),
        Tier("mid", "openrouter/anthropic/claude-x", None, None, 3, 15),
        Tier("frontier", "openai/big", "https://api.tokenmix.ai/v1", "TIER_KEY", 5, 25, {}, ("openai/gpt-4o",)),
    ))  # fmt: skip
    done = exported(make_policy(tuning(replace(matrix, run=live), SPECS["table"]), "x"), target, tmp_path)
    for path in done.files if done else ():
        assert SECRET not in path.read_text(encoding="utf-8")


@pytest.mark.parametrize("target", TARGETS)
def test_python_files_need_the_standard_library_only(target, tmp_path):
    done = exported(a_policy(3, SPECS["table"]), target, tmp_path)
    for path in done.files if done else ():
        if path.suffix == ".py":
            allowed = sys.stdlib_module_names | ({"litellm"} if target == "litellm-hook" else set())
            tree = ast.parse(path.read_text(encoding="utf-8"))
            taken = {a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names}
            taken |= {n.module for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)}
            assert {name.split(".")[0] for name in taken} <= allowed
            called = {n.func.id for n in ast.walk(tree) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)}
            assert not called & {"eval", "exec", "compile", "__import__"}


@pytest.mark.parametrize("target", TARGETS)
def test_simulated_policies_say_so(target, tmp_path):
    matrix = make_matrix(20, 3)
    tiers = tuple(replace(t, model=f"sim/{t.name}") for t in matrix.run.tiers)
    policy = make_policy(tuning(replace(matrix, run=replace(matrix.run, kind="simulated", tiers=tiers)), SPECS["table"]), "x")
    done = exported(policy, target, tmp_path)
    if done:
        assert done.notes[0].startswith("Simulated")
        text = "".join(path.read_text(encoding="utf-8") for path in done.files)
        assert "simulated" in text.lower(), "the files say it themselves"


def test_targets_are_described_and_grouped():
    assert TARGETS[:2] == ["policy-json", "litellm"], "the first-time path"
    for name, entry in EXPORTERS.items():
        assert entry.name == name and entry.group in GROUPS
        assert entry.title and len(entry.title) <= 40 and 20 <= len(entry.summary) <= 110


def test_an_unknown_target_is_named():
    with pytest.raises(NotFound, match="litellm-hook"):
        export(a_policy(), SAMPLES, "litellm-hok", None)
