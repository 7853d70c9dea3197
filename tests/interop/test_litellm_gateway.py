"""A real LiteLLM proxy on exported files decides as `route` does, prompt for prompt."""

import itertools
import json
import os
import random
import subprocess
import time
import urllib.error
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from tests.policies import SPECS, a_policy
from tierwise.errors import BadInput
from tierwise.exporters import Export, export
from tierwise.policy import route
from tierwise.settings import SHIPPED_EVALSETS
from tierwise.types import Policy, Sample

pytestmark = [pytest.mark.interop, pytest.mark.timeout(900)]

THREADS = 4
PIN = {"provider": "anthropic", "allow_fallbacks": False}
RULES = (
    {"id": "critical", "when": {"metadata": {"critical": ["true"]}}, "tier": "frontier", "pin": PIN},
    {"id": "terms", "when": {"keywords_any": ["indemnify", "limitation of liability"], "request_type": ["contract"]}, "tier": "mid"},
)


@pytest.fixture(scope="session")
def shipped() -> list[Sample]:
    """Every prompt of evalsets/, and as many made of their parts as TIERWISE_INTEROP_PROMPTS asks for in all."""
    known = {f for f in Sample.__dataclass_fields__}
    rows = [json.loads(line) for path in sorted(SHIPPED_EVALSETS.glob("*.jsonl")) for line in path.read_text(encoding="utf-8").splitlines()]
    found = [Sample(**{k: v for k, v in row.items() if k in known} | {"id": f"{i}-{row['id']}"}) for i, row in enumerate(rows)]
    draw = random.Random(7)
    made = (mixed(draw, found[: len(rows)], i) for i in itertools.count())
    return found + list(itertools.islice(made, max(int(os.environ.get("TIERWISE_INTEROP_PROMPTS", "0")) - len(rows), 0)))


def mixed(draw: random.Random, samples: list[Sample], i: int) -> Sample:
    """A prompt of the beginning of one and the end of another, with other odd text between and the metadata of either."""
    one, other = draw.sample(samples, 2)
    texts = [s.chat()[-1]["content"] for s in (one, other)]
    cut = [draw.randint(0, len(t)) for t in texts]
    between = draw.choice(["", " ", "\n\n", " Grüße, 你好 \U0001f600 ", " indemnify ", "\n```py\ndef f():\n```\n", ' {"a": 1} '])
    critical = {"critical": "true"} if draw.random() < 0.05 else {}
    metadata = {**draw.choice((one, other)).metadata, **critical}
    text = f"{i}. {texts[0][: cut[0]]}{between}{texts[1][cut[1] :]}"
    return replace(draw.choice((one, other)), id=f"mixed-{i}", input=text, metadata=metadata)


def placeholders(folder: Path, base: str) -> dict[str, str]:
    """The stand-in for every endpoint that the exported config leaves to environment variables."""
    values = [v for m in yaml.safe_load((folder / "config.yaml").read_text())["model_list"] for v in m["litellm_params"].values()]
    names = {v.removeprefix("os.environ/") for v in values if isinstance(v, str) and v.startswith("os.environ/")}
    return {name: base if name.endswith("_API_BASE") else "sk-unused" for name in names}


@pytest.fixture(scope="module")
def policy() -> Policy:
    """Three tiers, words and a hash behind it so that it meets all of them, and a pin."""
    return a_policy(3, SPECS["mean"] | {"quantiles": [i / 40 for i in range(41)]}, RULES)


@pytest.fixture(scope="module")
def exported(policy, shipped, tmp_path_factory) -> Export:
    return export(policy, shipped, "litellm", tmp_path_factory.mktemp("litellm"))


@pytest.fixture(scope="module")
def folder(exported) -> Path:
    return exported.files[0].parent


@pytest.fixture(scope="module")
def proxy(folder, start_proxy, upstream):
    """Started from another folder than that of its files."""
    return start_proxy(folder, placeholders(folder, upstream.base))


