"""Decide a request's tier from a policy document: all that a gateway needs, on the standard library alone.

The source of this file is written whole into exported gateway files, so it imports nothing of Tierwise. It is also the
only implementation of tokens, features, terms, scores and rules: training reads prompts through the same functions.

A request is `messages` (OpenAI chat form) and `metadata` (a flat dict; `request_type` is read from it). Only the last user
message is scored, so what a gateway sees of a conversation does not change a decision.

A score spec is a JSON object with a `type`; every score is in [0, 1], higher = harder = a dearer tier:

- `constant`: value
- `table`: values {request type: score}, default
- `rules`: rules [{id, when, score}], first match wins; default
- `linear`: intercept, link (identity or logistic), terms [{feature, weight, ...}]; a feature is `token_bucket` (lo, hi: -1
  below lo, +1 above hi), `log1p_tokens`, `keyword_group` (keywords: 1 when any is found), `metadata_number` (key),
  `request_type` (value: 1 when equal), or any name that `features` returns
- `text_linear`: intercept, features {name: weight}, request_types {type: weight}, vocabulary {term: [idf, weight]}: logistic
  of features, type and TF-IDF (1 + log count, times idf, L2-normalised) of `terms`
- `tree`, `forest`: columns (feature names, or `type=<request type>`), tree or trees {feature, threshold, left, right, value}:
  parallel lists, a leaf has feature -1, left when value <= threshold; a forest is the mean of its trees
- `mean`: members [{weight, spec}]: weighted mean; members may be any spec
- `hash`: seed; the same text always gets the same random-looking score (the random baseline)

Any spec may carry `quantiles`, a sorted list: its score is then replaced by its mid-rank in that list. Thresholds tuned on
held-out ranks mean the same share of traffic after the router is fitted again on all prompts.
"""

import bisect
import hashlib
import heapq
import itertools
import math
import re
from collections import Counter
from functools import cached_property, lru_cache

