"""Automatic scorers by name. Importing this package registers the ones that ship, in the order in which the screen lists them."""

from tierwise.scorers import auto, text, edits, numbers, choice, structure, schema, semantic, judge, ragas  # noqa: F401, I001
from tierwise.scorers.score import SCORERS, Option, Score, Scorer, options, scorer, scorer_ref, unscored

__all__ = ["SCORERS", "Option", "Score", "Scorer", "options", "scorer", "scorer_ref", "unscored"]
