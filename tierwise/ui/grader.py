"""The card on which people grade. A fragment: a key press keeps one grade and draws the next answer, and nothing else runs again."""

import numpy as np
import streamlit as st

from tierwise.errors import NotReady
from tierwise.grading.session import VALUES, Desk, Said, Turn
from tierwise.store.reviews import GradingSession, Item
from tierwise.types import Run
from tierwise.ui import figures, parts, readings, state

ANSWERS = {
    "pass_fail": ["Wrong", "Right"],
    "one_to_five": ["Bad", "Poor", "Fair", "Good", "Perfect"],
    "criteria": ["Bad", "Poor", "Fair", "Good", "Perfect"],
    "pairwise": ["Left is better", "Tie", "Right is better"],
}
LETTERS = "ABCDEFGHIJ"
TALL = 420


@st.cache_resource(max_entries=8, show_spinner=False)
def _items(project: str, session_id: str) -> list[Item]:
    return state.store().reviews.items(session_id)


@st.fragment
def card(run: Run, session: GradingSession, rater: str) -> None:
    """What is to be graded now, with the keys to say it."""
    with parts.guard():
        desk = Desk(state.store(), session, rater, _items(state.project_id(), session.id))
        turn = desk.turn()
        _progress(desk)
        _last(desk)
        if turn is None:
            with st.container(border=True):
                st.subheader("Nothing left to grade", anchor=False)
                st.caption("You have seen every prompt of this queue that was not given to somebody else.")
                nothing = desk.last() is None
                st.button("Undo", key="undo", shortcut="Z", icon=":material/undo:", on_click=_undo, args=(session, rater), disabled=nothing)
            return
        _keys(run, desk, turn)
        sample = next(s for s in readings.evalset(run.evalset_id).samples if s.id == turn.item.sample_id)
        answers = state.store().reviews.answers(run.id, sample.id)
        pair = session.scale == "pairwise"
        if pair or session.side_by_side:
            _prompt(sample, 200)
            _reference(sample)
            for column, (k, tier) in zip(st.columns(len(turn.shown), gap="small"), enumerate(turn.shown), strict=True):
                with column:
                    _answer(session, turn, k, tier, answers, now=not pair and k == turn.at)
        else:
            left, right = st.columns(2, gap="medium")
            with left:
                _prompt(sample, TALL)
            with right:
                _answer(session, turn, turn.at, turn.tier, answers, now=False)
                _reference(sample)


def _progress(desk: Desk) -> None:
    done, target = desk.finished(), desk.session.target
    says = f"{done:,} of {target:,} prompts"
    if desk.session.scale != "pairwise":
        equal, both = desk.against_judge()
        if both:
            says += f" · agrees with the automatic grade on {equal} of {both} answers"
    st.progress(min(done / max(target, 1), 1.0), says)


def _last(desk: Desk) -> None:
    """What was just said; only now the automatic grade of it."""
    last = desk.last()
    if last is None:
        st.caption("Autosaved: every key press is kept at once. The automatic grade shows after yours.")
        return
    said = _in_words(desk.session, last)
    if last.kind == "grade":
        judge = desk.store.reviews.automatic(desk.session.run_id, desk.session.scorer, [last.sample_id]).get((last.sample_id, last.tier))
        own = "not scored" if judge is None else figures.percent(judge) if desk.session.criteria else _level(desk.session, judge).lower()
        said += f"; the automatic grade: {own}"
    st.caption(f"Last: {said}.")


def _in_words(session: GradingSession, said: Said) -> str:
    if said.kind == "skip":
        return "skipped"
    if session.scale == "criteria":
        return f"you said {figures.percent(said.value)}"
    return "you said " + _level(session, said.value).lower()


def _level(session: GradingSession, value: float) -> str:
    scale = np.array(VALUES[session.scale])
    return ANSWERS[session.scale][int(np.abs(scale - value).argmin())]


def _keys(run: Run, desk: Desk, turn: Turn) -> None:
    """One button a level, then the rest; each has its key, but not while somebody types."""
    session, rater, answers = desk.session, desk.rater, ANSWERS[desk.session.scale]
    place = (
        f"{session.id}_{turn.item.position}_{turn.at}_{turn.criterion}"  # a key pressed twice finds its button gone, not the next answer's
    )
    typing = st.session_state.get("grade_typing") if st.session_state.get("grade_typing") in WRITING else None
    flagged = desk.flagged(turn)

    def key(label: str, letter: str, widget: str, act, args: tuple, icon: str = "", off: bool = False) -> None:
        kind = "tertiary" if icon else "secondary"
        shortcut = None if typing else letter
        st.button(
            label,
            key=f"{widget}_{place}",
            shortcut=shortcut,
            type=kind,
            icon=icon or None,
            on_click=act,
            args=args,
            disabled=off or bool(typing),
        )

    if session.criteria:
        with st.container(horizontal=True, gap="small", vertical_alignment="center"):
            st.badge(f"{turn.criterion + 1} of {len(session.criteria)}", color="blue")
            parts.plain(session.criteria[turn.criterion][0])
    with st.container(horizontal=True, gap="small", key="grading_keys"):
        for n, (label, value) in enumerate(zip(answers, VALUES[session.scale], strict=True), 1):
            key(label, str(n), f"say_{n}", _grade, (session, rater, turn, value))
        key("Skip", "S", "skip", _skip, (session, rater, turn), ":material/skip_next:")
        nothing = desk.last() is None and not turn.criterion
        key("Undo", "Z", f"undo_{len(desk.said)}", _undo, (session, rater), ":material/undo:", nothing)
        key("Flagged" if flagged else "Flag", "F", f"flag_{flagged}", _flag, (session, rater, turn, not flagged), ":material/flag:")
        key("Comment", "M", "comment", _type, ("comment",), ":material/comment:")
        key("Mend the right answer", "E", "mend", _type, ("mend",), ":material/edit:")
    if typing:
        WRITING[typing](run, session, rater, turn)


