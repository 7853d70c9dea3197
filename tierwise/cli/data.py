"""Commands that bring data in and list what there is."""

from __future__ import annotations

import argparse
from pathlib import Path

from tierwise.cli.command import Result, command, names, pairs, read, say
from tierwise.store import Store


def _evalset_arguments(p: argparse.ArgumentParser) -> None:
    p.add_argument("file", metavar="FILE", help="CSV, TSV, JSONL, JSON, Parquet or XLSX")
    p.add_argument("--name", required=True)
    p.add_argument("--map", action="append", default=[], metavar="COLUMN=FIELD", help="use this column for that field")


@command("import-evalset", "Keep a prompt set from a file.", _evalset_arguments)
def import_evalset(a: argparse.Namespace, store: Store) -> Result:
    from tierwise.evalsets import parse_evalset, problems_error

    parsed = parse_evalset(read(a.file), Path(a.file).name, a.name, pairs(a.map, "--map") or None)
    if parsed.evalset is None:
        raise problems_error(parsed, Path(a.file).name)
    for notice in parsed.notices:
        say(notice)
    info = store.evalsets.add(parsed.evalset)
    again = f" The same content is already kept as {info.name!r}." if info.id == parsed.evalset.id and info.name != a.name else ""
    data = {"id": info.id, "name": info.name, "digest": info.digest, "n": info.size, "with_reference": info.with_reference,
            "request_types": list(info.request_types), "notices": list(parsed.notices)}  # fmt: skip
    return Result(data, f"{info.name}: {info.size} prompts, {info.with_reference} with a reference ({info.id}).{again}")


def _results_arguments(p: argparse.ArgumentParser) -> None:
    p.add_argument("file", metavar="FILE", nargs="+", help="one row a prompt and model: sample_id, prompt, model, score, ...; or the results "
                   "of another tool, one file or one for each model")  # fmt: skip
    p.add_argument("--format", default="auto", help="promptfoo, inspect, openai-evals or openai-evals-hosted; told by its shape without it")
    p.add_argument("--name", required=True)
    p.add_argument("--models", metavar="A,B,C", help="the tier order, cheapest first; all models by mean cost without it")
    p.add_argument("--map", action="append", default=[], metavar="COLUMN=FIELD", help="use this column for that field")


@command("import-results", "Keep recorded outcomes of models as a graded run.", _results_arguments)
def import_results(a: argparse.Namespace, store: Store) -> Result:
    from tierwise.importers.recorded import import_results as importer
    from tierwise.importers.tools import joined

    data, filename, told = read(a.file[0]), Path(a.file[0]).name, []
    if len(a.file) > 1 or a.format != "auto":
        data, filename, told = joined([(read(f), Path(f).name) for f in a.file], a.format)
    for line in told:
        say(line)
    run = importer(store, data, filename, a.name, tiers=names(a.models), mapping=pairs(a.map, "--map") or None)
    if run.note:
        say(run.note)
    n = store.evalsets.info(run.evalset_id).size
    tiers = [t.name for t in run.tiers]
    return Result({"run": run.id, "name": run.name, "n": n, "tiers": tiers}, f"{run.name}: {n} prompts on {', '.join(tiers)} ({run.id}).")


@command("list", "What the workspace holds.", lambda p: p.add_argument("what", choices=["evalsets", "runs", "policies"]))
def list_(a: argparse.Namespace, store: Store) -> Result:
    if a.what == "evalsets":
        rows = [{"id": e.id, "name": e.name, "n": e.size, "created_at": e.created_at.isoformat()} for e in store.evalsets.list()]
    elif a.what == "runs":
        sizes = {e.id: e.size for e in store.evalsets.list()}
        rows = [{"id": r.id, "name": r.name, "kind": r.kind, "status": r.status, "n": sizes.get(r.evalset_id), "tiers": [t.name for t in r.tiers],
                 "created_at": r.created_at.isoformat()} for r in store.runs.list()]  # fmt: skip
    else:
        rows = [
            {"id": p.id, "name": p.name, "version": p.version, "run": p.run_id, "created_at": p.created_at.isoformat()}
            for p in store.policies.list()
        ]
    lines = ["  ".join(str(v) for v in row.values()) for row in rows]
    return Result(rows, "\n".join(lines) or f"No {a.what} yet.")
