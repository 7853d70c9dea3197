"""LiteLLM's success table, written from grades, is read by LiteLLM's own class and by a real proxy as by the export."""

import json
import subprocess
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
import yaml

from tests.conftest import make_matrix
from tests.exporters.test_exporters import HOSTILE
from tests.interop.test_litellm_gateway import ODD, THREADS, placeholders, shipped  # noqa: F401
from tierwise.exporters.litellm_cohorts import cohort, request_type
from tierwise.exporters.litellm_grades import Lookup, export_grades, tier

pytestmark = [pytest.mark.interop, pytest.mark.timeout(900)]

MORE = ["Write a python class", "explain\nthis function", "if it rains then", "Ⅷ fix the bug\u2028error", "A) x", "\nB. y", "ſolve theorem", "=" * 900,
        "é" * 30 + "x" * 250, "draft " + "x" * 1990 + " email", "What is it?", "  define", "\u00a0who was", *HOSTILE]  # fmt: skip

OWN = """
import json, sys
from litellm.router_strategy.adaptive_router.classifier import classify_prompt
from litellm.router_strategy.complexity_router.config import ComplexityRouterConfig
from litellm.router_strategy.complexity_router.tier_predictor import TierSuccessPredictor, similarity_cohort
given = json.load(sys.stdin)
config = ComplexityRouterConfig.model_validate(given["router"])
assert not config.model_extra, config.model_extra
predictor = TierSuccessPredictor(config.heuristic_v2_artifact, routing_threshold=config.heuristic_v2_success_threshold)
told = []
for text in given["texts"]:
    kind = classify_prompt(text)
    found = predictor.predict(text, kind)
    told.append([kind.value, similarity_cohort(text, kind), [found.probabilities[i] for i in (1, 2, 3, 4)], found.required_tier])
print(json.dumps(told))
"""


@pytest.fixture(scope="module")
def exported(shipped, tmp_path_factory):  # noqa: F811
    """The shipped prompts with grades that differ between LiteLLM's kinds of prompts, so that all tiers are met."""
    matrix = make_matrix(len(shipped), 3, seed=3)
    kinds = [cohort(text, request_type(text)) for text in (s.chat()[-1]["content"] for s in shipped)]
    easy = {kind: (1, 0, 2)[i % 3] for i, (kind, _) in enumerate(Counter(kinds).most_common())}
    quality = np.array([[1.0 if k >= easy[kind] else 0.0 for k in range(3)] for kind in kinds])
    folder = tmp_path_factory.mktemp("grades")
    export_grades(replace(matrix, samples=tuple(shipped), quality=quality), folder, 0.02)
    return folder, yaml.safe_load((folder / "config.yaml").read_text())["model_list"][-1]["litellm_params"]["complexity_router_config"]


def test_litellms_own_class_reads_every_prompt_as_the_export_does(exported, shipped, proxy_python):  # noqa: F811
    _, router = exported
    texts = [s.chat()[-1]["content"].strip() for s in shipped] + MORE
    environment = {"LITELLM_LOCAL_MODEL_COST_MAP": "True"}
    given = json.dumps({"router": router, "texts": texts})
    done = subprocess.run([str(proxy_python), "-c", OWN], input=given, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr[-2000:]
    lookup, order = Lookup(router["heuristic_v2_artifact"]), list(router["tiers"])
    for text, (kind, group, chances, required) in zip(texts, json.loads(done.stdout), strict=True):
        assert (request_type(text), cohort(text, kind)) == (kind, group), text
        assert lookup.chances(kind, group) == chances, text
        assert tier(router, [{"role": "user", "content": text}]) == order[required - 1]


def test_a_real_proxy_serves_the_tier_of_the_export(exported, shipped, start_proxy, upstream):  # noqa: F811
    folder, router = exported
    proxy = start_proxy(folder, placeholders(folder, upstream.base))
    upstream.calls.clear()
    requests = [{"messages": s.chat(), "metadata": s.request_metadata()} for s in shipped]
    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(lambda r: proxy.ask({"model": "auto"} | r), requests))

    def model(request: dict) -> str:
        return f"test/{router['tiers'].get(tier(router, request['messages'])) or router['default_model']}"

    assert sorted(upstream.calls) == sorted((json.dumps(r["messages"]), model(r)) for r in requests)
    assert len({m for _, m in upstream.calls}) == 3, "the test should meet every tier"
    for request in ODD:
        upstream.calls.clear()
        proxy.ask({"model": "auto"} | request)
        assert [m for _, m in upstream.calls] == [model(request)], request
