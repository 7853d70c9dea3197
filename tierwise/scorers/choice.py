"""Multiple choice: which of the offered answers a text settles on."""

import re
import unicodedata
from functools import lru_cache

from tierwise.scorers.score import Score, scorer, unscored
from tierwise.scorers.text import IDEOGRAPHS, MAX_TEXT, normalise
from tierwise.types import Sample

OFFERED = re.compile(r"^[ \t>*-]{0,6}\(?([A-Z])[.):][ \t]+(\S[^\n]{0,400})", re.MULTILINE)
WRAPPED = re.compile(r"\\(?:boxed|text|textbf|mathrm)\{|[*_`$\\{}\"“”'’]")
STATED = re.compile(
    r"(?i:\b(?:answer|choice|option|choose|pick|select|correct)\b"
    r"(?:\s+(?:is|are|would\s+be|one|answer|choice|option|letter|with)\b|\s*[:=-]){0,4})\s*"
    r"(?:\(([A-Za-z])\)|([A-Z])(?![\w'])|([a-z])(?=\s*(?:[.):,]|$)))(?!\s*(?:or\s|/)\s*\(?[A-Za-z](?![\w']))",
    re.MULTILINE,
)
ALONE = re.compile(r"\W*([A-Za-z])\W*")
LINE = re.compile(r"^[ \t]*\(?([A-Z])(?:[.):](?=\s|$)|[ \t]*$)", re.MULTILINE)
BRACKETED = re.compile(r"\(([A-Z])\)")
STANDING = re.compile(r"(?<![\w.'-])([A-Z])(?![\w'-])")
AS_WORD = re.compile(r"(?<![\w.'-])([AI])(?= (?!(?:or|and|is|as|nor|not|but|because|since|was|would|seems)\b)[a-z])")
DEFAULT = "ABCDEFGHIJ"


@lru_cache(4096)
def offered(prompt: str) -> dict[str, str]:
    """The lettered options that a prompt lists, letter to text; empty unless they run A, B, ... in order."""
    found: dict[str, str] = {}
    for letter, text in OFFERED.findall(prompt):
        if letter == chr(ord("A") + len(found)):
            found[letter] = text
        elif letter == "A":
            found = {"A": text}
    return found if len(found) > 1 else {}


def chosen_letter(text: str, options: dict[str, str] | None = None) -> tuple[str | None, str]:
    """The letter a text settles on and how it was found, or None and why not.

    In this order: the last stated one ("the answer is B", "Answer: (b)"); a letter alone; a line that begins with the only letter
    so used, or a last line that is one; the only letter in brackets; the only letter that stands alone; the text of exactly one option.
    """
    options = options or {}
    allowed = options.keys() or set(DEFAULT)
    plain = WRAPPED.sub("", unicodedata.normalize("NFKC", text)).strip()
    if stated := [next(filter(None, m)) for m in STATED.findall(plain) if next(filter(None, m)).upper() in allowed]:
        return stated[-1].upper(), "stated"
    if (alone := ALONE.fullmatch(plain)) and alone[1].upper() in allowed:
        return alone[1].upper(), "the letter alone"
    lines = [letter for letter in LINE.findall(plain) if letter in allowed]
    if len(set(lines)) == 1:
        return lines[0], "begins a line"
    last = ALONE.fullmatch(plain.rpartition("\n")[2])
    if last and last[1].upper() in allowed:
        return last[1].upper(), "the last line"
    for pattern, how in ((BRACKETED, "in brackets"), (STANDING, "the only letter")):
        text = AS_WORD.sub("", IDEOGRAPHS.sub(" ", plain)) if pattern is STANDING else plain  # "A man" and "I think" name no option
        standing = {letter for letter in pattern.findall(text) if letter in allowed}
        if len(standing) == 1:
            return standing.pop(), how
        if len(standing) > 1:
            return None, f"names several letters ({', '.join(sorted(standing))}) and settles on none"
    got = f" {normalise(plain[:2000])} "
    named = [letter for letter, option in options.items() if f" {normalise(option)} " in got]
    if len(named) == 1:
        return named[0], "the option's text"
    return None, "names no letter"


@scorer("multiple_choice", summary="The answer settles on the letter of the reference", examples=[
    ("B", "B", 1), ("(b)", "B", 1), ("Answer: B", "B", 1), ("The answer is B.", "B", 1), ("**B**", "B", 1), ("B) Paris", "B", 1),
    ("C", "B", 0), ("A is wrong, so the answer is C", "C", 1), ("Answer: A. No, wait. Answer: B", "B", 1), ("I think it is C", "C", 1),
    ("none", "B", 0), ("A or B", "B", 0), ("A", "(A) Paris", 1), ("A", "not a letter", None), ("A", None, None)])  # fmt: skip
def multiple_choice(output: str, sample: Sample) -> Score:
    """1 when the letter is right. An answer that names no letter, or settles on none, is wrong: the model failed to choose."""
    options = offered("\n".join(m["content"] for m in sample.chat()))
    wanted = _reference_letter(sample.reference, tuple(options.items()))
    if wanted is None:
        return unscored("the reference is not the letter of an option")
    got, how = chosen_letter(output[-MAX_TEXT:], options)
    return Score(float(got == wanted), f"{got}: {how}" if got else how)


@lru_cache(4096)
def _reference_letter(reference: str, options: tuple[tuple[str, str], ...]) -> str | None:
    text = reference.strip()
    if letter := re.fullmatch(r"\(?([A-Za-z])(?:[.):].*)?", text, re.DOTALL):
        return letter[1].upper()
    named = [letter for letter, option in options if normalise(option) == normalise(text)]
    return named[0] if len(named) == 1 else None
