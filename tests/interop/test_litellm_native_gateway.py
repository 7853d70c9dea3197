"""LiteLLM's own scorer, set by the native export, decides as `route` does in a real proxy."""

import json
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest
import yaml

from tests.exporters.test_litellm_native import LINEAR, LISTED
from tests.interop.test_litellm_gateway import ODD, THREADS, placeholders, shipped  # noqa: F401
from tests.policies import a_policy
from tierwise.exporters import export
from tierwise.policy import route

pytestmark = [pytest.mark.interop, pytest.mark.timeout(900)]


@pytest.fixture(scope="module", params=["linear, four tiers", "rules, three tiers"])
def case(request, shipped, start_proxy, upstream, tmp_path_factory):  # noqa: F811
    rules = ({"id": "terms", "when": {"keywords_any": ["limitation of liability", "indemnify"]}, "tier": "t3"},)
    policy = a_policy(4, LINEAR, rules) if request.param.startswith("linear") else a_policy(3, LISTED)
    folder = tmp_path_factory.mktemp("native")
    assert export(policy, shipped, "litellm-native", folder).agreement == 1
    return policy, start_proxy(folder, placeholders(folder, upstream.base)), folder


def test_every_shipped_prompt_is_served_by_the_tier_that_route_names(case, shipped, upstream):  # noqa: F811
    policy, proxy, _ = case
    upstream.calls.clear()
    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(lambda s: proxy.ask({"model": "auto", "messages": s.chat(), "metadata": s.request_metadata()}), shipped))
    wanted = [(json.dumps(s.chat()), route(policy, {"messages": s.chat(), "metadata": s.request_metadata()}).model) for s in shipped]
    assert sorted(upstream.calls) == sorted(wanted)
    assert len({model for _, model in wanted}) >= 3


@pytest.mark.parametrize("request_", ODD, ids=range(len(ODD)))
def test_odd_requests_are_decided_the_same(request_, case, upstream):
    policy, proxy, _ = case
    upstream.calls.clear()
    proxy.ask({"model": "auto"} | request_)
    wanted = route(policy, {k: v for k, v in request_.items() if k in ("messages", "metadata")})
    assert [model for _, model in upstream.calls] == [wanted.model], wanted.why


def test_litellm_knows_every_setting(case, proxy_python):
    _, _, folder = case
    params = yaml.safe_load((folder / "config.yaml").read_text())["model_list"][-1]["litellm_params"]
    code = """
import json, sys
from litellm.router_strategy.complexity_router.config import ComplexityRouterConfig
config = ComplexityRouterConfig.model_validate(json.load(sys.stdin))
assert not config.model_extra, config.model_extra
"""
    given, environment = json.dumps(params["complexity_router_config"]), {"LITELLM_LOCAL_MODEL_COST_MAP": "True"}
    done = subprocess.run([str(proxy_python), "-c", code], input=given, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr[-2000:]
