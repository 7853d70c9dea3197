"""A format of traffic logs: the columns it is known by, and how one of its rows becomes a call."""

import json
import math
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, NamedTuple

from tierwise.evalsets.columns import normal
from tierwise.importers import cells
from tierwise.registry import Registry
from tierwise.tables import Table
from tierwise.tables.table import short

CALLS_OF_CHAT = {"completion", "acompletion", "text_completion", "atext_completion", "responses", "aresponses", "anthropic_messages",
                 "agenerate_content", "generate_content", "agenerate_content_stream", "generate_content_stream", ""}  # fmt: skip
TRUE = {"true", "t", "1", "yes", "1.0"}
MAX_COUNT = 1e12
MAX_LABEL = 60
"""Characters; a longer value of metadata is no kind of request."""


class Unusable(Exception):
    """Why a row is no call that can be counted. Rows are counted by this text, so it names no value; `detail` may."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(reason)
        self.reason, self.detail = reason, detail


class Call(NamedTuple):
    """One row of a log. Counts and costs are for one request, `requests` says how many such there were."""

    model: str
    provider: str | None = None
    time: Any = None
    """As written; the whole column is read at once."""
    end: Any = None
    request_type: str | None = None
    prompt: Any = None
    """Text, or messages as a list or as its JSON."""
    prompt_tokens: float | None = None
    completion_tokens: float | None = None
    cached_tokens: float | None = None
    cost_usd: float | None = None
    latency: float | None = None
    status: str = "ok"
    """`ok`, `failed` or `cancelled`."""
    cache_hit: bool = False
    """Answered from a cache of whole answers: no model was called."""
    requests: int = 1
    labels: Mapping[str, str] = {}
    """Short values of metadata, any of which may be the request type."""


class Format:
    """Reads one table; a subclass is one format."""

    name: ClassVar[str] = ""
    title: ClassVar[str] = ""
    needs: ClassVar[tuple[str, ...]] = ()
    """Columns without which it is another format."""
    columns: ClassVar[tuple[str, ...]] = ()
    """All it is known to have, compared without case, spaces and punctuation."""
    latency_unit: ClassVar[str] = "s"
    """`s`, `ms`, or `unknown`: then told from the size of the numbers."""
    cost_unit: ClassVar[str] = "usd"
    """`usd`, or `unknown`: then costs count only when the user says their unit."""

    def __init__(self, table: Table) -> None:
        self.table = table
        by_normal = {normal(c): c for c in reversed(table.columns)}
        self.names = {field: by_normal[normal(field)] for field in (*self.needs, *self.columns) if normal(field) in by_normal}

    @classmethod
    def missing(cls, table: Table) -> list[str]:
        """What it needs and the table does not have."""
        there = {normal(c) for c in table.columns}
        return [c for c in cls.needs if normal(c) not in there]

    @classmethod
    def known(cls, table: Table) -> list[str]:
        """Columns of the table that belong to this format."""
        mine = {normal(c) for c in (*cls.needs, *cls.columns)}
        return [c for c in table.columns if normal(c) in mine]

    def rows(self) -> Iterator[tuple[int, Mapping[str, Any]]]:
        """(row of the file, counted from 1; what is read as a call)."""
        yield from enumerate(self.table.rows, 1)

    def call(self, row: Mapping[str, Any]) -> Call:
        """Raises Unusable, or cells.Wrong for a cell that is not what its column says."""
        raise NotImplementedError

    def notices(self) -> list[str]:
        """What a reader should know of the file, after all rows were read."""
        return []

    def cell(self, row: Mapping[str, Any], field: str) -> Any:
        """The value, or None where it is empty or the table has no such column."""
        value = row.get(self.names.get(field, field))
        return None if value == "" else value

    def number(self, row: Mapping[str, Any], field: str, read: Any = cells.tokens) -> float | None:
        return number(self.cell(row, field), field, read)

    def text(self, row: Mapping[str, Any], field: str) -> str | None:
        return text(self.cell(row, field))

    def named(self, row: Mapping[str, Any], *fields: str) -> str:
        """The model, from the first column that names one."""
        for field in fields:
            if found := text(self.cell(row, field)):
                return found
        raise Unusable("no model is named")


FORMATS: Registry[type[Format]] = Registry("traffic format")


def number(value: Any, field: str, read: Any = cells.tokens) -> float | None:
    """A count, cost or time as `cells` reads it; most are numbers already.

    Raises:
        Unusable: it is not one.
    """
    if value is None:
        return None
    if type(value) is int and 0 <= value < 2**31:
        return float(value)
    try:
        return read(value)
    except cells.Wrong as wrong:
        raise Unusable(f"{field} cannot be read", str(wrong)) from None


def whole(value: Any) -> float | None:
    """A count of tokens, which some tools write as 812.0, or a sum or mean of several."""
    try:
        found = cells.seconds(value)
    except cells.Wrong:
        found = math.inf
    if found is not None and found > MAX_COUNT:
        raise cells.Wrong(f"{short(str(value))} is no count of tokens")
    return found


def text(value: Any) -> str | None:
    """What a cell says, or None; lists and objects say nothing."""
    if isinstance(value, str):
        return value.strip() or None
    return str(value) if isinstance(value, int | float) else None


def truth(value: Any) -> bool:
    return value is True or (isinstance(value, str) and value.strip().lower() in TRUE) or (not isinstance(value, bool) and value == 1)


def parsed(value: Any) -> Any:
    """The object or list that a cell is or spells; None for anything else."""
    if isinstance(value, dict | list):
        return value
    if isinstance(value, str) and value[:1] in "{[":
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            return None
    return None


def record(value: Any) -> dict[str, Any]:
    """The object that a cell is or spells; an empty one for anything else."""
    found = parsed(value)
    return found if isinstance(found, dict) else {}


def part(value: Any, *path: str) -> Any:
    """A value inside objects; None where there is none."""
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def labels(*sources: Any) -> dict[str, str]:
    """Short values by key, the first source that has a key before the others."""
    found: dict[str, str] = {}
    for source in sources:
        if isinstance(source, dict):
            for key, value in source.items():
                if isinstance(value, bool | int) or (isinstance(value, str) and 0 < len(value) <= MAX_LABEL):
                    found.setdefault(str(key), str(value))
    return found


def prompt_of(*candidates: Any) -> Any:
    """The first that holds text or messages. What a tool has cut off or hidden is no prompt."""
    for value in candidates:
        if isinstance(value, str):
            if value.strip() not in ("", "{}", "[]", "null", '""', "redacted-by-litellm") and "litellm_truncated" not in value:
                return value
        elif isinstance(value, dict):
            inner = prompt_of(value.get("messages"), value.get("input"), value.get("prompt"))
            if inner is not None:
                return inner
        elif isinstance(value, list) and value and "litellm_truncated" not in str(value):
            return value
    return None
