"""What a gateway reads of a request: the text of its last user message, its words, what is counted in it, and keywords.

Like `tierwise/evaluator.py`, which says what is done with it, this is written whole into exported gateway files: the standard library alone.
"""

import itertools
import math
import operator
import re
from collections import Counter
from functools import cached_property, lru_cache

HEAD, TAIL = 6000, 2000  # characters read of a long prompt: time is bounded, and tasks are stated at either end

KEYWORDS = {
    "legal_words": "liability liable indemnify indemnification indemnity clause contract agreement warranty breach termination "
    "statute plaintiff defendant court negligence confidentiality jurisdiction tort lease",
    "code_words": "python javascript typescript java sql function class method code bug exception compile regex api script json "
    "html css def return import algorithm",
    "maths_words": "solve calculate compute equation probability integral derivative theorem polynomial matrix triangle sum product "
    "remainder integer fraction percent average ratio many much total cost costs each twice half",
    "reasoning_words": "prove proof derive why explain infer deduce reason reasoning justify analyse analyze compare evaluate "
    "therefore because conclude assume suppose if implies argument hypothesis step",
    "constraint_words": "must exactly least most only never always without unless except between should cannot not",
    "reference_words": "attached attachment above below following document table figure passage context article email thread according",
    "simple_words": "summarise summarize translate classify extract list name define rewrite paraphrase label tag greeting thanks hello",
}
_GROUPS = {name: frozenset(words.split()) for name, words in KEYWORDS.items()}

# What follows counts in the way that costs least: each pattern opens with a literal or a small class, which are searched for in C.
# `exporters/javascript_patterns.py` says the same plainly, and a test holds the two equal.
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*|\d+(?:[.,]\d+)*")
_PLAIN_WORD = re.compile(r"[a-z]+(?:['’][a-z]+)*|[0-9]+(?:[.,][0-9]+)*")
_OPENING = r"\n[^\S\n]*(?:def|class|import|from|return|function|const|let|var|public|#include|SELECT)\b"
_CODE = tuple(map(re.compile, ("```", _OPENING, r"\(\)(?<=\w\(\))")))
_EQUALS, _CODE_END, _TWICE = re.compile(r"[=!](?:=|(?<==)>)"), re.compile(r"[;{}]\s*$", re.M), re.compile(_OPENING + r"\(\)")
_SUM, _PLAIN_SUM = re.compile(r"\d\s*[-*/]\s*\d"), re.compile(r"[0-9]\s*[-*/]\s*[0-9]")
_TEX = re.compile(r"\\[a-zA-Z]+")
_OPTION = re.compile(r"\n[^\S\n]*\(?[A-Ja-j][.):](?=\s)")
_LIST = re.compile(r"\n[^\S\n]*(?:[-*•]|\d{1,3}[.)])(?=\s)")
_SENTENCE = re.compile(r"[.!?。！？](?:\s|$)")
_BLANKS = {i: " " for i in range(128) if chr(i).isspace()}
_JSON_WORD, _JSON = re.compile(r"\bjson\b", re.I), re.compile(r"[{\[]\s*\"")
_BLANK = re.compile(r"_{3,}|\.{4,}")
_ASCII = bytes(range(128))
_DIGITS, _CAPITALS, _MATHS, _RARE_MATHS = b"0123456789", b"ABCDEFGHIJKLMNOPQRSTUVWXYZ", b"=+<>^$", "√∑∫π≤≥×÷±°"
MONEY = "$%€£¥"


def content_text(content):
    """The text of a message's content: a string, or the text parts of a list of parts."""
    if isinstance(content, str):
        return content
    if isinstance(content, (list, tuple)):
        parts = [p if isinstance(p, str) else p.get("text") for p in content if isinstance(p, (str, dict))]
        return "\n".join(p for p in parts if isinstance(p, str))
    return ""


def request_text(messages):
    """The text of the last user message; empty when there is none."""
    for message in reversed(messages or []):
        if message.get("role") == "user":
            return content_text(message.get("content"))
    return ""


def tokens(text):
    """The length of a text in tokens as gateways estimate it: four characters each."""
    return len(text) // 4


def _clip(text):
    return text if len(text) <= HEAD + TAIL else text[:HEAD] + "\n" + text[-TAIL:]


def _rare(text):
    """The characters of a text beyond ASCII, in order."""
    if text.isascii():
        return ""
    return text.encode("utf-8", "surrogatepass").translate(None, _ASCII).decode("utf-8", "surrogatepass")


def words(text):
    """Lower-case words and numbers of a text, long ones read at both ends only."""
    lower = _clip(text).lower()
    return (_WORD if any(map(str.isalnum, set(_rare(lower)))) else _PLAIN_WORD).findall(lower)


def _zeros(found, distinct):
    """Words with every number as the word 0."""
    swapped = {w: "0" for w in distinct if w[0].isdigit()}
    return list(map(swapped.get, found, found)) if swapped else found


def terms(text):
    """What TF-IDF counts: single words and pairs of neighbours; every number is the word 0."""
    found = words(text)
    single = _zeros(found, set(found))
    return single + list(map(" ".join, itertools.pairwise(single)))


def _magnitude(number):  # about 1 + log10: digits before the point (12 at most: longer ones are names), a tenth for each unit of the first
    whole = number.split(".")[0].replace(",", "")
    return min(len(whole), 12) + max("0123456789".find(whole[0]), 0) / 10


