"""From a table to a prompt set. Nothing is altered without a notice; what cannot be kept is a problem with its row and column."""

import json
import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tierwise.errors import BadInput
from tierwise.evalsets.columns import guess, listed, lone_text_column, normal, told
from tierwise.evalsets.content import evalset_of
from tierwise.evalsets.conversation import NotAConversation, conversation
from tierwise.tables import Problem, Table, read_table
from tierwise.tables.table import numbers, short, value_problem
from tierwise.types import EvalSet, Sample

MAX_PROBLEMS = 1_000


@dataclass(frozen=True)
class Parsed:
    """What a file comes to: a prompt set, or why not."""

    evalset: EvalSet | None
    problems: list[Problem]
    notices: list[str]
    mapping: dict[str, str]
    """Every column with its use."""
    table: Table


def parse_evalset(data: bytes, filename: str, name: str, mapping: Mapping[str, str] | None = None) -> Parsed:
    """Read a prompt set from a file.

    Args:
        mapping: column -> field for the columns whose use should not be guessed.

    Raises:
        BadInput: the file is no table, or the mapping names what is not there.
    """
    from tierwise.importers.tools import translated

    data, filename, taken = translated(data, filename, "prompts")
    table = read_table(data, filename)
    notices, problems = [*taken, *table.notices], list(table.problems)
    uses = guess(table)
    try:
        uses = told(table, mapping or {}, uses)
    except BadInput as error:
        raise BadInput(f"{filename}: {error}") from error
    if not {"input", "messages"} & set(uses.values()):
        lone = lone_text_column(table, {c: u for c, u in uses.items() if c not in (mapping or {})})
        if lone is not None:
            uses[lone] = "input"
            notices.append(f"No column is named as a prompt; {short(lone)} is the one with text and was taken.")
        else:
            what = "No column is the prompt. Name one 'prompt', or map one to it."
            problems.append(Problem(None, None, None, f"{what} Columns: {listed(table.columns)}."))
    if problems:
        return Parsed(None, problems[:MAX_PROBLEMS], notices, uses, table)
    reading = _Reading(table, uses, problems, notices)
    samples = reading.samples()
    if problems:
        return Parsed(None, problems[:MAX_PROBLEMS], notices, uses, table)
    return Parsed(evalset_of(name, samples, filename), [], notices, uses, table)


def problems_error(parsed: Parsed, filename: str) -> BadInput:
    """The first problems and how many there are, as one error."""
    return error_of(parsed.problems, filename)


def error_of(problems: list[Problem], filename: str) -> BadInput:
    more = len(problems) - 3
    count = f"{len(problems):,}{' or more' if len(problems) >= MAX_PROBLEMS else ''} problems"
    told = "; ".join(str(p).rstrip(".") for p in problems[:3])
    return BadInput(f"{filename}: {count + ', ' if len(problems) > 1 else ''}{told}{f'; and {more:,} more' if more > 0 else ''}.")


