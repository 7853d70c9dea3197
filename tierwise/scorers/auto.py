"""The scorer that picks a scorer for each prompt."""

import json
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from tierwise.errors import TierwiseError
from tierwise.scorers.score import SCORERS, Score, scorer, unscored
from tierwise.types import Sample

LABEL_WORDS = 4
SHORT_WORDS = 30


@scorer("auto", summary="Chosen prompt by prompt: the one the prompt names, or by the shape of its reference", needs_reference=False,
        examples=[("it is 42", "42", 1), ("B", "B", 1), ('{"b": 2, "a": 1}', '{"a": 1, "b": 2}', 1), ("Urgent.", "urgent", 1),
                  ("x", None, None)])  # fmt: skip
def auto(output: str, sample: Sample) -> Score:
    """`metadata["scorer"]` with `metadata["scorer_options"]` where the prompt has them, else `choose(reference)`."""
    try:
        name, options = named_scorer(sample)
        chosen = SCORERS[name]
    except TierwiseError as error:
        return unscored(f"the prompt's own scorer cannot be used: {error}")
    if name == "auto":
        return unscored("the prompt names auto as its own scorer")
    score = chosen(output, sample, **options)
    return Score(score.value, f"{name}: {score.explanation}" if score.explanation else name, score.reason)


def named_scorer(sample: Sample) -> tuple[str, dict[str, Any]]:
    """The scorer for a sample, with its options.

    Raises:
        TierwiseError: the sample asks for a scorer or an option that does not exist.
    """
    if name := sample.metadata.get("scorer"):
        given = sample.metadata.get("scorer_options")
        return str(name), SCORERS[str(name)].parse_options(_mapping(given)) if given else {}
    return choose(sample.reference or ""), {}


@lru_cache(4096)
def choose(reference: str) -> str:
    """A scorer by the shape of a reference.

    A single capital letter A to J: multiple_choice. A number: numeric (but not with leading zeros: that is a code). A JSON object or
    list: json. Up to four words: normalized_exact. Up to thirty: token_f1. More: rouge_l.
    """
    from tierwise.scorers.numbers import only_number

    text = reference.strip()
    if re.fullmatch(r"\(?[A-J]\)?\.?", text):
        return "multiple_choice"
    if text[:1] in ("{", "["):
        try:
            json.loads(text)
            return "json"
        except (ValueError, RecursionError):
            pass
    if not re.match(r"[-+]?0\d", text) and only_number(text) is not None:
        return "numeric"
    words = len(text.split())
    return "normalized_exact" if words <= LABEL_WORDS else "token_f1" if words <= SHORT_WORDS else "rouge_l"


def _mapping(given: object) -> Mapping[str, Any]:
    if isinstance(given, Mapping):
        return given
    try:
        parsed = json.loads(str(given))
        if isinstance(parsed, dict):
            return parsed
    except ValueError:
        pass
    return dict(part.strip().split("=", 1) for part in str(given).split(",") if "=" in part)
