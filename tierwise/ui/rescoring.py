"""Grading a finished run again: what each scorer says of it, whose grades count, and another scorer in the background."""

import pandas as pd
import streamlit as st

from tierwise.types import Run
from tierwise.ui import allowed, figures, parts, readings, runform, state


def scorers(run: Run) -> None:
    """The scorers so far, those at work, and a form for another."""
    found = readings.scorers(run)
    if found:
        _table(run, found)
    _jobs(run)
    _another(run)


def _table(run: Run, found: list) -> None:
    frame = pd.DataFrame(
        {
            "scorer": [f.scorer for f in found],
            "counts": [f.counts for f in found],
            **{t.name: [f.quality[t.name] for f in found] for t in run.tiers},
            "graded": [f.graded for f in found],
            "unscored": [f.unscored for f in found],
        }
    )
    st.dataframe(
        frame,
        hide_index=True,
        placeholder="",
        alt="Mean grade of each tier by each automatic scorer",
        column_config={
            "scorer": st.column_config.TextColumn(width="medium"),
            "counts": st.column_config.CheckboxColumn(help="Its grades are behind every figure of this run, unless a person graded"),
            **{t.name: st.column_config.NumberColumn(format="percent", help="Mean grade of the answers it graded") for t in run.tiers},
        },
    )
    if len(found) < 2:
        return
    at = next((k for k, f in enumerate(found) if f.counts), 0)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        chosen = st.selectbox("Whose grades count", range(len(found)), at, format_func=lambda k: found[k].scorer, key=f"counting_{at}")
        if st.button("Let them count", icon=":material/check:", key="let_count", **allowed.to("grade", disabled=chosen == at)):
            from tierwise.grading.counting import let_count

            with parts.guard():
                let_count(state.store(), run.id, found[chosen].scorer, state.rater())
            st.rerun()
    st.caption("For every screen, export and report of this run. Nothing is lost: all grades stay, and you can change back.")


def _jobs(run: Run) -> None:
    jobs = state.grading_jobs().of(run.id)
    if not jobs:
        return
    going = any(j.running for j in jobs)

    @st.fragment(run_every=1.0 if going else None)
    def cards() -> None:
        for n, job in enumerate(jobs):
            _job(run, job, n)
        if going and not any(j.running for j in jobs):
            st.rerun()

    cards()


def _job(run: Run, job, n: int) -> None:
    with st.container(border=True, gap="small"):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.badge("Grading" if job.running else "Stopped" if job.error or job.count.open else "Done",
                     color="blue" if job.running else "orange" if job.error or job.count.open else "green")  # fmt: skip
            parts.plain(job.scorer)
        if job.running:
            left = f" · about {figures.seconds(job.seconds_left)} left" if job.seconds_left else ""
            st.progress(min(job.done / max(job.total, 1), 1.0), f"{job.done:,} of {job.total:,} answers{left}")
            if st.button("Cancel", icon=":material/stop_circle:", key=f"cancel_grading_{n}", **allowed.to("grade")):
                job.stop.cancel()
            return
        if job.error:
            parts.plain(job.error)
        else:
            c = job.count
            parts.plain(f"{c.graded:,} graded, {c.unscored:,} unscored, {c.skipped:,} graded before."
                        + (f" {c.open:,} still open: start it again to go on. {c.note}" if c.open else ""))  # fmt: skip
        if st.button("Dismiss", key=f"dismiss_grading_{n}", type="tertiary"):
            state.grading_jobs().forget(job)
            st.rerun()


def _another(run: Run) -> None:
    """Scorer, options, price, budget, start. The answers are there, so no model is asked for them again."""
    with st.expander("Grade with another scorer", icon=":material/grading:", key="rescoring"):
        st.caption("The stored answers are graded again; the models that gave them are not asked. Grades of other scorers stay.")
        scorer, options = runform.choose_scorer(readings.evalset(run.evalset_id))
        budget = _price(run, scorer, options)
        if st.button("Start grading", icon=":material/play_arrow:", key="rescore", **allowed.to("grade")):
            spent = state.store().runs.progress(run.id).counted_usd
            with parts.guard():
                state.grading_jobs().start(state.store(), run.id, scorer, options, spent + budget if budget is not None else None)
            st.rerun()


def _price(run: Run, scorer: str, options: dict) -> float | None:
    """What it will send and cost, and the sum at which it stops; None where there is nothing to stop at."""
    from tierwise.errors import TierwiseError
    from tierwise.judging import own_family
    from tierwise.scorers import SCORERS

    chosen = SCORERS[scorer]
    try:
        parsed = chosen.parse_options(options)
        if not chosen.asks(parsed):
            st.caption("Computed here: nothing is sent and nothing is paid.")
            return None
        chosen.asking.check(parsed)
        e = _estimate(state.project_id(), run.id, state.store().runs.version(run.id), scorer, tuple(sorted(parsed.items())))
        warning = own_family(chosen.asking.judges(parsed).values(), run.tiers)
    except TierwiseError as error:
        parts.complain(error)
        return None
    if e.unpriced:
        told = "No price is known, so the cost cannot be told and no budget kept: give input and output prices in the options."
    else:
        told = f"about {figures.dollars(e.usd)}, {figures.dollars(e.low_usd)} to {figures.dollars(e.high_usd)}"
    st.caption(figures.md(f"Estimate: {e.calls:,} calls to a judge, {told}; {figures.minutes(e.minutes)}."))
    if warning:
        parts.notes([warning], icon=":material/warning:")
    if e.unpriced:
        return None
    return st.number_input(
        "Stop when this grading has cost, US dollars", min_value=0.0, value=None, placeholder="no limit", key="rescore_budget"
    )


@st.cache_data(max_entries=16, show_spinner=False)
def _estimate(project: str, run_id: str, version: tuple[int, int], scorer: str, options: tuple):
    from tierwise.judging import estimate_grading
    from tierwise.scorers import SCORERS

    store = state.store()
    return estimate_grading(store, store.runs.get(run_id), SCORERS[scorer], dict(options))
