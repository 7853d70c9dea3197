"""What a simulated model writes: a right answer in words of its own, or a wrong one that looks like an answer."""

import json
import random
import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, TypeVar

from tierwise.errors import TierwiseError
from tierwise.scorers.auto import LABEL_WORDS, choose, named_scorer
from tierwise.scorers.choice import offered
from tierwise.types import Sample

T = TypeVar("T")

NUMBER = re.compile(r"\d+(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?")
LISTED = re.compile(r"(?:[^,.:;()\[\]\n]{1,42},)+[^,.:;()\[\]\n]{1,42}")
BULLETS = re.compile(r"^\s*[-*•]\s+([^\n]{1,40})$", re.M)
NAMES = re.compile(r"(?<![.!?]\s)(?<!^)\b[A-Z][\w'-]{2,}(?: [A-Z][\w'-]+)?", re.M)
WORDS = re.compile(r"\S+")
INSIDE = re.compile(r"[-:/A-Za-z_]")
"""What stands beside a number that is part of a date, a time or a code."""

OPPOSITES = {"yes": "no", "no": "yes", "true": "false", "false": "true", "positive": "negative", "negative": "positive"}
FUZZY = ("token_f1", "rouge_l", "bleu", "chrf")
THINKING = (
    "Let me work through this step by step. First, the request says that ",
    "To answer this we need to look at each part in turn. The first part ",
    "Reading the text again, the points that matter are these: ",
)
OFF_TOPIC = (
    "I would need a little more detail to answer this.",
    "The text does not say.",
    "Thank you for your message, we will look into it.",
    "It depends on the circumstances.",
)


class Dice:
    """Chance that falls the same way in every process: only `Random.random` is promised to stay as it is between Python versions."""

    __slots__ = ("roll",)

    def __init__(self, seed: int) -> None:
        self.roll: Callable[[], float] = random.Random(seed).random

    def pick(self, things: Sequence[T]) -> T:
        return things[int(self.roll() * len(things))]

    def chance(self, share: float) -> bool:
        return self.roll() < share


def right(sample: Sample, task: str, dice: Dice) -> str:
    """The reference, now and then with such wrapping as the prompt's scorer forgives."""
    reference = sample.reference or ""
    return _RIGHT.get(_form(sample)[0], _as_is)(reference, task, dice) if reference.strip() else free(task, dice)


def wrong(sample: Sample, task: str, dice: Dice) -> str:
    """A mistake of the kind that models make with such an answer."""
    reference = (sample.reference or "").strip()
    if not reference:
        return dice.pick(OFF_TOPIC)
    form, options = _form(sample)
    answer = _WRONG.get(form, _wrong_text)(reference, task, dice, options)
    return answer if answer.strip() else OFF_TOPIC[0]


def free(task: str, dice: Dice) -> str:
    """An answer where nobody said what the right one is: the gist of the prompt."""
    sentences = [s.strip() for s in re.split(r"(?<=[.!?])\s+|\n+", task) if len(s.split()) > 3] or [task.strip()[:200] or "it"]
    return f"{dice.pick(('In short: ', 'Here is my answer. ', ''))}{dice.pick(sentences)[:300]}"


def cut_off(task: str, dice: Dice) -> str:
    """The beginning of an answer that thought aloud until its tokens ran out."""
    words = WORDS.findall(task)
    return dice.pick(THINKING) + " ".join(words[: 12 + int(dice.roll() * 20)])


def _form(sample: Sample) -> tuple[str, dict[str, Any]]:
    """The scorer that the prompt names, with its options, else the one that the reference looks made for."""
    try:
        return named_scorer(sample)
    except TierwiseError:
        return choose(sample.reference or ""), {}


def _as_is(reference: str, task: str, dice: Dice) -> str:
    return reference


def _right_words(reference: str, task: str, dice: Dice) -> str:
    style = dice.roll()
    return f"{reference}." if style < 0.12 and reference[-1].isalnum() else reference.capitalize() if style < 0.25 else reference


def _right_number(reference: str, task: str, dice: Dice) -> str:
    return dice.pick((reference, reference, reference, reference, f"**{reference}**", f"The answer is {reference}."))


def _right_letter(reference: str, task: str, dice: Dice) -> str:
    letter = reference.strip("(). ")[:1] if len(reference) < 5 else reference
    return dice.pick((reference, reference, reference, f"{letter}.", f"({letter})", f"The answer is {letter}."))


