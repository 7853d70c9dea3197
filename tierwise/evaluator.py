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
import itertools
import math
import re
from functools import lru_cache

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
_KEYWORDS = frozenset().union(*_GROUPS.values())
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*|\d+(?:[.,]\d+)*")
# [^\S\n]* where \s* would do: over thousands of empty lines that one takes seconds, as do ends of sentences from within a row of dots
_CODE = re.compile(
    r"```|^[^\S\n]*(?:def|class|import|from|return|function|const|let|var|public|#include|SELECT)\b|[;{}]\s*$|=>|==|!=|\w\(\)", re.M
)
_MATHS = re.compile(r"[=+<>^√∑∫π≤≥×÷±°]|\\[a-zA-Z]+|\$|\d\s*[-*/]\s*\d")
_OPTION = re.compile(r"^[^\S\n]*\(?[A-Ja-j][.):]\s", re.M)
_LIST = re.compile(r"^[^\S\n]*(?:[-*•]|\d{1,3}[.)])\s", re.M)
_SENTENCE = re.compile(r"(?<![.!?。！？])[.!?。！？]+(?:\s|$)")
_JSON = re.compile(r"\bjson\b|[{\[]\s*\"", re.I)
_BLANK = re.compile(r"_{3,}|\.{4,}")
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


def words(text):
    """Lower-case words and numbers of a text, long ones read at both ends only."""
    return _WORD.findall(_clip(text).lower())


def terms(text):
    """What TF-IDF counts: single words and pairs of neighbours; every number is the word 0."""
    single = ["0" if w[0].isdigit() else w for w in words(text)]
    return single + [f"{a} {b}" for a, b in itertools.pairwise(single)]


def features(messages, metadata=None):
    """What is known of a request before any model is called: {name: number}, counts as log(1 + count)."""
    whole = request_text(messages)
    text, found = _clip(whole), words(whole)
    size, count, log = max(len(text), 1), max(len(found), 1), math.log1p
    alphabetic = [w for w in found if not w[0].isdigit()]
    numbers = len(found) - len(alphabetic)
    lines = text.split("\n")
    out = {
        "log_tokens": log(tokens(whole)),
        "numbers": log(numbers),
        "number_share": numbers / count,
        "digit_share": sum(map(str.isdigit, text)) / size,
        "code_marks": log(len(_CODE.findall(text))),
        "maths_marks": log(len(_MATHS.findall(text))),
        "question_marks": log(text.count("?") + text.count("？")),
        "opens_what": float(bool(found) and found[0] in ("what", "which", "who", "when", "where")),
        "asks_why_how": float("why" in found or "how" in found),
        "blanks": log(len(_BLANK.findall(text))),
        "lines": log(len(lines)),
        "longest_line": log(max(map(len, lines))),
        "sentences": log(len(_SENTENCE.findall(text))),
        "word_length": sum(map(len, alphabetic)) / max(len(alphabetic), 1),
        "long_words": sum(len(w) > 8 for w in alphabetic) / count,
        "distinct_words": len(set(found)) / count,
        "capitals": sum(map(str.isupper, text)) / size,
        "non_ascii": 0.0 if text.isascii() else sum(c > "\x7f" for c in text) / size,
        "list_items": log(len(_LIST.findall(text))),
        "options": log(len(_OPTION.findall(text))),
        "asks_json": float(bool(_JSON.search(text))),
        "quotes": log(text.count('"') + text.count("“")),
        "earlier_turns": log(max(sum(m.get("role") in ("user", "assistant") for m in messages or []) - 1, 0)),
        "system_prompt": float(any(m.get("role") in ("system", "developer") for m in messages or [])),
    }
    known = [w for w in found if w in _KEYWORDS]
    for name, group in _GROUPS.items():
        out[name] = log(sum(w in group for w in known))
    return out


@lru_cache(maxsize=4096)
def _pattern(keyword):
    return re.compile(rf"\b{re.escape(keyword)}\b")


def keyword_found(text, keyword):
    """Whether lower-case `text` holds a keyword: a single word at word boundaries, a phrase anywhere."""
    keyword = keyword.lower()
    return keyword in text if " " in keyword else _pattern(keyword).search(text) is not None


def _has_part(messages, kinds):
    parts = (p for m in messages or [] if isinstance(m.get("content"), (list, tuple)) for p in m["content"])
    return any(isinstance(p, dict) and p.get("type") in kinds for p in parts)


def _truthy(value):
    return str(value).lower() in ("true", "1", "yes")


def matches(when, messages, metadata=None):
    """Whether a request meets every condition of a rule; an empty rule matches all."""
    metadata = metadata or {}
    text = request_text(messages)
    length, lower = tokens(text), text.lower()
    for condition, wanted in when.items():
        if condition == "metadata":
            met = all(key in metadata and _text(metadata[key]) in values for key, values in wanted.items())
        elif condition == "request_type":
            met = metadata.get("request_type") in wanted
        elif condition == "keywords_any":
            met = any(keyword_found(lower, k) for k in wanted)
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


