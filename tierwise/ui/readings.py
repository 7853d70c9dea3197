"""Cached answers of the engine. Each is keyed by the project, the run's id and its version, so a new grade is a new key and nothing is cleared by hand.

Readings are shared between sessions and must not be changed; the engine's objects are frozen or treated so.
"""

import json
from dataclasses import replace

import pandas as pd
import streamlit as st

from tierwise.types import EvalSet, OutcomeMatrix, Run
from tierwise.ui.question import Question
from tierwise.ui.state import project_id, store


def evalset(evalset_id: str) -> EvalSet:
    return _evalset(project_id(), evalset_id)


@st.cache_resource(max_entries=8, show_spinner=False)
def _evalset(project: str, evalset_id: str) -> EvalSet:
    return store().evalsets.get(evalset_id)


def matrix(run: Run) -> OutcomeMatrix:
    """The graded run as arrays."""
    return _matrix(project_id(), run.id, store().runs.version(run.id))


@st.cache_resource(max_entries=6, show_spinner=False)
def _matrix(project: str, run_id: str, version: tuple[int, int]) -> OutcomeMatrix:
    from tierwise.grading.grades import matrix

    return matrix(store(), run_id)


def summary(run: Run) -> list:
    """One TierSummary a tier."""
    return _summary(project_id(), run.id, store().runs.version(run.id))


@st.cache_resource(max_entries=6, show_spinner=False)
def _summary(project: str, run_id: str, version: tuple[int, int]) -> list:
    from tierwise.grading.summary import summary

    return summary(_matrix(project, run_id, version))


def outcomes(run: Run) -> pd.DataFrame:
    return _outcomes(project_id(), run.id, store().runs.version(run.id))


@st.cache_resource(max_entries=3, show_spinner=False)
def _outcomes(project: str, run_id: str, version: tuple[int, int]) -> pd.DataFrame:
    return store().runs.outcomes(run_id)


def figures(run: Run) -> pd.DataFrame:
    """The outcomes without their texts."""
    return _figures(project_id(), run.id, store().runs.version(run.id))


@st.cache_resource(max_entries=3, show_spinner=False)
def _figures(project: str, run_id: str, version: tuple[int, int]) -> pd.DataFrame:
    return store().runs.outcomes(run_id, texts=False)


def grades(run: Run) -> pd.DataFrame:
    return _grades(project_id(), run.id, store().runs.version(run.id))


@st.cache_resource(max_entries=3, show_spinner=False)
def _grades(project: str, run_id: str, version: tuple[int, int]) -> pd.DataFrame:
    return store().grades.frame(run_id)


def tuning(asked: Question):
    """The solved run."""
    return _tuning(asked.project, asked)


@st.cache_resource(max_entries=12, show_spinner="Learning which prompts are hard, and solving for your aim")
def _tuning(project: str, asked: Question):
    from tierwise.tuning.drawn import says
    from tierwise.tuning.tune import tune

    where = _where(asked)
    matrix, weighing = _weighed(*where)
    solved = tune(
        matrix, aim=asked.aim, router=asked.router, options=json.loads(asked.options) if asked.options else None,
        answers=_answers(*where), human=_human_weighed(*where), terms=asked.terms, traffic=weighing, tiers=asked.tiers or None,
        mode=asked.mode, delta=asked.delta,
    )  # fmt: skip
    graded = len(_matrix(*where[:3]))
    return solved if len(matrix) == graded else replace(solved, warnings=(says(len(matrix), graded), *solved.warnings))


def _where(asked: Question) -> tuple[str, str, tuple[int, int], str | None, bool]:
    return asked.project, asked.run, asked.version, asked.traffic, asked.whole


def weighed(asked: Question) -> OutcomeMatrix:
    """The graded run that a question is about: drawn from where it is very large, near-duplicates in one cluster each, in the mix of its
    traffic."""
    return _weighed(*_where(asked))[0]


@st.cache_resource(max_entries=6, show_spinner=False)
def _weighed(project: str, run_id: str, version: tuple[int, int], profile_id: str | None, whole: bool):
    from tierwise.traffic import weighed as weigh
    from tierwise.tuning.drawn import drawn
    from tierwise.tuning.duplicates import clustered_samples

    matrix = _matrix(project, run_id, version)
    matrix = clustered_samples(matrix if whole else drawn(matrix))
    return weigh(matrix, store().traffic.get(profile_id)) if profile_id else (matrix, None)


