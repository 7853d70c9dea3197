"""A run on its way: how far, what it cost, how long still, and the ways to stop or resume it."""

import streamlit as st

from tierwise.types import Run
from tierwise.ui import allowed, figures, parts, removing, state
from tierwise.ui.frame import COMPARE, HOME, RUN, TUNE

SAYS = {
    "planned": ("Planned", "gray"),
    "running": ("Running", "blue"),
    "done": ("Done", "green"),
    "cancelled": ("Cancelled", "orange"),
    "stopped": ("Stopped", "orange"),
    "failed": ("Failed", "red"),
}


def watch(run: Run) -> None:
    """The card of one run; it keeps itself up to date while the run goes on, on any page and after a reload."""
    running = state.run_queue().is_running(run.id)

    @st.fragment(run_every=0.7 if running else None)
    def card() -> None:
        with parts.guard():
            _card(run.id)
        if running and not state.run_queue().is_running(run.id):
            st.rerun()

    card()
    if not running:
        removing.offer("run", run.id, run.name, HOME)


def _card(run_id: str) -> None:
    queue = state.run_queue()
    run, running = state.store().runs.get(run_id), queue.is_running(run_id)
    p = queue.progress(run_id)
    word, color = SAYS["running" if running else run.status]
    with st.container(border=True, gap="small"):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            parts.plain(run.name)
            st.badge(word, color=color)
            if run.simulated:
                parts.simulated_badge()
        done = min(1.0, p.done / p.total) if p.total else 0.0
        left = f" · about {figures.seconds(p.seconds_left)} left" if running and p.seconds_left else ""
        st.progress(done, figures.md(f"{p.done:,} of {p.total:,} answers · {figures.dollars(p.spent_usd)} spent{left}"))
        if p.graded is not None and p.graded < p.total:
            st.progress(p.graded / p.total, f"{p.graded:,} of {p.total:,} answers graded")
        if p.grading_usd:
            st.caption(figures.md(f"Grading cost {figures.dollars(p.grading_usd)} besides."))
        if p.unsettled_usd:
            st.caption(figures.md(f"Besides, {figures.dollars(p.unsettled_usd)} at most for calls whose cost is not known."))
        if p.failed:
            st.caption(f"{figures.count(p.failed, 'call')} failed: see Compare for what was said.")
        if run.note:
            parts.plain(run.note)
        with st.container(horizontal=True):
            if running:
                if st.button("Cancel", icon=":material/stop_circle:", key="cancel", **allowed.to("run")):
                    queue.cancel(run_id)
                    st.rerun()
            elif run.status == "done":
                parts.next_step("Tune", TUNE, key="to_tune", icon=":material/tune:", run=run_id)
                if st.button("Compare tiers", key="to_compare", icon=":material/bar_chart:"):
                    st.switch_page(COMPARE, query_params={"run": run_id})
                if p.failed and run.kind == "live":
                    again = st.button(
                        "Send failed calls again",
                        icon=":material/replay:",
                        key="again",
                        **allowed.to(
                            "run",
                            "A new run of the same prompts and tiers: answers that came are taken over, only failed calls are paid for.",
                        ),
                    )
                    if again:
                        _again(run)
            elif run.kind != "recorded" and st.button(
                "Resume", type="primary", icon=":material/play_arrow:", key="resume", **allowed.to("run")
            ):
                with parts.guard():
                    queue.start(run_id)
                st.rerun()


def _again(run: Run) -> None:
    from tierwise.runs.plan import create_run

    kept = {k: v for k, v in run.params.items() if k != "prices"}
    with parts.guard():
        state.run_queue().check_start()
        new = create_run(state.store(), run.evalset_id, run.tiers, name=f"{run.name}, again", params=kept | {"reuse": True})
    state.run_queue().start(new.id)
    st.switch_page(RUN, query_params={"set": run.evalset_id, "run": new.id})