def test_every_shipped_prompt_is_served_by_the_tier_that_route_names(policy, exported, folder, proxy, shipped, upstream):
    assert exported.agreement == 1 and exported.checked == len(shipped)
    groups = yaml.safe_load((folder / "config.yaml").read_text())["model_list"][-1]["litellm_params"]["complexity_router_config"]["tiers"]
    upstream.calls.clear()

    def served(sample: Sample) -> tuple[str, str, str]:
        _, headers = proxy.ask({"model": "auto", "messages": sample.chat(), "metadata": sample.request_metadata()})
        return sample.id, groups[headers["x-litellm-complexity-router-tier"]], headers["x-litellm-complexity-router-cause"]

    started = time.monotonic()
    first = [served(s) for s in shipped[:60]]
    with ThreadPoolExecutor(THREADS) as pool:
        answers = first + list(pool.map(served, shipped[60:]))
    print(f"\n{len(answers)} prompts in {time.monotonic() - started:.1f} s")

    wanted = {s.id: route(policy, {"messages": s.chat(), "metadata": s.request_metadata()}) for s in shipped}
    assert {i: group.removesuffix("-pinned") for i, group, _ in answers} == {i: d.tier for i, d in wanted.items()}
    assert {cause for *_, cause in answers} == {"classifier_plugin"}
    assert sorted(upstream.calls) == sorted((json.dumps(s.chat()), wanted[s.id].model) for s in shipped)
    assert len({d.tier for d in wanted.values()}) == 3, "the test should meet every tier"
    assert any(group.endswith("-pinned") for _, group, _ in answers)


USER, TEXT = {"role": "user", "content": "What is 2 + 2?"}, {"type": "text", "text": "Prove it step by step."}
CALL = {"id": "c1", "type": "function", "function": {"name": "add", "arguments": "{}"}}
RESULT = {"role": "tool", "tool_call_id": "c1", "content": "4"}
ODD = (
    {"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Grüße, 你好 \U0001f600 'x' \"y\""}]},
    {"messages": [USER, {"role": "assistant", "content": "4"}, {"role": "user", "content": [TEXT, TEXT]}]},
    {"messages": [{"role": "user", "content": [TEXT, {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}]}]},
    {"messages": [{"role": "user", "content": "LITELLM ESCALATE please, and think ultra hard"}]},
    {"messages": [{"role": "user", "content": "<system-reminder>Plan mode is active.</system-reminder> Say hello."}]},
    {"messages": [{"role": "user", "content": "Please write a 5-10 word title for the following conversation: hello"}]},
    {"messages": [{"role": "user", "content": "word " * 30000}]},
    {"messages": [USER, {"role": "assistant", "content": None, "tool_calls": [CALL]}, RESULT]},
    {"messages": [USER], "metadata": {"urgency": "5", "request_type": "hard", "critical": "false"}},
    {"messages": [USER], "metadata": {"critical": "true", "request_type": "nobody's", "tags": ["a"], "depth": {"a": 1}}},
    {"messages": [USER], "max_tokens": 7, "temperature": 0.5},
    {"messages": [{"role": "user", "content": ""}]},
    {"messages": [{"role": "system", "content": "Only a system prompt."}]},
)  # fmt: skip


@pytest.mark.parametrize("request_", ODD, ids=range(len(ODD)))
def test_odd_requests_are_decided_the_same(request_, policy, proxy, upstream):
    upstream.calls.clear()
    proxy.ask({"model": "auto"} | request_)
    wanted = route(policy, {k: v for k, v in request_.items() if k in ("messages", "metadata")})
    assert [model for _, model in upstream.calls] == [wanted.model], wanted.why


def test_the_running_gateway_can_be_checked_from_the_app(policy, proxy, shipped, monkeypatch):
    from tierwise.policy.gateway_check import check_gateway

    monkeypatch.setenv("GATEWAY_KEY", "sk-test")
    done = check_gateway(policy, shipped[:40], f"http://127.0.0.1:{proxy.port}/v1", "auto", "GATEWAY_KEY")
    assert [a for a in done.asked if a.got != a.wanted] == []
    assert done.agree == done.told == 40
    with pytest.raises(BadInput, match="HTTP 40[01]"):  # noqa: RUF043
        monkeypatch.setenv("GATEWAY_KEY", "sk-wrong")
        check_gateway(policy, shipped[:4], f"http://127.0.0.1:{proxy.port}/v1", "auto", "GATEWAY_KEY")


