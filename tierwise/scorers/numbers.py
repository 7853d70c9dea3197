"""Numbers in prose: finding the one that is the answer, and comparing it."""

import math
import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated

from tierwise.scorers.score import Score, scorer, unscored
from tierwise.types import Sample

CURRENCY = r"(?:[$€£¥₹]|\b(?:USD|EUR|GBP|CHF|JPY|US\$))"
SPACES = "[\u0020\u00a0\u2009\u202f]"
WHOLE = (
    r"\d{1,3}(?:\.\d{3})+,\d{1,280}|\d{1,3}(?:\.\d{3}){2,}(?![\d.])|[1-9]\d{0,2}(?:,\d{3})+(?!\d)|\d{1,3}(?:['’_]\d{3})+(?!\d)"
    rf"|\d{{1,3}}(?:{SPACES}\d{{3}})+(?:,\d{{1,280}}(?![\d,])|(?![\d/]))|\d{{1,280}},\d{{1,2}}(?![\d,])|0,\d{{1,280}}(?![\d,])|\d{{1,280}}"
)
NUMBER = re.compile(
    rf"""(?<![\w.,/])(?P<sign>[-+]{SPACES}?)?(?:{CURRENCY}{SPACES}?)?(?P<sign2>[-+])?
    (?:(?P<mixed>\d{{1,15}})[ ]+(?P<mixed_over>\d{{1,15}})/(?P<mixed_under>\d{{1,15}})(?![\d/])
      |(?P<over>\d{{1,15}})[ ]?/[ ]?(?P<under>\d{{1,15}})(?![\d/.])
      |(?P<whole>{WHOLE})(?P<part>\.\d{{1,280}})?
      |(?P<bare>\.\d{{1,280}}))
    (?:[eE](?P<power>[-+]?\d{{1,4}})(?!\w)|{SPACES}?[x×*·]{SPACES}?10(?:\^|\*\*)[{{(]?(?P<tens>[-+]?\d{{1,4}})[)}}]?)?
    (?:{SPACES}?(?P<percent>%|\bper[ ]?cent\b)|{SPACES}(?P<scale>thousand|million|billion|trillion)\b)?""",
    re.VERBOSE | re.IGNORECASE,
)
SCALE = {"thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}
MINUS = str.maketrans({c: "-" for c in "\u2212\ufe63\uff0d\u2010\u2011"} | {"\u2044": "/"})
DASH_AS_SIGN = re.compile(r"(?<![\w)])(?<![\w)] )\u2013(?=[$€£¥]?[\d.])")
VULGAR = re.compile("[\u00bc-\u00be\u2150-\u215e]")
LATEX_FRACTION = re.compile(r"(-?)\\[dt]?frac\{(-?\d{1,15})\}\{(\d{1,15})\}")
LATEX_SHORT_FRACTION = re.compile(r"\\[dt]?frac ?(\d) ?(\d)(?!\d)")
POWER = re.compile(r"(?<![\w.,^])(\d{1,15}(?:\.\d{1,15})?)(?:\^|\*\*)(?:([-+]?\d{1,3})(?![\d.])|\{([-+]?\d{1,3})\}|\(([-+]?\d{1,3})\))")
ROOT = re.compile(r"(?<![\w.,])(\d{1,9}(?:\.\d{1,9})?)?[ ]?(?:\\sqrt ?\{(\d{1,15}(?:\.\d{1,9})?)\}|√\(?(\d{1,15}(?:\.\d{1,9})?)\)?)")
RAISED = re.compile("(?<=\\d)[\u207a\u207b]?[\u2070\u00b9\u00b2\u00b3\u2074-\u2079]{1,4}")
BOXED = re.compile(r"\\boxed\{((?:[^{}]|\{[^{}]{0,200}\}){1,400})\}")
HASHES = re.compile(r"####[ \t]*([^\n]{1,400})")
STATED = re.compile(r"\banswer(?:\s+is|\s+would\s+be|\s*[:=])[\s:=]*([^\n]{1,400})", re.IGNORECASE)
LOOSE = re.compile(r"(?<![\w)*`])[*`]{1,3}(?=[\w$€£¥.+-])|(?<=[\w.%)}])[*`]{1,3}(?![\w*])|(?<=\d)\{,\}(?=\d)|\\[$%!,;]", re.ASCII)


@dataclass(frozen=True, slots=True)
class Number:
    """A number as it was written; `value` of a percentage is the figure before the sign."""

    value: int | float
    percent: bool = False

    def __str__(self) -> str:
        return f"{self.value}{'%' if self.percent else ''}"


def find_numbers(text: str) -> list[Number]:
    """Every number in the text, in order: separators, currency, percent, fractions, powers of ten, signs of any make."""
    return [n for m in NUMBER.finditer(_plain(text)) if (n := _number(m)) is not None]


def answer_number(text: str) -> Number | None:
    """The number that the text gives as its answer.

    After the last \\boxed{}, else the last ####, else the last "answer is" or "answer:": the number after an equals sign, or else
    the first one there. Without such a mark, or with no number after it, the last number of the text.
    """
    for mark in (BOXED, HASHES, STATED):
        if stated := mark.findall(text):
            said = stated[-1]
            if found := find_numbers(said.rpartition("=")[2]) or find_numbers(said):
                return found[0]
    found = find_numbers(text)
    return found[-1] if found else None


@lru_cache(4096)
def only_number(text: str) -> Number | None:
    """The number, when the text is one number and no more than a currency, a unit sign or a full stop with it."""
    found = list(NUMBER.finditer(_plain(text).strip()))
    if len(found) != 1:
        return None
    rest = found[0].string[: found[0].start()] + found[0].string[found[0].end() :]
    return _number(found[0]) if re.fullmatch(r"[\s.$€£¥₹°]*", rest) else None


def equal(a: Number, b: Number, tolerance: float = 0.0, relative: float = 0.0) -> bool:
    """Whether |a - b| <= max(tolerance, relative * |b|). Where one of them carries a percent sign, it may count as a share too."""
    if _near(a.value, b.value, tolerance, relative):
        return True
    if a.percent and not b.percent:
        return _near(a.value / 100, b.value, tolerance, relative)
    return b.percent and not a.percent and _near(a.value, b.value / 100, tolerance, relative)


@scorer("numeric", summary="The number that the answer gives equals the reference, within a tolerance", examples=[
    ("The answer is 1,234.50 in 3 parts", "1234.5", 1), ("6 * 7 = 42", "42", 1), ("#### 42", "42", 1), ("−5", "-5", 1),
    (r"so \boxed{\frac{3}{4}}", "0.75", 1), ("$2.5 million", "2500000", 1), ("45%", "0.45", 1), ("1½", "1.5", 1),
    ("6.02 × 10^23", "6.02e23", 1), ("1.234.567", "1234567", 1), ("0,125", "0.125", 1), (r"45\%", "0.45", 1),
    ("2^10", "1024", 1), ("10⁻³", "0.001", 1), (r"\boxed{\sqrt{2}}", "2", 0), (r"$\frac12$", "0.5", 1),
    ("10.4", "10", 0), ("10.4", "10", 1, {"tolerance": 0.5}), ("104", "100", 1, {"relative": 0.05}), ("I do not know", "3", 0),
    ("3", "three", None), ("3", None, None)])  # fmt: skip
def numeric(
    output: str, sample: Sample, *,
    tolerance: Annotated[float, "Largest difference that still counts as right"] = 0.0,
    relative: Annotated[float, "The same as a share of the reference; the larger of the two holds"] = 0.0,
) -> Score:  # fmt: skip
    """1 when the stated or last number of the answer is near enough; an answer without a number is wrong, not unscored."""
    wanted = _reference_number(sample.reference)
    if wanted is None:
        return unscored("the reference is not a number")
    got = answer_number(output[-200_000:])
    if got is None:
        return Score(0.0, "no number in the answer")
    return Score(float(equal(got, wanted, tolerance, relative)), f"took {str(got)[:40]}")


@lru_cache(4096)
def _reference_number(text: str) -> Number | None:
    return only_number(text) or answer_number(text)


def _plain(text: str) -> str:
    if not text.isascii():
        text = RAISED.sub(lambda m: "^" + unicodedata.normalize("NFKC", m[0]), text)
        text = VULGAR.sub(lambda m: " " + unicodedata.normalize("NFKC", m[0]), text)
        text = unicodedata.normalize("NFKC", text.replace("\u00a0", " ").replace("’", "'")).translate(MINUS)
        text = DASH_AS_SIGN.sub("-", text)
    if "\\" in text:
        text = text.replace(r"\%", "%")
        text = LATEX_SHORT_FRACTION.sub(r" \1/\2", LATEX_FRACTION.sub(r"\1\2/\3", text)).replace(r"\times", "×").replace(r"\cdot", "×")
    if "^" in text or "**" in text:
        text = POWER.sub(_raised, text)
    if "sqrt" in text or "√" in text:
        text = ROOT.sub(lambda m: repr(float(m[1] or 1) * math.sqrt(float(m[2] or m[3]))), text)
    return LOOSE.sub("", text) if any(c in text for c in "*`\\{") else text


def _raised(m: re.Match[str]) -> str:
    """A power worked out, as 1024 for 2^10; the factor of a number, as in 1.5 × 10^3, is left to be read with it."""
    base, power = m[1], int(m[2] or m[3] or m[4])
    if base == "10" and m.string[max(m.start() - 3, 0) : m.start()].rstrip()[-1:] in ("x", "×", "*", "·"):
        return m[0]
    try:
        value = int(base) ** power if base.isdigit() and power >= 0 and len(base) * power < 280 else float(base) ** power
    except (OverflowError, ZeroDivisionError):
        return m[0]
    return repr(value)


def _number(m: re.Match[str]) -> Number | None:
    sign = -1 if "-" in (m["sign"] or "") + (m["sign2"] or "") else 1
    try:
        if m["mixed"]:
            value = int(m["mixed"]) + int(m["mixed_over"]) / int(m["mixed_under"])
        elif m["over"]:
            over, under = int(m["over"]), int(m["under"])
            value = over // under if over % under == 0 else over / under
        else:
            value = _decimal(m["whole"] or "", m["part"] or m["bare"] or "")
        if power := m["power"] or m["tens"]:
            value = float(f"{value}e{int(power)}") if isinstance(value, int) else value * 10.0 ** int(power)
    except (ZeroDivisionError, OverflowError):
        return None
    if m["scale"]:
        value *= SCALE[m["scale"].lower()]
    if isinstance(value, float):
        if not math.isfinite(value):
            return None
        if value.is_integer() and abs(value) < 2**53:
            value = int(value)
    return Number(sign * value, m["percent"] is not None)


def _decimal(whole: str, part: str) -> int | float:
    decimals = whole.rpartition(",")[2]
    european = len(decimals) != 3 or whole.startswith("0,") or re.search(r"[^\d,]", whole)  # 12,50; 0,125; 1.234,567
    if not part and decimals != whole and european:
        return float(re.sub(r"[^\d,]", "", whole).replace(",", "."))
    digits = re.sub(r"\D", "", whole)
    return float(f"{digits or '0'}{part}") if part else int(digits)


def _near(a: int | float, b: int | float, tolerance: float, relative: float) -> bool:
    if a == b:
        return True
    slack = 0.0 if isinstance(a, int) and isinstance(b, int) else 1e-12 * max(abs(a), abs(b))
    return abs(a - b) <= max(tolerance, relative * abs(b)) + max(slack, 1e-12 * max(tolerance, relative * abs(b)))
