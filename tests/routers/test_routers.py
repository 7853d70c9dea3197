"""Every router of the registry: it fits, its spec runs in a gateway as it does here, and it learns no more than there is."""

import json
from dataclasses import replace
from functools import cache, partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import make_matrix
from tests.policies import SPECS
from tierwise import evaluator
from tierwise.errors import NotFound, NotReady
from tierwise.routers import DEFAULT_CANDIDATES, ROUTERS, Fitted, Prompts, RouterData, cross_fitted_scores, deployed, read
from tierwise.routers.bulk import scores
from tierwise.routers.crossfit import folds_of, mid_ranks
from tierwise.routers.words import Counted
from tierwise.tuning.metrics import metrics
from tierwise.types import OutcomeMatrix, Sample

LEARNED = ("table", "tree", "logistic", "forest", "average")
EXPORTABLE = [n for n, r in ROUTERS.items() if getattr(r, "exportable", True) and not getattr(r, "needs_options", False)]
SYSTEM = {"role": "system", "content": "Be brief."}
TURNS = (SYSTEM, {"role": "user", "content": "hi"}, {"role": "assistant", "content": "yes?"},
         {"role": "user", "content": "prove that 2+2=4"})  # fmt: skip
ODD = (
    Sample("empty", ""), Sample("space", " \n\t"),
    Sample("emoji", "🦊👩‍👩‍👧‍👦 why? 🦊"),
    Sample("zero", "a\x00b\u2028c"),
    Sample("chinese", "请证明：对于所有整数 n，结论成立。", request_type="hard"), Sample("long", "word 12,5 x=y; " * 70_000),
    Sample("new type", "hello", request_type="never seen"), Sample("turns", "", messages=TURNS), Sample("no user", "", messages=(SYSTEM,)),
    Sample("ask", "", messages=TURNS[2:3]),
)  # fmt: skip


@cache
def labels(n: int = 150, seed: int = 2, tiers: int = 3, signal: float = 3.0) -> RouterData:
    return RouterData.of(make_matrix(n, tiers, seed, signal))


def constant(right: float) -> RouterData:
    """All tiers alike on every prompt, so there is nothing to learn."""
    matrix = make_matrix(60, seed=1)
    return RouterData.of(replace(matrix, quality=np.full_like(matrix.quality, right)))


def one_sided() -> RouterData:
    """The frontier tier alone is always right."""
    matrix = make_matrix(60, seed=1)
    return RouterData.of(replace(matrix, quality=np.tile([0.0, 0.0, 1.0], (60, 1))))


def alike() -> RouterData:
    """Prompts that cannot be told apart."""
    matrix = make_matrix(60, seed=1)
    return RouterData.of(replace(matrix, samples=tuple(Sample(f"s{i}", "the same words") for i in range(60))))


SAME = {name: partial(constant, value) for name, value in (("right", 1.0), ("wrong", 0.0), ("half", 0.5))}
UNLEARNABLE = SAME | {"one-sided": one_sided, "alike": alike}


@pytest.mark.parametrize("name", [n for n in ROUTERS if not getattr(ROUTERS[n], "needs_options", False)])
def test_a_router_says_what_it_is_and_what_it_has_learned(name):
    entry = ROUTERS[name]
    assert entry.name == name and entry.title and entry.summary.endswith(".")
    lines = entry().fit(labels()).explain()
    assert lines and all(isinstance(line, str) and line.endswith(".") and "nan" not in line for line in lines)


@pytest.mark.parametrize("name", EXPORTABLE)
def test_a_spec_runs_in_a_gateway_exactly_as_in_bulk(name):
    """From JSON and back: what is exported is what was measured, on known prompts and on odd ones."""
    fitted = ROUTERS[name]().fit(labels())
    spec = json.loads(json.dumps(fitted.spec, allow_nan=False))
    samples = labels().prompts.samples[:40] + ODD
    bulk = fitted.score(samples)
    single = [evaluator.score(spec, s.chat(), s.request_metadata()) for s in samples]
    assert np.abs(bulk - single).max() <= 1e-9
    assert ((bulk >= 0) & (bulk <= 1)).all()


@pytest.mark.parametrize("kind", SPECS)
def test_every_kind_of_spec_is_scored_in_bulk_as_one_by_one(kind):
    samples = labels().prompts.samples[:40] + ODD
    for spec in (SPECS[kind], SPECS[kind] | {"quantiles": [0.1, 0.3, 0.3, 0.5, 0.9]}):
        single = [evaluator.score(spec, s.chat(), s.request_metadata()) for s in samples]
        assert np.abs(scores(spec, Prompts(samples)) - single).max() <= 1e-9


@pytest.mark.parametrize("name", EXPORTABLE)
def test_a_router_is_the_same_for_a_seed(name):
    first, again = (ROUTERS[name]().fit(RouterData.of(make_matrix(150, seed=2)), seed=7) for _ in range(2))
    assert first.spec == again.spec and first.lines == again.lines
    if name in ("forest", "average", "random"):
        assert ROUTERS[name]().fit(labels(), seed=8).spec != first.spec


