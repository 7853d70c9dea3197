"""A small decision tree: a router that can be read aloud."""

from collections.abc import Iterator, Mapping
from typing import Any

from tierwise.features import FEATURES
from tierwise.routers import ROUTERS
from tierwise.routers.base import Fitted, RouterData, unit
from tierwise.routers.trees import as_lists, varied_columns


@ROUTERS.add("tree")
class Tree:
    """A regression tree of the gap, at most four questions deep."""

    name = "tree"
    title = "Decision tree"
    summary = "At most four yes-or-no questions about the prompt, readable as sentences."

    def __init__(self, depth: int = 4, min_leaf: int | None = None) -> None:
        self.depth, self.min_leaf = depth, min_leaf

    def fit(self, data: RouterData, seed: int = 0) -> Fitted:
        from sklearn.tree import DecisionTreeRegressor

        columns = varied_columns(data)
        leaf = self.min_leaf or max(8, len(data) // 20)
        model = DecisionTreeRegressor(max_depth=self.depth, min_samples_leaf=leaf, random_state=seed)
        model.fit(data.prompts.columns(columns) if columns else data.gap[:, None] * 0, unit(data.gap), data.weights)
        tree = as_lists(model.tree_, range(len(columns)))
        return Fitted({"type": "tree", "columns": columns, "tree": tree}, tuple(sentences(tree, columns)))


def sentences(tree: Mapping[str, list], columns: list[str]) -> Iterator[str]:
    """One sentence a leaf, hardest first: the questions that lead there and the score given."""
    leaves = sorted(_leaves(tree, columns, 0, ()), key=lambda leaf: -leaf[0])
    for value, path in leaves:
        yield f"{'If ' + ' and '.join(path) if path else 'Always'}: score {value:.2f}."


def _leaves(tree: Mapping[str, list], columns: list[str], node: int, path: tuple[str, ...]) -> Iterator[tuple[float, tuple[str, ...]]]:
    if tree["feature"][node] < 0:
        yield tree["value"][node], path
        return
    name, threshold = columns[tree["feature"][node]], tree["threshold"][node]
    no, yes = _question(name, threshold)
    yield from _leaves(tree, columns, tree["left"][node], (*path, no))
    yield from _leaves(tree, columns, tree["right"][node], (*path, yes))


def _question(name: str, threshold: Any) -> tuple[str, str]:
    if name.startswith("type="):
        return f"the type is not {name[5:]}", f"the type is {name[5:]}"
    feature = FEATURES[name]
    return f"{feature.title} is at most {feature.shown(threshold)}", f"{feature.title} is over {feature.shown(threshold)}"
