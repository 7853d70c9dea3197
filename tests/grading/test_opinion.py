"""Certificates with people's grades folded in: a lenient judge no longer breaks the promise, and whose opinion it is is always said."""

from dataclasses import replace

import numpy as np
import pytest

from tests.conftest import make_matrix
from tierwise.grading.human import HumanGrades
from tierwise.grading.opinion import ENOUGH, certificate
from tierwise.grading.queue import queue
from tierwise.policy import make_policy
from tierwise.tuning.aims import Aim
from tierwise.tuning.certificate import Path
from tierwise.tuning.heldout import Folded
from tierwise.tuning.tune import tune
from tierwise.types import OutcomeMatrix, Run, Sample, Tier

N, EPSILON = 1000, 0.05
TIERS = tuple(Tier(t, f"test/{t}") for t in ("cheap", "mid", "top"))


def world(rng: np.random.Generator, n: int):
    """People's grades, router scores, and the chance of each answer to be right."""
    hard = rng.random(n)
    right = 1 / (1 + np.exp(-6 * (np.array([0.9, 1.05, 1.35]) - hard[:, None])))
    return (rng.random((n, 3)) < right).astype(float), (hard + rng.normal(0, 0.25, n)).clip(0, 1), right


def judged(seed: int, lenient: float = 0.35):
    """A run graded by a judge that passes many wrong answers."""
    rng = np.random.default_rng(seed)
    people, score, _ = world(rng, N)
    judge = np.where(people == 1, rng.random(people.shape) >= 0.05, rng.random(people.shape) < lenient).astype(float)
    samples, flags = tuple(Sample(f"s{i}", f"prompt {i}") for i in range(N)), np.zeros((N, 3), bool)
    run = Run(f"r{seed}", "judged", "e", "recorded", TIERS, "done")
    return OutcomeMatrix(run, samples, judge, np.tile([1.0, 4, 20], (N, 1)), flags * 1.0, flags, flags), people, score


def graded(
    matrix: OutcomeMatrix, people: np.ndarray, choice: np.ndarray, count: int, seed: int = 0, every_tier: bool = True
) -> HumanGrades:
    """What `count` prompts of a queue make known."""
    given, asks, drawn = np.full(people.shape, np.nan), np.zeros(people.shape, bool), np.zeros(len(people), bool)
    strata = np.empty(len(people), object)
    at = {s.id: i for i, s in enumerate(matrix.samples)}
    for item in queue(matrix, choice, seed, every_tier):
        i, columns = at[item.sample_id], [matrix.tiers.index(t) for t in item.tiers]
        asks[i, columns], drawn[i], strata[i] = True, item.position < count, item.stratum
        if item.position < count:
            given[i, columns] = people[i, columns]
    codes = np.unique(strata.astype(str), return_inverse=True)[1]
    return HumanGrades(matrix.samples, matrix.tiers, matrix.weights, matrix.clusters, matrix.quality, {"Ana": given}, codes, drawn, (asks,))


RUNS = 20


def test_a_lenient_judge_breaks_its_promise_and_people_mend_it():
    _, fresh, right = world(np.random.default_rng(999), 40_000)

    def broken(found) -> bool:
        tier = np.searchsorted(found.thresholds, fresh, "right")
        return (right[:, -1] - right[np.arange(len(right)), tier]).mean() > EPSILON

    alone, by_people, savings = 0, 0, []
    for seed in range(RUNS):
        matrix, people, score = judged(seed)
        folded = Folded(matrix, {"r": score}, np.arange(N) % 5, Aim(max_loss=EPSILON))
        path = Path.of(folded, dict.fromkeys(range(5), "r"), "r")
        automatic = path.certificate(EPSILON, 0.1, 0.3)
        alone += broken(automatic)
        choice = np.searchsorted(folded.thresholds("r", final=True), score, "right")
        found = certificate(graded(matrix, people, choice, 100, seed), path, EPSILON, 0.1)
        assert found.by == "people" and "100 prompts" in found.label
        savings.append(found.saving or 0.0)
        by_people += found.status == "certified" and broken(found)
    assert alone / RUNS > 0.4
    assert by_people / RUNS <= 0.15 and np.mean(savings) > 0.3


