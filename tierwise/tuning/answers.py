"""What an answer comes to, apart from how it is worded: so that two answers can be told to agree without a reference."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd

from tierwise.errors import NotReady
from tierwise.scorers.choice import chosen_letter, offered
from tierwise.scorers.numbers import BOXED, HASHES, STATED, Number, answer_number, equal, only_number
from tierwise.scorers.structure import NotJson, find_json
from tierwise.scorers.structure import same as same_json
from tierwise.scorers.text import normalise
from tierwise.types import OutcomeMatrix, Run, Sample

CompareAs = Literal["auto", "number", "choice", "json", "text"]
KINDS: tuple[str, ...] = get_args(CompareAs)
"""How answers are compared. `auto` finds out from the prompt and the answer."""

MOST = 20_000
"""Characters read at the end of an answer: that is where answers stand."""

FIELDS = ("final_answer", "answer", "final", "result", "label", "category", "classification", "prediction", "output")
"""Fields of a JSON answer that hold what it comes to; the rest is how it got there."""

ASIDE = ("reasoning", "reason", "explanation", "rationale", "thought", "thoughts", "analysis", "steps", "confidence")
FIELD = re.compile(rf'"(?:{"|".join(FIELDS)})"\s*:\s*("(?:[^"\\]|\\.)*"|[-\d.,]+|true|false|null)')
ASKS_NUMBER = re.compile(
    r"\bhow (?:many|much|old|far|long|tall)\b|\bcalculate\b|\bcompute\b|\bwhat (?:is|are) the (?:total|sum|number|average)\b", re.I
)
QUOTED = re.compile(r"[\"'`*$\s]*(.*?)[\"'`*$\s.]*", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Said:
    """What an answer comes to. Two of different kinds never agree."""

    kind: str
    """`number`, `choice`, `json` or `text`."""
    value: Any


def said(output: str | None, prompt: str = "", compare_as: str = "auto") -> Said | None:
    """What an answer comes to; None where it is empty or settles on nothing, which agrees with nothing.

    `auto`, in this order: the field of a JSON answer that holds it, or the JSON without its reasoning; the letter, where the prompt offers
    options; a number, where the answer is one, marks one (boxed, ####, "the answer is") or the prompt asks for one; what is
    marked as the answer; the whole text without case, punctuation and articles.

    Args:
        prompt: what was asked; options are read from it.
        compare_as: one of KINDS.
    """
    if not isinstance(output, str) or not output.strip():
        return None
    text = output[-MOST:]
    if compare_as == "json":
        found = _json(text)
        return None if found is None else Said("json", _bare(found))
    inner = _field(text)
    if isinstance(inner, dict | list):
        return Said("json", inner)
    text = text if inner is None else str(inner)
    if compare_as == "number":
        number = answer_number(text)
        return None if number is None else Said("number", number)
    options = offered(prompt) if compare_as in ("auto", "choice") else {}
    if options or compare_as == "choice":
        letter = chosen_letter(text, options)[0]
        if letter or compare_as == "choice":
            return Said("choice", letter) if letter else None
    if compare_as == "text":
        return Said("text", _words(text))
    marked = next((m[-1] for mark in (BOXED, HASHES, STATED) if (m := mark.findall(text))), None)
    number = only_number(text) or (answer_number(text) if marked or (inner is None and ASKS_NUMBER.search(prompt)) else None)
    if number is not None and (marked is None or inner is not None or answer_number(marked) is not None):
        return Said("number", number)
    return Said("text", _words(text if marked is None else marked))


def agree(a: Said | None, b: Said | None) -> bool:
    """Whether two answers come to the same."""
    if a is None or b is None or a.kind != b.kind:
        return False
    if isinstance(a.value, Number):
        return equal(a.value, b.value, relative=1e-9)
    return same_json(a.value, b.value) if a.kind == "json" else a.value == b.value


def agreement(group: Sequence[Said | None]) -> float:
    """Share of the other answers that come to the same as the first; 1 for an answer alone, 0 where it settles on nothing."""
    first, *others = group
    if first is None:
        return 0.0
    return sum(agree(first, o) for o in others) / len(others) if others else 1.0


@dataclass(frozen=True)
class Answers:
    """What every tier answered to every prompt of a matrix, beside its grades."""

    outputs: np.ndarray
    """(n, K, R) text by prompt, tier and repeat; None where there is no answer."""
    compare_as: str = "auto"

    def take(self, rows: np.ndarray, tiers: Sequence[int] | None = None) -> "Answers":
        """Some prompts (positions or a mask), and some tiers."""
        part = self.outputs[rows]
        return Answers(part if tiers is None else part[:, list(tiers)], self.compare_as)

    def said(self, samples: Sequence[Sample], tier: int, repeat: int = 0) -> list[Said | None]:
        """What each answer of a tier comes to."""
        if repeat >= self.outputs.shape[2]:
            return [None] * len(samples)
        return [said(text, asked(s), self.compare_as) for text, s in zip(self.outputs[:, tier, repeat], samples, strict=True)]

    @property
    def repeats(self) -> np.ndarray:
        """(K,) answers of a tier that nearly every prompt has: at least 95 % of them."""
        held = np.array([[isinstance(x, str) for x in row.ravel()] for row in self.outputs]).reshape(self.outputs.shape)
        return (held.mean(0) >= 0.95).sum(1)


def asked(sample: Sample) -> str:
    """The text of a prompt, every message of it."""
    return "\n".join(str(m.get("content", "")) for m in sample.chat())


def answers_of(outcomes: pd.DataFrame, matrix: OutcomeMatrix, compare_as: str | None = None) -> Answers:
    """The stored answers in the places of a matrix.

    Args:
        outcomes: as `store.runs.outcomes` gives them: sample_id, tier, repeat, output.
        compare_as: one of KINDS; by default as the run's scorer reads answers.

    Raises:
        NotReady: nothing was stored but grades.
    """
    run: Run = matrix.run
    rows = {s.id: i for i, s in enumerate(matrix.samples)}
    columns = {t.name: k for k, t in enumerate(run.tiers)}
    known = outcomes[outcomes["sample_id"].isin(rows) & outcomes["tier"].isin(columns) & outcomes["output"].notna()]
    if not len(known):
        raise NotReady(f"The answers of {run.name!r} were not kept, so no cascade can be tried on them. Import them with an output column.")
    repeats = int(known["repeat"].max()) + 1
    outputs = np.full((len(rows), len(columns), repeats), None, dtype=object)
    at = known["sample_id"].map(rows).to_numpy(), known["tier"].map(columns).to_numpy(), known["repeat"].to_numpy(int)
    outputs[at] = known["output"].to_numpy(object)
    return Answers(outputs, compare_as or _as_graded(matrix))


def _as_graded(matrix: OutcomeMatrix) -> str:
    name = matrix.scorer.partition("(")[0]
    return {"numeric": "number", "multiple_choice": "choice", "json": "json", "exact": "text", "normalized_exact": "text"}.get(name, "auto")


def _json(text: str) -> Any:
    try:
        return find_json(text)
    except NotJson:
        return None


def _bare(value: Any) -> Any:
    return {k: v for k, v in value.items() if k.lower() not in ASIDE} if isinstance(value, dict) else value


def _field(text: str) -> Any:
    """What a JSON answer holds, or None for an answer that is not JSON. A broken one (a stray backslash) is read by its field."""
    if "{" not in text and not text.lstrip().startswith("["):
        return None
    found = _json(text) if "{" in text and '"' in text else None
    if isinstance(found, dict):
        lower = {k.lower(): v for k, v in found.items() if isinstance(k, str)}
        held = next((lower[f] for f in FIELDS if f in lower), None)
        return _bare(found) if held is None else held
    marks = FIELD.findall(text)
    return marks[-1].strip('"') if marks else None


def _words(text: str) -> str:
    inner = QUOTED.fullmatch(text.strip())
    return normalise(inner[1]) if inner else normalise(text)
