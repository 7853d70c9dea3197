"""Routers: from a prompt to a score in [0, 1]. One file each; `ROUTERS` holds them in the order in which screens show them."""

from typing import Any

from tierwise.registry import Registry

ROUTERS: Registry[Any] = Registry("router")
DEFAULT_CANDIDATES = ("rules", "table", "tree", "logistic", "forest", "average")
"""What `auto` chooses among, by cross-fitted saving."""

from tierwise.routers import rules, table, tree, logistic, forest, average, meaning, complexity, baselines  # noqa: E402, F401, I001
from tierwise.routers.base import Fitted, Prompts, Router, RouterData, read  # noqa: E402
from tierwise.routers.crossfit import CrossFitted, cross_fitted_scores, deployed  # noqa: E402

__all__ = [
    "DEFAULT_CANDIDATES",
    "ROUTERS",
    "CrossFitted",
    "Fitted",
    "Prompts",
    "Router",
    "RouterData",
    "cross_fitted_scores",
    "deployed",
    "read",
]
