"""One self-contained page for a run or a policy: opens from a file, asks nothing of any network, runs no script, prints.

Every text of a report goes through `markup.tag`, which escapes it.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from tierwise.errors import NotReady
from tierwise.grading.grades import matrix as graded
from tierwise.grading.summary import summary
from tierwise.report import pictures, sections, subject
from tierwise.report.answers import answers as shown_answers
from tierwise.report.drawn import route, tier_spots
from tierwise.report.markup import Markup, style, tag
from tierwise.report.subject import Subject
from tierwise.store import Store
from tierwise.traffic import TrafficProfile
from tierwise.tuning.aims import Aim
from tierwise.types import OutcomeMatrix, Policy, Run

__all__ = ["chart_svg", "ladder_svg", "mix_svg", "policy_report", "run_report", "tiers_svg"]

NOTHING = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
"""A page of this kind may load nothing, and has no script to run."""
STYLE = Path(__file__).with_name("page.css")
MOST_TYPES = 40
"""Request types that a chart draws."""


def run_report(
    store: Store, run: Run, aim: Aim | None = None, scorer: str | None = None, answers: bool = False,
    matrix: OutcomeMatrix | None = None, tuning: Any = None,
) -> str:  # fmt: skip
    """The page of a run.

    Args:
        answers: show prompts and answers in full, the worst changes first, as far as the file stays under 5 MB.
        matrix, tuning: of this run, where they are at hand; else they are made, by `scorer` and for `aim`.

    Raises:
        NotReady: the run has no grades.
    """
    store.require("export_text" if answers else "export")
    page = _page(_run(store, run, aim, scorer, answers, matrix, tuning))
    store.note("exported", "run", run.id, run.name, "report with prompts and answers" if answers else "report")
    return page


def policy_report(store: Store, policy: Policy, answers: bool = False) -> str:
    """The page of a policy: what its document promises, and the run it was tuned on where the workspace holds that."""
    store.require("export_text" if answers else "export")
    page = _page(subject.of_policy(store, policy, answers))
    store.note("exported", "policy", policy.id, policy.name, "report with prompts and answers" if answers else "report")
    return page


def chart_svg(store: Store, run: Run, aim: Aim | None = None, matrix: OutcomeMatrix | None = None, tuning: Any = None) -> str:
    """The cost-quality chart of a run as an SVG file, or its quality chart where no tier has a price."""
    store.require("export")
    store.note("exported", "run", run.id, run.name, "chart")
    s = _run(store, run, aim, None, False, matrix, tuning)
    rows = summary(s.matrix)
    drawn = route(s, rows)
    return pictures.cost_quality(drawn, alone=True) if drawn is not None else pictures.intervals(tier_spots(rows), alone=True)


def tiers_svg(store: Store, run: Run, matrix: OutcomeMatrix) -> str:
    """The mean grade of each tier with its interval as an SVG file."""
    store.require("export")
    store.note("exported", "run", run.id, run.name, "chart")
    return pictures.intervals(tier_spots(summary(matrix)), alone=True)


def ladder_svg(store: Store, run: Run, matrix: OutcomeMatrix) -> str:
    """Quality against cost of the tiers alone, before any routing, as an SVG file.

    Raises:
        NotReady: no tier is both graded and priced.
    """
    store.require("export")
    drawn = route(subject.of_run(store, run, matrix, None, False), summary(matrix))
    if drawn is None:
        raise NotReady("No tier of this run is both graded and priced, so quality against cost cannot be drawn.")
    store.note("exported", "run", run.id, run.name, "chart")
    return pictures.cost_quality(drawn, alone=True)


def mix_svg(store: Store, profile: TrafficProfile, types: pd.DataFrame, prompts: bool) -> str:
    """The mix of a traffic profile as an SVG file.

    Args:
        types: request_type, traffic, prompts (shares), as `difference` gives them.
        prompts: whether there is a prompt set to compare with.
    """
    store.require("export")
    store.note("exported", "traffic", profile.id, profile.name, "chart")
    shown = types.head(MOST_TYPES).itertuples()
    return pictures.mix([pictures.Share(r.request_type, r.traffic, r.prompts if prompts else None) for r in shown])


def _run(store: Store, run: Run, aim: Aim | None, scorer: str | None, answers: bool, matrix: OutcomeMatrix | None, tuning: Any) -> Subject:
    from tierwise.tuning.tune import tune

    matrix = matrix if matrix is not None else graded(store, run.id, scorer)
    reason = ""
    if tuning is None and len(run.tiers) > 1:
        try:
            tuning = tune(matrix, aim)
        except NotReady as error:
            reason = f"Not tuned: {error}"
    found = subject.of_run(store, run, matrix, tuning, answers)
    return replace(found, warnings=(*found.warnings, reason)) if reason else found


def _page(s: Subject) -> str:
    rows = summary(s.matrix) if s.matrix is not None else []
    parts = [
        sections.head(s), sections.headline(s), sections.warnings(s), sections.chart(s, rows), sections.tiers(s, rows),
        sections.by_request_type(s), sections.baselines(s), sections.provenance(s), sections.moved(s), shown_answers(s),
    ]  # fmt: skip
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=NOTHING),
        tag("meta", name="referrer", content="no-referrer"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("title", f"{s.title}: Tierwise report{' (simulated)' if s.simulated else ''}"),
        style(STYLE.read_text(encoding="utf-8")),
    )
    return Markup("<!doctype html>\n") + tag("html", head, tag("body", tag("main", *parts)), lang="en")
