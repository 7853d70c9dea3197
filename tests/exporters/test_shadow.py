"""Shadow sampling in exported files: which requests are asked twice, what the LiteLLM hook keeps of them, and who says that it cannot."""

import asyncio
import copy
import json
import shutil
import stat
import subprocess
from types import SimpleNamespace

import pytest

from tests.exporters.files import instead_of_litellm, load
from tests.policies import SPECS, a_policy
from tierwise import evaluator
from tierwise.adaptive import read_pairs, with_shadow
from tierwise.cli import main
from tierwise.errors import BadInput
from tierwise.exporters import EXPORTERS, export
from tierwise.store import Store

RULES = ({"id": "r", "when": {"metadata": {"critical": ["true"]}}, "tier": "cheap", "pin": {"allow_fallbacks": False}},)
EASY = {"request_type": "easy"}
SAID = [{"role": "user", "content": "hi"}]


def watched(rate: float = 0.2):
    return with_shadow(a_policy(3, SPECS["table"], RULES), rate, tolerated=0.03)


def test_a_share_of_what_goes_below_the_last_tier_is_drawn_and_nothing_else():
    document = watched().document
    found = evaluator.decide(document, SAID, EASY)
    drawn = [evaluator.shadowed(document, found, f"request {i}") for i in range(3000)]
    assert sum(drawn) == pytest.approx(600, abs=90)
    assert drawn[:50] == [evaluator.shadowed(document, found, f"request {i}") for i in range(50)]
    always = watched(1.0).document
    assert evaluator.shadowed(always, found, "x")
    for metadata in ({"request_type": "hard"}, EASY | {"critical": "true"}):  # the last tier, a pinned rule
        assert not evaluator.shadowed(always, evaluator.decide(always, SAID, metadata), "x")
    assert not evaluator.shadowed(a_policy(3, SPECS["table"]).document, found, "x")


@pytest.mark.skipif(shutil.which("node") is None, reason="no node on this machine")
def test_python_and_typescript_draw_the_same_requests(tmp_path):
    policy = watched()
    for target in ("python", "typescript"):
        export(policy, [], target, tmp_path)
    ids = [f"é{i}" for i in range(400)]
    module = load(tmp_path / "tier_policy.py")
    mine = [module.shadowed(module.POLICY, module.choose(SAID, m), i) for i in ids for m in (EASY, EASY | {"critical": "true"})]
    code = (
        f"import {{ choose, shadowed }} from {json.dumps((tmp_path / 'tier_policy.mjs').as_uri())};"
        f"const said = {json.dumps(SAID)}, easy = {json.dumps(EASY)};"
        f"console.log(JSON.stringify({json.dumps(ids)}.flatMap((i) => [easy, {{...easy, critical: 'true'}}].map((m) => shadowed(choose(said, m), i)))));"
    )
    done = subprocess.run(["node", "--input-type=module", "-e", code], capture_output=True, encoding="utf-8", check=True)
    assert json.loads(done.stdout) == mine and 40 < sum(mine) < 130


@pytest.mark.parametrize("target", EXPORTERS)
def test_every_target_says_what_it_does_with_the_rate(target, tmp_path):
    spec = SPECS["rules"] if target in ("litellm-native", "vllm-sr") else SPECS["table"]
    try:
        done = export(with_shadow(a_policy(3, spec), 0.2), [], target, tmp_path)
    except BadInput as refused:  # a policy that the target cannot hold at all
        pytest.skip(str(refused))
    told = [n for n in done.notes if n.startswith("Shadow sampling")]
    assert len(told) == (0 if target == "policy-json" else 1)
    if target in ("litellm", "litellm-native", "vllm-sr", "csv"):
        assert "not carried" in told[0]
    if told and "shadowed() in the file" in told[0]:
        assert any("shadowed" in p.read_text() for p in done.files)


@pytest.fixture
def hook(tmp_path, monkeypatch):
    """The exported hook with its second call replaced; `asked` holds what it would have sent."""
    instead_of_litellm(monkeypatch)
    monkeypatch.setenv("TIERWISE_SHADOW_LOG", str(tmp_path / "pairs.jsonl"))
    monkeypatch.setenv("TIERWISE_SHADOW_KEY", "sk-shadow")
    export(watched(1.0), [], "litellm-hook", tmp_path)
    found = load(tmp_path / "litellm_policy_hook.py").policy_hook
    found.asked = []
    found.post = lambda body: found.asked.append(json.loads(body)) or (answer("the better answer"), 0.02)
    return found


def answer(text: str | None) -> dict:
    return {"choices": [{"message": {"role": "assistant", "content": text}}]}


