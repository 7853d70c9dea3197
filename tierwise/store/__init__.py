"""Everything Tierwise keeps, in one DuckDB file. The only package that speaks SQL."""

from tierwise.store.store import Store

__all__ = ["Store"]
