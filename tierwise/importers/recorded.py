"""Recorded results: answers and scores of another tool become a graded run, ready to be tuned."""

import json
import secrets
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tierwise import settings
from tierwise.errors import BadInput
from tierwise.evalsets import evalset_of
from tierwise.evalsets.columns import listed, near
from tierwise.evalsets.conversation import NotAConversation, conversation
from tierwise.evalsets.parsing import MAX_PROBLEMS, error_of
from tierwise.importers import IMPORTERS
from tierwise.importers.cells import READ, Wrong, text
from tierwise.importers.layout import Layout, layout_of
from tierwise.store import Store
from tierwise.tables import Problem, Table, read_table
from tierwise.tables.table import numbers, short
from tierwise.types import Grade, Outcome, Run, Sample, Tier, now

SCORER = "recorded"
MAX_ROWS = 10 * settings.MAX_SAMPLES
MAX_MODELS = 200
CUT_OFF = {"length", "max_tokens", "max_output_tokens", "model_length"}

Key = tuple[str | None, str]
"""(dataset, sample_id), or (None, the prompt) where the file has no ids."""


@IMPORTERS.add("recorded")
def import_results(
    store: Store, data: bytes, filename: str, name: str, tiers: Sequence[str] | None = None, mapping: Mapping[str, str] | None = None
) -> Run:
    """Keep the prompts of a table of results as a prompt set, and its answers and scores as a run that is done and graded.

    Args:
        tiers: the models to keep, cheapest first; without it all of them, by mean cost.
        mapping: column -> field; see docs/prompt-sets.md.

    Raises:
        BadInput: names row, line and column of what is wrong; nothing is then kept.
    """
    results = read_results(data, filename, mapping)
    if results.problems:
        raise error_of(results.problems, filename)
    notes = results.notes
    order = _order(results, tiers, filename, notes)
    samples = results.samples()
    info = store.evalsets.add(evalset_of(name, samples, filename))
    ids = {key: sample.id for key, sample in zip(results.prompts, samples, strict=True)}
    outcomes, grades = _rows(results, ids, set(order))
    _tell_gaps(results, order, notes)
    run = Run(
        secrets.token_hex(6), name, info.id, "recorded", tuple(Tier(model, model) for model in order), "done",
        {"scorer": SCORER, "file": filename}, note=" ".join(notes),
    )  # fmt: skip
    store.runs.record(run.id, outcomes, grades)  # before the run, so that no run is ever seen without its outcomes
    return store.runs.add(run)


def models_in(data: bytes, filename: str, mapping: Mapping[str, str] | None = None) -> list[str]:
    """The models that a table of results names, in order of appearance."""
    return list(read_results(data, filename, mapping).answers)


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
        for (dataset, _), name, p in zip(self.prompts, names, self.prompts.values(), strict=True):
            metadata = p["metadata"] | ({"dataset": dataset} if len(datasets) > 1 and dataset is not None else {})
            found.append(Sample(name, p.get("input") or "", p.get("reference"), p.get("request_type"), p.get("system"), p.get("messages") or (),
                                p.get("context"), p.get("cluster"), p.get("weight") or 1.0, metadata))  # fmt: skip
        return found


def read_results(data: bytes, filename: str, mapping: Mapping[str, str] | None = None) -> Results:
    """Raises BadInput when the file is no table of results; what is wrong in single cells is in `problems`."""
    table = read_table(data, filename, MAX_ROWS)
    if table.problems:
        raise error_of(list(table.problems), filename)
    try:
        layout = layout_of(table, mapping or {})
    except BadInput as error:
        raise BadInput(f"{filename}: {error}") from error
    results = Results(table, layout, notes=[*table.notices, *([layout.note] if layout.note else [])])
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
            raise BadInput(f"{filename}: more than {MAX_MODELS} models in column {short(layout.model or '')}. Is it the one that names the model?")
    _tell(results, differing)
    return results


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
    said: dict[str, Any] = {"metadata": {c: v for c in results.layout.others if (v := cells.get(c)) not in (None, "")}}
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
    others = set(results.layout.others)
    left_out = [c for c in results.layout.others if c in differing or _constant(results, c)]
    for prompt in results.prompts.values():
        prompt["metadata"] = {c: v for c, v in prompt["metadata"].items() if c not in left_out}
    if left_out:
        results.notes.append(f"Not kept, the same for all prompts or different between answers: {', '.join(map(short, left_out[:12]))}.")
    kept = [c for c in results.layout.others if c not in left_out]
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