@st.cache_resource(max_entries=6, show_spinner=False)
def _answers(project: str, run_id: str, version: tuple[int, int], profile_id: str | None, whole: bool):
    """The stored answers, so that cascades are tried too; None where only grades were kept."""
    from tierwise.errors import NotReady
    from tierwise.tuning.answers import answers_of

    matrix = _weighed(project, run_id, version, profile_id, whole)[0]
    try:
        return answers_of(store().runs.outcomes(run_id, sample_ids=[s.id for s in matrix.samples]), matrix)
    except NotReady:
        return None


@st.cache_resource(max_entries=4, show_spinner=False)
def _human_weighed(project: str, run_id: str, version: tuple[int, int], profile_id: str | None, whole: bool):
    from tierwise.grading.human import human_grades

    return human_grades(store(), _weighed(project, run_id, version, profile_id, whole)[0])


def cascades(run: Run, tiers: tuple[str, ...] = ()) -> list:
    """The cascades that the stored answers allow, as `cascade.Cascade`."""
    return _cascades(project_id(), run.id, store().runs.version(run.id), tiers)


@st.cache_resource(max_entries=6, show_spinner=False)
def _cascades(project: str, run_id: str, version: tuple[int, int], tiers: tuple[str, ...]) -> list:
    from tierwise.tuning import cascade, scoring

    whole, answers = _weighed(project, run_id, version, None, False)[0], _answers(project, run_id, version, None, False)
    matrix = scoring.columns(whole, tiers)
    given = answers.take(slice(None), scoring.places(whole, tiers) if tiers else None) if answers else None
    return cascade.possible(matrix, given, cascade.confidences(matrix)) if len(matrix) else []


def pool(asked: Question):
    """The best ladders out of all tiers of a run; a `pool.Pool`."""
    return _pool(asked.project, asked._replace(router="auto", options="", tiers=(), mode="standard", delta=0.1))


@st.cache_resource(max_entries=12, show_spinner="Trying ladders of two and three models")
def _pool(project: str, asked: Question):
    from tierwise.tuning.pool import pool as best

    return best(weighed(asked), asked.aim)


def promises(asked: Question) -> list[tuple[float, object]]:
    """(loss in quality units, certificate) for a few losses, along the path of a solved run."""
    return _promises(asked.project, asked)


@st.cache_resource(max_entries=24, show_spinner=False)
def _promises(project: str, asked: Question) -> list[tuple[float, object]]:
    solved = tuning(asked)
    sizes = sorted({0.01, 0.02, 0.03, 0.05} | {solved.certificate.epsilon})
    return [(e, solved.path.certificate(e, asked.delta, solved.heldout.saving, asked.mode == "anytime")) for e in sizes if e > 0]


def human(run: Run):
    """What people said of the run, beside the automatic grades; a `human.HumanGrades`."""
    return _human(project_id(), run.id, store().runs.version(run.id))


@st.cache_resource(max_entries=4, show_spinner=False)
def _human(project: str, run_id: str, version: tuple[int, int]):
    from tierwise.grading.human import human_grades

    return human_grades(store(), _matrix(project, run_id, version))


def steadiness(run: Run):
    """How people and the judge graded over time; a `drift.Steadiness`."""
    return _steadiness(project_id(), run.id, store().runs.version(run.id))


@st.cache_resource(max_entries=4, show_spinner=False)
def _steadiness(project: str, run_id: str, version: tuple[int, int]):
    from tierwise.grading.drift import steadiness

    return steadiness(store(), _matrix(project, run_id, version), _human(project, run_id, version))


def corrected(run: Run) -> list:
    """One `corrected.Corrected` a tier, or None."""
    return _corrected(project_id(), run.id, store().runs.version(run.id))


@st.cache_resource(max_entries=6, show_spinner=False)
def _corrected(project: str, run_id: str, version: tuple[int, int]) -> list:
    return _human(project, run_id, version).quality()


def scorers(run: Run) -> list:
    """One `counting.ScorerFigures` a scorer that has graded the run."""
    return _scorers(project_id(), run.id, store().runs.version(run.id))


@st.cache_resource(max_entries=6, show_spinner=False)
def _scorers(project: str, run_id: str, version: tuple[int, int]) -> list:
    from tierwise.grading.counting import by_scorer

    return by_scorer(store(), run_id)


def marks(run: Run) -> pd.DataFrame:
    """Skips, flags and comments, oldest first."""
    return store().reviews.marks(run.id)


def strengths(run: Run) -> dict:
    """By who compared answers (people, or a judge by its scorer's name): a `preferences.Preferences`."""
    return _strengths(project_id(), run.id, store().runs.version(run.id), len(store().reviews.comparisons(run.id)))


@st.cache_resource(max_entries=6, show_spinner=False)
def _strengths(project: str, run_id: str, version: tuple[int, int], compared: int) -> dict:
    from tierwise.grading.verdicts import strengths

    return strengths(store(), run_id)
