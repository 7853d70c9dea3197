"""Where a table of recorded results keeps what: one row an answer (long), or one row a prompt with columns for each model (wide)."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from tierwise.errors import BadInput
from tierwise.evalsets.columns import SYNONYMS, listed, near, normal
from tierwise.tables import Table
from tierwise.tables.table import short

PARTS: dict[str, tuple[str, ...]] = {
    "score": ("score", "correct", "is_correct", "grade", "accuracy", "acc", "quality", "passed", "pass", "success", "eval_score", "reward"),
    "output": ("output", "response", "model_output", "model_response", "completion", "generation", "generated_text", "prediction",
               "model_answer", "answer"),
    "cost_usd": ("cost_usd", "cost", "total_cost", "usd", "price", "cost_total"),
    "prompt_tokens": ("prompt_tokens", "input_tokens", "tokens_in", "num_input_tokens", "n_prompt_tokens"),
    "completion_tokens": ("completion_tokens", "output_tokens", "tokens_out", "num_output_tokens", "generated_tokens"),
    "latency_s": ("latency_s", "latency", "latency_seconds", "duration_s", "duration", "elapsed", "response_time", "seconds"),
    "latency_ms": ("latency_ms", "duration_ms", "time_ms", "milliseconds"),
    "finish_reason": ("finish_reason", "stop_reason"),
    "confidence": ("confidence", "model_confidence", "mean_probability"),
    "error": ("error", "error_message", "exception"),
}  # fmt: skip
"""What is known of one answer, by the names it goes by."""

PROMPT: dict[str, tuple[str, ...]] = {
    "dataset": ("dataset", "dataset_name", "benchmark", "eval_name", "suite"),
    "sample_id": ("sample_id", "prompt_id", "question_id", "example_id", "item_id", "id", "uid"),
    "input": ("prompt", "input", *SYNONYMS["input"]),
    "request_type": ("task", "request_type", "category", "task_type", "type", "subject", "subtask", "intent", "topic", "kind"),
    "reference": (*(n for n in SYNONYMS["reference"] if n not in PARTS["output"]), "answer"),
    "system": SYNONYMS["system"],
    "messages": SYNONYMS["messages"],
    "context": SYNONYMS["context"],
    "cluster": tuple(n for n in SYNONYMS["cluster"] if n != "source"),
    "weight": ("weight",),
}
"""What is known of one prompt."""

MODEL = ("model", "model_name", "model_id", "llm", "engine", "tier")
REPEAT = ("repeat", "epoch", "trial", "attempt")

_FIELDS = {normal(n): field for fields in (PROMPT, PARTS, {"model": MODEL, "repeat": REPEAT, "ignore": ("ignore", "skip")})
           for field, names in fields.items() for n in (field, *names)}  # fmt: skip
_WORDS = "|".join(
    re.escape(word).replace("_", "[ _.-]?") for word in sorted((n for names in PARTS.values() for n in names), key=len, reverse=True)
)
_AFTER = re.compile(rf"(?P<model>.+?)\s*[_.:/|\s([-]\s*(?P<part>{_WORDS})[)\]]?", re.I | re.S)
_BEFORE = re.compile(rf"(?P<part>{_WORDS})\s*[_.:/|\s([-]\s*(?P<model>.+?)[)\]]?", re.I | re.S)
_LIKE_A_MODEL = re.compile(r"\d|/|gpt|claude|llama|mi[sx]tral|gemini|gemma|qwen|deepseek|opus|sonnet|haiku|nova", re.I)
_BOOLEAN = {"true", "false", "0", "1", "0.0", "1.0"}


@dataclass
class Layout:
    """Columns by what they hold."""

    prompt: dict[str, str] = field(default_factory=dict)
    """field of the prompt -> column"""
    model: str | None = None
    """The column that names the model: a long table."""
    parts: dict[str, str] = field(default_factory=dict)
    """Long: part of an answer -> column."""
    models: dict[str, dict[str, str]] = field(default_factory=dict)
    """Wide: model -> part -> column."""
    others: list[str] = field(default_factory=list)
    note: str = ""

    def answers(self, row: Mapping[str, Any]) -> Iterator[tuple[str | None, dict[str, str]]]:
        """(model, part -> column) for each answer in a row; the model is None where its cell is empty."""
        if self.model is not None:
            name = row.get(self.model)
            yield (str(name).strip() or None if name is not None else None), self.parts
            return
        for model, parts in self.models.items():
            if any(row.get(column) not in (None, "") for column in parts.values()):
                yield model, parts


def layout_of(table: Table, mapping: Mapping[str, str]) -> Layout:
    """The layout by the names of the columns, overruled for those in `mapping` (column -> field, or part:MODEL for a wide table).

    Raises:
        BadInput: an unknown column or field, or no scores or models to be found; says what to map.
    """
    found = Layout()
    left = _told(table, mapping, found)
    by_name: dict[str, str] = {}
    for column in left:
        by_name.setdefault(normal(column), column)
    if found.model is None and not found.models:
        found.model = next((by_name[normal(n)] for n in MODEL if normal(n) in by_name), None)
        left = [c for c in left if c != found.model]
    wanted = [(found.parts, PARTS)] if found.model is not None else []
    for into, fields in [*wanted, (found.prompt, PROMPT)]:
        for name, synonyms in fields.items():
            column = next((by_name[normal(n)] for n in synonyms if by_name.get(normal(n)) in left), None)
            if name not in into and column is not None:
                into[name] = column
                left = [c for c in left if c != column]
    if found.model is None:
        left = _wide(table, left, found)
    found.others = [c for c in left if normal(c) not in map(normal, REPEAT)]
    _check(table, found)
    return found


def _told(table: Table, mapping: Mapping[str, str], found: Layout) -> list[str]:
    """Apply what the user said; returns the columns left to guess."""
    for column, said in mapping.items():
        if column not in table.columns:
            raise BadInput(f"There is no column {short(column)}.{near(column, table.columns)} Columns: {listed(table.columns)}.")
        name, colon, model = said.partition(":")
        what = _FIELDS.get(normal(name))
        known = (*PROMPT, *PARTS, "model", "ignore")
        if what is None or (colon and what not in PARTS):
            raise BadInput(
                f"There is no field {short(said)}.{near(name, (*known, 'prompt'))} Fields: {', '.join(known)}; "
                "in a table with columns for each model, score:MODEL, output:MODEL, cost_usd:MODEL and so on."
            )
        if colon:
            into, key = found.models.setdefault(model.strip(), {}), what
        elif what == "model":
            if found.model is not None:
                raise BadInput(f"Columns {short(found.model)} and {short(column)} are both to be the model; only one can be.")
            found.model = column
            continue
        else:
            into, key = (found.parts if what in PARTS else found.prompt), what
        if what in ("ignore", "repeat"):
            continue
        if key in into:
            raise BadInput(f"Columns {short(into[key])} and {short(column)} are both to be {said}; only one can be.")
        into[key] = column
    if found.model is not None and found.models:
        raise BadInput("A table has either a column that names the model, or columns for each model; the mapping has both.")
    return [c for c in table.columns if c not in mapping]


def _wide(table: Table, left: list[str], found: Layout) -> list[str]:
    """Models from names such as `gpt-4o_score`, `score:gpt-4o`, `gpt-4o|total_cost`; a column with a model's bare name is its score."""
    groups: dict[str, dict[str, str]] = {}
    for column in left:
        match = _AFTER.fullmatch(column.strip()) or _BEFORE.fullmatch(column.strip())
        if match:
            groups.setdefault(match["model"].strip(), {}).setdefault(_FIELDS[normal(match["part"])], column)
    for column in left:
        if column in groups:
            groups[column].setdefault("score", column)
    for model, parts in groups.items():
        if "score" in parts or model in found.models:
            into = found.models.setdefault(model, {})
            for part, column in parts.items():
                into.setdefault(part, column)
    if not found.models:
        bare = [c for c in left if _is_boolean(table, c)]
        named = [c for c in bare if _LIKE_A_MODEL.search(c)]
        chosen = named if len(named) > 1 else bare
        if len(chosen) > 1:
            found.models = {c: {"score": c} for c in chosen}
            found.note = f"The columns of 0 and 1, or true and false, were read as scores of the models of that name: {', '.join(chosen)}."
    used = {c for parts in found.models.values() for c in parts.values()}
    return [c for c in left if c not in used]


def _is_boolean(table: Table, column: str) -> bool:
    seen = [v for row in table.rows if (v := row.get(column)) not in (None, "")]
    return bool(seen) and all(str(v).strip().lower() in _BOOLEAN for v in seen[:1_000])


def _check(table: Table, found: Layout) -> None:
    columns = f"Columns: {listed(table.columns)}."
    if found.model is None and not found.models:
        raise BadInput(
            "No model is named. A long table has a column 'model'; a wide one has columns such as 'gpt-4o score'. "
            f"Map one (COLUMN=model), or each score (COLUMN=score:MODEL). {columns}"
        )
    scored = "score" in found.parts if found.model is not None else any("score" in parts for parts in found.models.values())
    if not scored:
        score = "score" if found.model is not None else "score:MODEL"
        raise BadInput(f"No column holds the scores. Name one 'score', or map one (COLUMN={score}). {columns}")
    if not {"sample_id", "input", "messages"} & found.prompt.keys():
        raise BadInput(f"No column tells the prompts apart. Name one 'prompt' or 'sample_id', or map one (COLUMN=prompt). {columns}")
