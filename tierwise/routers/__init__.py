"""Routers: from a prompt to a score in [0, 1]. One file each; `ROUTERS` holds them in the order in which screens show them."""

from collections.abc import Mapping
from typing import Any

from tierwise.errors import BadInput
from tierwise.registry import Registry

ROUTERS: Registry[Any] = Registry("router")
DEFAULT_CANDIDATES = ("rules", "table", "tree", "logistic", "forest", "average")
"""What `auto` chooses among, by cross-fitted saving."""

from tierwise.routers import rules, table, tree, logistic, forest, average, meaning, complexity, baselines, external, onnx, distilbert  # noqa: E402, F401, I001
from tierwise.routers.base import Fitted, Prompts, Router, RouterData, read  # noqa: E402
from tierwise.routers.crossfit import CrossFitted, cross_fitted_scores, deployed  # noqa: E402


def router_options(name: str, given: Mapping[str, str]) -> dict[str, Any] | None:
    """Settings of a router as a person writes them, held against what its constructor takes.

    Raises:
        BadInput: it takes no such setting.
    """
    import inspect

    if not given:
        return None
    if name not in ROUTERS:
        raise BadInput(f"--option belongs to one router; name it with --router. {name} takes none.")
    known = inspect.signature(ROUTERS[name]).parameters
    if unknown := [k for k in given if k not in known]:
        raise BadInput(f"Router {name} has no setting {unknown[0]!r}. It takes: {', '.join(known) or 'none'}.")
    out: dict[str, Any] = {}
    for key, text in given.items():
        kind = type(known[key].default)
        try:
            out[key] = kind(text) if kind in (int, float) else text
        except ValueError:
            raise BadInput(f"{key}={text}: {key} of router {name} is a number.") from None
    return out


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
    "router_options",
]
