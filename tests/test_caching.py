"""A cache replayed: the same text always hits, stricter thresholds hit less, and wrong answers handed on are counted."""

import numpy as np
import pytest

from tests.runs.conftest import keep_prompts
from tierwise.caching import _stream, _upper, replay, similarities, tolerable
from tierwise.errors import NotReady
from tierwise.grading.grades import apply_scorer
from tierwise.runs.plan import create_run
from tierwise.simulation.simulator import ladder
from tierwise.store import Store
from tierwise.types import EvalSet, Outcome, Run, Sample, Tier


def a_run(store: Store, samples: list[Sample], answer) -> Run:
    info = store.evalsets.add(EvalSet("e", "e", "d" * 64, tuple(samples)))
    run = store.runs.add(Run("r", "r", info.id, "recorded", (Tier("small", "m"),), "done", {"scorer": "exact"}))
    store.runs.record(run.id, [Outcome(s.id, "small", output=answer(s), cost_usd=0.01) for s in samples])
    apply_scorer(store, run.id, "exact")
    return run


def test_the_same_text_hits_and_nothing_else_does_at_one(store):
    samples = [Sample(f"s{i}", f"what is {i % 4}", str(i % 4)) for i in range(12)]
    found = replay(store, a_run(store, samples, lambda s: s.reference).id, "small")
    strict = found.rows[0]
    assert (strict.threshold, strict.hits, strict.exact_hits, strict.false_hits) == (1.0, 8, 8, 0)
    assert strict.saved_usd == pytest.approx(0.08) and found.cost_usd == pytest.approx(0.12)


def test_near_prompts_with_other_answers_are_false_hits(store):
    samples = [Sample(f"s{i}", f"In the long and careful report on sales, what does line {i} say in the end?", str(i)) for i in range(30)]
    found = replay(store, a_run(store, samples, lambda s: s.reference).id, "small", thresholds=(1.0, 0.3))
    loose = found.rows[-1]
    assert loose.hits > 20 and loose.false_hits == loose.graded_hits == loose.hits
    assert loose.false_rate == 1 and loose.false_rate_upper95 == 1
    assert found.best(0.05) is None


def test_rephrasings_with_the_same_answer_are_true_hits(store):
    samples = [Sample(f"s{i}", f"{'please ' * (i % 3)}how do I reset my password{'?' * (i % 2)}", "settings") for i in range(60)]
    found = replay(store, a_run(store, samples, lambda s: "settings").id, "small")
    best = found.best(0.06)
    assert best is not None and best.hits >= 54 and best.false_hits == 0
    assert best.false_rate_upper95 == pytest.approx(3.0 / best.graded_hits, rel=0.05)


def test_hits_never_fall_as_the_threshold_falls(store, demo):
    found = replay(store, demo.id, "small")
    hits = [r.hits for r in found.rows]
    assert hits == sorted(hits) and found.n == 169
    assert all(r.exact_hits <= r.hits and r.false_hits <= r.graded_hits <= r.hits for r in found.rows)


def test_only_misses_are_kept():
    near = np.array([[1, 0.9, 0.1], [0.9, 1, 0.9], [0.1, 0.9, 1]])
    assert _stream(near, ["a", "b", "c"], 0.8) == [(1, 0)], "c is near b, but b was answered from a and is not kept"


def test_embeddings_can_take_the_place_of_words(store):
    samples = [Sample(f"s{i}", f"prompt number {i}", "x") for i in range(4)]
    vectors = np.array([[1.0, 0], [1, 0.01], [0, 1], [0.01, 1]])
    found = replay(store, a_run(store, samples, lambda s: "x").id, "small", thresholds=(0.99,), vectors=vectors)
    assert found.rows[0].hits == 2


def test_another_document_is_another_prompt():
    same = [
        Sample("a", "What is the notice period?", context="Contract one. Thirty days. " * 20),
        Sample("b", "What is the notice period?", context="Lease two. A year of rent. " * 20),
    ]
    assert similarities(same)[0, 1] < 0.5


def test_limits_and_break_even():
    assert [round(_upper(0, n), 4) for n in (100, 300, 1000)] == [0.0295, 0.0099, 0.003]
    assert _upper(0, 0) == _upper(3, 3) == 1.0
    assert tolerable(0.01, 0.5) == pytest.approx(0.02)
    assert tolerable(0.01, 0.0) == 1.0 and tolerable(0.001, 1.0, lookup_usd=0.002, hit_rate=0.5) == 0.0


def test_a_run_without_answers_is_told(store):
    run = create_run(store, keep_prompts(store, 3), ladder())
    with pytest.raises(NotReady):
        replay(store, run.id, "small")
