"""How near an answer is to its reference in meaning: by words and letters that tell offline, or by an embedding model."""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice, pairwise
from typing import Annotated, Literal

from tierwise.scorers.asking import EMBEDDER, PACE, Answer, Asking, Bench, Unusable, order
from tierwise.scorers.score import SCORERS, Score, Scorer, options_of, unscored
from tierwise.scorers.text import MAX_TEXT, tokens
from tierwise.types import Sample

MOST_REFERENCES = 2_000
"""Of a prompt set, so many tell how common a word is."""


def words(text: str) -> list[str]:
    """Words, and pairs of neighbours."""
    found = tokens(text)
    return found + [f"{a} {b}" for a, b in pairwise(found)]


def letters(text: str) -> list[str]:
    """Runs of three to five letters inside words with a space at either end."""
    padded = [f" {w} " for w in tokens(text)]
    return [w[i : i + n] for w in padded for n in (3, 4, 5) for i in range(max(len(w) - n, 0) + 1)]


KINDS: dict[str, tuple[Callable[[str], list[str]], ...]] = {"both": (words, letters), "words": (words,), "letters": (letters,)}


@dataclass(frozen=True)
class Rarity:
    """How much a term tells: its inverse document frequency among the references, smoothed as in scikit-learn."""

    documents: int
    seen: Counter[str]

    def weigh(self, terms: Iterable[str]) -> dict[str, float]:
        """Term weights of a text: 1 + log of its count, times its rarity. One that no reference has counts in full."""
        return {t: (1 + math.log(n)) * (math.log((1 + self.documents) / (1 + self.seen[t])) + 1) for t, n in Counter(terms).items()}


def rarity(kind: Callable[[str], list[str]], texts: Sequence[str]) -> Rarity:
    return Rarity(len(texts), Counter(term for text in texts for term in set(kind(text))))


def cosine(a: dict[str, float], b: dict[str, float]) -> float | None:
    """None where either holds nothing."""
    if not a or not b:
        return None
    small, large = sorted((a, b), key=len)
    dot = math.fsum(value * large[term] for term, value in small.items() if term in large)
    return dot / math.sqrt(math.fsum(v * v for v in a.values()) * math.fsum(v * v for v in b.values()))


def by_words(samples: Iterable[Sample], grams: str = "both", **_: object) -> Callable[[str, Sample], Score]:
    """A scorer that knows how common words are among these prompts' references."""
    samples = [s for s in samples if s.reference and s.reference.strip()]
    step = max(1, len(samples) // MOST_REFERENCES)
    texts = [s.reference[:MAX_TEXT] for s in islice(samples, 0, None, step)]
    known = [(kind, rarity(kind, texts)) for kind in KINDS[grams]]

    @lru_cache(1024)
    def weighed(reference: str) -> list[dict[str, float]]:
        return [rare.weigh(kind(reference)) for kind, rare in known]

    def score(output: str, sample: Sample) -> Score:
        wanted = weighed(sample.reference[:MAX_TEXT])
        found = [cosine(rare.weigh(kind(output[:MAX_TEXT])), w) for (kind, rare), w in zip(known, wanted, strict=True)]
        told = [f for f in found if f is not None]
        if not any(wanted):
            return unscored("the reference has no word to compare with")
        return Score(min(sum(told) / len(told), 1.0) if told else 0.0)

    return score


def _semantic(
    output: str, sample: Sample, *,
    grams: Annotated[Literal["both", "words", "letters"], "Without a model: words and pairs of words, runs of letters, or both"] = "both",
    **_: object,
) -> Score:  # fmt: skip
    """Cosine of the TF-IDF weights; by words, so it does not see that two of them mean the same."""
    return by_words([sample], grams)(output, sample)


async def _embedded(answer: Answer, bench: Bench, **_: object) -> Score:
    """Cosine of the two vectors; what points apart is 0."""
    first, second = await bench.embed([answer.output[:MAX_TEXT], answer.sample.reference])
    lengths = math.hypot(*first) * math.hypot(*second)
    if not 0 < lengths < math.inf:
        raise Unusable("the embedding model gave a vector without a direction")
    found = math.fsum(x * y for x, y in zip(first, second, strict=True)) / lengths
    return Score(min(max(found, 0.0), 1.0), f"cosine {found:.3f}")


semantic = SCORERS.add("semantic")(
    Scorer(
        "semantic", _semantic, "Nearness to the reference in meaning: by its words offline, or by an embedding model", True,
        [("The parcel was sent on Monday.", "The parcel was sent on Monday.", 1), ("zzz", "the cat sat", 0),
         ("sat; the cat", "the sat cat", 1, {"grams": "letters"}), ("x", None, None)],
        order([*EMBEDDER, *PACE, *options_of(_semantic)]), "A right answer for each prompt; an embedding model, if you name one.",
        "Nothing without a model; with one, a request for each answer.",
        asking=Asking(_embedded, 1, 0, "semantic 1", judge=False, embedder=True, optional=True), fit=by_words,
    )
)  # fmt: skip