def _order(results: Results, tiers: Sequence[str] | None, filename: str, notes: list[str]) -> list[str]:
    """The models to keep, cheapest first."""
    models = tuple(results.answers)
    if not models:
        raise BadInput(f"{filename}: no row names a model and a prompt.")
    for tier in tiers or ():
        if tier not in models:
            raise BadInput(f"{filename}: there are no answers of {short(tier)}.{near(tier, models)} Models: {listed(models)}.")
        if list(tiers).count(tier) > 1:
            raise BadInput(f"{filename}: {short(tier)} is named twice in the order of the tiers.")
    if tiers:
        return list(tiers)
    costs = {m: [a["cost_usd"] for answers in results.answers[m].values() for a in answers if a.get("cost_usd") is not None] for m in models}
    without = [m for m in models if not costs[m]]
    if without:
        notes.append(f"No costs for {', '.join(without[:5])}: the tiers are in order of appearance. Give the order, cheapest first, if that is not it.")
        return list(models)
    return sorted(models, key=lambda m: sum(costs[m]) / len(costs[m]))


def _rows(results: Results, ids: Mapping[Key, str], models: set[str]) -> tuple[list[Outcome], list[Grade]]:
    time = now()
    outcomes, grades = [], []
    for key, sample_id in ids.items():
        for model in models:
            for repeat, a in enumerate(results.answers[model].get(key, ())):
                output, error = a.get("output"), a.get("error")
                status = (
                    "failed" if error else "truncated" if (a.get("finish_reason") or "").lower() in CUT_OFF else "empty" if output == "" else "ok"
                )
                outcomes.append(Outcome(
                    sample_id, model, repeat, status, output, error or None, a.get("finish_reason"), a.get("prompt_tokens"), a.get("completion_tokens"),
                    a.get("cost_usd"), a.get("latency_s", a.get("latency_ms")), model, time,
                ))  # fmt: skip
                value = None if error else a.get("score")
                reason = f"the call failed: {error}" if error else None if value is not None else "the file has no score for this answer"
                grades.append(Grade(sample_id, model, value, SCORER, repeat, reason, created_at=time))
    return outcomes, grades


def _tell_gaps(results: Results, order: Sequence[str], notes: list[str]) -> None:
    total = len(results.prompts)
    for model in order:
        answers = [a for found in results.answers[model].values() for a in found]
        missing = total - len(results.answers[model])
        counts = {
            f"{missing:,} of {total:,} prompts without an answer": missing,
            f"{sum(a.get('score') is None for a in answers):,} answers without a score": sum(a.get("score") is None for a in answers),
            f"{sum(a.get('cost_usd') is None for a in answers):,} answers without a cost": sum(a.get("cost_usd") is None for a in answers),
            f"{len(answers) - len(results.answers[model]):,} repeats": len(answers) - len(results.answers[model]),
            f"{sum(bool(a.get('error')) and a.get('score') is not None for a in answers):,} failed calls whose score does not count": sum(
                bool(a.get("error")) and a.get("score") is not None for a in answers
            ),
        }
        told = [words for words, n in counts.items() if n]
        if told:
            notes.append(f"{model}: {', '.join(told)}.")
    if any(a.get("cost_usd") is None and a.get("prompt_tokens") is not None for m in order for found in results.answers[m].values() for a in found):
        notes.append("Costs are not made up from token counts; add a cost column to tune.")
