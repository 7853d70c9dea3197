"""Many trees on prompt features, averaged."""

from tierwise.routers import ROUTERS
from tierwise.routers.base import Fitted, RouterData, unit
from tierwise.routers.trees import as_lists, varied_columns


@ROUTERS.add("forest")
class Forest:
    """A random forest of the gap on features and request types."""

    name = "forest"
    title = "Random forest"
    summary = "The average of many decision trees; finds combinations of features."

    def __init__(self, trees: int = 64, min_leaf: int = 6, max_leaves: int = 64) -> None:
        self.trees, self.min_leaf, self.max_leaves = trees, min_leaf, max_leaves

    def fit(self, data: RouterData, seed: int = 0) -> Fitted:
        from sklearn.ensemble import RandomForestRegressor

        columns = varied_columns(data)
        if not columns:
            return Fitted({"type": "constant", "value": 0.5}, ("All prompts look alike.",))
        model = RandomForestRegressor(
            self.trees,
            min_samples_leaf=self.min_leaf,
            max_leaf_nodes=self.max_leaves,
            max_features=0.33,
            random_state=seed,
            max_samples=min(len(data), 2000),
            n_jobs=1,
        )
        model.fit(data.prompts.columns(columns), unit(data.gap), data.weights)
        trees = [as_lists(t.tree_, range(len(columns)), digits=4) for t in model.estimators_]
        importance = model.feature_importances_  # computed anew at each reading
        order = importance.argsort()[::-1][:8]
        lines = [f"{columns[i]}: {100 * importance[i]:.0f}% of what it learned." for i in order]
        return Fitted({"type": "forest", "columns": columns, "trees": trees}, tuple(lines))
