"""A table of recorded results, read: its prompts, the answers to them, what is wrong with it and what is worth telling."""

import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tierwise import settings
from tierwise.errors import BadInput
from tierwise.evalsets.conversation import NotAConversation, conversation
from tierwise.evalsets.parsing import MAX_PROBLEMS, error_of
from tierwise.importers.cells import READ, Wrong, text
from tierwise.importers.layout import Layout, layout_of
from tierwise.importers.tools import translated
from tierwise.tables import Problem, Table, read_table
from tierwise.tables.table import numbers, short
from tierwise.types import Sample

MAX_ROWS = 10 * settings.MAX_SAMPLES
MAX_MODELS = 200

Key = tuple[str | None, str]
"""(dataset, sample_id), or (dataset, the prompt) where the file has no ids."""


@dataclass
class Results:
    """A table of results, read: prompts and answers in order of appearance, with what was wrong and what is worth telling."""

    table: Table
    layout: Layout
    prompts: dict[Key, dict[str, Any]] = field(default_factory=dict)
    answers: dict[str, dict[Key, list[dict[str, Any]]]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(list)))
    """model -> prompt -> its answers, more than one where it was asked repeatedly"""
    problems: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def wrong(self, row: int, column: str | None, message: str) -> None:
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append(self.table.problem(row, column, message))

    def of(self, model: str) -> list[dict[str, Any]]:
        """All answers of a model."""
        return [answer for answers in self.answers[model].values() for answer in answers]

    def samples(self) -> list[Sample]:
        """One for each prompt. Ids are those of the file, with the dataset before them where two datasets share one."""
        datasets = {dataset for dataset, _ in self.prompts}
        names = [sample_id for _, sample_id in self.prompts]
        if "sample_id" not in self.layout.prompt:
            width = max(4, len(str(len(names))))
            names = [f"{i:0{width}d}" for i in range(1, len(names) + 1)]
        elif len(set(names)) < len(names):
            names = [f"{dataset}/{sample_id}" for dataset, sample_id in self.prompts]
        if len(set(names)) < len(names):
            names = [json.dumps(key, ensure_ascii=False) for key in self.prompts]
        found = []
        for (dataset, _), name, said in zip(self.prompts, names, self.prompts.values(), strict=True):
            told = {field: value for field, value in said.items() if value is not None}
            if len(datasets) > 1 and dataset is not None:
                told["metadata"] |= {"dataset": dataset}
            found.append(Sample(name, told.pop("input", ""), **told))
        return found


def read_results(data: bytes, filename: str, mapping: Mapping[str, str] | None = None) -> Results:
    """Raises BadInput when the file is no table of results; what is wrong in single cells is in `problems`."""
    data, filename, told = translated(data, filename, "results")
    table = read_table(data, filename, MAX_ROWS)
    if table.problems:
        raise error_of(list(table.problems), filename)
    try:
        layout = layout_of(table, mapping or {})
    except BadInput as error:
        raise BadInput(f"{filename}: {error}") from error
    notes = _ids_of_rows(table, layout, mapping or {})
    results = Results(table, layout, notes=[*told, *notes, *table.notices, *([layout.note] if layout.note else [])])
    differing: dict[str, list[int]] = defaultdict(list)
    first: dict[Key, int] = {}
    for row, cells in enumerate(table.rows, 1):
        key = _key(results, row, cells)
        if key is None:
            continue
        said = _prompt(results, row, cells)
        known = results.prompts.get(key)
        if known is None:
            results.prompts[key], first[key] = said, row
        else:
            _same(results, row, known, said, first[key], key, differing)
        for model, parts in layout.answers(cells):
            if model is None:
                results.wrong(row, layout.model, "there is no model")
            else:
                results.answers[model][key].append(_answer(results, row, cells, parts))
        if len(results.prompts) > settings.MAX_SAMPLES:
            raise BadInput(f"{filename}: more than {settings.MAX_SAMPLES:,} prompts; at most so many are read. Take a sample of them.")
        if len(results.answers) > MAX_MODELS:
            raise BadInput(f"{filename}: more than {MAX_MODELS} models. Does column {short(layout.model or '')} name the model?")
    _tell(results, differing)
    return results


def _ids_of_rows(table: Table, layout: Layout, mapping: Mapping[str, str]) -> list[str]:
    """A guessed id that no two rows share, although prompts repeat, tells rows apart and not prompts."""
    column, prompt = layout.prompt.get("sample_id"), layout.prompt.get("input")
    if layout.model is None or column is None or prompt is None or column in mapping:
        return []
    values, n = [str(row.get(column)) for row in table.rows], len(table.rows)
    if len(set(values)) < n or len({str(row.get(prompt)) for row in table.rows}) == n:
        return []
    del layout.prompt["sample_id"]
    return [f"Column {short(column)} is different in every row, so prompts are told apart by their text."]


