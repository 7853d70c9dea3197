"""Some prompts in place of a very large set: a first answer within seconds, with intervals that say what drawing costs."""

import numpy as np

from tierwise.types import OutcomeMatrix

MOST = 3000
"""Prompts that a first tuning reads: 3,000 tell a loss to within about a point and a half, in a tenth of the time of 33,000."""


def large(matrix: OutcomeMatrix) -> bool:
    """Whether `drawn` leaves prompts out."""
    return int(matrix.complete.sum()) > MOST


def drawn(matrix: OutcomeMatrix, seed: int = 0) -> OutcomeMatrix:
    """At most `MOST` complete prompts, drawn at random, and their share of the incomplete ones; in the order of the set.

    The same matrix where there are no more. A cluster may be drawn in part: what is drawn of it is still one unit of evidence.
    """
    if not large(matrix):
        return matrix
    order = np.random.default_rng(seed).permutation(len(matrix))
    enough = int(np.searchsorted(np.cumsum(matrix.complete[order]), MOST)) + 1
    return matrix.take(np.sort(order[:enough]))


def says(drawn: int, whole: int) -> str:
    """What a reader of the figures must know."""
    return f"The figures are of {drawn:,} of {whole:,} prompts, drawn at random: the intervals are as wide as that makes them."