def test_a_failing_tier_falls_back_but_a_pinned_request_does_not(start_proxy, upstream, tmp_path):
    policy = a_policy(2, SPECS["constant"] | {"value": 0.1}, RULES[:1])
    export(policy, [], "litellm", tmp_path)
    proxy = start_proxy(tmp_path, placeholders(tmp_path, upstream.base))
    ask = {"model": "auto", "messages": [{"role": "user", "content": "Hello there"}]}
    upstream.broken = {"test/cheap"}
    answer, headers = proxy.ask(ask)
    assert answer["choices"][0]["message"]["content"] == "answered by test/frontier"
    assert headers["x-litellm-attempted-fallbacks"] == "1"
    upstream.broken = {"test/frontier"}
    with pytest.raises(urllib.error.HTTPError) as refused:
        proxy.ask(ask | {"metadata": {"critical": "true"}})
    assert refused.value.code in (500, 503)
    with pytest.raises(urllib.error.HTTPError) as unknown:
        proxy.ask(ask, key="sk-wrong")
    assert unknown.value.code in (400, 401)
    upstream.broken = set()


def test_an_exact_cache_answers_the_same_request_once(start_proxy, upstream, tmp_path):
    from tierwise.policy import with_cache

    export(with_cache(a_policy(2), 600), [], "litellm", tmp_path)
    proxy = start_proxy(tmp_path, placeholders(tmp_path, upstream.base))
    upstream.calls.clear()
    for text in ("one", "one", "two", "one"):
        proxy.ask({"model": "auto", "messages": [{"role": "user", "content": text}]})
    assert len(upstream.calls) == 2


HOSTILE = ('"; import os; os._exit(3) #', "'''\nimport os; os._exit(3)\nr'''", "{{7*7}} ${HOME} %s", "os.environ/PATH", "\\",
           "a\n- b: !!python/object/apply:os._exit [3]")  # fmt: skip


def test_hostile_names_and_words_start_a_proxy_that_still_routes(start_proxy, upstream, tmp_path):
    """On five tiers, the most that LiteLLM has."""
    rules = ({"id": HOSTILE[0], "when": {"keywords_any": list(HOSTILE)}, "tier": "t4", "note": HOSTILE[1]},)
    policy = a_policy(5, SPECS["hash"], rules, name=HOSTILE[2] + HOSTILE[0])
    export(policy, [], "litellm", tmp_path)
    proxy = start_proxy(tmp_path, placeholders(tmp_path, upstream.base))
    upstream.calls.clear()
    texts = [f"please look at {h} now" for h in HOSTILE] + [f"a plain request {i}" for i in range(30)]
    for text in texts:
        proxy.ask({"model": "auto", "messages": [{"role": "user", "content": text}]})
    assert [m for _, m in upstream.calls] == [route(policy, {"prompt": t}).model for t in texts]
    assert {m for _, m in upstream.calls[: len(HOSTILE)]} == {"test/t4"}
    assert len({m for _, m in upstream.calls}) == 5


def test_litellm_knows_every_setting_of_the_export(proxy_python, tmp_path):
    """LiteLLM takes unknown keys silently, so a misspelt one would go unseen."""
    export(a_policy(3), [], "litellm", tmp_path)
    code = """
import sys, yaml
sys.path.insert(0, sys.argv[1])
from litellm.router_strategy.complexity_router.config import ComplexityRouterConfig
from litellm.types.router import LiteLLM_Params
import litellm_policy_classifier
document = yaml.safe_load(open(sys.argv[1] + "/config.yaml"))
params = document["model_list"][-1]["litellm_params"]
plugin = {"classifier_plugin": litellm_policy_classifier.classifier}
config = ComplexityRouterConfig.model_validate(params["complexity_router_config"] | plugin)
assert not config.model_extra, config.model_extra
for model in document["model_list"]:
    assert not LiteLLM_Params.model_validate(model["litellm_params"]).model_extra
import inspect
from litellm import Router
assert set(document["router_settings"]) <= set(inspect.signature(Router.__init__).parameters)
"""
    environment = {"LITELLM_LOCAL_MODEL_COST_MAP": "True"}
    done = subprocess.run([str(proxy_python), "-c", code, str(tmp_path)], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr[-2000:]
