"""Scores of many prompts from one spec: the arithmetic of `evaluator.score`, vectorised. A test holds the two equal to 1e-9."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from tierwise import evaluator
from tierwise.routers.base import Prompts


def scores(spec: Mapping[str, Any], prompts: Prompts) -> np.ndarray:
    """(n,) scores in [0, 1] of any spec."""
    raw = np.clip(_raw(spec, prompts), 0.0, 1.0).round(evaluator.DIGITS)
    ranks = spec.get("quantiles")
    if not ranks:
        return raw
    return (np.searchsorted(ranks, raw, "left") + np.searchsorted(ranks, raw, "right")) / (2 * len(ranks))


def _raw(spec: Mapping[str, Any], prompts: Prompts) -> np.ndarray:
    kind = spec["type"]
    if kind == "constant":
        return np.full(len(prompts), float(spec["value"]))
    if kind == "table":
        return np.array([spec["values"].get(t, spec["default"]) if t else spec["default"] for t in prompts.request_types], dtype=float)
    if kind == "mean":
        parts = [(m["weight"], scores(m["spec"], prompts)) for m in spec["members"]]
        return sum(w * s for w, s in parts) / sum(w for w, _ in parts)
    if kind == "text_linear":
        return 1 / (1 + np.exp(-_text_linear(spec, prompts)))
    if kind in ("tree", "forest"):
        values = prompts.columns(spec["columns"])
        trees = [spec["tree"]] if kind == "tree" else spec["trees"]
        return sum(_leaves(tree, values) for tree in trees) / len(trees)
    return np.array([evaluator.score({**spec, "quantiles": None}, s.chat(), s.request_metadata()) for s in prompts.samples])


def _text_linear(spec: Mapping[str, Any], prompts: Prompts) -> np.ndarray:
    names = list(spec["features"])
    total = spec["intercept"] + prompts.columns(names) @ np.array([spec["features"][n] for n in names], dtype=float)
    total = total + np.array([spec["request_types"].get(t, 0.0) if t else 0.0 for t in prompts.request_types], dtype=float)
    if not spec["vocabulary"]:
        return total
    idf, weight = np.array(list(spec["vocabulary"].values()), dtype=float).T
    return total + prompts.words.tfidf(list(spec["vocabulary"]), idf) @ weight


def _leaves(tree: Mapping[str, Any], values: np.ndarray) -> np.ndarray:
    feature, threshold = np.array(tree["feature"]), np.array(tree["threshold"], dtype=float)
    left, right = np.array(tree["left"]), np.array(tree["right"])
    node, rows = np.zeros(len(values), dtype=int), np.arange(len(values))
    while (feature[node] >= 0).any():
        inner = feature[node] >= 0
        goes_left = values[rows, np.maximum(feature[node], 0)] <= threshold[node]
        node = np.where(inner, np.where(goes_left, left[node], right[node]), node)
    return np.array(tree["value"], dtype=float)[node]