@dataclass
class _Reading:
    table: Table
    uses: dict[str, str]
    problems: list[Problem]
    notices: list[str]
    column: dict[str, str] = field(init=False)
    """use -> column, for the uses of one column."""

    def __post_init__(self) -> None:
        self.column = {use: column for column, use in self.uses.items() if use not in ("metadata", "ignore")}

    def samples(self) -> list[Sample]:
        messages = self._messages()
        inputs = self._inputs(messages)
        ids = self._ids()
        reference, request_type, system, cluster = (self._texts(use) for use in ("reference", "request_type", "system", "cluster"))
        context = self._texts("context")
        weights, metadata = self._weights(), self._metadata()
        if self.problems:
            return []
        fields = (ids, inputs, reference, request_type, system, messages, context, cluster, weights, metadata)
        samples = [Sample(*values) for values in zip(*fields, strict=True)]
        different = {(s.input, s.context, s.system, tuple((m["role"], m["content"]) for m in s.messages)) for s in samples}
        extra = len(samples) - len(different)
        if extra:
            same = f"{extra:,} of {len(samples):,} prompts {'is' if extra == 1 else 'are'} the same as an earlier one"
            self.notices.append(f"{same}. They are kept; tuning counts equal prompts as one.")
        return samples

    def _texts(self, use: str) -> list[str | None]:
        """The column of this use as text; numbers and lists are told about."""
        column = self.column.get(use)
        if column is None:
            return [None] * len(self.table.rows)
        blank_is_missing = self.table.blank_is_missing and use != "input"
        out: list[str | None] = []
        kinds: dict[str, list[int]] = {}
        for row, cells in enumerate(self.table.rows, 1):
            value = cells.get(column)
            if type(value) is str:
                out.append(None if blank_is_missing and not value else value)
            elif value is None:
                out.append(None)
            else:
                text, kind = self._as_text(use, value)
                if text is None:
                    self._wrong(row, column, f"{kind} where text should be")
                elif kind:
                    kinds.setdefault(kind, []).append(row)
                out.append(text)
        for kind, rows in kinds.items():
            self.notices.append(f"Column {short(column)} holds {kind} in {numbers(rows)}.")
        if use == "input" and (typed := self.table.typed.get(column)):
            self.notices.append(f"Column {short(column)} holds numbers, dates or errors in {numbers(typed)}; their text was taken.")
        return out

    def _as_text(self, use: str, value: Any) -> tuple[str | None, str]:
        if isinstance(value, bool):
            return ("true" if value else "false"), "true or false, taken as that word,"
        if isinstance(value, int | float):
            return getattr(value, "text", None) or repr(value), "a number, taken as it is written,"
        if use == "context" and isinstance(value, list) and value and all(isinstance(v, str) for v in value):
            return "\n\n".join(value), "several texts, joined with a blank line between,"
        if use == "reference":
            return json.dumps(value, ensure_ascii=False), "a list or an object, taken as JSON,"
        return None, "a list" if isinstance(value, list) else "an object"

    def _inputs(self, messages: list[tuple]) -> list[str]:
        texts = self._texts("input")
        column = self.column.get("input", self.column.get("messages"))
        empty, both = [], []
        broken = {p.row for p in self.problems}
        for i, text in enumerate(texts):
            if i + 1 in broken:
                continue
            if text is None and not messages[i]:
                self._wrong(i + 1, column, "there is no prompt")
            elif messages[i]:
                if text:
                    both.append(i + 1)
            elif text == "":
                empty.append(i + 1)
        if empty:
            self.notices.append(f"The prompt is empty in {numbers(empty)}. It is kept so; remove the row if it should not be sent.")
        if both:
            self.notices.append(f"Both a prompt and a conversation are given in {numbers(both)}; the conversation is what is sent.")
        return [text or "" for text in texts]

    def _messages(self) -> list[tuple]:
        column = self.column.get("messages")
        if column is None:
            return [()] * len(self.table.rows)
        out: list[tuple] = []
        notes: set[str] = set()
        for row, cells in enumerate(self.table.rows, 1):
            value = cells.get(column)
            found: tuple = ()
            if value is not None and not (value == "" and self.table.blank_is_missing) and not (value == [] and "input" in self.column):
                try:
                    found = conversation(value, notes)
                except NotAConversation as error:
                    self._wrong(row, column, str(error))
            out.append(found)
        self.notices += sorted(notes)
        return out

    def _ids(self) -> list[str]:
        texts = self._texts("id")
        column = self.column.get("id")
        n = len(texts)
        given = [i for i, text in enumerate(texts) if text is not None and text.strip()]
        if not given:
            width = max(4, len(str(n)))
            return [f"{i:0{width}d}" for i in range(1, n + 1)]
        first: dict[str, int] = {}
        mend = "give every row one of its own, or use the column as metadata"
        for row, text in enumerate(texts, 1):
            if text is None or not text.strip():
                self._wrong(row, column, f"there is no id; {mend}")
            elif text in first:
                self._wrong(row, column, f"the id {short(text)} is that of row {first[text]} too; {mend}")
            else:
                first[text] = row
        return [text or "" for text in texts]

    def _weights(self) -> list[float]:
        column = self.column.get("weight")
        if column is None:
            return [1.0] * len(self.table.rows)
        out = []
        for row, cells in enumerate(self.table.rows, 1):
            value = cells.get(column)
            if value is None or (value == "" and self.table.blank_is_missing):
                out.append(1.0)
                continue
            weight = _number(value)
            if weight is None or weight <= 0:
                said = short(value) if isinstance(value, str) else repr(value)
                comma = isinstance(value, str) and "," in value and _number(value.replace(",", ".", 1))
                hint = "; write the decimal point as a point" if comma else ""
                self._wrong(row, column, f"{said} is no weight; a weight is a number above 0{hint}")
                weight = 1.0
            out.append(weight)
        return out

    def _metadata(self) -> list[dict[str, Any]]:
        columns = [c for c, use in self.uses.items() if use == "metadata"]
        keys = _keys(columns)
        out: list[dict[str, Any]] = [{} for _ in self.table.rows]
        for column in columns:
            key, merged = keys[column], normal(column) in ("metadata", "meta")
            for i, cells in enumerate(self.table.rows):
                value = cells.get(column)
                if value is None or (value == "" and self.table.blank_is_missing):
                    continue
                if merged and (found := _object(value)) is not None:
                    self._merge(out[i], found, i + 1, column)
                elif key in out[i]:
                    self._wrong(i + 1, column, f"{short(key)} is in the metadata of this row already; rename one")
                else:
                    out[i][key] = float(value) if isinstance(value, float) else value
        return out

    def _merge(self, into: dict[str, Any], found: dict[str, Any], row: int, column: str) -> None:
        twice = into.keys() & found.keys()
        if twice:
            self._wrong(row, column, f"{short(min(twice))} is a column of this row as well; rename one")
        if wrong := value_problem(found):
            self._wrong(row, column, wrong)
        into.update(found)

    def _wrong(self, row: int, column: str | None, message: str) -> None:
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append(self.table.problem(row, column, message))


def _keys(columns: list[str]) -> dict[str, str]:
    """Names of metadata columns without `metadata.` or `meta_` before them, unless two would then be the same."""
    bare = {}
    for column in columns:
        for prefix in ("metadata.", "metadata_", "meta.", "meta_"):
            if column.lower().startswith(prefix) and len(column) > len(prefix):
                bare[column] = column[len(prefix) :]
                break
    names = Counter(bare.get(c, c) for c in columns)
    return {c: bare[c] if c in bare and names[bare[c]] == 1 else c for c in columns}


def _object(value: Any) -> dict[str, Any] | None:
    """The JSON object that this cell is or spells."""
    if isinstance(value, str) and value.lstrip().startswith("{"):
        try:
            value = json.loads(value, parse_constant=_no_constant)
        except (ValueError, RecursionError):
            return None
    return value if isinstance(value, dict) else None


def _no_constant(name: str) -> None:
    raise ValueError(name)


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, str | int | float) or (isinstance(value, str) and "_" in value):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None