@pytest.mark.parametrize("name", EXPORTABLE)
@pytest.mark.parametrize("kind", UNLEARNABLE)
def test_labels_or_prompts_without_a_difference_are_no_error(name, kind):
    data = UNLEARNABLE[kind]()
    fitted = ROUTERS[name]().fit(data)
    found = fitted.score(data.prompts)
    assert np.isfinite(found).all() and ((found >= 0) & (found <= 1)).all() and fitted.explain()
    json.dumps(fitted.spec, allow_nan=False)


@pytest.mark.parametrize("name", LEARNED)
def test_a_learned_router_ranks_new_prompts_better_than_chance_where_there_is_something_to_learn(name):
    matrix = make_matrix(400, seed=11)
    crossed = cross_fitted_scores(name, matrix)
    apgr = metrics(crossed.scores, matrix.quality, matrix.cost)["apgr"]
    chance = metrics(cross_fitted_scores("random", matrix).scores, matrix.quality, matrix.cost)["apgr"]
    assert apgr > 0.58 and apgr > chance + 0.05


@pytest.mark.parametrize("name", ["table", "tree", "logistic"])
def test_a_learned_router_finds_nothing_where_there_is_nothing(name):
    """A router that saw its own labels would look good on pure noise; over six sets of it the mean stays at chance."""
    found = []
    for seed in range(6):
        base = make_matrix(120, 2, seed, signal=0)
        matrix = replace(base, quality=np.random.default_rng(seed).permutation(np.repeat([[1.0, 0.0], [0.0, 1.0], [0.0, 1.0]], 40, axis=0)))
        crossed = cross_fitted_scores(name, matrix, seed=seed)
        found.append(metrics(crossed.scores, matrix.quality, matrix.cost)["apgr"])
    assert np.mean(found) == pytest.approx(0.5, abs=0.25), "chance, within about three standard errors"


class Memory:
    """A router that learns the labels by heart, prompt by prompt."""

    name, title, summary = "memory", "Memory", "Knows every prompt it was fitted on."

    def fit(self, data: RouterData, seed: int = 0) -> Fitted:
        rules = [{"id": s.id, "when": {"keywords_any": [s.input[-12:]]}, "score": float(g + 1) / 2}
                 for s, g in zip(data.prompts.samples, data.gap, strict=True)]  # fmt: skip
        return Fitted({"type": "rules", "rules": rules, "default": 0.5}, ("By heart.",))


def test_cross_fitting_never_shows_a_router_the_prompts_it_is_judged_on(monkeypatch):
    monkeypatch.setitem(ROUTERS._entries, "memory", Memory)
    base = make_matrix(120, 2, seed=3)
    samples = tuple(Sample(f"s{i}", f"prompt number {i:04d} end") for i in range(120))
    quality = np.random.default_rng(0).permutation(np.repeat([[1.0, 0.0], [0.0, 1.0]], [50, 70], axis=0))
    matrix = replace(base, samples=samples, quality=quality)
    data = RouterData.of(matrix)
    by_heart = Memory().fit(data).score(data.prompts)
    assert ((by_heart - 0.5) * data.gap > 0).all(), "on its own prompts it is perfect"
    crossed = cross_fitted_scores("memory", matrix)
    assert (crossed.raw == 0.5).all(), "of held-out prompts it knows nothing"


def test_each_fold_is_scored_by_a_router_fitted_on_all_the_others(monkeypatch):
    fitted_on = []

    class Spy:
        def fit(self, data: RouterData, seed: int = 0) -> Fitted:
            fitted_on.append({s.id for s in data.prompts.samples})
            return Fitted({"type": "constant", "value": len(fitted_on) / 10})

    monkeypatch.setitem(ROUTERS._entries, "spy", Spy)
    matrix = make_matrix(50, seed=5)
    crossed = cross_fitted_scores("spy", matrix)
    ids = np.array([s.id for s in matrix.samples])
    assert len(fitted_on) == 5
    for k in range(5):
        held = set(ids[crossed.fold == k])
        (number,) = set(np.round(crossed.raw[crossed.fold == k] * 10).astype(int))
        assert fitted_on[number - 1] == set(ids) - held and 9 <= len(held) <= 11


@given(st.lists(st.integers(0, 12), min_size=13, max_size=80), st.integers(2, 5), st.integers(0, 5))
@settings(max_examples=100, deadline=None)
def test_a_cluster_is_never_split_over_folds_and_folds_are_as_even_as_clusters_allow(clusters, folds, seed):
    codes = np.array([*clusters, *range(13)])
    fold = folds_of(codes, folds, seed)
    assert all(len(set(fold[codes == c])) == 1 for c in set(codes))
    sizes = np.bincount(fold, minlength=folds)
    assert (sizes > 0).all() and sizes.max() - sizes.min() <= np.bincount(codes).max()
    assert (fold == folds_of(codes, folds, seed)).all()


