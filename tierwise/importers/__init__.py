"""Importers: what other tools recorded, as runs here. One file each; `IMPORTERS` holds them by name."""

from collections.abc import Callable
from typing import Any

from tierwise.registry import Registry

IMPORTERS: Registry[Callable[..., Any]] = Registry("importer")
"""(store, content, file name, name, ...) -> what was kept."""

from tierwise.importers import recorded  # noqa: E402, F401

__all__ = ["IMPORTERS"]
