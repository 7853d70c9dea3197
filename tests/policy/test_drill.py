"""An outage on paper: chains are walked in order, pins hold, and figures are those of who answers."""

import numpy as np
import pytest

from tests.conftest import make_matrix
from tests.policies import tuning
from tierwise.errors import NotFound
from tierwise.policy import decide_sample, make_policy, sign
from tierwise.policy.document import as_policy
from tierwise.policy.drill import drill, provider_of, providers


def a_policy(matrix, fallbacks: dict, models: dict, rules=()):
    document = dict(make_policy(tuning(matrix), "x", rules=rules).document)
    document["tiers"] = [
        t | {"model": models.get(t["name"], t["model"]), "fallbacks": fallbacks.get(t["name"], [])} for t in document["tiers"]
    ]  # fmt: skip
    return as_policy(sign(document))


MODELS = {"cheap": {"litellm_model": "openai/small"}, "mid": {"litellm_model": "anthropic/mid"},
          "frontier": {"litellm_model": "openai/large"}}  # fmt: skip
PIN = {"id": "critical", "when": {"request_type": ["hard"]}, "tier": "frontier", "pin": {"provider": "openai", "allow_fallbacks": False}}


def test_who_fails_together():
    assert provider_of({"litellm_model": "openai/x"}) == "openai" == provider_of({"litellm_model": "gpt-4o"})
    assert provider_of({"litellm_model": "openai/x", "api_base": "https://gw.example.com:8443/v1"}) == "gw.example.com:8443"


def test_chains_are_walked_in_order_and_the_rest_is_untouched(small_matrix):
    policy = a_policy(
        small_matrix, {"cheap": [{"tier": "frontier"}, {"tier": "mid"}], "frontier": [{"model": {"litellm_model": "gemini/big"}}]}, MODELS
    )
    assert providers(policy) == ["openai", "anthropic", "gemini"]
    found = drill(policy, small_matrix.samples, "openai", small_matrix)
    chosen = [decide_sample(policy, s).tier for s in small_matrix.samples]
    assert found.untouched == chosen.count("mid") and found.lost == 0
    assert found.rerouted == len(chosen) - chosen.count("mid")
    assert found.served.get("mid", 0) == chosen.count("mid") + chosen.count("cheap"), "frontier is of the same provider, so mid stands in"
    assert found.served.get("gemini/big", 0) == chosen.count("frontier")
    assert found.quality is None or chosen.count("frontier") == 0, "nobody knows what gemini/big would have said"


def test_without_fallbacks_requests_are_lost(small_matrix):
    policy = a_policy(small_matrix, {}, MODELS)
    found = drill(policy, small_matrix.samples, "anthropic", small_matrix)
    chosen = [decide_sample(policy, s).tier for s in small_matrix.samples]
    assert found.lost == chosen.count("mid") == len(found.lost_ids)
    kept = [i for i, t in enumerate(chosen) if t != "mid"]
    place = {t: k for k, t in enumerate(small_matrix.tiers)}
    assert found.quality == pytest.approx(np.mean([small_matrix.quality[i, place[chosen[i]]] for i in kept]))


def test_a_pin_forbids_the_fallback(small_matrix):
    policy = a_policy(small_matrix, {"frontier": [{"tier": "mid"}], "cheap": [{"tier": "mid"}]}, MODELS, rules=(PIN,))
    found = drill(policy, small_matrix.samples, "openai")
    hard = sum(s.request_type == "hard" for s in small_matrix.samples)
    assert found.pinned_lost == found.lost == hard > 0
    assert found.n == found.untouched + found.rerouted + found.lost


def test_an_unknown_provider_is_told_who_there_is():
    matrix = make_matrix(30)
    with pytest.raises(NotFound, match="openai, anthropic"):
        drill(a_policy(matrix, {}, MODELS), matrix.samples, "nobody")
