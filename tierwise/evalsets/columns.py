"""What each column of a prompt set is used as: guessed from its name, or as told."""

import difflib
from collections.abc import Mapping
from typing import Any

from tierwise.errors import BadInput
from tierwise.tables import Table
from tierwise.tables.table import short

USES = ("input", "reference", "request_type", "context", "system", "messages", "id", "cluster", "weight", "metadata", "ignore")
MANY = ("metadata", "ignore")
"""Uses that any number of columns may have; each other one has one column."""

SYNONYMS: dict[str, tuple[str, ...]] = {
    "input": (
        "input", "prompt", "question", "query", "user_input", "user_prompt", "user_message", "user_query", "prompt_text", "instruction",
        "instructions", "user", "request", "problem", "message", "utterance", "text", "content", "body", "prompts", "questions", "inputs",
    ),
    "reference": (
        "reference", "reference_answer", "expected", "expected_output", "expected_answer", "expected_response", "ground_truth", "gold",
        "gold_answer", "golden_answer", "target", "ideal", "correct_answer", "right_answer", "answer", "solution", "answers", "label",
        "output", "response", "completion",
    ),
    "request_type": ("request_type", "type", "category", "task", "task_type", "intent", "topic", "kind", "use_case", "request_kind"),
    "context": ("context", "contexts", "document", "passage", "documents", "article", "background", "retrieved_contexts"),
    "system": ("system", "system_prompt", "system_message", "system_instruction"),
    "messages": ("messages", "conversation", "conversations", "chat", "dialogue", "dialog", "turns"),
    "id": ("id", "sample_id", "prompt_id", "question_id", "example_id", "item_id", "uid"),
    "cluster": ("cluster", "family", "template", "cluster_id", "group_id", "template_id", "group", "source"),
    "weight": ("weight", "frequency", "freq", "count", "volume"),
    "metadata": ("metadata", "meta"),
}  # fmt: skip
"""Names by use, the surest first; compared without case, spaces and punctuation."""


def normal(name: str) -> str:
    return "".join(c for c in name.casefold() if c.isalnum())


_BY_NAME = {normal(name): use for use, names in SYNONYMS.items() for name in names}


def guess(table: Table) -> dict[str, str]:
    """A use for every column; what is not recognised is kept as metadata."""
    by_name: dict[str, str] = {}
    for column in table.columns:
        by_name.setdefault(normal(column), column)
    mapping = dict.fromkeys(table.columns, "metadata")
    for use, names in SYNONYMS.items():
        column = next((by_name[normal(n)] for n in names if normal(n) in by_name), None)
        if column is not None and mapping[column] == "metadata":
            mapping[column] = use
    _two_part_instructions(by_name, mapping)
    _broad_groups(table, mapping)
    _conversations(table, mapping)
    return mapping


def _two_part_instructions(by_name: Mapping[str, str], mapping: dict[str, str]) -> None:
    """Instruction and input side by side: the second is what the first is about."""
    instruction = by_name.get("instruction") or by_name.get("instructions")
    if instruction and mapping.get(by_name.get("input", "")) == "input" and "context" not in mapping.values():
        mapping[instruction], mapping[by_name["input"]] = "input", "context"


def _broad_groups(table: Table, mapping: dict[str, str]) -> None:
    """A group or source with a few values over many prompts is a kind of request, not a family: as clusters it would leave no evidence."""
    column = next((c for c, use in mapping.items() if use == "cluster" and normal(c) in ("group", "source")), None)
    if column is not None and len({str(row.get(column)) for row in table.rows}) < max(2, len(table.rows) / 10):
        mapping[column] = "metadata"


def _conversations(table: Table, mapping: dict[str, str]) -> None:
    """Whether a column holds lists of messages is seen from its values, whatever its name says."""
    by_use = {use: column for column, use in mapping.items()}
    prompt, messages = by_use.get("input"), by_use.get("messages")
    if messages and not _is_conversation(_first(table, messages)):
        mapping[messages] = "metadata" if prompt else "input"
    elif prompt and not messages and _is_conversation(_first(table, prompt)) and not isinstance(_first(table, prompt), str):
        mapping[prompt] = "messages"


def _first(table: Table, column: str) -> Any:
    return next((v for row in table.rows if (v := row.get(column)) not in (None, "")), None)


def _is_conversation(value: Any) -> bool:
    if isinstance(value, str):
        return value.lstrip().startswith("[")
    return isinstance(value, list) and all(isinstance(m, dict) for m in value)


def lone_text_column(table: Table, mapping: Mapping[str, str]) -> str | None:
    """The one column that could be the prompt although its name does not say so."""
    for use in ("metadata", "context"):
        found = [c for c, u in mapping.items() if u == use and _is_text(table, c)]
        if found:
            return found[0] if len(found) == 1 else None
    return None


def _is_text(table: Table, column: str) -> bool:
    seen = [v for row in table.rows[:200] if (v := row.get(column)) not in (None, "")]
    return bool(seen) and all(isinstance(v, str) for v in seen) and not all(_is_number(v) for v in seen)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def use_of(name: str) -> str:
    """The use that a person means by this word: `prompt` is `input`, `answer` is `reference`.

    Raises:
        BadInput: with near names.
    """
    use = name if name in USES else _BY_NAME.get(normal(name))
    if use is None:
        raise BadInput(f"There is no field {short(name)}.{near(name, (*USES, 'prompt'))} Fields: {', '.join(USES)}.")
    return use


def told(table: Table, mapping: Mapping[str, str], guessed: Mapping[str, str]) -> dict[str, str]:
    """The guess, overruled for the columns that `mapping` names.

    Raises:
        BadInput: a column the table does not have, a field there is not, or one field for two columns.
    """
    given: dict[str, str] = {}
    for column, name in mapping.items():
        if column not in table.columns:
            raise BadInput(f"There is no column {short(column)}.{near(column, table.columns)} Columns: {listed(table.columns)}.")
        given[column] = use = use_of(name)
        if use not in MANY and list(given.values()).count(use) > 1:
            both = [short(c) for c, u in given.items() if u == use]
            raise BadInput(f"Columns {both[0]} and {both[1]} are both to be the {use}; only one can be.")
    taken = {use for use in given.values() if use not in MANY}
    return {c: given.get(c, "metadata" if u in taken else u) for c, u in guessed.items()}


def near(name: str, names: tuple[str, ...]) -> str:
    by_normal = {normal(n): n for n in names}
    found = [by_normal[m] for m in difflib.get_close_matches(normal(name), by_normal, n=2)]
    return f" Did you mean {' or '.join(map(short, found))}?" if found else ""


def listed(columns: tuple[str, ...]) -> str:
    more = f" and {len(columns) - 12} more" if len(columns) > 12 else ""
    return ", ".join(map(short, columns[:12])) + more
