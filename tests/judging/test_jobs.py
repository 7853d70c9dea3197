"""A finished run graded again in the background, and whose grades count afterwards."""

import pytest

from tests.judging.judges import scripted
from tierwise.errors import BadInput, NotReady
from tierwise.grading.counting import by_scorer, let_count
from tierwise.grading.grades import apply_scorer, matrix
from tierwise.judging.jobs import GradingJobs


@pytest.fixture
def jobs():
    found = GradingJobs()
    yield found
    found.close()


def options(provider, **more):
    return {"model": "openai/judge", "api_base": provider.base, "input_per_1m": 1.0, "output_per_1m": 4.0} | more


def test_another_scorer_grades_in_the_background_and_counts_when_told(store, recorded_run, jobs):
    run = recorded_run(("yes", "no"), ("Yes.", "yes"))
    apply_scorer(store, run.id, "exact")
    job = jobs.start(store, run.id, "normalized_exact")
    job.thread.join(30)
    assert (job.count.graded, job.error, job.running) == (4, "", False) and jobs.of(run.id) == [job]
    found = {f.scorer: f for f in by_scorer(store, run.id)}
    assert found["exact"].counts and not found["normalized_exact"].counts
    assert found["normalized_exact"].quality == {"small": 1.0, "large": 0.5} and found["exact"].quality["small"] == 0.5
    before = store.runs.version(run.id)
    assert let_count(store, run.id, "normalized_exact", "Ana") == "normalized_exact"
    assert matrix(store, run.id).scorer == "normalized_exact" and store.runs.version(run.id) != before
    assert matrix(store, run.id, "exact").scorer == "exact"  # asked for by name, another still answers
    jobs.forget(job)
    assert jobs.of(run.id) == []


def test_a_judge_is_asked_once_however_often_it_is_started(store, recorded_run, jobs, provider):
    provider.reply = scripted({"explanation": "", "score": 0.5})
    run = recorded_run("a", "b")
    first = jobs.start(store, run.id, "llm_judge", options(provider), budget_usd=1.0)
    again = jobs.start(store, run.id, "llm_judge", options(provider), budget_usd=1.0)
    first.thread.join(30)
    again.thread.join(30)
    assert first.count.graded == 4 and store.runs.progress(run.id).grading_requests == 4
    last = jobs.start(store, run.id, "llm_judge", options(provider), budget_usd=1.0)
    last.thread.join(30)
    assert last.count.skipped == 4 and store.runs.progress(run.id).grading_requests == 4


def test_a_budget_leaves_the_rest_open_and_says_so(store, recorded_run, jobs, provider):
    provider.reply = scripted({"explanation": "", "score": 0.5})
    run = recorded_run("a", "b")
    job = jobs.start(store, run.id, "llm_judge", options(provider), budget_usd=1e-9)
    job.thread.join(30)
    assert job.count.open == 4 and job.count.note and store.runs.progress(run.id).grading_requests == 0


def test_what_is_wrong_is_told_before_anything_starts(store, recorded_run, jobs):
    run = recorded_run("a")
    with pytest.raises(BadInput, match="which model judges"):
        jobs.start(store, run.id, "llm_judge")
    assert jobs.of(run.id) == []
    with pytest.raises(NotReady, match="no grades"):
        let_count(store, run.id, "exact")
