"""How alike two texts are, letter by letter."""

import unicodedata
from typing import Annotated

from tierwise.scorers.score import Score, scorer, unscored
from tierwise.scorers.text import MAX_TEXT
from tierwise.types import Sample

MAX_CELLS = 400_000_000
"""Characters of one text times those of the other: about a second's work, 64 of them at once."""


def edit_distance(a: str, b: str) -> int:
    """Insertions, deletions and substitutions from `a` to `b`, a column of the table at a time (Myers 1999, in Hyyrö's form)."""
    if len(a) < len(b):
        a, b = b, a
    if not b:
        return len(a)
    at: dict[str, int] = {}
    for i, char in enumerate(b):
        at[char] = at.get(char, 0) | 1 << i
    full, top = (1 << len(b)) - 1, 1 << (len(b) - 1)
    plus, minus, distance = full, 0, len(b)
    for char in a:
        match = at.get(char, 0)
        down = (((match & plus) + plus) ^ plus) | match | minus
        up, same = minus | ~(down | plus) & full, plus & down
        distance += (up & top != 0) - (same & top != 0)
        up = up << 1 & full | 1
        plus, minus = same << 1 & full | ~(down | up) & full, up & down
    return distance


@scorer("string_similarity", summary="Share of letters that need no change to become the reference (Levenshtein)", examples=[
    ("kitten", "kitten", 1), ("kitten", "sitting", 1 - 3 / 7), ("abc", "xyz", 0), ("Straße", "strasse", 1, {"ignore_case": True}),
    ("x", None, None)])  # fmt: skip
def string_similarity(
    output: str, sample: Sample, *, ignore_case: Annotated[bool, "Capital and small letters are the same"] = False
) -> Score:
    """1 minus the edit distance over the longer length, of texts without surrounding space: as NonLLMStringSimilarity of ragas."""
    a, b = (unicodedata.normalize("NFC", t.strip()) for t in (output[:MAX_TEXT], sample.reference))
    if ignore_case:
        a, b = a.casefold(), b.casefold()
    if len(a) * len(b) > MAX_CELLS:
        return unscored(f"{len(a):,} characters against {len(b):,} is too long for string_similarity; use token_f1 or chrf")
    distance, longest = edit_distance(a, b), max(len(a), len(b))
    return Score(1.0 - distance / longest if longest else 1.0, f"{distance} of {longest} characters to change")
