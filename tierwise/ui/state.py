"""What is open and what is chosen. String keys of the session and of the URL live in this file."""

import streamlit as st

from tierwise import settings
from tierwise.access.runner import Runner
from tierwise.access.view import View
from tierwise.store.reviews import GradingSession
from tierwise.traffic import TrafficProfile
from tierwise.types import EvalSetInfo, Policy, Run
from tierwise.ui import who


def store() -> View:
    """The workspace, as far as whoever is looking may use it; the engine takes it for a store.

    Raises:
        StoreBusy: another process has the file open.
        NotSignedIn, NotAllowed: it is nobody's, or they have no project.
    """
    return who.view()


def project_id() -> str:
    """Part of the key of all that is cached: what one project's members see is never shown to another's."""
    return who.project().id


@st.cache_resource(show_spinner=False, max_entries=4, on_release=lambda queue: queue.close())
def _run_queue(path: str):
    from tierwise.runs.queue import RunQueue

    return RunQueue(who.whole())


def run_queue() -> Runner:
    """The runner that outlives reruns, reloads and closed tabs, as far as whoever is looking may use it."""
    return Runner(store(), _run_queue(str(settings.database())))


@st.cache_resource(show_spinner=False, max_entries=4, on_release=lambda jobs: jobs.close())
def _grading_jobs(path: str):
    from tierwise.judging.jobs import GradingJobs

    return GradingJobs()


def grading_jobs():
    """Gradings of finished runs that outlive reruns, reloads and closed tabs."""
    return _grading_jobs(str(settings.database()))


@st.cache_resource(show_spinner="Preparing the working example", max_entries=4)
def _demo(path: str) -> str | None:
    from tierwise.simulation import demo

    run = demo.ensure_demo(who.whole())
    return run.id if run else None


def demo_id() -> str | None:
    """The working example's run, made on the first call of this process."""
    return _demo(str(settings.database()))


def evalsets() -> list[EvalSetInfo]:
    """Newest first, with the working example's among them."""
    demo_id()
    return store().evalsets.list()


def runs() -> list[Run]:
    """Newest first, with the working example among them."""
    demo_id()
    return store().runs.list()


def graded_runs() -> list[Run]:
    """Runs that may hold something to compare: newest first."""
    return [r for r in runs() if r.status not in ("planned", "running")]


def choose_run(options: list[Run]) -> Run:
    """The run that this page is about: the link's, else the last one looked at, else the newest. `options` is not empty.

    The URL carries the id. A bound selectbox would put the run's name there, which two runs may share.
    """
    by_id = {r.id: r for r in options}
    wanted = (st.query_params.get("run"), st.session_state.get("last_run"), options[0].id)
    st.session_state["run_choice"] = next(i for i in wanted if i in by_id)
    chosen = st.selectbox(
        "Run",
        list(by_id),
        format_func=lambda i: _run_label(by_id[i]),
        key="run_choice",
        on_change=_follow_run,
        label_visibility="collapsed",
        icon=":material/play_circle:",
    )
    remember_run(chosen)
    return by_id[chosen]


def remember_run(run_id: str) -> None:
    """Keep the id for the next page and in the link."""
    st.session_state["last_run"] = run_id
    if st.query_params.get("run") != run_id:
        st.query_params["run"] = run_id


def _follow_run() -> None:
    st.query_params["run"] = st.session_state["run_choice"]


def _run_label(run: Run) -> str:
    return f"{run.name} · {len(run.tiers)} tiers · {run.created_at:%d %b %H:%M}{' · simulated' if run.simulated else ''}"


def run_in_link() -> Run | None:
    """The run named by the link, or None; an unknown id is no run."""
    return next((r for r in runs() if r.id == st.query_params.get("run")), None)


def choose_evalset(options: list[EvalSetInfo]) -> EvalSetInfo:
    """The prompt set of this page: the link's, else the newest. `options` is not empty."""
    chosen = choose_by_id("Prompt set", {e.id: f"{e.name} · {e.size:,} prompts" for e in options}, "set")
    remember_evalset(chosen)
    return next(e for e in options if e.id == chosen)


def remember_evalset(evalset_id: str) -> None:
    if st.query_params.get("set") != evalset_id:
        st.query_params["set"] = evalset_id


def choose_by_id(label: str, named: dict[str, str], parameter: str, default: str | None = None, **look) -> str:
    """One of `named`, which is not empty, by its id: the link's, else the default, else the first; a choice goes into the link.

    A bound selectbox would put the name there, which two may share.
    """
    key, wanted = f"{parameter}_choice", st.query_params.get(parameter)
    st.session_state[key] = wanted if wanted in named else default or next(iter(named))
    return st.selectbox(label, list(named), format_func=named.get, key=key, on_change=_follow, args=(parameter,), **look)


def _follow(parameter: str) -> None:
    st.query_params[parameter] = st.session_state[f"{parameter}_choice"]


def policy_in_link(options: list[Policy]) -> Policy:
    """The policy named by the link, else the newest. `options` is not empty."""
    return next((p for p in options if p.id == st.query_params.get("policy")), options[0])


def remember_policy(policy_id: str) -> None:
    """Name the policy that was picked in the link."""
    st.query_params["policy"] = policy_id


def rater() -> str:
    """Who is grading: the person signed in, else the name given once, which the link carries; empty when not known."""
    if who.team():
        return who.person().label
    return str(st.query_params.get("rater") or st.session_state.get("rater") or "")


def remember_rater(name: str) -> None:
    """Keep the name for a reload and for other pages; an empty one forgets it."""
    if who.team():
        return
    st.session_state["rater"] = name
    if name:
        st.query_params["rater"] = name
    else:
        st.query_params.pop("rater", None)


def grading_session(run: Run) -> GradingSession | None:
    """The newest queue of a run."""
    return next(iter(store().reviews.sessions(run.id)), None)


def choose_profile(options: list[TrafficProfile]) -> TrafficProfile:
    """The traffic profile of this page: the link's, else the newest. `options` is not empty."""
    named = {p.id: f"{p.name} · {p.requests:,} requests · {p.created_at:%d %b %H:%M}" for p in options}
    chosen = choose_by_id("Traffic", named, "profile", label_visibility="collapsed")
    st.query_params["profile"] = chosen
    return next(p for p in options if p.id == chosen)


def remember_profile(profile_id: str) -> None:
    """Open this profile on the next run of the page, which may already have drawn its choice of views."""
    st.query_params["profile"] = profile_id
    st.session_state["profile_kept"] = True


def open_profile_view(view: str) -> None:
    """Show the profile just kept; called before the choice of views is drawn."""
    if st.session_state.pop("profile_kept", False):
        st.session_state["source"] = view