def _term_value(term, messages, metadata, known):
    name = term["feature"]
    if name == "token_bucket":
        length = tokens(request_text(messages))
        return -1.0 if length < term["lo"] else 1.0 if length > term["hi"] else 0.0
    if name == "log1p_tokens":
        return math.log1p(tokens(request_text(messages)))
    if name == "keyword_group":
        lower = request_text(messages).lower()
        return float(any(keyword_found(lower, k) for k in term["keywords"]))
    if name == "metadata_number":
        return float(metadata.get(term["key"]) or 0)
    if name == "request_type":
        return float(metadata.get("request_type") == term["value"])
    return known()[name]


class _Reading:
    """A request read at most once, however many parts of a score ask."""

    def __init__(self, messages, metadata):
        self.features = lru_cache(None)(lambda: features(messages, metadata))
        self.terms = lru_cache(None)(lambda: terms(request_text(messages)))


def contributions(spec, messages, metadata=None, reading=None):
    """What moved a linear score away from its intercept: [(label, amount on the scale of the link)], largest first."""
    metadata, out = metadata or {}, []
    reading = reading or _Reading(messages, metadata)
    known = reading.features
    if spec["type"] == "linear":
        for term in spec["terms"]:
            label = term.get("name") or term.get("key") or term.get("value") or term["feature"]
            out.append((label, term["weight"] * _term_value(term, messages, metadata, known)))
    elif spec["type"] == "text_linear":
        out += [(name, weight * known()[name]) for name, weight in spec["features"].items()]
        out.append((f"type {metadata.get('request_type')}", spec["request_types"].get(metadata.get("request_type"), 0.0)))
        counts = {}
        for term in reading.terms():
            if term in spec["vocabulary"]:
                counts[term] = counts.get(term, 0) + 1
        weighted = {t: (1 + math.log(c)) * spec["vocabulary"][t][0] for t, c in counts.items()}
        norm = math.sqrt(sum(v * v for v in weighted.values())) or 1.0
        out += [(f"'{t}'", v / norm * spec["vocabulary"][t][1]) for t, v in weighted.items()]
    elif spec["type"] == "mean":
        for member in spec["members"]:
            out += [(label, amount * member["weight"]) for label, amount in contributions(member["spec"], messages, metadata, reading)]
    return sorted(out, key=lambda pair: -abs(pair[1]))


def _walk(tree, values):
    node = 0
    while tree["feature"][node] >= 0:
        node = tree["left"][node] if values[tree["feature"][node]] <= tree["threshold"][node] else tree["right"][node]
    return tree["value"][node]


def _raw(spec, messages, metadata, reading):
    kind = spec["type"]
    if kind == "constant":
        return spec["value"]
    if kind == "table":
        return spec["values"].get(metadata.get("request_type"), spec["default"])
    if kind == "rules":
        return next((r["score"] for r in spec["rules"] if matches(r["when"], messages, metadata)), spec["default"])
    if kind in ("linear", "text_linear"):
        total = spec["intercept"] + math.fsum(amount for _, amount in contributions(spec, messages, metadata, reading))
        return total if spec.get("link") == "identity" else _logistic(total)
    if kind in ("tree", "forest"):
        known, request_type = reading.features(), metadata.get("request_type")
        values = [float(c[5:] == request_type) if c.startswith("type=") else known[c] for c in spec["columns"]]
        trees = [spec["tree"]] if kind == "tree" else spec["trees"]
        return math.fsum(_walk(tree, values) for tree in trees) / len(trees)
    if kind == "mean":
        weight = math.fsum(m["weight"] for m in spec["members"])
        return math.fsum(m["weight"] * score(m["spec"], messages, metadata, reading) for m in spec["members"]) / weight
    if kind == "hash":
        digest = hashlib.sha256(f"{spec.get('seed', 0)}\n{request_text(messages)}".encode("utf-8", "surrogatepass")).digest()
        return int.from_bytes(digest[:7], "big") / 2**56
    raise ValueError(f"unknown score type {kind!r}")


def score(spec, messages, metadata=None, reading=None):
    """The router score of a request, in [0, 1]; `spec` is described at the top of this file."""
    metadata = metadata or {}
    raw = round(min(max(_raw(spec, messages, metadata, reading or _Reading(messages, metadata)), 0.0), 1.0), DIGITS)
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
        for rule in document.get("rules", ()):
            if matches(rule["when"], messages, metadata):
                return _decision(document, rule["tier"], None, f"rule {rule['id']}")
        if not document.get("score"):
            return _decision(document, document["default_tier"], None, "no rule matched: the default tier")
        reading = _Reading(messages, metadata)
        value = score(document["score"], messages, metadata, reading)
        below = 0.0
        for step in document["thresholds"]:
            if "lt" not in step or value < step["lt"]:
                break
            below = step["lt"]
        reason = f"score {value:.3f} is " + (f"under {step['lt']:.3f}" if "lt" in step else f"at least {below:.3f}")
        leading = [
            f"{label} {amount:+.2f}" for label, amount in contributions(document["score"], messages, metadata, reading)[:3] if amount
        ]
        return _decision(document, step["tier"], value, reason + (f"; most weight: {', '.join(leading)}" if leading else ""))
    except Exception as error:
        tier = document.get("on_error_tier") or document["default_tier"]
        return _decision(document, tier, None, f"could not be scored ({type(error).__name__}: {error}): the tier for errors")
