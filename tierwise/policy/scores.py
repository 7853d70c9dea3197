"""What the schema cannot say of a score spec: lists that fit each other, trees that end, features that exist."""

from collections.abc import Iterator, Mapping
from functools import cache
from itertools import pairwise
from typing import Any

from tierwise import evaluator

Problem = tuple[tuple[str | int, ...], str]
SPECIAL = ("token_bucket", "log1p_tokens", "keyword_group", "metadata_number", "request_type")
DEEPEST = 4


def score_problems(spec: Mapping[str, Any], path: tuple[str | int, ...] = ("score",), depth: int = 1) -> Iterator[Problem]:
    """Places in a schema-valid spec and what is wrong there."""
    kind = spec["type"]
    if any(a > b for a, b in pairwise(spec.get("quantiles", ()))):
        yield (*path, "quantiles"), "must ascend"
    if kind == "mean":
        if depth == DEEPEST:
            yield path, f"means nest deeper than {DEEPEST}"
            return
        for i, member in enumerate(spec["members"]):
            yield from score_problems(member["spec"], (*path, "members", i, "spec"), depth + 1)
    elif kind == "linear":
        names = [(("terms", i, "feature"), term["feature"]) for i, term in enumerate(spec["terms"]) if term["feature"] not in SPECIAL]
        yield from _unknown(names, path)
        for i, term in enumerate(spec["terms"]):
            if term["feature"] == "token_bucket" and term["lo"] > term["hi"]:
                yield (*path, "terms", i), "lo is above hi"
    elif kind == "text_linear":
        yield from _unknown([(("features", name), name) for name in spec["features"]], path)
    elif kind in ("tree", "forest"):
        yield from _unknown([(("columns", i), c) for i, c in enumerate(spec["columns"]) if not c.startswith("type=")], path)
        places = [("tree",)] if kind == "tree" else [("trees", i) for i in range(len(spec["trees"]))]
        for place, tree in zip(places, [spec["tree"]] if kind == "tree" else spec["trees"], strict=True):
            yield from _tree_problems(tree, len(spec["columns"]), (*path, *place))


def _tree_problems(tree: Mapping[str, Any], columns: int, path: tuple[str | int, ...]) -> Iterator[Problem]:
    n = len(tree["feature"])
    if any(len(tree[key]) != n for key in ("threshold", "left", "right", "value")):
        yield path, "its lists have different lengths"
        return
    for node, feature in enumerate(tree["feature"]):
        if feature < 0:
            if not 0 <= tree["value"][node] <= 1:
                yield (*path, "value", node), "a leaf's value must be in [0, 1]"
            continue
        if feature >= columns:
            yield (*path, "feature", node), f"there are only {columns} columns"
        for side in ("left", "right"):
            if not node < tree[side][node] < n:  # children after their parent: the walk always ends
                yield (*path, side, node), "a child must come after its parent and exist"


def _unknown(names: list[tuple[tuple[str | int, ...], str]], path: tuple[str | int, ...]) -> Iterator[Problem]:
    for place, name in names:
        if name not in _features():
            yield (*path, *place), f"there is no feature called {name!r}; features: {', '.join(sorted(_features()))}"


@cache
def _features() -> frozenset[str]:
    return frozenset(evaluator.features([{"role": "user", "content": ""}], {}))
