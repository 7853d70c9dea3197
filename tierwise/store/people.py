"""People, projects and who is a member of what. The rows say what holds now; the audit log says how it came."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from tierwise.access.identity import Identity
from tierwise.access.roles import ROLES, Role
from tierwise.errors import BadInput, NotAllowed, NotFound
from tierwise.store.connection import Connection
from tierwise.store.scope import DEFAULT_PROJECT
from tierwise.types import now

SEEN_EVERY = timedelta(hours=1)


@dataclass(frozen=True)
class Project:
    """What its members alone can see: prompt sets, runs, grades, policies, traffic."""

    id: str
    name: str
    created_at: datetime


@dataclass(frozen=True)
class Person:
    """Somebody known to the workspace: who has signed in, or has been invited by e-mail."""

    id: str
    name: str
    email: str = ""
    admin: bool = False
    """Of the whole workspace, and so of every project."""
    subject: str = ""
    """As whoever checks logins knows them; empty for an invitation that nobody has taken up."""
    seen_at: datetime | None = None

    @property
    def label(self) -> str:
        """What grades and the audit log call them: two people never share one."""
        own = self.subject.partition("#")[2] or self.subject.partition(":")[2]
        return (self.email or (f"{self.name[:60]} ({own[-12:]})" if own and own != self.name else self.name))[:80]


@dataclass(frozen=True)
class Member:
    person: Person
    role: Role


PERSON = "id, name, email, admin, subject, seen_at"


class People:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def sign_in(self, identity: Identity, admins: Iterable[str] = (), at: datetime | None = None) -> tuple[Person, bool]:
        """The person of an identity, and whether this is new of them today: a first visit takes up an invitation of the same e-mail.

        Args:
            admins: e-mails or subjects that are admins of the workspace whatever its rows say.
        """
        at = at or now()
        wanted = {a.lower() for a in admins}
        admin = identity.subject.lower() in wanted or bool(identity.email and identity.email in wanted)
        found = self._one("subject = ?", identity.subject)
        known = found and (found.name, found.email) == (identity.name, identity.email) and (found.admin or not admin)
        if known and found.seen_at and at - found.seen_at < SEEN_EVERY:
            return found, False
        with self._connection.write() as cursor:
            found = self._one("subject = ?", identity.subject, cursor)
            if found is None and identity.email:
                found = self._one("subject = '' AND email = ?", identity.email, cursor)
            new = found is None or found.seen_at is None or found.seen_at.date() != at.date()
            if found is None:
                person = Person(secrets.token_hex(6), identity.name, identity.email, admin, identity.subject, at)
                values = [person.id, person.name, person.email, person.admin, person.subject, person.seen_at, at]
                cursor.execute(f"INSERT INTO people ({PERSON}, created_at) VALUES (?, ?, ?, ?, ?, ?, ?)", values)
            else:
                person = Person(found.id, identity.name, identity.email, found.admin or admin, identity.subject, at)
                cursor.execute(
                    "UPDATE people SET name = ?, email = ?, admin = ?, subject = ?, seen_at = ? WHERE id = ?",
                    [person.name, person.email, person.admin, person.subject, at, person.id],
                )
        return person, new

    def invite(self, email: str, name: str = "") -> Person:
        """Somebody who has not signed in yet; the row becomes theirs when they do. One who is known is returned as they are."""
        email = email.strip().lower()
        if email.count("@") != 1 or not all(email.split("@")) or any(c.isspace() or not c.isprintable() for c in email) or len(email) > 254:
            raise BadInput(f"{email!r} is no e-mail address.")
        with self._connection.write() as cursor:
            found = self._one("email = ?", email, cursor)
            if found is None:
                found = Person(secrets.token_hex(6), name.strip()[:120] or email, email)
                cursor.execute(
                    f"INSERT INTO people ({PERSON}, created_at) VALUES (?, ?, ?, FALSE, '', NULL, ?)", [found.id, found.name, email, now()]
                )
        return found

    def list(self) -> list[Person]:
        """By name."""
        with self._connection.read() as cursor:
            return [Person(*row) for row in cursor.execute(f"SELECT {PERSON} FROM people ORDER BY lower(name), id").fetchall()]

    def get(self, key: str) -> Person:
        """By id, e-mail or name."""
        found = self._one("id = ? OR email = lower(?) OR name = ?", [key, key, key])
        if found is None:
            raise NotFound(f"Nobody called {key!r} is known here. Invite them by e-mail.")
        return found

    def set_admin(self, person_id: str, admin: bool) -> None:
        """Raises NotAllowed where it would leave the workspace without an admin."""
        with self._connection.write() as cursor:
            others = cursor.execute("SELECT count(*) FROM people WHERE admin AND id <> ?", [person_id]).fetchone()[0]
            if not admin and not others:
                raise NotAllowed("The last admin stays one: name another first.")
            cursor.execute("UPDATE people SET admin = ? WHERE id = ?", [admin, person_id])

    def add_project(self, name: str) -> Project:
        name = name.strip()
        if not name or len(name) > 80 or not name.isprintable():
            raise BadInput("Give the project a name of 1 to 80 characters, on one line.")
        project = Project(secrets.token_hex(6), name, now())
        with self._connection.write() as cursor:
            if cursor.execute("SELECT 1 FROM projects WHERE lower(name) = lower(?)", [name]).fetchone():
                raise BadInput(f"There is a project called {name!r}.")
            cursor.execute("INSERT INTO projects (id, name, created_at) VALUES (?, ?, ?)", [project.id, project.name, project.created_at])
        return project

    def projects(self, person: Person | None = None) -> list[Project]:
        """All of them, or those that a person may see: Default first, then by name."""
        mine = "" if person is None or person.admin else "WHERE id IN (SELECT project_id FROM members WHERE person_id = ?)"
        with self._connection.read() as cursor:
            rows = cursor.execute(
                f"SELECT id, name, created_at FROM projects {mine} ORDER BY id <> '{DEFAULT_PROJECT}', lower(name), id",
                [person.id] if mine else [],
            ).fetchall()
        return [Project(*row) for row in rows]

    def project(self, key: str) -> Project:
        """By id or name."""
        found = next((p for p in self.projects() if p.id == key or p.name.lower() == key.lower()), None)
        if found is None:
            raise NotFound(f"There is no project called {key!r}. Projects: {', '.join(p.name for p in self.projects())}.")
        return found

    def role(self, person: Person, project_id: str) -> Role | None:
        """What a person is in a project; None where they are no member of it."""
        with self._connection.read() as cursor:
            admin = cursor.execute("SELECT admin FROM people WHERE id = ?", [person.id]).fetchone()
            if admin is not None and admin[0]:
                return "admin"
            row = cursor.execute("SELECT role FROM members WHERE project_id = ? AND person_id = ?", [project_id, person.id]).fetchone()
        return row[0] if row else None

    def members(self, project_id: str) -> list[Member]:
        """By name; admins of the workspace are not listed unless they were added."""
        listed = ", ".join(f"p.{c}" for c in PERSON.split(", "))
        with self._connection.read() as cursor:
            rows = cursor.execute(
                f"""SELECT {listed}, m.role FROM members m JOIN people p ON p.id = m.person_id
                    WHERE m.project_id = ? ORDER BY lower(p.name), p.id""",
                [project_id],
            ).fetchall()
        return [Member(Person(*row[:-1]), row[-1]) for row in rows]

    def set_role(self, project_id: str, person_id: str, role: Role | None) -> None:
        """Make somebody a member, change what they are, or None: take them out."""
        if role is not None and role not in ROLES:
            raise BadInput(f"There is no role {role!r}. Roles: {', '.join(ROLES)}.")
        with self._connection.write() as cursor:
            cursor.execute("DELETE FROM members WHERE project_id = ? AND person_id = ?", [project_id, person_id])
            if role is not None:
                cursor.execute("INSERT INTO members (project_id, person_id, role) VALUES (?, ?, ?)", [project_id, person_id, role])

    def _one(self, where: str, value: object, cursor: object = None) -> Person | None:
        values = value if isinstance(value, list) else [value]
        query = f"SELECT {PERSON} FROM people WHERE {where} ORDER BY created_at LIMIT 1"
        if cursor is not None:
            row = cursor.execute(query, values).fetchone()
        else:
            with self._connection.read() as reading:
                row = reading.execute(query, values).fetchone()
        return Person(*row) if row else None
