"""Automatic scorers by name. Importing this package registers the ones that ship, in the order in which the screen lists them, and then
those of the administrator's own folder."""

from tierwise.scorers import auto, text, edits, numbers, choice, structure, schema, semantic, judge, ragas  # noqa: F401, I001
from tierwise.scorers import custom
from tierwise.scorers.asking import Answer, Bench, Unusable, asking_scorer
from tierwise.scorers.score import ASIDE, LONG, SCORERS, Option, Score, Scorer, options, scorer, scorer_ref, unscored

__all__ = [
    "ASIDE", "LONG", "SCORERS", "Answer", "Bench", "Option", "Score", "Scorer", "Unusable", "asking_scorer", "options", "scorer",
    "scorer_ref", "unscored",
]  # fmt: skip

custom.load()