def features(messages, metadata=None, reading=None):
    """What is known of a request before any model is called: {name: number}, counts as log(1 + count)."""
    reading = reading or Reading(messages)
    whole, found, counts = reading.text, reading.words, reading.counts
    text, log = _clip(whole), math.log1p
    size, count = max(len(text), 1), max(len(found), 1)
    digits = {w: counts[w] for w in counts if w[0].isdigit()}
    numbers = sum(digits.values())
    alphabetic = len(found) - numbers
    length = sum(map(operator.mul, map(len, counts), counts.values())) - sum([len(w) * n for w, n in digits.items()])
    long_words = sum([n for w, n in counts.items() if len(w) > 8 and w not in digits])
    rare, lines, fresh = _rare(text), text.split("\n"), "\n" + text
    plain = text.encode("ascii", "ignore")

    def many(characters, also):
        return len(plain) - len(plain.translate(None, characters)) + sum(map(also, rare))

    def marks(*patterns, where=("",)):
        """How often patterns are found in a text that has one of these marks at all."""
        return sum(len(p.findall(fresh)) for p in patterns) if any(map(text.__contains__, where)) else 0

    out = {
        "log_tokens": log(tokens(whole)),
        "numbers": log(numbers),
        "number_share": numbers / count,
        "digit_share": many(_DIGITS, str.isdigit) / size,
        "largest_number": max(map(_magnitude, digits), default=0.0),
        "decimals": log(sum([n for w, n in digits.items() if "." in w])),
        "money_percent": log(sum(map(text.count, MONEY))),
        "code_marks": log(
            marks(*_CODE) + marks(_EQUALS, where=("==", "!=", "=>")) + marks(_CODE_END, where=";{}") - marks(_TWICE, where=("()",))
        ),
        "maths_marks": log(many(_MATHS, _RARE_MATHS.__contains__) + marks(_TEX, _SUM if any(map(str.isdecimal, rare)) else _PLAIN_SUM)),
        "question_marks": log(text.count("?") + text.count("？")),
        "opens_what": float(bool(found) and found[0] in ("what", "which", "who", "when", "where")),
        "asks_why_how": float("why" in counts or "how" in counts),
        "blanks": log(len(_BLANK.findall(text)) if "___" in text or "...." in text else 0),
        "lines": log(len(lines)),
        "longest_line": log(max(map(len, lines))),
        "sentences": log(_sentences(text)),
        "word_length": length / max(alphabetic, 1),
        "long_words": long_words / count,
        "distinct_words": len(counts) / count,
        "capitals": many(_CAPITALS, str.isupper) / size,
        "non_ascii": len(rare) / size,
        "list_items": log(marks(_LIST)),
        "options": log(marks(_OPTION)),
        "asks_json": float(_asks_json(text)),
        "quotes": log(text.count('"') + text.count("“")),
        "earlier_turns": log(max(sum(m.get("role") in ("user", "assistant") for m in messages or []) - 1, 0)),
        "system_prompt": float(any(m.get("role") in ("system", "developer") for m in messages or [])),
    }
    for name, group in _GROUPS.items():
        out[name] = log(sum([counts[w] for w in group if w in counts]))
    return out


def _sentences(text):
    if not text.isascii():
        return len(_SENTENCE.findall(text))
    even = text.translate(_BLANKS)
    return sum(map(even.count, (". ", "! ", "? "))) + (text[-1:] in (".", "!", "?"))


def _asks_json(text):
    if '"' in text and _JSON.search(text):
        return True
    return ("json" in text.lower() or "ſ" in text) and _JSON_WORD.search(text) is not None


@lru_cache(maxsize=4096)
def _pattern(keyword):
    word = re.escape(keyword)
    return re.compile(rf"{word}(?<=\b{word})\b")  # a literal first: `\b` first would be tried at every character


def keyword_found(text, keyword):
    """Whether lower-case `text` holds a keyword: a single word at word boundaries, a phrase anywhere."""
    keyword = keyword.lower()
    return keyword in text and (" " in keyword or _pattern(keyword).search(text) is not None)


class Reading:
    """A request read at most once, however many rules and parts of a score ask."""

    def __init__(self, messages):
        self.messages, self.text, self.added, self.tallies = messages, request_text(messages), {}, []
        self.tokens = tokens(self.text)

    @cached_property
    def lower(self):
        return self.text.lower()

    @cached_property
    def words(self):
        return words(self.text)

    @cached_property
    def counts(self):
        return Counter(self.words)

    @cached_property
    def features(self):
        return features(self.messages, reading=self)

    @cached_property
    def single(self):
        return _zeros(self.words, self.counts)

    @cached_property
    def pairs(self):
        return list(map(" ".join, itertools.pairwise(self.single)))

    def counted(self, vocabulary):
        """How often each term of a vocabulary occurs, in the order of `terms`; parts of a score mostly share theirs."""
        for known, found in self.tallies:
            if known.keys() == vocabulary.keys():
                return found
        distinct = self.counts if self.single is self.words else Counter(self.single)
        found = Counter({w: distinct[w] for w in distinct if w in vocabulary})
        found.update(filter(vocabulary.__contains__, self.pairs))
        self.tallies.append((vocabulary, found))
        return found
