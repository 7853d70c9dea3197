"""Cached answers of the engine. Each is keyed by the project, the run's id and its version, so a new grade is a new key and nothing is cleared by hand.

Readings are shared between sessions and must not be changed; the engine's objects are frozen or treated so.
"""

import json

import pandas as pd
import streamlit as st

from tierwise.types import EvalSet, OutcomeMatrix, Run
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
    from tierwise.grading import matrix

    return matrix(store(), run_id)


def summary(run: Run) -> list:
    """One TierSummary a tier."""
    return _summary(project_id(), run.id, store().runs.version(run.id))


@st.cache_resource(max_entries=6, show_spinner=False)
def _summary(project: str, run_id: str, version: tuple[int, int]) -> list:
    from tierwise.grading import summary

    return summary(_matrix(project, run_id, version))


def outcomes(run: Run) -> pd.DataFrame:
    return _outcomes(project_id(), run.id, store().runs.version(run.id))


@st.cache_resource(max_entries=3, show_spinner=False)
def _outcomes(project: str, run_id: str, version: tuple[int, int]) -> pd.DataFrame:
    return store().runs.outcomes(run_id)


def grades(run: Run) -> pd.DataFrame:
    return _grades(project_id(), run.id, store().runs.version(run.id))


@st.cache_resource(max_entries=3, show_spinner=False)
def _grades(project: str, run_id: str, version: tuple[int, int]) -> pd.DataFrame:
    return store().grades.frame(run_id)


def tuning(run_id: str, version: tuple[int, int], router: str, aim: tuple[str, float], options: str = ""):
    """The solved run; `aim` is a field of frontier.Aim with its value, `options` are the router's as JSON text."""
    return _tuning(project_id(), run_id, version, router, aim, options)


@st.cache_resource(max_entries=12, show_spinner="Learning which prompts are hard, and solving for your aim")
def _tuning(project: str, run_id: str, version: tuple[int, int], router: str, aim: tuple[str, float], options: str):
    from tierwise.frontier import Aim
    from tierwise.tuning import tune

    given = json.loads(options) if options else None
    return tune(
        _matrix(project, run_id, version),
        aim=Aim(**{aim[0]: aim[1]}),
        router=router,
        options=given,
        answers=_answers(project, run_id, version),
        human=_human(project, run_id, version),
    )


def _answers(project: str, run_id: str, version: tuple[int, int]):
    """The stored answers, so that cascades are tried too; None where only grades were kept."""
    from tierwise.answers import answers_of
    from tierwise.errors import NotReady

    try:
        return answers_of(_outcomes(project, run_id, version), _matrix(project, run_id, version))
    except NotReady:
        return None


def human(run: Run):
    """What people said of the run, beside the automatic grades; a `human.HumanGrades`."""
    return _human(project_id(), run.id, store().runs.version(run.id))


@st.cache_resource(max_entries=4, show_spinner=False)
def _human(project: str, run_id: str, version: tuple[int, int]):
    from tierwise.human import human_grades

    return human_grades(store(), _matrix(project, run_id, version))


def steadiness(run: Run):
    """How people and the judge graded over time; a `drift.Steadiness`."""
    return _steadiness(project_id(), run.id, store().runs.version(run.id))


@st.cache_resource(max_entries=4, show_spinner=False)
def _steadiness(project: str, run_id: str, version: tuple[int, int]):
    from tierwise.drift import steadiness

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
    from tierwise.counting import by_scorer

    return by_scorer(store(), run_id)


def marks(run: Run) -> pd.DataFrame:
    """Skips, flags and comments, oldest first."""
    return store().reviews.marks(run.id)


def strengths(run: Run) -> dict:
    """By who compared answers (people, or a judge by its scorer's name): a `preferences.Preferences`."""
    return _strengths(project_id(), run.id, store().runs.version(run.id), len(store().reviews.comparisons(run.id)))


@st.cache_resource(max_entries=6, show_spinner=False)
def _strengths(project: str, run_id: str, version: tuple[int, int], compared: int) -> dict:
    from tierwise.verdicts import strengths

    return strengths(store(), run_id)
