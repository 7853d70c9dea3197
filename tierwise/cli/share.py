"""Commands that put what was found into files for people, other tools and CI."""

from __future__ import annotations

import argparse
from pathlib import Path

from tierwise.cli.command import Result, command, read, say
from tierwise.errors import BadInput, NotFound
from tierwise.store import Store
from tierwise.types import Policy, Run


def run_or_policy(store: Store, key: str) -> Run | Policy:
    """By id or name; a run where both are called so."""
    try:
        return store.runs.get(key)
    except NotFound:
        pass
    try:
        return store.policies.get(key)
    except NotFound:
        raise NotFound(f"There is no run and no policy called {key!r}. See: list runs, list policies.") from None


def write(path: str, content: bytes | str, option: str = "--out") -> Path:
    target = Path(path)
    try:
        target.write_bytes(content.encode("utf-8") if isinstance(content, str) else content)
    except OSError as error:
        raise BadInput(f"{option} {path}: {error.strerror or error}.") from error
    return target


def _report_arguments(p: argparse.ArgumentParser) -> None:
    p.add_argument("of", metavar="RUN or POLICY")
    p.add_argument("--out", required=True, metavar="FILE.html", help="a page; FILE.svg of a run is its chart alone")
    p.add_argument(
        "--aim", action="append", default=[], metavar="max-loss=0.01", help="of a run: what to tune for; max-loss=0.02 without it"
    )
    p.add_argument("--scorer", help="of a run: whose grades count")
    p.add_argument("--answers", action="store_true", help="show prompts and answers in full to whoever has the file")


@command("report", "Write one self-contained page on a run or a policy.", _report_arguments)
def report(a: argparse.Namespace, store: Store) -> Result:
    from tierwise.report import chart_svg, policy_report, run_report
    from tierwise.tuning.frontier import parse_aim

    found = run_or_policy(store, a.of)
    if a.out.lower().endswith(".svg"):
        if isinstance(found, Policy):
            raise BadInput("A chart alone is of a run: give the run, or --out FILE.html for the policy's page, which holds its chart.")
        page = chart_svg(store, found, parse_aim(*a.aim) if a.aim else None)
    elif isinstance(found, Policy):
        page = policy_report(store, found, answers=a.answers)
    else:
        page = run_report(store, found, parse_aim(*a.aim) if a.aim else None, a.scorer, a.answers)
    target = write(a.out, page)
    size = target.stat().st_size
    return Result({"file": str(target), "bytes": size, "of": found.id}, f"{target}: {size / 1024:,.0f} KiB on {found.name}.")


def _results_arguments(p: argparse.ArgumentParser) -> None:
    p.add_argument("run", metavar="RUN")
    p.add_argument("--out", required=True, metavar="FILE", help=".csv or .xlsx for spreadsheets; .jsonl or .parquet, which are lossless")
    p.add_argument("--scorer", help="whose grades count")


@command("results", "Write a run's prompts, answers, grades and costs as a table.", _results_arguments)
def results(a: argparse.Namespace, store: Store) -> Result:
    from tierwise.results import results_file

    found = store.runs.get(a.run)
    target = write(a.out, results_file(store, found, Path(a.out).suffix, a.scorer))
    return Result({"file": str(target), "bytes": target.stat().st_size, "run": found.id}, f"{target}: the results of {found.name}.")


def _export_bundle_arguments(p: argparse.ArgumentParser) -> None:
    p.add_argument("run", metavar="RUN")
    p.add_argument("--out", required=True, metavar="FILE.tierwise.zip")


@command("export-bundle", "Write a run with its prompts, answers, grades and policies as one file.", _export_bundle_arguments)
def export_bundle(a: argparse.Namespace, store: Store) -> Result:
    from tierwise.bundle import export_bundle as pack

    found = store.runs.get(a.run)
    target = write(a.out, pack(store, found))
    size = target.stat().st_size
    return Result({"file": str(target), "bytes": size, "run": found.id}, f"{target}: {size / 1024:,.0f} KiB, all of {found.name}.")


def _export_evalset_arguments(p: argparse.ArgumentParser) -> None:
    p.add_argument("evalset", metavar="EVALSET", help="name or id of a prompt set")
    p.add_argument("--out", required=True, metavar="FILE.jsonl")


@command("export-evalset", "Write a prompt set as one file that any workspace takes for the same version.", _export_evalset_arguments)
def export_evalset(a: argparse.Namespace, store: Store) -> Result:
    from tierwise.bundle import export_evalset as lines

    found = store.evalsets.get(a.evalset)
    target = write(a.out, lines(store, found))
    data = {"file": str(target), "n": len(found.samples), "digest": found.digest}
    return Result(data, f"{target}: {len(found.samples):,} prompts of {found.name}, SHA-256 {found.digest}.")


@command("import-bundle", "Keep the run, prompts, grades and policies of a bundle.", lambda p: p.add_argument("file", metavar="FILE"))
def import_bundle(a: argparse.Namespace, store: Store) -> Result:
    from tierwise.bundle import import_bundle as unpack

    try:
        done = unpack(store, read(a.file))
    except BadInput as error:
        raise BadInput(f"{a.file}: {error}") from error
    for note in done.notes:
        say(note)
    data = {"run": done.run.id, "name": done.run.name, "prompts": done.prompts, "outcomes": done.outcomes, "grades": done.grades,
            "policies": done.policies, "notes": list(done.notes)}  # fmt: skip
    text = f"{done.run.name}: {done.prompts:,} prompts, {done.outcomes:,} outcomes, {done.grades:,} grades, {done.policies} new policies"
    return Result(data, f"{text} ({done.run.id}).")


def _promptfoo_arguments(p: argparse.ArgumentParser) -> None:
    p.add_argument("evalset", metavar="EVALSET", help="name or id of a prompt set")
    p.add_argument("--tiers", required=True, metavar="FILE.toml", help="the models, as for run")
    p.add_argument("--out", required=True, metavar="promptfooconfig.yaml")


@command("export-promptfoo", "Write a prompt set and its tiers as a promptfoo configuration.", _promptfoo_arguments)
def export_promptfoo(a: argparse.Namespace, store: Store) -> Result:
    from tierwise.endpoints.tiers import load_tiers_toml
    from tierwise.promptfoo_config import to_promptfoo

    evalset = store.evalsets.get(a.evalset)
    store.require("export_text")
    store.note("exported", "prompt set", evalset.id, evalset.name, "promptfoo")
    target = write(a.out, to_promptfoo(evalset, load_tiers_toml(read(a.tiers))))
    return Result({"file": str(target), "n": len(evalset.samples)}, f"{target}: {len(evalset.samples):,} prompts of {evalset.name}.")