def test_prompts_of_one_cluster_share_a_fold_when_scores_are_crossed():
    base = make_matrix(100, seed=5)
    matrix = replace(base, samples=tuple(replace(s, cluster=f"c{i % 20}") for i, s in enumerate(base.samples)))
    fold = cross_fitted_scores("table", matrix).fold
    assert all(len(set(fold[matrix.clusters == c])) == 1 for c in range(20))
    few = replace(base, samples=tuple(replace(s, cluster=f"c{i % 4}") for i, s in enumerate(base.samples)))
    with pytest.raises(NotReady, match="at least 5 groups of prompts to hold some out, and this run has 4"):
        cross_fitted_scores("table", few)


@given(st.lists(st.sampled_from([0.0, 0.1, 0.25, 0.25, 0.7, 1.0]), min_size=1, max_size=30))
@settings(max_examples=60, deadline=None)
def test_ranks_keep_order_and_ties_and_have_mean_a_half(values):
    found, values = mid_ranks(np.array(values)), np.array(values)
    assert found.mean() == pytest.approx(0.5) and ((found > 0) & (found < 1)).all()
    assert ((found[:, None] < found) == (values[:, None] < values)).all()


@pytest.mark.parametrize("name", ["table", "logistic", "forest"])
def test_the_deployed_router_sends_the_same_share_up(name):
    matrix = make_matrix(300, seed=6)
    crossed = cross_fitted_scores(name, matrix)
    found = deployed(crossed, matrix).score(matrix.samples)
    for threshold in (0.5,) if name == "table" else (0.3, 0.5, 0.8):  # with two request types only one threshold parts them
        assert (found >= threshold).mean() == pytest.approx((crossed.scores >= threshold).mean(), abs=0.13)
    assert np.corrcoef(found, crossed.scores)[0, 1] > 0.7


def test_the_oracle_is_the_ceiling_and_cannot_leave():
    matrix = make_matrix(200, seed=8)
    crossed = cross_fitted_scores("oracle", matrix)
    data = RouterData.of(matrix)
    best = [metrics(cross_fitted_scores(n, matrix).scores, matrix.quality, matrix.cost)["apgr"] for n in DEFAULT_CANDIDATES]
    assert metrics(crossed.scores, matrix.quality, matrix.cost)["apgr"] > max(best)
    with pytest.raises(NotReady, match="knows the outcomes of its own run only"):
        ROUTERS["oracle"]().fit(data).score(matrix.samples)


def test_what_cannot_be_learned_from_is_said():
    matrix = make_matrix(30)
    missing = replace(matrix, quality=np.where(np.arange(90).reshape(30, 3) < 6, np.nan, matrix.quality))
    with pytest.raises(NotReady, match="2 of 30 prompts lack a grade or a cost"):
        RouterData.of(missing)
    with pytest.raises(NotReady, match="has one tier"):
        RouterData.of(OutcomeMatrix(matrix.run, matrix.samples, matrix.quality[:, :1], matrix.cost[:, :1], *[matrix.failed[:, :1]] * 3))
    with pytest.raises(NotFound, match=r"Did you mean logistic\?"):
        cross_fitted_scores("logistics", matrix)


def test_weights_count_in_what_is_learned():
    matrix = make_matrix(100, 2, seed=3)
    won = matrix.quality[:, 1] > matrix.quality[:, 0]
    heavy = replace(matrix, samples=tuple(replace(s, weight=50.0 if w else 1.0) for s, w in zip(matrix.samples, won, strict=True)))
    for name in ("rules", "table", "tree", "logistic", "forest"):
        plain, tilted = (ROUTERS[name]().fit(RouterData.of(m)).score(matrix.samples).mean() for m in (matrix, heavy))
        assert tilted > plain + 0.05, f"{name}: prompts on which the frontier tier wins count for more, so scores rise"


def test_prompts_are_read_once_and_parts_take_along_what_was_read():
    samples = make_matrix(20).samples
    assert read(samples) is read(samples) and read(list(samples)) is not read(list(samples))
    whole = Prompts(samples)
    whole.read_all()
    part = whole.take(np.array([3, 5]))
    assert part.__dict__.keys() >= {"features", "words", "request_types"}
    assert (part.features == Prompts((samples[3], samples[5])).features).all() and part.texts == Prompts((samples[3], samples[5])).texts
    own, idf = Prompts(part.samples).words, np.linspace(1, 2, 3)
    for terms in (own.names[:3], [own.names[1], "of no prompt", own.names[0]]):
        assert (part.words.tfidf(terms, idf) != own.tfidf(terms, idf)).nnz == 0


def test_a_vocabulary_is_the_commonest_terms_of_two_prompts_or_more():
    place, idf = Counted.of([["b", "a", "b"], ["c", "b"], ["c", "d", "a"], []]).vocabulary(2)
    assert place == {"a": 0, "b": 1} and idf == pytest.approx([1 + np.log(5 / 3)] * 2, abs=1e-4)
    counts = Counted.of([["b", "a", "b"], [], ["x"]]).tfidf(["b", "a"], np.array([1.0, 2.0])).toarray()
    assert counts[0] == pytest.approx(np.array([1 + np.log(2), 2]) / np.hypot(1 + np.log(2), 2)) and not counts[1:].any()
