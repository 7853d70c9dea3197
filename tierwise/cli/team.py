"""Commands about people, projects and the audit log: also how a server gets its first admin."""

from __future__ import annotations

import argparse
from datetime import datetime
from typing import get_args

from tierwise.access import services
from tierwise.access.roles import Role
from tierwise.cli.command import Result, command
from tierwise.cli.share import write
from tierwise.errors import BadInput
from tierwise.store import Store
from tierwise.store.people import Project
from tierwise.store.scope import DEFAULT_PROJECT


@command("people", "Everybody who is known, or the members of a project with --project.", lambda p: None)
def people(a: argparse.Namespace, store: Store) -> Result:
    if store.in_project:
        rows = [{"name": m.person.name, "email": m.person.email, "role": m.role} for m in services.members(store, store.in_project)]
    else:
        rows = [{"name": p.name, "email": p.email, "admin": p.admin, "signed_in": bool(p.subject)} for p in services.people(store)]
    return Result(rows, "\n".join("  ".join(str(v) for v in row.values()) for row in rows) or "Nobody yet.")


def _grant_arguments(p: argparse.ArgumentParser) -> None:
    p.add_argument("email", metavar="EMAIL", help="they need not have signed in yet")
    p.add_argument("role", choices=[*get_args(Role), "none", "workspace-admin"], help="in the project; none takes them out")


@command("grant", "Give somebody a role in a project (Default without --project), or the whole workspace.", _grant_arguments)
def grant(a: argparse.Namespace, store: Store) -> Result:
    project = _project(store)
    if a.role == "workspace-admin":
        person = store.whole.people.invite(a.email)
        services.set_admin(store, person, True)
        return Result({"person": person.label, "admin": True}, f"{person.label} administers the workspace.")
    if a.role == "none":
        person = store.whole.people.get(a.email)
        services.set_role(store, project, person, None)
        return Result({"person": person.label, "project": project.name, "role": None}, f"{person.label} is no member of {project.name}.")
    person = services.invite(store, a.email, project, a.role)
    return Result({"person": person.label, "project": project.name, "role": a.role}, f"{person.label} is {a.role} of {project.name}.")


@command("projects", "The projects, or a new one.", lambda p: p.add_argument("--new", metavar="NAME"))
def projects(a: argparse.Namespace, store: Store) -> Result:
    if a.new:
        services.add_project(store, a.new)
    rows = [{"id": p.id, "name": p.name, "created_at": p.created_at.isoformat()} for p in services.projects(store)]
    return Result(rows, "\n".join("  ".join(row.values()) for row in rows))


def _audit_arguments(p: argparse.ArgumentParser) -> None:
    p.add_argument("--action", help="such as ran, graded, tuned, exported, shared, imported")
    p.add_argument("--person", help="as the log calls them")
    p.add_argument("--since", metavar="YYYY-MM-DD")
    p.add_argument("--newest", type=int, default=100, metavar="N", help="100 without it")
    p.add_argument("--csv", metavar="FILE", help="all that fit, as a file for spreadsheets")


@command("audit", "Who did what, when, to what.", _audit_arguments)
def audit(a: argparse.Namespace, store: Store) -> Result:
    try:
        since = datetime.fromisoformat(a.since) if a.since else None
    except ValueError as error:
        raise BadInput(f"--since {a.since!r}: give a date such as 2026-11-25.") from error
    given = {"action": a.action, "person": a.person, "since": since}
    if a.csv:
        write(a.csv, services.audit_csv(store, store.in_project, **given), "--csv")
    frame = services.audit(store, store.in_project, newest=max(1, a.newest), **given)
    rows = frame.assign(done_at=frame["done_at"].astype(str)).to_dict("records")
    lines = ["  ".join(str(v) for k, v in row.items() if k != "object_id" and v) for row in rows]
    return Result(rows, "\n".join(lines) or "Nothing fits.")


def _project(store: Store) -> Project:
    return store.in_project or store.whole.people.project(DEFAULT_PROJECT)