def _type(what: str | None) -> None:
    st.session_state["grade_typing"] = what


def _desk(session: GradingSession, rater: str, turn: Turn) -> Desk | None:
    """The desk, while this answer is still the one to be graded."""
    desk = Desk(state.store(), session, rater, _items(state.project_id(), session.id))
    return desk if desk.asks(turn) else None


def _grade(session: GradingSession, rater: str, turn: Turn, value: float) -> None:
    if desk := _desk(session, rater, turn):
        desk.grade(turn, value)


def _skip(session: GradingSession, rater: str, turn: Turn) -> None:
    if desk := _desk(session, rater, turn):
        desk.skip(turn)


def _flag(session: GradingSession, rater: str, turn: Turn, on: bool) -> None:
    Desk(state.store(), session, rater, _items(state.project_id(), session.id)).mark(turn, "flag" if on else "unflag")


def _undo(session: GradingSession, rater: str) -> None:
    Desk(state.store(), session, rater, _items(state.project_id(), session.id)).undo()


def _prompt(sample, height: int) -> None:
    st.caption("Prompt")
    text = "\n\n".join(m["content"] for m in sample.chat())
    parts.plain(text, code=True, height=height if len(text) > height * 3 else None)


def _reference(sample) -> None:
    if sample.reference is not None:
        st.caption("Right answer")
        parts.plain(sample.reference, code=True, height=160 if len(sample.reference) > 600 else None)


def _answer(session: GradingSession, turn: Turn, k: int, tier: str, answers: dict, now: bool) -> None:
    with st.container(border=now, gap="xsmall"):
        with st.container(horizontal=True, gap="small", vertical_alignment="center"):
            if session.scale == "pairwise":
                st.caption("Left" if k == 0 else "Right", width="content")
            elif session.blind:
                st.caption(f"Answer {LETTERS[k]}, {k + 1} of {len(turn.shown)}", width="content")
            if not session.blind:
                parts.plain(tier)
            if now:
                st.badge("Grade this one", color="blue")
        status, output = answers.get((tier, 0), ("failed", None))
        if not output:
            st.caption("The call failed: there is no answer." if status == "failed" else "The answer is empty.")
            return
        parts.plain(output, code=True, height=TALL if len(output) > 1200 else None)
        if status == "truncated":
            st.caption("The answer was cut off at the token limit.")


def _cancel() -> None:
    if st.button("Cancel", key="typing_cancel", shortcut="Esc", type="tertiary", on_click=_type, args=(None,)):
        st.rerun()


@st.dialog("Comment on this answer", dismissible=False)
def _comment(run: Run, session: GradingSession, rater: str, turn: Turn) -> None:
    with st.form("comment", border=False, enter_to_submit=True):
        text = st.text_input("Kept with the answer, under your name", key="comment_text", max_chars=2000)
        if st.form_submit_button("Keep", icon=":material/check:") and text.strip():
            Desk(state.store(), session, rater, _items(state.project_id(), session.id)).mark(turn, "comment", text.strip())
            _type(None)
            st.toast("Comment kept.", icon=":material/check:")
            st.rerun()
    _cancel()


@st.dialog("Mend the right answer", width="medium", dismissible=False)
def _mend(run: Run, session: GradingSession, rater: str, turn: Turn) -> None:
    """A new version of the prompt set; the one in use stays as it is."""
    from tierwise.grading.session import correct_reference

    sample = next(s for s in readings.evalset(run.evalset_id).samples if s.id == turn.item.sample_id)
    st.caption("Kept as a new version of the prompt set. This run keeps the version that it was graded against.")
    with st.form("mend", border=False):
        text = st.text_area("Right answer", sample.reference or "", key=f"mend_text_{turn.item.position}", height=160)
        kept = st.form_submit_button("Keep as a new version", icon=":material/check:")
    if kept:
        try:
            done = correct_reference(state.store(), run, sample.id, text, rater)
        except NotReady as error:
            parts.complain(error)
        else:
            st.badge(f"Version {done.evalset.digest[:8]} kept", icon=":material/check:", color="green")
            used = figures.count(len(done.runs), "run")
            st.caption(f"Graded against an older version, and left so: {used}. Run the new version to grade against it.")
            for other in done.runs[:8]:
                parts.plain(other.name)
    _cancel()


WRITING = {"comment": _comment, "mend": _mend}
