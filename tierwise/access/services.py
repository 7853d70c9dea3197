"""What people do besides reading and writing rows of a project: each function asks whether they may, and writes down that they did."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from tierwise.access.roles import Role
from tierwise.access.view import View
from tierwise.errors import NotAllowed
from tierwise.store.people import Member, Person, Project
from tierwise.types import Policy, Sample

if TYPE_CHECKING:
    from tierwise.exporters import Export
    from tierwise.policy.gateway_check import Checked


def export_policy(view: View, policy: Policy, samples: Iterable[Sample], target: str, folder: Path) -> Export:
    """Files of a policy for a gateway; see `exporters.export`. Call `took_away` when somebody takes them."""
    from tierwise.exporters import export

    view.require("export")
    return export(policy, samples, target, folder)


def took_away(view: View, policy: Policy, target: str) -> None:
    """Write down that a policy left the workspace."""
    view.require("export")
    view.note("exported", "policy", policy.id, policy.name, target)


def check_gateway(
    view: View,
    policy: Policy,
    samples: Sequence[Sample],
    url: str,
    model: str,
    key_env: str | None = None,
    progress: Callable[[int, int], Any] | None = None,
) -> Checked:
    """Ask a running gateway, which costs a call a prompt; see `gateway_check.check_gateway`."""
    from tierwise.policy.gateway_check import check_gateway

    view.require("run")
    view.note("asked a gateway", "policy", policy.id, policy.name, f"{len(samples)} calls to {url}")
    return check_gateway(policy, samples, url, model, key_env, progress)


def projects(view: View) -> list[Project]:
    """Those that this person may see."""
    view.require("read")
    return view.whole.people.projects(None if view.person.admin else view.person)


def add_project(view: View, name: str) -> Project:
    """A project of its own, with whoever makes it as its admin."""
    _of_workspace(view)
    project = view.whole.people.add_project(name)
    if view.person.id:
        view.whole.people.set_role(project.id, view.person.id, "admin")
    view.note("made", "project", project.id, project.name, project=project.id)
    return project


def people(view: View) -> list[Person]:
    """Everybody who has signed in or was invited."""
    view.require("manage")
    return view.whole.people.list()


def members(view: View, project: Project) -> list[Member]:
    """Who can see a project, and as what."""
    _of(view, project)
    return view.whole.people.members(project.id)


def invite(view: View, email: str, project: Project, role: Role) -> Person:
    """Make somebody a member by their e-mail, whether they have signed in yet or not."""
    _of(view, project)
    person = view.whole.people.invite(email)
    set_role(view, project, person, role)
    return person


def set_role(view: View, project: Project, person: Person, role: Role | None) -> None:
    """Change what somebody is in a project, or take them out of it with None."""
    _of(view, project)
    before = view.whole.people.role(person, project.id)
    view.whole.people.set_role(project.id, person.id, role)
    change = f"{project.name}: {before or 'no member'} to {role or 'no member'}"
    view.note("changed a role", "person", person.id, person.label, change, project=project.id)


def set_admin(view: View, person: Person, admin: bool) -> None:
    """Make somebody an admin of the whole workspace, or one no longer."""
    _of_workspace(view)
    view.whole.people.set_admin(person.id, admin)
    view.note("changed a role", "person", person.id, person.label, "workspace: admin" if admin else "workspace: no admin any more")


def audit(view: View, project: Project | None = None, newest: int | None = None, **filters: str | datetime | None) -> pd.DataFrame:
    """The audit log, newest first: of one project, or for an admin of the workspace of all; see `store.audit.Audit.frame`."""
    if project is None:
        _of_workspace(view)
    else:
        _of(view, project)
    return view.whole.audit.frame(project_id=project.id if project else None, newest=newest, **filters)


def audit_csv(view: View, project: Project | None = None, **filters: str | datetime | None) -> bytes:
    """The lines that fit as a file for spreadsheets, with nothing in it that would be a formula."""
    from tierwise.results import neutral

    frame = audit(view, project, **filters)
    for column in frame.columns.drop("done_at"):
        frame[column] = [neutral(str(text)) for text in frame[column]]
    view.note("exported", "audit log", "", project.name if project else "all projects", f"{len(frame)} lines")
    return frame.to_csv(index=False, lineterminator="\r\n").encode("utf-8-sig")


def _of(view: View, project: Project) -> None:
    """Admins manage their own project; admins of the workspace any."""
    view.require("manage")
    if not view.person.admin and project.id != view.project:
        raise NotAllowed(f"You are no admin of the project {project.name}.")


def _of_workspace(view: View) -> None:
    view.require("manage")
    if not view.person.admin:
        raise NotAllowed("This needs an admin of the whole workspace.")
