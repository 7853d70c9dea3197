"""Before grading: who is it, what is asked, and for which decision."""

import numpy as np
import streamlit as st

from tierwise.errors import NotReady
from tierwise.grading.anchors import USUAL as ANCHORS
from tierwise.grading.criteria import USUAL, parse_criteria
from tierwise.store.reviews import GradingSession
from tierwise.tuning.aims import Aim
from tierwise.types import Run
from tierwise.ui import allowed, figures, parts, question, readings, state, who

SCALES = {"pass_fail": "Right or wrong", "one_to_five": "1 to 5", "criteria": "Criteria", "pairwise": "Which is better"}
EPSILON, DELTA = 0.02, 0.1


def setup(run: Run, session: GradingSession | None) -> None:
    """A name and a button; everything else has a default."""
    known = session is not None and not st.session_state.get("grade_new")
    with st.container(border=True, gap="small"):
        if known:
            st.markdown(f"**Grading is under way** · {SCALES[session.scale].lower()} · begun {figures.ago(session.created_at)}")
            name = _name()
            if st.button("Continue", type="primary", icon=":material/play_arrow:", key="continue", **allowed.to("grade")):
                with parts.guard():
                    begin(name)
            if st.button("Ask something else", key="another", type="tertiary"):
                st.session_state["grade_new"] = True
                st.rerun()
            return
        st.markdown("**Check the automatic grades by eye**")
        st.caption(
            "You see one answer at a time and do not learn which model wrote it. Twenty answers show whether the automatic grades can be "
            "trusted; about a hundred prompts correct them. The queue begins with the prompts on which the decision turns."
        )
        left, right = st.columns(2, gap="medium")
        with left:
            name = _name()
        with right:
            scale = st.segmented_control("Question", list(SCALES), default="pass_fail", required=True, format_func=SCALES.get, key="scale")
        criteria = ""
        if scale == "criteria":
            criteria = st.text_area(
                "Criteria, one a line, with a weight where it is not 1",
                USUAL,
                key="criteria",
                height=124,
                max_chars=1000,
                help="Each is said from 1 to 5, one after another; the grade is their weighted mean. All of them are kept.",
            )
        with st.expander("More choices", icon=":material/tune:"), st.grid(2, min_column_width=260, gap="small"):
            target = st.number_input("Prompts to grade", 10, 100_000, 100, 10, key="target")
            raters = st.number_input("People for each prompt", 1, 9, 1, key="raters", help="Two or more show how far people agree.")
            side = st.toggle("Answers side by side", key="side", help="All answers of a prompt at once; you still grade them one by one.")
            blind = st.toggle(
                "Blind", True, key="blind", help="Answers are called A, B, C, in an order that is shuffled from prompt to prompt."
            )
            every = st.toggle(
                "Every tier",
                2 < len(run.tiers) <= 3,
                key="every",
                help="Otherwise the two answers that the decision turns on: the chosen tier's and the top tier's. "
                "With three tiers a certificate by people needs all of them.",
            )
            anchors = st.toggle(
                "Ask some again",
                True,
                key="anchors",
                help=f"Every {ANCHORS}th answer is one that you have graded before: it shows whether you say the same twice.",
            )
        if st.button("Start grading", type="primary", icon=":material/play_arrow:", key="start", **allowed.to("grade")):
            options = {"side_by_side": side, "blind": blind, "raters": int(raters), "target": int(target), "every_tier": every}
            options["anchors"] = ANCHORS if anchors else 0
            with parts.guard():
                options["criteria"] = parse_criteria(criteria) if scale == "criteria" else ()
                draw(run, name, scale, options)
                begin(name)


def _name() -> str:
    if who.team():
        parts.plain(f"Grading as {state.rater()}")
        return state.rater()
    return st.text_input("Your name", state.rater(), key="rater_name", max_chars=80, placeholder="Kept with every grade")


def begin(name: str) -> None:
    """Remember who is at work and show the first answer.

    Raises:
        BadInput: no usable name.
    """
    from tierwise.grading.session import rater_name

    state.remember_rater(rater_name(name))
    st.session_state["grade_new"] = False
    st.rerun()


def draw(run: Run, name: str, scale: str, options: dict) -> GradingSession:
    """A new queue for the decision at hand: the newest policy saved from this run, else the recommended point."""
    from tierwise.grading.session import rater_name, start_session

    name = rater_name(name)
    matrix = readings.matrix(run)
    choice, basis, epsilon, delta = decision(run)
    seed = len(state.store().reviews.sessions(run.id))
    return start_session(
        state.store(), matrix, name, choice, scale, basis=basis, epsilon=epsilon, delta=delta, seed=seed, **options
    )  # fmt: skip


def decision(run: Run) -> tuple[np.ndarray | None, str, float, float]:
    """(n,) tier of each prompt, whose choice that is, and the promise wanted; None where nothing can be tuned yet."""
    from tierwise.policy import decide_sample

    matrix = readings.matrix(run)
    policy = next((p for p in state.store().policies.list() if p.run_id == run.id), None)
    if policy is not None:
        place = {t: k for k, t in enumerate(matrix.tiers)}
        chosen = np.array([place.get(decide_sample(policy, s).tier, len(place) - 1) for s in matrix.samples])
        promise = policy.document.get("certificate") or {}
        return chosen, f"policy {policy.name}", float(promise.get("epsilon") or EPSILON), float(promise.get("delta") or DELTA)
    try:
        tuning = readings.tuning(question.of(run, aim=Aim(max_loss=EPSILON)))
    except NotReady:
        return None, "prompts on which tiers differ", EPSILON, DELTA
    if tuning.tiers != matrix.tiers or tuning.n != matrix.complete.sum():  # of a very large set it is told for some prompts only
        return None, "prompts on which tiers differ", EPSILON, DELTA
    chosen = np.full(len(matrix), len(matrix.tiers) - 1)
    chosen[matrix.complete] = tuning.choice(tuning.chosen.thresholds)
    return chosen, "the recommended point of Tune", EPSILON, DELTA


def readable(run: Run) -> bool:
    """Whether the run has answers to read: recorded outcomes may hold scores only."""
    some = [s.id for s in readings.evalset(run.evalset_id).samples[:100]]  # mostly enough to know, and quick for a very large set
    first = state.store().runs.outcomes(run.id, sample_ids=some)
    return bool(first["output"].notna().any() or readings.outcomes(run)["output"].notna().any())


def nothing_to_read(run: Run) -> None:
    parts.notes([f"The run {run.name!r} holds scores without answers, so there is nothing to read. Choose another run."])


def settles(run: Run, session: GradingSession) -> None:
    """How many more grades would settle the decision; worked out anew when the page is."""
    if session.scale == "pairwise" or all(i.chosen is None for i in state.store().reviews.items(session.id)[:1]):
        return
    says = _outlook(state.project_id(), session.id, state.store().runs.version(run.id), run)
    parts.plain(f"{says.says} The queue serves {session.basis or 'a policy'}.")


@st.cache_data(max_entries=32, show_spinner=False)
def _outlook(project: str, session_id: str, version: tuple[int, int], _run: Run):
    from tierwise.grading.queue import outlook

    session = state.store().reviews.session(session_id)
    human = readings.human(_run)
    place = {t: k for k, t in enumerate(human.tiers)}
    chosen = {i.sample_id: place[i.chosen] for i in state.store().reviews.items(session_id)}
    choice = np.array([chosen.get(s.id, len(place) - 1) for s in human.samples])
    try:
        loss = human.loss(choice)
    except NotReady:
        loss = None
    return outlook(loss, human.judge, choice, session.epsilon, session.delta)
