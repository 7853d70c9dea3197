"""Prompts that say nearly the same: together they are one unit of evidence."""

from collections.abc import Sequence
from dataclasses import replace

from tierwise.types import OutcomeMatrix, Sample

CLOSE = 0.90
"""Share of shingles in common from which two prompts are near-duplicates."""
MOST = 5000
"""Prompts of a set that are compared with each other."""


def near_duplicates(samples: Sequence[Sample], close: float = CLOSE) -> list[list[str]]:
    """Groups of prompts without a cluster in common whose texts share nearly all runs of four words; ids, largest group first.

    Jaccard similarity of the runs, of pairs that share a rare one; a prompt joins the group of any member it is close to.
    """
    words = [s.chat()[-1]["content"].lower().split() if s.chat() else [] for s in samples]
    runs = [frozenset(zip(*(w[i:] for i in range(4)), strict=False)) or frozenset([tuple(w)]) for w in words]
    holders: dict[tuple, list[int]] = {}
    for i, own in enumerate(runs):
        for run in own:
            holders.setdefault(run, []).append(i)
    parent = list(range(len(samples)))

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    for i, own in enumerate(runs):
        # two sets this close share one at least of so many of the rarest runs (prefix filtering)
        rarest = sorted(own, key=lambda run: (len(holders[run]), run))[: int((1 - close) * len(own) + 1e-9) + 1]
        for j in {j for run in rarest for j in holders[run][:50] if j > i}:
            known = samples[i].cluster is not None and samples[i].cluster == samples[j].cluster
            if not known and root(i) != root(j) and len(own & runs[j]) >= close * len(own | runs[j]):
                parent[root(j)] = root(i)
    groups: dict[int, list[str]] = {}
    for i, s in enumerate(samples):
        groups.setdefault(root(i), []).append(s.id)
    return sorted((g for g in groups.values() if len(g) > 1), key=len, reverse=True)


def clustered_samples(matrix: OutcomeMatrix, close: float = CLOSE) -> OutcomeMatrix:
    """The matrix with near-duplicates in one cluster each; prompts that have a cluster already keep it.

    The same matrix where there are none, or more prompts than are compared (`MOST`).
    """
    if len(matrix) > MOST:
        return matrix
    named = {i: f"near:{group[0]}" for group in near_duplicates(matrix.samples, close) for i in group}
    if not named:
        return matrix
    samples = tuple(s if s.cluster is not None or s.id not in named else replace(s, cluster=named[s.id]) for s in matrix.samples)
    return replace(matrix, samples=samples)
