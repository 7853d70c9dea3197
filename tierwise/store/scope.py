"""Which project a query sees."""

from __future__ import annotations

from collections.abc import Sequence

DEFAULT_PROJECT = "default"
"""Where everything is until somebody makes a second project."""


def within(project: str | None, where: str, values: Sequence[object], alias: str = "") -> tuple[str, list]:
    """A condition and its values, narrowed to one project; None leaves them as they are."""
    if project is None:
        return where, list(values)
    condition = where.removeprefix("WHERE ")
    return f"WHERE {f'({condition}) AND ' if condition else ''}{alias}project_id = ?", [*values, project]