@pytest.fixture(scope="module")
def tunable() -> OutcomeMatrix:
    return make_matrix(300, seed=4)


def test_without_people_the_certificate_is_the_opinion_of_the_judge(tunable):
    tuning = tune(tunable, Aim(max_loss=0.05), router="logistic")
    assert tuning.opinion is None and tuning.certificate.by == "automatic grades" and "people" not in tuning.to_json()
    method = make_policy(tuning, "p").document["certificate"]["method"]
    assert method.endswith("the opinion of the automatic grades alone")


def test_enough_people_decide_the_certificate_and_the_policy_says_so(tunable):
    first = tune(tunable, Aim(max_loss=0.1), router="logistic")
    choice = first.served(first.chosen.thresholds)
    harsh = np.where(np.arange(3)[None] == 2, 1.0, 0.0) * np.ones((300, 3))  # to people only the top tier is ever right
    human = graded(tunable, harsh, choice, 150)
    tuning = tune(tunable, Aim(max_loss=0.1), router="logistic", human=human)
    assert tuning.opinion.pairs >= ENOUGH and tuning.certificate is tuning.opinion.certificate
    assert tuning.certificate.status == "none" and tuning.opinion.automatic == first.certificate
    if first.certificate.status == "certified":
        assert "would be certified" in tuning.opinion.words
    assert tuning.opinion.loss.low > 0.1 > tuning.heldout.loss
    document = make_policy(tuning, "p").document
    assert document["provenance"]["grader"]["human_grades"] == tuning.opinion.pairs
    assert "corrected by people" in document["certificate"]["method"]
    assert tuning.to_json()["people"]["by"] == "people"
    agreeing = tune(tunable, Aim(max_loss=0.1), router="logistic", human=graded(tunable, tunable.quality, choice, 280))
    assert agreeing.certificate.by == "people" and agreeing.certificate.status == "certified" and agreeing.certificate.saving > 0


def test_few_or_partial_grades_leave_the_judge_to_decide_and_say_what_is_missing(tunable):
    first = tune(tunable, Aim(max_loss=0.1), router="logistic")
    choice = first.served(first.chosen.thresholds)
    few = tune(tunable, Aim(max_loss=0.1), router="logistic", human=graded(tunable, tunable.quality, choice, 20)).opinion
    assert few.certificate is None and f"from {ENOUGH} on" in few.words and few.decides == first.certificate
    some = graded(tunable, tunable.quality, choice, 280, every_tier=False)
    only_top = replace(some, asked=tuple(a & (np.arange(3) != 0) for a in some.asked))  # nobody was asked about the cheapest tier
    partial = tune(tunable, Aim(max_loss=0.1), router="logistic", human=replace(only_top)).opinion
    assert partial.certificate is None and partial.decides == first.certificate


def test_prompts_whose_answers_nobody_was_asked_about_are_not_covered():
    matrix, people, score = judged(3)
    choice = np.searchsorted([0.3, 0.6], score, "right")
    human = graded(matrix, people, choice, 200, every_tier=False)
    assert human.loss(choice).uncovered < 0.02
    other = np.where(choice == 1, 0, choice)  # for these the queue asked about the middle tier only
    assert human.loss(other).uncovered == pytest.approx((choice == 1).mean(), abs=0.02)
    everything = graded(matrix, people, choice, 200)
    assert everything.loss(other).uncovered < 0.02


def test_grades_outside_what_a_queue_asked_about_correct_nothing():
    matrix, people, score = judged(4)
    choice = np.searchsorted([0.3, 0.6], score, "right")
    human = graded(matrix, people, choice, 100, every_tier=False)
    more = human.by_rater["Ana"].copy()
    more[human.drawn] = people[human.drawn]  # somebody looked at the other answers of drawn prompts too
    assert np.array_equal(replace(human, by_rater={"Ana": more}).sampled, human.sampled, equal_nan=True)
