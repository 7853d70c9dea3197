"""A whole experiment as one file that another workspace imports byte for byte: prompts, run, outcomes, every grade, policies.

What was paid call by call stays behind with its ledger, and so do grading sessions; keys are never in a workspace to begin with.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace

from tierwise import __version__
from tierwise.bundle import archive, rows
from tierwise.errors import BadInput
from tierwise.evalsets import digest_of, to_jsonl
from tierwise.policy import policy_from_json
from tierwise.store import Store
from tierwise.types import EvalSet, Run

__all__ = ["Imported", "export_bundle", "export_evalset", "import_bundle"]


@dataclass(frozen=True)
class Imported:
    """What a bundle brought."""

    run: Run
    prompts: int
    outcomes: int
    grades: int
    policies: int
    notes: tuple[str, ...] = ()
    """Where an id was taken, or all of it was here before."""


def export_bundle(store: Store, run: Run) -> bytes:
    """The bundle of a run, with the policies tuned on it; the same workspace gives the same bytes."""
    evalset = store.evalsets.get(run.evalset_id)
    files = _files(store, run, evalset)
    about = {"tierwise": __version__, "run": run.id, "prompt_set": evalset.digest}
    store.note("exported", "run", run.id, run.name, "bundle")
    return archive.pack(files, about)


def export_evalset(store: Store, evalset: EvalSet) -> bytes:
    """A prompt set alone, as JSON Lines: read back anywhere, it is the same version, digest and all."""
    store.require("export_text")
    store.note("exported", "prompt set", evalset.id, evalset.name, "JSON Lines")
    return to_jsonl(evalset)


def import_bundle(store: Store, data: bytes) -> Imported:
    """Keep what a bundle holds, under its own ids unless they are taken.

    Raises:
        BadInput: damaged, changed, too large, or of rows that do not fit; nothing is then kept.
    """
    store.require("import")
    _, files = archive.unpack(data)
    about = rows.read("prompt_set.json", files["prompt_set.json"], rows.evalset)[0]
    samples = tuple(rows.read("prompts.jsonl", files["prompts.jsonl"], rows.sample))
    if digest_of(samples) != about["digest"]:
        raise BadInput("prompts.jsonl does not have the digest of its prompt set. Nothing was imported.")
    ids = {s.id for s in samples}
    if len(ids) < len(samples):
        raise BadInput("prompts.jsonl has two prompts of one id. Nothing was imported.")
    run = rows.read("run.json", files["run.json"], rows.run)[0]
    tiers = {t["name"] for t in run["tiers"]}
    tables = {
        "outcomes": rows.read("outcomes.jsonl", files["outcomes.jsonl"], rows.outcomes(ids, tiers)),
        "grades": rows.read("grades.jsonl", files["grades.jsonl"], rows.grades(ids, tiers)),
        "scorings": rows.read("scorings.jsonl", files["scorings.jsonl"], rows.scoring),
    }
    policies = rows.read("policies.jsonl", files["policies.jsonl"], rows.policy)
    if any(p["run_id"] != run["id"] for p in policies) or run["evalset_id"] != about["id"]:
        raise BadInput("The parts of the bundle are not of one run. Nothing was imported.")
    notes: list[str] = []
    evalset = EvalSet(about["id"], about["name"], about["digest"], samples, about["source"], about["created_at"])
    counts = (len(samples), len(tables["outcomes"]), len(tables["grades"]))
    here = _same(store, run["id"], files)
    if here is not None:
        fresh = _fresh(store, policies, notes)
        for policy in fresh:
            store.policies.add(policy_from_json(policy["document"]))
        return Imported(here, *counts, len(fresh), ("The run is here already, just as it is in the bundle.", *notes))
    kept = _keep_prompts(store, evalset, notes)
    run["evalset_id"] = kept
    if store.runs.taken(run["id"]):
        fresh_id = secrets.token_hex(6)
        notes.append(f"Another run has the id {run['id']}; this one is kept as {fresh_id}, and its policies go on naming the old one.")
        run["id"] = fresh_id
    own = _fresh(store, policies, notes)
    store.put_run(run, tables, own)
    return Imported(store.runs.get(run["id"]), *counts, len(own), tuple(notes))


def _files(store: Store, run: Run, evalset: EvalSet) -> dict[str, bytes]:
    found = store.take_run(run.id)
    about = {"id": evalset.id, "name": evalset.name, "digest": evalset.digest, "source": evalset.source, "created_at": evalset.created_at}
    return {
        "prompt_set.json": rows.one(about),
        "prompts.jsonl": to_jsonl(evalset),
        "run.json": rows.one(found["run"][0]),
        **{f"{name}.jsonl": rows.lines(found[name]) for name in ("outcomes", "grades", "scorings", "policies")},
    }


def _same(store: Store, run_id: str, files: dict[str, bytes]) -> Run | None:
    """The run of this id where it is the one in the bundle to the byte; the name of its prompt set may differ."""
    if not store.runs.has(run_id):
        return None
    run = store.runs.get(run_id)
    own = _files(store, run, store.evalsets.get(run.evalset_id))
    alike = ("prompts.jsonl", "run.json", "outcomes.jsonl", "grades.jsonl", "scorings.jsonl")
    return run if all(own[name] == files[name] for name in alike) else None


def _keep_prompts(store: Store, evalset: EvalSet, notes: list[str]) -> str:
    """The id under which the prompts are kept; equal content is kept once."""
    known = store.evalsets.by_digest(evalset.digest)
    if known is not None:
        if known.name != evalset.name:
            notes.append(f"The prompts are here already as {known.name!r}.")
        return known.id
    if store.evalsets.taken(evalset.id):
        evalset = replace(evalset, id=secrets.token_hex(6))
        notes.append(f"Another prompt set has the id of this one; it is kept as {evalset.id}.")
    return store.evalsets.add(evalset).id


def _fresh(store: Store, policies: list[rows.Row], notes: list[str]) -> list[rows.Row]:
    """Policies that are not here yet; a policy's id is the digest of its document, so one of the same id is the same."""
    here = {p.id for p in store.policies.list()}
    known = [p for p in policies if p["id"] in here]
    if known:
        notes.append(f"{len(known):,} of {len(policies):,} policies were here already.")
    return [p for p in policies if p["id"] not in here]
