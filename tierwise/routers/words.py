"""How often each term occurs in each prompt, counted once: vocabularies and TF-IDF of any part of the prompts are then arithmetic."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Counted:
    """Counts of terms. A part of the prompts keeps every column, so that what is read once serves all folds."""

    place: dict[str, int]
    """Column of each term; columns are in the order of the alphabet."""
    names: list[str]
    counts: Any = field(repr=False)
    """(n, V) sparse"""
    _vocabularies: dict[int, tuple[dict[str, int], np.ndarray]] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, terms: Sequence[Sequence[str]]) -> "Counted":
        """`terms` are those of each prompt, as often as they occur."""
        from scipy.sparse import csr_matrix

        names = sorted(set(chain.from_iterable(terms)))
        place = {name: i for i, name in enumerate(names)}
        ends = np.cumsum([0, *(len(row) for row in terms)])
        flat = np.fromiter((place[t] for row in terms for t in row), np.int64, int(ends[-1]))
        counts = csr_matrix((np.ones(len(flat)), flat, ends), shape=(len(terms), len(names)))
        counts.sum_duplicates()
        return cls(place, names, counts)

    def take(self, index: np.ndarray) -> "Counted":
        return Counted(self.place, self.names, self.counts[index])

    def vocabulary(self, most: int) -> tuple[dict[str, int], np.ndarray]:
        """The commonest terms that occur in two prompts or more, and their idf."""
        if most not in self._vocabularies:
            n, seen = self.counts.shape[0], np.bincount(self.counts.indices, minlength=len(self.names))
            shared = np.flatnonzero(seen >= 2)
            kept = shared[np.argsort(-seen[shared], kind="stable")][:most]
            idf = np.array([round(float(np.log((1 + n) / (1 + count)) + 1), 4) for count in seen[kept]])
            self._vocabularies[most] = {self.names[c]: i for i, c in enumerate(kept)}, idf
        return self._vocabularies[most]

    def tfidf(self, vocabulary: Sequence[str], idf: np.ndarray) -> Any:
        """(n, V) sparse: 1 + log count, times idf, rows of length 1."""
        from scipy.sparse import csr_matrix

        column = np.full(len(self.names) + 1, -1)  # the last one is for terms that no prompt has
        column[[self.place.get(term, -1) for term in vocabulary]] = np.arange(len(vocabulary))
        column[-1] = -1
        new = column[self.counts.indices]
        known = new >= 0
        ends = np.concatenate([[0], np.cumsum(known)])[self.counts.indptr]
        values = (1 + np.log(self.counts.data[known])) * idf[new[known]]
        row = np.repeat(np.arange(len(ends) - 1), np.diff(ends))
        norm = np.sqrt(np.bincount(row, values**2, minlength=len(ends) - 1))
        return csr_matrix((values / norm[row], new[known], ends), shape=(len(ends) - 1, len(vocabulary)))
