"""What a colleague is sent: a report, the results as a table, the whole experiment; made when the button is clicked."""

import re
from collections.abc import Callable

import pandas as pd
import streamlit as st

from tierwise.traffic import TrafficProfile
from tierwise.types import EvalSetInfo, OutcomeMatrix, Policy, Run
from tierwise.ui import links, state

FORMATS = {
    "csv": ("CSV", "For spreadsheets; text that would be a formula is made harmless", "text/csv"),
    "xlsx": ("XLSX", "For spreadsheets; no cell is a formula", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    "jsonl": ("JSONL", "Lossless, one object a line", "application/x-ndjson"),
    "parquet": ("Parquet", "Lossless, with types", "application/vnd.apache.parquet"),
}

AS_PNG = "The chart's own menu has it as PNG."


def run_downloads(run: Run, matrix: OutcomeMatrix) -> None:
    """Report, results and bundle of a run, in one row."""
    store, name = state.store(), slug(run.name)

    def report() -> str:
        from tierwise.report import run_report

        return run_report(store, run, matrix=matrix)

    def bundle() -> bytes:
        from tierwise.bundle import export_bundle

        return export_bundle(store, run)

    def tiers() -> str:
        from tierwise.report import tiers_svg

        return tiers_svg(store, run, matrix)

    if not store.allows("export"):
        return
    with st.container(horizontal=True, gap="small"):
        _button(
            "Report",
            report,
            f"{name}-report.html",
            "text/html",
            "report",
            "One page that opens from a file and asks for nothing: no answers in it.",
        )
        with st.popover("Results", icon=":material/table:", help="One row a prompt and tier: prompt, answer, grade, cost."):
            for suffix, (label, says, mime) in FORMATS.items():
                _button(label, _results(run, suffix), f"{name}-results.{suffix}", mime, f"results_{suffix}", says)
        links.share_button("run", run.id)
        _button(
            "Chart",
            tiers,
            f"{name}-tiers.svg",
            "image/svg+xml",
            "tiers_svg",
            f"Each tier's mean grade with its interval, as SVG. {AS_PNG}",
        )
        _button(
            "Bundle",
            bundle,
            f"{name}.tierwise.zip",
            "application/zip",
            "bundle",
            "Prompts, answers, grades and policies, for another Tierwise.",
        )


def policy_report(policy: Policy) -> None:
    """The report of a policy."""
    store = state.store()
    if not store.allows("export"):
        return

    def report() -> str:
        from tierwise.report import policy_report as page

        return page(store, policy)

    _button(
        "Report",
        report,
        f"{slug(policy.name)}-report.html",
        "text/html",
        "policy_report",
        "The policy with its evidence on one page, for a colleague.",
    )


def chart(run: Run, matrix: OutcomeMatrix, tuning: object) -> None:
    """The cost-quality chart as a file: the recommended point, not where the sliders stand."""
    store = state.store()
    if not store.allows("export"):
        return

    def svg() -> str:
        from tierwise.report import chart_svg

        return chart_svg(store, run, matrix=matrix, tuning=tuning)

    _button(
        "Chart",
        svg,
        f"{slug(run.name)}-chart.svg",
        "image/svg+xml",
        "chart_svg",
        f"As SVG, with the recommended point and what to expect of it. {AS_PNG[:-1]}, as it stands.",
    )


def ladder(run: Run, matrix: OutcomeMatrix) -> None:
    """Quality against cost of the tiers alone, as a file."""
    store = state.store()
    if not store.allows("export"):
        return

    def svg() -> str:
        from tierwise.report import ladder_svg

        return ladder_svg(store, run, matrix)

    _button("Chart", svg, f"{slug(run.name)}-ladder.svg", "image/svg+xml", "ladder_svg", f"As SVG. {AS_PNG}", quiet=True)


def traffic_mix(profile: TrafficProfile, types: pd.DataFrame, prompts: bool) -> None:
    """The mix of a traffic profile, as a file."""
    store = state.store()
    if not store.allows("export"):
        return

    def svg() -> str:
        from tierwise.report import mix_svg

        return mix_svg(store, profile, types, prompts)

    _button("Chart", svg, f"{slug(profile.name)}-mix.svg", "image/svg+xml", "mix_svg", f"As SVG. {AS_PNG}", quiet=True)


def prompt_set(info: EvalSetInfo) -> None:
    """A prompt set alone, as a file."""
    store = state.store()
    if not store.allows("export_text"):
        return

    def lines() -> bytes:
        from tierwise.bundle import export_evalset

        return export_evalset(store, store.evalsets.get(info.id))

    says = "JSON Lines: another Tierwise that reads it has the same version, digest and all."
    _button("Prompts", lines, f"{slug(info.name)}.jsonl", "application/x-ndjson", "prompt_set", says)


def slug(name: str) -> str:
    """A file name that says which run or policy it is."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:60] or "tierwise"


def _results(run: Run, suffix: str) -> Callable[[], bytes]:
    store = state.store()

    def write() -> bytes:
        from tierwise.results import results_file

        return results_file(store, run, suffix)

    return write


def _button(label: str, data: Callable[[], str | bytes], filename: str, mime: str, key: str, says: str, quiet: bool = False) -> None:
    look = "tertiary" if quiet else "secondary"
    st.download_button(label, data, filename, mime, key=key, help=says, icon=":material/download:", on_click="ignore", type=look)
