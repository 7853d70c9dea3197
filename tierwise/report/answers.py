"""The answers behind a report, where they are wanted: of the prompts that change tier, worst first, until the file is full."""

import numpy as np
import pandas as pd

from tierwise.report.markup import Markup, join, tag
from tierwise.report.sections import clipped, section
from tierwise.report.subject import Subject
from tierwise.tuning import changes
from tierwise.types import Sample

MOST = 3_500_000
"""Bytes of answers; a report stays under 5 MB."""
LONG = 4_000
"""Characters of one text."""


def answers(s: Subject) -> Markup | None:
    """One folded entry a prompt: what was asked, the reference, and what each tier said."""
    if s.answers is None or s.matrix is None:
        return None
    said: dict[str, dict[str, list]] = {}
    for row in s.answers[s.answers["repeat"] == 0].to_dict("records"):
        said.setdefault(row["sample_id"], {}).setdefault(row["tier"], []).append(row)
    grade = {sample.id: s.matrix.quality[i] for i, sample in enumerate(s.matrix.samples)}
    parts, size, order = [], 0, _order(s)
    for sample in order:
        part = _entry(sample, said.get(sample.id, {}), s.matrix.tiers, grade[sample.id])
        size += len(part.encode())
        if size > MOST:
            break
        parts.append(part)
    left = len(order) - len(parts)
    told = f"{len(parts):,} prompts, those that change tier first, the worst of them on top." + (
        f" {left:,} more would not fit." if left else ""
    )
    return section("Answers", tag("p", told, class_="soft"), *parts)


def _order(s: Subject) -> list[Sample]:
    every = {sample.id: sample for sample in s.matrix.samples}
    first: list[str] = []
    if s.choice is not None:
        first = list(changes.flips(s.used, np.full(len(s.used), len(s.used.tiers) - 1), s.choice)["sample_id"])
    return [every[i] for i in dict.fromkeys([*first, *every]) if i in every]


def _entry(sample: Sample, said: dict[str, list], tiers: tuple[str, ...], grades: np.ndarray) -> Markup:
    asked = sample.input or "\n".join(f"{m.get('role', '')}: {m.get('content', '')}" for m in sample.messages)
    parts = [_text("Prompt", asked)]
    if sample.reference is not None:
        parts.append(_text("Reference", sample.reference))
    for tier, grade in zip(tiers, grades, strict=True):
        for row in said.get(tier, [])[:1]:
            output = row["output"] if isinstance(row["output"], str) else None
            told = output if output is not None else f"no answer: {row['error'] if isinstance(row['error'], str) else row['status']}"
            parts.append(_text(f"{tier} · {'not graded' if pd.isna(grade) else f'grade {grade:.2f}'}", told))
    return tag("details", tag("summary", tag("b", sample.id), " ", clipped(asked, 110)), *parts)


def _text(name: str, said: str) -> Markup:
    return join(tag("h4", name), tag("pre", clipped(said, LONG)))
