"""What the evaluator counts in a text, as plain regular expressions, and these for JavaScript.

There they name the same characters for blanks, digits, words and ends of lines, by Unicode's properties.
"""

import re

_OTHER_BLANKS = r"\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
BLANK, BLANK_IN_LINE = rf"\t-\r{_OTHER_BLANKS}", rf"\t\x0b-\r{_OTHER_BLANKS}"
WORDLIKE = r"\p{L}\p{N}_"
PLAIN = {
    "word": re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*|\d+(?:[.,]\d+)*"),
    "code": re.compile(
        r"```|^[^\S\n]*(?:def|class|import|from|return|function|const|let|var|public|#include|SELECT)\b|[;{}]\s*$|=>|==|!=|\w\(\)", re.M
    ),
    "maths": re.compile(r"[=+<>^√∑∫π≤≥×÷±°]|\\[a-zA-Z]+|\$|\d\s*[-*/]\s*\d"),
    "option": re.compile(r"^[^\S\n]*\(?[A-Ja-j][.):]\s", re.M),
    "list": re.compile(r"^[^\S\n]*(?:[-*•]|\d{1,3}[.)])\s", re.M),
    "sentence": re.compile(r"(?<![.!?。！？])[.!?。！？]+(?:\s|$)"),
    "json": re.compile(r"\bjson\b|[{\[]\s*\"", re.I),
    "blank": re.compile(r"_{3,}|\.{4,}"),
}
"""`tierwise/reading.py` counts the same things in ways that cost less there; a test holds it to these.

[^\\S\\n]* stands where \\s* would do: over thousands of empty lines that one takes seconds, as do ends of sentences from within a row of dots.
"""
_EDGE = rf"(?:(?<=[{WORDLIKE}])(?![{WORDLIKE}])|(?<![{WORDLIKE}])(?=[{WORDLIKE}]))"
_CLASSES = {r"[^\W\d_]": r"[\p{L}\p{Nl}\p{No}]", r"[^\S\n]": f"[{BLANK_IN_LINE}]"}
_ESCAPES = {r"\s": f"[{BLANK}]", r"\w": f"[{WORDLIKE}]", r"\d": r"\p{Nd}", r"\b": _EDGE, r"\"": '"'}
_FOLDED = {"s": "ſ", "k": "\u212a"}
"""What else equals a letter where case is ignored."""
_PIECE = re.compile(r"\[\^?\]?(?:\\.|[^\]\\])*\]|\(\?<?[:=!]|\\.|.", re.S)


def javascript(pattern: re.Pattern[str]) -> str:
    """The source of the same pattern for a JavaScript RegExp with the flag u.

    Raises:
        ValueError: it uses something that has no counterpart here.
    """
    if pattern.flags & ~(re.M | re.I | re.U):
        raise ValueError(f"flags of {pattern.pattern!r}")
    many = bool(pattern.flags & re.M)
    edges = {"^": r"(?<![^\n])" if many else "(?<![^])", "$": r"(?![^\n])" if many else r"(?=\n?(?![^]))"}
    out = []
    for piece in _PIECE.findall(pattern.pattern):
        if piece[0] == "[" and piece not in _CLASSES and re.search(r"\\[sSwWbD]|(?<!\\)\[.*\[:", piece):
            raise ValueError(f"the class {piece} of {pattern.pattern!r}")
        if pattern.flags & re.I and piece.isalpha():
            piece = f"[{piece.lower()}{piece.upper()}{_FOLDED.get(piece.lower(), '')}]"
        out.append(_CLASSES.get(piece) or edges.get(piece) or _ESCAPES.get(piece) or piece.replace(r"\d", r"\p{Nd}"))
    return "".join(out)
