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
import math

from tierwise.reading import (
    HEAD,  # noqa: F401
    KEYWORDS,  # noqa: F401
    MONEY,  # noqa: F401
    TAIL,  # noqa: F401
    Reading,
    content_text,
    features,  # noqa: F401
    keyword_found,
    request_text,  # noqa: F401
    terms,  # noqa: F401
    tokens,  # noqa: F401
    words,  # noqa: F401
)

DIGITS = 10  # raw scores are rounded before they are ranked, so that sums in another order still tie
_IMAGES = ("image_url", "input_image", "image")


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


def _added(spec, metadata, reading):
    """What each part of a linear score adds to its intercept: names and amounts of features, and those of terms."""
    if id(spec) not in reading.added:
        reading.added[id(spec)] = (_linear if spec["type"] == "linear" else _text_linear)(spec, metadata, reading)
    return reading.added[id(spec)]


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

    parts = spec["terms"]
    return list(map(label, parts)), [t["weight"] * _term_value(t, metadata, reading) for t in parts], (), ()


def _text_linear(spec, metadata, reading):
    known, kind, vocabulary, log = reading.features, metadata.get("request_type"), spec["vocabulary"], math.log
    named = [weight * known[name] for name, weight in spec["features"].items()]
    named.append(spec["request_types"].get(kind, 0.0))
    counts = reading.counted(vocabulary)
    rows = [vocabulary[t] for t in counts]
    sizes = [(1 + log(n)) * row[0] for n, row in zip(counts.values(), rows, strict=True)]
    norm = math.sqrt(sum([v * v for v in sizes])) or 1.0
    return [*spec["features"], f"type {kind}"], named, counts, [v / norm * row[1] for v, row in zip(sizes, rows, strict=True)]


def _largest(pair):
    return -abs(pair[1])


def contributions(spec, messages, metadata=None, reading=None, most=None):
    """What moved a linear score away from its intercept: [(label, amount on the scale of the link)], largest first, `most` of them."""
    metadata, reading, out = metadata or {}, reading or Reading(messages), []
    if spec["type"] in ("linear", "text_linear"):
        names, amounts, found, of_terms = _added(spec, metadata, reading)
        found = zip(found, of_terms, strict=True)
        if most is not None:
            found = heapq.nsmallest(most, found, _largest)
        out = [*zip(names, amounts, strict=True), *((f"'{t}'", amount) for t, amount in found)]
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
        _, named, _, of_terms = _added(spec, metadata, reading)
        total = spec["intercept"] + math.fsum([*named, *of_terms])
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


def shadowed(document, decision, request_id):
    """Whether the last tier is to answer a request too, so that both answers can be graded: the policy's share of what was sent below it.

    The same id always gives the same answer. A pinned request is never asked elsewhere.
    """
    watch = document.get("shadow")
    if not watch or decision["tier"] == document["tiers"][-1]["name"]:
        return False
    if any(r.get("pin") and decision["why"] == f"rule {r['id']}" for r in document.get("rules", ())):
        return False
    return int(hashlib.sha256(str(request_id).encode()).hexdigest()[:13], 16) / 16**13 < watch["rate"]


def _decision(document, tier, value, why):
    model = next((t["model"] for t in document["tiers"] if t["name"] == tier), None)
    return {"tier": tier, "model": model.get("litellm_model") if isinstance(model, dict) else model, "score": value, "why": why}


def decide(document, messages, metadata=None, explain=True):
    """Tier, model, score and a sentence of why: rules first, then the score against the thresholds.

    What weighed most is left out of the sentence without `explain`, which a gateway that does not show it saves.
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
        most = contributions(document["score"], messages, metadata, reading, 3) if explain else ()
        leading = [f"{label} {amount:+.2f}" for label, amount in most if amount]
        return _decision(document, step["tier"], value, reason + (f"; most weight: {', '.join(leading)}" if leading else ""))
    except Exception as error:
        tier = document.get("on_error_tier") or document["default_tier"]
        return _decision(document, tier, None, f"could not be scored ({type(error).__name__}: {error}): the tier for errors")
