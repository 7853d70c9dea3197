"""Who is looking, at which project, and so what of the workspace is theirs. Every rerun and every fragment asks anew."""

import streamlit as st

from tierwise import settings
from tierwise.access.identity import LOCAL, Identity
from tierwise.access.view import LOCAL_PERSON, View
from tierwise.errors import NotAllowed, TierwiseError
from tierwise.server import workspace
from tierwise.store import Store
from tierwise.store.audit import Entry
from tierwise.store.people import Person, Project

FRESH_S = 2
"""Seconds for which a role is taken as known: a page asks many times."""


@st.cache_resource(show_spinner=False, max_entries=4, on_release=Store.close)
def _whole(path: str) -> Store:
    return workspace.opened(Store())


def whole() -> Store:
    """The workspace itself, opened once for all sessions of this process. What a person asks for goes through `view`.

    Raises:
        StoreBusy: another process has the file open.
    """
    return _whole(str(settings.database()))


def team() -> bool:
    """Whether people sign in here."""
    return settings.login() != "off"


def identity() -> Identity:
    """Whoever checked the login says who this is.

    Raises:
        NotSignedIn: nobody, or the login is over.
    """
    if not team():
        return LOCAL
    from tierwise.ui.serving import identifier

    headers = [(name.lower(), value) for name in st.context.headers for value in st.context.headers.get_all(name)]
    address = st.context.ip_address or "127.0.0.1"  # Streamlit says nothing for the machine itself
    return identifier(settings.login())(headers, address, st.context.cookies.to_dict())


def person() -> Person:
    """The same as the workspace knows them; a first visit is written down."""
    who = identity()
    return LOCAL_PERSON if who.subject == LOCAL.subject else _person(str(settings.database()), who, settings.admins())


@st.cache_data(ttl=FRESH_S, max_entries=500, show_spinner=False)
def _person(path: str, who: Identity, admins: tuple[str, ...]) -> Person:
    found, new = whole().people.sign_in(who, admins)
    if new:
        whole().audit.add(Entry(found.id, found.label, "signed in"))
    return found


def projects() -> list[Project]:
    """Those that this person may see."""
    return _projects(str(settings.database()), person())


@st.cache_data(ttl=FRESH_S, max_entries=500, show_spinner=False)
def _projects(path: str, who: Person) -> list[Project]:
    return whole().people.projects(who)


def project() -> Project:
    """The one looked at: the link's, else the one that holds what the link names, else the one chosen last, else the first.

    Raises:
        NotAllowed: there is none for this person.
    """
    mine = {p.id: p for p in projects()}
    if not mine:
        raise NotAllowed("You are signed in, but no project has you as a member yet. Ask an admin to add you.")
    if len(mine) == 1:
        return next(iter(mine.values()))
    for wanted in (st.query_params.get("project"), _named_by_link(), st.session_state.get("project")):
        if wanted in mine:
            return mine[wanted]
    return next(iter(mine.values()))


def choose_project() -> None:
    """Follow the chooser: what the link named belongs to the project that is left."""
    chosen = st.session_state["project_choice"]
    st.query_params.clear()
    st.session_state["project"] = st.query_params["project"] = chosen


def _named_by_link() -> str | None:
    named = {kind: st.query_params.get(kind) for kind in ("run", "policy", "set", "profile")}
    key = tuple(named.values())
    if any(key) and st.session_state.get("link_of") != key:
        st.session_state["link_of"], st.session_state["link_project"] = key, whole().project_of(**named)
    return st.session_state.get("link_project") if any(key) else None


def role(who: Person, project_id: str) -> str | None:
    """What a person is in a project, at most two seconds old."""
    return "admin" if who is LOCAL_PERSON else _role(str(settings.database()), who, project_id)


@st.cache_data(ttl=FRESH_S, max_entries=1000, show_spinner=False)
def _role(path: str, who: Person, project_id: str) -> str | None:
    return whole().people.role(who, project_id)


def view() -> View:
    """The workspace as far as this person may use it."""
    who, looked_at = person(), project()
    return View(whole(), who, role(who, looked_at.id), looked_at)


def administers() -> bool:
    """Whether the screen of people is theirs, and there is more than one person or project to it."""
    if "token" in st.query_params:
        return False
    try:
        return (team() or len(projects()) > 1) and role(person(), project().id) == "admin"
    except TierwiseError:  # the page itself says what is wrong
        return False


def forget() -> None:
    """What was asked before a change of people, projects or roles."""
    for kept in (_person, _projects, _role):
        kept.clear()


def bar() -> None:
    """Which project, and who is signed in: only where there is more than one of either."""
    options = {p.id: p for p in projects()}
    if not team() and len(options) < 2:
        return
    if not options:  # somebody new, or signed in under the wrong name: the page says what to do
        with st.container(horizontal=True, horizontal_alignment="right", vertical_alignment="center", gap="small"):
            st.text(person().label, width="content")
            _sign_out()
        return
    here = project()
    with st.container(horizontal=True, horizontal_alignment="right", vertical_alignment="center", gap="small"):
        if len(options) > 1:
            st.session_state["project_choice"] = here.id
            st.selectbox(
                "Project", list(options), format_func=lambda i: options[i].name, key="project_choice", on_change=choose_project,
                label_visibility="collapsed", width=220, icon=":material/folder:",
            )  # fmt: skip
        else:
            st.text(here.name, width="content")
        if team():
            who = person()
            with st.popover(who.name[:40].translate(PLAIN).strip() or "You", icon=":material/person:", type="tertiary"):
                st.text(who.label)
                st.text(f"{(role(who, here.id) or 'no member').capitalize()} of {here.name}")
                _sign_out()


def _sign_out() -> None:
    if settings.login() == "oidc" and st.button("Sign out", icon=":material/logout:", key="sign_out"):
        st.logout()


PLAIN = str.maketrans({c: None for c in "\\`*_{}[]()<>#+!|~:$"})
"""A label is Markdown, and a name could be too."""
