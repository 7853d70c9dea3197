"""Semantic similarity by an embedding model: one request an answer, priced and on the ledger."""

import json

import pytest

from tests.judging.embedder import TOKENS, Embedder
from tierwise.grading.grades import apply_scorer


@pytest.fixture
def embedder():
    started = Embedder()
    yield started
    started.close()


@pytest.fixture
def embed(store, embedder):
    def go(run, **options):
        given = {"embedding_model": "openai/vectors", "embedding_api_base": embedder.base, "embedding_per_1m": 2.0} | options
        return apply_scorer(store, run.id, "semantic", given)

    return go


def test_vectors_that_point_the_same_way_are_alike(store, embedder, embed, recorded_run):
    run = recorded_run(("listen", "zzz"), ("silent listen", None), reference="silent")
    assert embed(run).graded == 3
    grades = store.grades.frame(run.id).set_index(["sample_id", "tier"])
    assert grades.loc[("s0", "small"), "value"] == pytest.approx(1) and grades.loc[("s0", "large"), "value"] == 0
    ledger, seen = store.attempts.frame(run.id), store.runs.progress(run.id)
    assert set(ledger["purpose"]) == {"grade"} and {f"tierwise-{run.id}-{i}" for i in ledger["id"]} == set(embedder.ids)
    assert seen.grading_usd == pytest.approx(3 * TOKENS * 2e-6) and (ledger["reserved_usd"] >= ledger["cost_usd"]).all()
    assert json.loads(grades.loc[("s0", "small"), "provenance"])["served"] == ["served-model"]
    assert embedder.seen[0]["input"][1] == "silent"


@pytest.mark.parametrize("vector", [lambda t: [0.0, 0.0], lambda t: [], lambda t: [1.0] * len(t), lambda t: [1e999, 1.0]])
def test_vectors_that_say_nothing_leave_the_answer_unscored(store, embedder, embed, recorded_run, vector):
    embedder.vector = vector
    run = recorded_run("a word")
    assert embed(run).unscored == 2 and store.grades.frame(run.id)["reason"].str.len().min() > 20


def test_a_reply_without_all_vectors_is_unscored_and_paid(store, embedder, embed, recorded_run):
    embedder.change = {"data": [{"object": "embedding", "index": 0, "embedding": [1.0]}]}
    run = recorded_run("a word")
    assert embed(run).unscored == 2 and store.runs.progress(run.id).grading_usd > 0


def test_it_is_sent_again_after_an_error_and_without_a_price_its_cost_is_unknown(store, embedder, embed, recorded_run):
    embedder.fault = lambda body: 503 if len(embedder.seen) == 1 else None
    run = recorded_run("a word")
    assert embed(run, embedding_per_1m=None).graded == 2
    assert len(embedder.seen) == 3 and store.runs.progress(run.id).unpriced == 2


def test_without_a_model_nothing_is_sent(store, embedder, recorded_run):
    run = recorded_run("yes", "no")
    assert apply_scorer(store, run.id, "semantic", {"rpm": 5}).graded == 4
    assert embedder.seen == [] and len(store.attempts.frame(run.id)) == 0
