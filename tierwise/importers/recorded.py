"""Recorded results: answers and scores of another tool become a graded run, ready to be tuned."""

import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from tierwise.errors import BadInput
from tierwise.evalsets import evalset_of
from tierwise.evalsets.columns import listed, near
from tierwise.evalsets.parsing import error_of
from tierwise.importers import IMPORTERS
from tierwise.importers.results import Key, Results, read_results
from tierwise.store import Store
from tierwise.tables.table import short
from tierwise.types import Grade, Outcome, Run, Tier, now

SCORER = "recorded"
CUT_OFF = {"length", "max_tokens", "max_output_tokens", "model_length"}


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
    outcomes, grades = _rows(results, ids, order)
    notes += _gaps(results, order)
    run = Run(
        secrets.token_hex(6), name, info.id, "recorded", tuple(Tier(model, model) for model in order), "done",
        {"scorer": SCORER, "file": filename}, note=" ".join(notes),
    )  # fmt: skip
    store.runs.record(run.id, outcomes, grades)  # before the run, so that no run is ever seen without its outcomes
    return store.runs.add(run)


def models_in(data: bytes, filename: str, mapping: Mapping[str, str] | None = None) -> list[str]:
    """The models that a table of results names, in order of appearance."""
    return list(read_results(data, filename, mapping).answers)


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
    costs = {m: [a["cost_usd"] for a in results.of(m) if a.get("cost_usd") is not None] for m in models}
    without = [m for m in models if not costs[m]]
    if without:
        notes.append(f"No costs for {', '.join(without[:5])}: tiers stand in order of appearance. Name them to change it.")
        return list(models)
    return sorted(models, key=lambda m: sum(costs[m]) / len(costs[m]))


def _rows(results: Results, ids: Mapping[Key, str], order: Sequence[str]) -> tuple[list[Outcome], list[Grade]]:
    time = now()
    outcomes, grades = [], []
    for key, sample_id in ids.items():
        for model in order:
            for repeat, answer in enumerate(results.answers[model].get(key, ())):
                outcomes.append(_outcome(answer, sample_id, model, repeat, time))
                error, value = answer.get("error"), answer.get("score")
                reason = f"the call failed: {error}" if error else None if value is not None else "the file has no score for this answer"
                grades.append(Grade(sample_id, model, None if error else value, SCORER, repeat, reason, created_at=time))
    return outcomes, grades


def _outcome(answer: Mapping[str, Any], sample_id: str, model: str, repeat: int, time: datetime) -> Outcome:
    status = "ok"
    if answer.get("error"):
        status = "failed"
    elif (answer.get("finish_reason") or "").lower() in CUT_OFF:
        status = "truncated"
    elif answer.get("output") == "":
        status = "empty"
    return Outcome(
        sample_id, model, repeat, status, answer.get("output"), answer.get("error") or None, answer.get("finish_reason"),
        answer.get("prompt_tokens"), answer.get("completion_tokens"), answer.get("cost_usd"),
        answer.get("latency_s", answer.get("latency_ms")), model, time, confidence=answer.get("confidence"),
    )  # fmt: skip


def _gaps(results: Results, order: Sequence[str]) -> list[str]:
    """What each model lacks."""
    notes = []
    total, unpriced = len(results.prompts), False
    for model in order:
        answers, answered = results.of(model), len(results.answers[model])
        without_cost = sum(a.get("cost_usd") is None for a in answers)
        counts = {
            f"of {total:,} prompts without an answer": total - answered,
            f"of {len(answers):,} answers repeated": len(answers) - answered,
            f"of {len(answers):,} answers without a score": sum(a.get("score") is None and not a.get("error") for a in answers),
            f"of {len(answers):,} calls failed": sum(bool(a.get("error")) for a in answers),
            "of these with a score, which does not count": sum(bool(a.get("error")) and a.get("score") is not None for a in answers),
            f"of {len(answers):,} answers without a cost": without_cost,
        }
        told = [f"{n:,} {what}" for what, n in counts.items() if n]
        if told:
            notes.append(f"{model}: {', '.join(told)}.")
        unpriced |= bool(without_cost) and any(a.get("prompt_tokens") is not None for a in answers)
    if unpriced:
        notes.append("Costs are not made up from token counts; add a column of costs to tune.")
    return notes