def _right_inside(reference: str, task: str, dice: Dice) -> str:
    return dice.pick((reference, reference, f"{reference}.", f"The text names {reference}.", f"That would be {reference}."))


def _right_json(reference: str, task: str, dice: Dice) -> str:
    style = dice.roll()
    if style < 0.7:
        return reference
    try:
        pretty = json.dumps(json.loads(reference), ensure_ascii=False, indent=2)
    except (ValueError, RecursionError):
        return reference
    return pretty if style < 0.8 else f"```json\n{pretty}\n```"


def _right_prose(reference: str, task: str, dice: Dice) -> str:
    """The same sentence with a word or two left out, as no model writes a summary word for word."""
    words = reference.split()
    for _ in range(int(dice.roll() * (1 + min(len(words), 200) // 8)) if len(words) > 5 else 0):
        del words[1 + int(dice.roll() * (len(words) - 2))]
    return " ".join(words)


def _wrong_number(reference: str, task: str, dice: Dice, options: dict[str, Any]) -> str:
    return _shift(reference, task, dice, max(float(options.get("tolerance", 0)), 0.0), float(options.get("relative", 0)))


def _wrong_letter(reference: str, task: str, dice: Dice, options: dict[str, Any]) -> str:
    letters = list(offered(task)) or list("ABCD")
    others = [c for c in letters if c != reference.strip("(). ")[:1].upper()] or ["A", "B"]
    letter = dice.pick(others)
    return dice.pick((letter, letter, letter, f"{letter}.", f"The answer is {letter}."))


def _wrong_json(reference: str, task: str, dice: Dice, options: dict[str, Any]) -> str:
    try:
        value = json.loads(reference)
    except (ValueError, RecursionError):
        return _wrong_text(reference, task, dice, options)
    style = dice.roll()
    if style < 0.08:
        return reference[: max(2, len(reference) * 2 // 3)]
    if isinstance(value, dict) and value:
        key = dice.pick(list(value))
        if style < 0.25 and len(value) > 1:
            del value[key]
        else:
            value[key] = _wrong_value(value[key], task, dice)
    elif isinstance(value, list) and value:
        at = int(dice.roll() * len(value))
        value = value[:at] + ([_wrong_value(value[at], task, dice)] if style > 0.5 else []) + value[at + 1 :]
    else:
        value = {"result": value}
    return json.dumps(value, ensure_ascii=False)


def _wrong_value(value: Any, task: str, dice: Dice) -> Any:
    if isinstance(value, bool):
        return not value
    if value is None:
        return dice.pick(("unknown", "", "n/a"))
    if isinstance(value, int | float):
        if not -1e15 < value < 1e15:
            return 0
        moved = float(_shift(f"{value}", task, dice).replace(",", ""))
        return int(moved) if isinstance(value, int) else moved
    if isinstance(value, str):
        return _wrong_text(value, task, dice, {}) if value and dice.chance(0.75) else None
    if isinstance(value, dict) and value:
        key = dice.pick(list(value))
        return value | {key: _wrong_value(value[key], task, dice)}
    if isinstance(value, list) and value:
        return value[:-1]
    return None


def _wrong_prose(reference: str, task: str, dice: Dice, options: dict[str, Any]) -> str:
    """A third of it, or another sentence of the prompt."""
    words = reference.split()
    if dice.chance(0.6):
        at = int(dice.roll() * (len(words) // 2 + 1))
        part = " ".join(words[at : at + max(1, len(words) // 3)]).strip(",;: ")
        return f"{part[:1].upper()}{part[1:]}."
    return free(task, dice)


def _wrong_text(reference: str, task: str, dice: Dice, options: dict[str, Any]) -> str:
    """Another of the labels offered, a figure or a name that is not the one, or the right words where only they were asked for."""
    if others := _other_labels(task, reference):
        return dice.pick(others) if dice.chance(0.9) else f"I would say this is {reference}, since that fits the text best."
    if other := OPPOSITES.get(reference.lower()):
        return other
    if NUMBER.search(reference):
        return _shift(reference, task, dice)
    names = [n for n in dict.fromkeys(NAMES.findall(task)) if n.lower() not in reference.lower() and reference.lower() not in n.lower()]
    if names and dice.chance(0.6):
        return dice.pick(names)
    words = reference.split()
    if len(words) > 2 and dice.chance(0.5):
        return " ".join(words[: len(words) // 2])
    return dice.pick(OFF_TOPIC)


def _wrong_inside(reference: str, task: str, dice: Dice, options: dict[str, Any]) -> str:
    for _ in range(4):
        answer = _wrong_text(reference, task, dice, options)
        if reference.lower() not in answer.lower():
            return answer
    return OFF_TOPIC[1]


def _wrong_exact(reference: str, task: str, dice: Dice, options: dict[str, Any]) -> str:
    if dice.chance(0.2):
        return dice.pick((f"Output: {reference}", f"The program prints {reference}", f"`{reference}`"))
    if NUMBER.search(reference) and dice.chance(0.8):
        return _shift(reference, task, dice)
    words = reference.split()
    if len(words) > 1:
        return " ".join(words[::-1] if dice.chance(0.4) and words != words[::-1] else words[:-1])
    return _wrong_text(reference, task, dice, options)


def _shift(reference: str, task: str, dice: Dice, tolerance: float = 0.0, relative: float = 0.0) -> str:
    """A text with one of its numbers off: by one, by a factor, by two digits, or another number of the prompt."""
    found = list(NUMBER.finditer(reference))
    if not found:
        return dice.pick(OFF_TOPIC)
    at = dice.pick(found)
    digits = at[0].replace(",", "")
    if len(digits) > 15:  # a number that arithmetic would round: another last digit
        return f"{reference[: at.end() - 1]}{(int(digits[-1]) + 1) % 10}{reference[at.end() :]}"
    beside = reference[max(0, at.start() - 1) : at.start()] + reference[at.end() : at.end() + 1]
    if digits.isdigit() and (INSIDE.search(beside) or (digits[0] == "0" and digits != "0")):
        by = dice.pick((1, 2, 3))
        moved = int(digits) - by if int(digits) > 25 or int(digits) == 10 ** len(digits) - 1 else int(digits) + by
        return f"{reference[: at.start()]}{moved % 10 ** len(digits):0{len(digits)}d}{reference[at.end() :]}"
    value, places = float(digits), len(digits.partition(".")[2])
    step = 10.0**-places
    slack = max(tolerance, relative * value, step / 2)
    tried = [value + step * dice.pick((1, -1, 2, 10)), value * 2, value / 2, value * 1.1, value * 0.9, value * 10]
    tried += [float(n.replace(",", "")) for n in NUMBER.findall(task)[-12:]]
    if digits.isdigit() and len(digits) > 2:
        tried += [float(digits[:-2] + digits[-1] + digits[-2])] * 2
    fit = [t for t in tried if abs(t - value) > slack and (t >= 0)] or [value + 2 * slack + step]
    shown = f"{dice.pick(fit):.{places}f}"
    if abs(float(shown) - value) <= slack:
        shown = f"{value + 2 * slack + step:.{places}f}"
    shown = shown.zfill(len(digits)) if digits[0] == "0" else shown
    return reference[: at.start()] + (f"{int(shown):,}" if "," in at[0] and shown.isdigit() else shown) + reference[at.end() :]


@lru_cache(4096)
def _other_labels(task: str, reference: str) -> tuple[str, ...]:
    """The other members of a list in the prompt that the reference is a member of."""
    wanted = reference.strip().lower()
    lists = [re.split(r",\s*(?:or\s+|and\s+)?|\s+or\s+|\s+and\s+", m) for m in LISTED.findall(task)] + [BULLETS.findall(task)]
    for labels in lists:
        labels = [x.strip(" '\"`") for x in labels]
        if wanted in [x.lower() for x in labels]:
            longest = max(LABEL_WORDS, len(wanted.split()))
            return tuple(dict.fromkeys(x for x in labels if x and x.lower() != wanted and len(x.split()) <= longest))
    return ()


_RIGHT: dict[str, Callable[[str, str, Dice], str]] = {
    "normalized_exact": _right_words,
    "numeric": _right_number,
    "multiple_choice": _right_letter,
    "includes": _right_inside,
    "json": _right_json,
    **dict.fromkeys(FUZZY, _right_prose),
}
_WRONG: dict[str, Callable[[str, str, Dice, dict[str, Any]], str]] = {
    "exact": _wrong_exact,
    "numeric": _wrong_number,
    "multiple_choice": _wrong_letter,
    "includes": _wrong_inside,
    "json": _wrong_json,
    **dict.fromkeys(FUZZY, _wrong_prose),
}
