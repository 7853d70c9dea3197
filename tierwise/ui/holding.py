"""Does a policy still hold? Its figures on another run, and whether they keep the limits."""

import streamlit as st

from tierwise.errors import TierwiseError
from tierwise.types import Policy, Run
from tierwise.ui import parts, readings, state


def still_holds(policy: Policy) -> None:
    """Pick a run; the policy decides its prompts, and its loss and cost are held to limits."""
    runs = [run for run in state.graded_runs() if len(run.tiers) > 1]
    if not runs:
        return
    with st.expander("Does it still hold?", icon=":material/fact_check:"):
        st.caption(
            "The policy decides the prompts of a run, best a newer one than it was tuned on. The command `gate` asks the same in CI."
        )
        newest = next((i for i, run in enumerate(runs) if run.id != policy.run_id), 0)
        chosen = state.choose_by_id("Run", {run.id: _named(run) for run in runs}, "holds_on", runs[newest].id)
        run = next(run for run in runs if run.id == chosen)
        left, right = st.columns(2)
        loss = left.number_input("Loss of at most, points", 0.0, 100.0, 2.0, 0.5, key="holds_loss", bind="query-params")
        rise = right.number_input("Cost up by at most, %", 0.0, 1000.0, 10.0, 5.0, key="holds_rise", bind="query-params")
        if not st.button("Check", key="holds_check", icon=":material/play_arrow:"):
            return
        try:
            _shown(_gate(policy, run, loss / 100, rise / 100))
        except TierwiseError as error:  # the rest of the screen stands
            parts.complain(error)


def _gate(policy: Policy, run: Run, loss: float, rise: float):
    from tierwise.policy.gate import gate
    from tierwise.tuning.answers import answers_of

    matrix = readings.matrix(run)
    answers = answers_of(readings.outcomes(run), matrix) if "cascade" in policy.document else None
    return gate(policy, matrix, loss, rise, answers=answers)


def _shown(result) -> None:
    word, icon, color = ("It holds", ":material/check:", "green") if result.passed else ("It does not hold", ":material/close:", "red")
    with st.container(horizontal=True, gap="small"):
        st.badge(word, icon=icon, color=color)
        if result.simulated:
            parts.simulated_badge()
    for rule in result.rules:
        mark = {True: ":material/check:", False: ":material/close:", None: ":material/remove:"}[rule.passed]
        parts.notes([rule.says], icon=mark)
    parts.notes(result.notes)


def _named(run: Run) -> str:
    return f"{run.name} ({run.created_at:%Y-%m-%d})"