def _key(results: Results, row: int, cells: Mapping[str, Any]) -> Key | None:
    columns = results.layout.prompt
    dataset = _text(results, row, cells, "dataset")
    if "sample_id" in columns:
        sample_id = _text(results, row, cells, "sample_id")
        if not sample_id:
            results.wrong(row, columns["sample_id"], "there is no id")
            return None
        return dataset, sample_id
    whole = [cells.get(columns[name]) for name in ("input", "messages", "context", "system") if name in columns]
    if whole[0] is None:
        results.wrong(row, columns.get("input", columns.get("messages")), "there is no prompt")
        return None
    return dataset, json.dumps(whole, ensure_ascii=False, default=str)


def _prompt(results: Results, row: int, cells: Mapping[str, Any]) -> dict[str, Any]:
    beside = {c: v for c in results.layout.others if (v := cells.get(c)) not in (None, "")}
    if isinstance(beside.get("metadata"), dict):
        beside |= beside.pop("metadata")
    said: dict[str, Any] = {"metadata": beside}
    for name in results.layout.prompt:
        if name == "messages":
            said[name] = _messages(results, row, cells)
        elif name == "weight":
            said[name] = _weight(results, row, cells)
        elif name not in ("dataset", "sample_id"):
            said[name] = _text(results, row, cells, name)
    return said


def _text(results: Results, row: int, cells: Mapping[str, Any], name: str) -> str | None:
    column = results.layout.prompt.get(name)
    value = cells.get(column) if column is not None else None
    if value is None or (value == "" and results.table.blank_is_missing and name != "input"):
        return None
    if isinstance(value, list | dict) and name in ("reference", "context"):
        return "\n\n".join(value) if name == "context" and all(isinstance(v, str) for v in value) else json.dumps(value, ensure_ascii=False)
    try:
        return text(value)
    except Wrong as error:
        results.wrong(row, column, str(error))
        return None


def _messages(results: Results, row: int, cells: Mapping[str, Any]) -> tuple:
    value = cells.get(results.layout.prompt["messages"])
    if value in (None, ""):
        return ()
    notes: set[str] = set()
    try:
        found = conversation(value, notes)
    except NotAConversation as error:
        results.wrong(row, results.layout.prompt["messages"], str(error))
        return ()
    results.notes += sorted(notes - set(results.notes))
    return found


def _weight(results: Results, row: int, cells: Mapping[str, Any]) -> float:
    column = results.layout.prompt["weight"]
    try:
        weight = READ["cost_usd"](cells.get(column))
    except Wrong:
        weight = 0.0
    if weight is not None and weight <= 0:
        results.wrong(row, column, "no weight; a weight is a number above 0")
    return weight or 1.0


def _answer(results: Results, row: int, cells: Mapping[str, Any], parts: Mapping[str, str]) -> dict[str, Any]:
    said = {}
    for part, column in parts.items():
        value = cells.get(column)
        if value is None or (value == "" and results.table.blank_is_missing):
            continue
        try:
            said[part] = READ[part](value)
        except Wrong as error:
            results.wrong(row, column, str(error))
    return said


def _same(results: Results, row: int, known: dict, said: dict, first: int, key: Key, differing: dict[str, list[int]]) -> None:
    """A prompt met again must be the same prompt; of what is told beside it the first holds."""
    for name, value in said.items():
        if name == "metadata":
            for column in [c for c, v in known["metadata"].items() if value.get(c) != v]:
                differing[column].append(row)
            for column in [c for c in value if c not in known["metadata"]]:
                differing[column].append(row)
        elif value is None or value == () or value == known.get(name):
            continue
        elif not known.get(name):
            known[name] = value
        elif name in ("input", "messages", "context", "system"):
            column = results.layout.prompt[name]
            results.wrong(row, column, f"differs from row {first}, which has the same id {short(key[1])}; one id stands for one prompt")
        else:
            differing[results.layout.prompt[name]].append(row)


def _tell(results: Results, differing: Mapping[str, list[int]]) -> None:
    """What varies between the answers to one prompt belongs to no prompt, and what never varies says nothing."""
    others = [c for c in results.layout.others if c in differing or any(c in p["metadata"] for p in results.prompts.values())]
    left_out = [c for c in others if c in differing or _constant(results, c)]
    for prompt in results.prompts.values():
        prompt["metadata"] = {c: v for c, v in prompt["metadata"].items() if c not in left_out}
    if left_out:
        results.notes.append(f"Not kept, the same for all prompts or different between answers: {', '.join(map(short, left_out[:12]))}.")
    kept = [c for c in others if c not in left_out]
    if kept:
        results.notes.append(f"Kept with the prompts as metadata: {', '.join(map(short, kept[:12]))}.")
    for column, rows in differing.items():
        if column not in others:
            results.notes.append(f"Column {short(column)} differs between answers to one prompt ({numbers(rows)}); the first was taken.")
    if not {"input", "messages"} & results.layout.prompt.keys():
        results.notes.append("The file has no prompts, only their ids: routers can go by request type alone.")


def _constant(results: Results, column: str) -> bool:
    values = {json.dumps(p["metadata"].get(column), default=str) for p in results.prompts.values()}
    return len(values) == 1 and len(results.prompts) > 1