HEAD, TAIL = 6000, 2000  # characters read of a long prompt: time is bounded, and tasks are stated at either end
DIGITS = 10  # raw scores are rounded before they are ranked, so that sums in another order still tie

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
_CODE = tuple(map(re.compile, ("```", _OPENING, r"[=!](?:=|(?<==)>)", r"\(\)(?<=\w\(\))")))
_CODE_END, _TWICE = re.compile(r"[;{}]\s*$", re.M), re.compile(_OPENING + r"\(\)")
_SUM, _PLAIN_SUM = re.compile(r"\d\s*[-*/]\s*\d"), re.compile(r"[0-9]\s*[-*/]\s*[0-9]")
_TEX = re.compile(r"\\[a-zA-Z]+")
_OPTION = re.compile(r"\n[^\S\n]*\(?[A-Ja-j][.):](?=\s)")
_LIST = re.compile(r"\n[^\S\n]*(?:[-*•]|\d{1,3}[.)])(?=\s)")
_SENTENCE = re.compile(r"[.!?。！？](?:\s|$)")
_JSON_WORD, _JSON = re.compile(r"\bjson\b", re.I), re.compile(r"[{\[]\s*\"")
_BLANK = re.compile(r"_{3,}|\.{4,}")
_ASCII = bytes(range(128))
_DIGITS, _CAPITALS, _MATHS, _RARE_MATHS = b"0123456789", b"ABCDEFGHIJKLMNOPQRSTUVWXYZ", b"=+<>^$", "√∑∫π≤≥×÷±°"
MONEY = "$%€£¥"
_IMAGES = ("image_url", "input_image", "image")


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
    letters = {w: n for w, n in counts.items() if not w[0].isdigit()}
    alphabetic = sum(letters.values())
    numbers = len(found) - alphabetic
    rare, lines, fresh = _rare(text), text.split("\n"), "\n" + text
    plain = text.encode("ascii", "ignore")

    def many(characters, also):
        return len(plain) - len(plain.translate(None, characters)) + sum(map(also, rare))

    def marks(*patterns):
        return sum(len(p.findall(fresh)) for p in patterns)

    out = {
        "log_tokens": log(tokens(whole)),
        "numbers": log(numbers),
        "number_share": numbers / count,
        "digit_share": many(_DIGITS, str.isdigit) / size,
        "largest_number": max((_magnitude(w) for w in counts if w not in letters), default=0.0),
        "decimals": log(sum(n for w, n in counts.items() if "." in w)),
        "money_percent": log(sum(map(text.count, MONEY))),
        "code_marks": log(marks(*_CODE, _CODE_END) - (marks(_TWICE) if "()" in text else 0)),
        "maths_marks": log(many(_MATHS, _RARE_MATHS.__contains__) + marks(_TEX, _SUM if any(map(str.isdecimal, rare)) else _PLAIN_SUM)),
        "question_marks": log(text.count("?") + text.count("？")),
        "opens_what": float(bool(found) and found[0] in ("what", "which", "who", "when", "where")),
        "asks_why_how": float("why" in counts or "how" in counts),
        "blanks": log(len(_BLANK.findall(text)) if "___" in text or "...." in text else 0),
        "lines": log(len(lines)),
        "longest_line": log(max(map(len, lines))),
        "sentences": log(len(_SENTENCE.findall(text))),
        "word_length": sum(len(w) * n for w, n in letters.items()) / max(alphabetic, 1),
        "long_words": sum(n for w, n in letters.items() if len(w) > 8) / count,
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


def _has_part(messages, kinds):
    parts = (p for m in messages or [] if isinstance(m.get("content"), (list, tuple)) for p in m["content"])
    return any(isinstance(p, dict) and p.get("type") in kinds for p in parts)


def _truthy(value):
    return str(value).lower() in ("true", "1", "yes")


def matches(when, messages, metadata=None, reading=None):
    """Whether a request meets every condition of a rule; an empty rule matches all."""
    metadata, reading = metadata or {}, reading or Reading(messages)
    length = reading.tokens
    for condition, wanted in when.items():
        if condition == "metadata":
            met = all(key in metadata and _text(metadata[key]) in values for key, values in wanted.items())
        elif condition == "request_type":
            met = metadata.get("request_type") in wanted
        elif condition == "keywords_any":
            met = any(keyword_found(reading.lower, k) for k in wanted)
        elif condition == "tokens_gte":
            met = length >= wanted
        elif condition == "tokens_lt":
            met = length < wanted
        elif condition == "has_image":
            met = wanted == (_has_part(messages, _IMAGES) or _truthy(metadata.get("has_image")))
        elif condition == "has_tools":
            met = wanted == (
                any(m.get("tool_calls") or m.get("role") == "tool" for m in messages or []) or _truthy(metadata.get("has_tools"))
            )
        else:
            raise ValueError(f"unknown condition {condition!r}")
        if not met:
            return False
    return True


def _text(value):
    return str(value).lower() if isinstance(value, bool) else str(value)


def _logistic(x):
    return 1 / (1 + math.exp(-x)) if x >= 0 else math.exp(x) / (1 + math.exp(x))


class Reading:
    """A request read at most once, however many rules and parts of a score ask."""

    def __init__(self, messages):
        self.messages, self.text, self._added = messages, request_text(messages), {}
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

    def counted(self, vocabulary):
        """How often each term of a vocabulary occurs, in the order of `terms`."""
        single, known = self.single, vocabulary.__contains__
        found = Counter(filter(known, single))
        found.update(filter(known, map(" ".join, itertools.pairwise(single))))
        return found

    def added(self, spec, metadata):
        """What each part of a linear score adds to its intercept: two lists of (name, amount), of features and of terms."""
        if id(spec) not in self._added:
            self._added[id(spec)] = (_linear if spec["type"] == "linear" else _text_linear)(spec, metadata, self)
        return self._added[id(spec)]


def _term_value(term, metadata, reading):
    name = term["feature"]
    if name == "token_bucket":
        return -1.0 if reading.tokens < term["lo"] else 1.0 if reading.tokens > term["hi"] else 0.0
    if name == "log1p_tokens":
        return math.log1p(reading.tokens)
    if name == "keyword_group":
        return float(any(keyword_found(reading.lower, k) for k in term["keywords"]))
    if name == "metadata_number":
        return float(metadata.get(term["key"]) or 0)
    if name == "request_type":
        return float(metadata.get("request_type") == term["value"])
    return reading.features[name]


def _linear(spec, metadata, reading):
    def label(term):
        return term.get("name") or term.get("key") or term.get("value") or term["feature"]

    return [(label(term), term["weight"] * _term_value(term, metadata, reading)) for term in spec["terms"]], []


def _text_linear(spec, metadata, reading):
    known, kind, vocabulary, log = reading.features, metadata.get("request_type"), spec["vocabulary"], math.log
    named = [(name, weight * known[name]) for name, weight in spec["features"].items()]
    named.append((f"type {kind}", spec["request_types"].get(kind, 0.0)))
    counts = reading.counted(vocabulary)
    rows = [vocabulary[t] for t in counts]
    sizes = [(1 + log(n)) * row[0] for n, row in zip(counts.values(), rows, strict=True)]
    norm = math.sqrt(sum([v * v for v in sizes])) or 1.0
    return named, [(t, v / norm * row[1]) for t, v, row in zip(counts, sizes, rows, strict=True)]


def _largest(pair):
    return -abs(pair[1])


def contributions(spec, messages, metadata=None, reading=None, most=None):
    """What moved a linear score away from its intercept: [(label, amount on the scale of the link)], largest first, `most` of them."""
    metadata, reading, out = metadata or {}, reading or Reading(messages), []
    if spec["type"] in ("linear", "text_linear"):
        named, found = reading.added(spec, metadata)
        if most is not None:
            found = heapq.nsmallest(most, found, _largest)
        out = named + [(f"'{t}'", amount) for t, amount in found]
    elif spec["type"] == "mean":
        for member in spec["members"]:
            of_member = contributions(member["spec"], messages, metadata, reading, most)
            out += [(label, amount * member["weight"]) for label, amount in of_member]
    return sorted(out, key=_largest)[:most]


def _walk(tree, values):
    feature, threshold, left, right, node = tree["feature"], tree["threshold"], tree["left"], tree["right"], 0
    while (column := feature[node]) >= 0:
        node = left[node] if values[column] <= threshold[node] else right[node]
    return tree["value"][node]


def _raw(spec, messages, metadata, reading):
    kind = spec["type"]
    if kind == "constant":
        return spec["value"]
    if kind == "table":
        return spec["values"].get(metadata.get("request_type"), spec["default"])
    if kind == "rules":
        return next((r["score"] for r in spec["rules"] if matches(r["when"], messages, metadata, reading)), spec["default"])
    if kind in ("linear", "text_linear"):
        total = spec["intercept"] + math.fsum([amount for part in reading.added(spec, metadata) for _, amount in part])
        return total if spec.get("link") == "identity" else _logistic(total)
    if kind in ("tree", "forest"):
        known, request_type = reading.features, metadata.get("request_type")
        values = [float(c[5:] == request_type) if c.startswith("type=") else known[c] for c in spec["columns"]]
        trees = [spec["tree"]] if kind == "tree" else spec["trees"]
        return math.fsum(_walk(tree, values) for tree in trees) / len(trees)
    if kind == "mean":
        weight = math.fsum(m["weight"] for m in spec["members"])
        return math.fsum(m["weight"] * score(m["spec"], messages, metadata, reading) for m in spec["members"]) / weight
    if kind == "hash":
        digest = hashlib.sha256(f"{spec.get('seed', 0)}\n{reading.text}".encode("utf-8", "surrogatepass")).digest()
        return int.from_bytes(digest[:7], "big") / 2**56
    raise ValueError(f"unknown score type {kind!r}")


def score(spec, messages, metadata=None, reading=None):
    """The router score of a request, in [0, 1]; `spec` is described at the top of this file."""
    metadata = metadata or {}
    raw = round(min(max(_raw(spec, messages, metadata, reading or Reading(messages)), 0.0), 1.0), DIGITS)
    ranks = spec.get("quantiles")
    return (bisect.bisect_left(ranks, raw) + bisect.bisect_right(ranks, raw)) / (2 * len(ranks)) if ranks else raw


def _asks(messages):
    said = any(m.get("role") == "user" and content_text(m.get("content")).strip() for m in messages or [])
    return said or _has_part(messages, _IMAGES)


def _decision(document, tier, value, why):
    model = next((t["model"] for t in document["tiers"] if t["name"] == tier), None)
    return {"tier": tier, "model": model.get("litellm_model") if isinstance(model, dict) else model, "score": value, "why": why}


def decide(document, messages, metadata=None):
    """Tier, model, score and a sentence of why: rules first, then the score against the thresholds.

    Whatever goes wrong inside gives `on_error_tier` (or `default_tier`): a gateway must answer.
    """
    try:
        metadata = metadata or {}
        if not _asks(messages):
            return _decision(document, document["default_tier"], None, "no user message: the default tier")
        reading = Reading(messages)
        for rule in document.get("rules", ()):
            if matches(rule["when"], messages, metadata, reading):
                return _decision(document, rule["tier"], None, f"rule {rule['id']}")
        if not document.get("score"):
            return _decision(document, document["default_tier"], None, "no rule matched: the default tier")
        value = score(document["score"], messages, metadata, reading)
        below = 0.0
        for step in document["thresholds"]:
            if "lt" not in step or value < step["lt"]:
                break
            below = step["lt"]
        reason = f"score {value:.3f} is " + (f"under {step['lt']:.3f}" if "lt" in step else f"at least {below:.3f}")
        most = contributions(document["score"], messages, metadata, reading, 3)
        leading = [f"{label} {amount:+.2f}" for label, amount in most if amount]
        return _decision(document, step["tier"], value, reason + (f"; most weight: {', '.join(leading)}" if leading else ""))
    except Exception as error:
        tier = document.get("on_error_tier") or document["default_tier"]
        return _decision(document, tier, None, f"could not be scored ({type(error).__name__}: {error}): the tier for errors")