def serve(hook, data: dict, said=None, call_type: str = "acompletion", where: dict = {}, **logged) -> None:  # noqa: B006
    """A request through the hook and back, as the proxy does it; `where` is what its metadata says on the way back."""

    async def both():
        sent = await hook.async_pre_call_hook(None, None, {"model": "auto"} | copy.deepcopy(data), call_type)
        about = {
            "response_cost": 0.001,
            "litellm_params": {"metadata": (sent.get("metadata") or {}) | {"model_group": sent["model"]} | where},
        }
        await hook.async_log_success_event(about | logged, answer("an answer") if said is None else said, None, None)
        await asyncio.gather(*hook.asking)

    asyncio.run(both())


def test_a_pair_is_kept_and_becomes_an_alarm(hook, tmp_path, capsys):
    serve(hook, {"messages": SAID, "metadata": EASY, "temperature": 0.2, "stream": True, "user": "someone"})
    assert hook.asked == [{"temperature": 0.2, "messages": SAID}]
    file = tmp_path / "pairs.jsonl"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    row = json.loads(file.read_text())
    assert (row["served_output"], row["frontier_output"]) == ("an answer", "the better answer")
    assert (row["served_cost_usd"], row["frontier_cost_usd"], row["routed_to"], row["request_type"]) == (0.001, 0.02, "cheap", "easy")
    for _ in range(39):
        serve(hook, {"messages": SAID, "metadata": EASY}, said=SimpleNamespace(model_dump=lambda: answer("an answer")))
    # as it is, it becomes a run whose answers wait to be graded; with grades written beside them, pairs
    assert main(["import-results", str(file), "--name", "pairs", "--models", "served,frontier"]) == 0
    rows = [json.loads(line) | {"served_score": 0.0, "frontier_score": 1.0} for line in file.read_text().splitlines()]
    file.write_text("\n".join(map(json.dumps, rows)))
    assert [p.loss for p in read_pairs(file.read_bytes(), "pairs.jsonl")] == [1.0] * 40
    assert main(["import-results", str(file), "--name", "graded", "--models", "served,frontier"]) == 0
    with Store() as store:
        store.policies.add(watched())
        runs = {r.name: r for r in store.runs.list()}
        assert set(runs) == {"pairs", "graded"}
        sample = store.evalsets.get(runs["pairs"].evalset_id).samples[0]
        assert sample.chat()[-1]["content"] == "hi" and sample.request_type == "easy"
    capsys.readouterr()
    assert main(["drift", "Support bot", "--run", "graded"]) == 0
    said = capsys.readouterr().out
    assert "tune again" in said and "n=40" in said and "since about 20" in said
    assert main(["drift", "Support bot", "--run", "pairs"]) == 2, "nothing is graded there yet"


@pytest.mark.parametrize("data, more", [
    ({"messages": SAID, "metadata": {"request_type": "hard"}}, {}), ({"messages": SAID, "metadata": EASY | {"critical": "true"}}, {}),
    ({"messages": SAID, "metadata": EASY, "model": "cheap"}, {}), ({"input": "hi", "metadata": EASY}, {"call_type": "aresponses"}),
    ({"messages": SAID, "metadata": EASY}, {"cache_hit": True}), ({"messages": SAID, "metadata": EASY}, {"said": answer(None)}),
    ({"messages": SAID, "metadata": EASY}, {"where": {"model_group": "frontier"}}),
    ({"messages": SAID, "metadata": EASY}, {"where": {"tierwise_shadow": "another"}}),
], ids=["last tier", "pinned", "other model", "responses", "cached", "no text", "fallback", "unknown"])  # fmt: skip
def test_what_is_never_asked_twice(hook, data, more):
    serve(hook, data, **more)
    assert not hook.asked


def test_a_lost_pair_is_told_by_its_kind_alone(hook, tmp_path, caplog):
    def fails(body):
        raise OSError("the prompt was: hi")

    hook.post = fails
    serve(hook, {"messages": SAID, "metadata": EASY})
    assert "OSError" in caplog.text and "prompt" not in caplog.text and not (tmp_path / "pairs.jsonl").exists()
    hook.post = lambda body: (answer(None), None)
    serve(hook, {"messages": SAID, "metadata": EASY})
    assert not (tmp_path / "pairs.jsonl").exists()


def test_without_a_key_or_a_file_nothing_is_drawn(hook):
    hook.key = None
    serve(hook, {"messages": SAID, "metadata": EASY})
    assert not hook.asked and not hook.drawn


def test_calls_that_fail_are_forgotten(hook):
    async def many():
        for i in range(1200):
            await hook.async_pre_call_hook(
                None, None, {"model": "auto", "messages": [{"role": "user", "content": f"{i}"}], "metadata": dict(EASY)}, "acompletion"
            )

    asyncio.run(many())
    assert len(hook.drawn) == 1000 and "1199" in [*hook.drawn.values()][-1][0]
