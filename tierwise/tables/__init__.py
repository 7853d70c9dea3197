"""Files as tables of exact text. One reader for each family of formats; `READERS` holds them by suffix."""

from tierwise.tables import delimited, jsonlines, parquet, spreadsheet  # noqa: F401
from tierwise.tables.table import MAX_CELL, MAX_COLUMNS, READERS, Problem, Table, read_table

__all__ = ["MAX_CELL", "MAX_COLUMNS", "READERS", "Problem", "Table", "read_table"]
