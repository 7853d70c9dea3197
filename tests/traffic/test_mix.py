"""Reweighting equals what brute force gives, and the words say where a prompt set is not like the traffic."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import make_matrix
from tierwise.errors import NotReady
from tierwise.traffic import difference, profile_of_counts, reweight, weighted
from tierwise.tuning.changes import by_request_type
from tierwise.tuning.frontier import sweep
from tierwise.types import OutcomeMatrix, Sample


def with_types(n: int, types: list[str], seed: int = 0) -> OutcomeMatrix:
    made = make_matrix(n, tiers=2, seed=seed)
    rng = np.random.default_rng(seed)
    kinds = rng.choice(types, n)
    kinds[: len(types)] = types
    return replace(made, samples=tuple(replace(s, request_type=str(k)) for s, k in zip(made.samples, kinds, strict=True)))


@given(st.integers(0, 10_000), st.lists(st.integers(1, 50), min_size=3, max_size=3))
@settings(max_examples=25, deadline=None)
def test_weighted_means_equal_brute_force(seed, counts):
    matrix = with_types(60, ["a", "b", "c"], seed)
    mix = dict(zip("abc", counts, strict=True))
    weights = reweight(matrix, mix).weights
    expected = sum(mix[t] * matrix.quality[matrix.request_types == t].mean(0) for t in mix) / sum(counts)
    assert weights @ matrix.quality / weights.sum() == pytest.approx(expected)


def test_every_figure_follows_the_mix_as_if_prompts_were_repeated():
    matrix = with_types(40, ["a", "b"], 3)
    sizes = Counter(matrix.request_types.tolist())
    mix = {"a": 5 * sizes["a"], "b": 2 * sizes["b"]}
    repeated = matrix.take(np.repeat(np.arange(40), [5 if k == "a" else 2 for k in matrix.request_types]))
    ours = weighted(matrix, mix)
    scores = np.linspace(0, 1, 40)
    many = sweep(np.repeat(scores, [5 if k == "a" else 2 for k in matrix.request_types]), repeated.quality, repeated.cost, repeated.weights)
    one = sweep(scores, ours.quality, ours.cost, ours.weights)
    for cut in (0.0, 0.3, 0.7, 1.1):
        a, b = one.at((cut,)), many.at((cut,))
        assert (a.quality, a.cost_per_1k_usd, a.saving) == pytest.approx((b.quality, b.cost_per_1k_usd, b.saving))
        assert a.share_by_tier == pytest.approx(b.share_by_tier)
    choice = (scores > 0.5).astype(int)
    assert by_request_type(ours, choice)["quality"].tolist() == pytest.approx(by_request_type(matrix, choice)["quality"].tolist())


def test_weights_of_the_prompts_are_kept_within_a_type():
    samples = (Sample("1", "x", request_type="a", weight=3.0), Sample("2", "y", request_type="a"), Sample("3", "z", request_type="b"))
    assert reweight(samples, {"a": 1, "b": 1}).weights.tolist() == pytest.approx([1.125, 0.375, 1.5])


def test_missing_and_unused_types_are_named():
    matrix = with_types(30, ["a", "b", "c"])
    found = reweight(matrix, {"a": 60, "refund": 30, "b": 10})
    assert (found.missing, found.missing_share, found.unused) == (("refund",), 0.3, ("c",))
    assert set(weighted(matrix, {"a": 60, "b": 10}).request_types) == {"a", "b"}
    with pytest.raises(NotReady, match=r"Traffic: refund. Prompts: "):
        reweight(matrix, {"refund": 1})


def test_the_effective_size_is_kishs():
    samples = [Sample(str(i), "x", request_type="a" if i < 8 else "b") for i in range(10)]
    assert reweight(samples, {"a": 0.8, "b": 0.2}).effective == pytest.approx(10)
    weights = np.array([0.2 / 8] * 8 + [0.8 / 2] * 2)
    assert reweight(samples, {"a": 0.2, "b": 0.8}).effective == pytest.approx(1 / (weights**2).sum())


def prompts(**sizes: int) -> list[Sample]:
    return [Sample(f"{k}{i}", "word " * 20, request_type=k) for k, n in sizes.items() for i in range(n)]


def test_a_set_that_looks_like_the_traffic_says_nothing():
    found = difference(profile_of_counts({"billing": 400, "faq": 600}), prompts(billing=41, faq=59))
    assert found.words == () and found.distance == pytest.approx(0.01)


def test_a_set_that_does_not_look_like_it_says_where():
    found = difference(profile_of_counts({"billing": 400, "faq": 500, "refund": 100}), prompts(billing=8, faq=92))
    assert found.distance == pytest.approx(0.42)
    assert "billing: 40% of requests, 8% of prompts" in found.words[0]
    assert "No prompt is of the type refund: 10% of requests" in found.words[1]
    assert "100 prompts say as much as" in found.words[2]
    assert found.types["n"].tolist() == [92, 8, 0]


def test_types_on_one_side_only_are_explained():
    assert "keep the prompt set's own mix" in difference(replace(profile_of_counts({"untyped": 5}), monthly=5.0), prompts(a=5)).words[0]
    assert "Add a request_type column" in difference(profile_of_counts({"a": 5}), [Sample("1", "x")]).words[0]
    assert "No prompt has a request type of the traffic" in difference(profile_of_counts({"a": 5}), prompts(b=5)).words[0]


def test_much_longer_requests_are_told():
    profile = profile_of_counts({"a": 5})
    longer = replace(profile, usage=tuple(replace(u, prompt_tokens_p50=900.0) for u in profile.usage))
    assert "Requests are longer than these prompts: 900 tokens" in difference(longer, prompts(a=5)).words[0]
