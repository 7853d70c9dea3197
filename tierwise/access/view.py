"""A store as one person may use it: one project's rows, and of its methods those that their role includes.

Pages and commands hold a view, never the store itself, and the engine takes it for a store. So what a role may not do is refused
where it is done, whatever screen or command asked for it. A method that is not in `RULES` cannot be reached at all.
"""

from __future__ import annotations

import getpass
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tierwise.access.identity import LOCAL
from tierwise.access.roles import SAYS, Action, Role, may
from tierwise.errors import NotAllowed, NotFound
from tierwise.store import Store
from tierwise.store.attempts import TEST_RUN
from tierwise.store.audit import Entry
from tierwise.store.people import Person, Project

LOCAL_PERSON = Person("", LOCAL.name, admin=True, subject=LOCAL.subject)
"""The person at the machine: admin of everything, known without a row."""


def at_the_command_line() -> Person:
    """Likewise, with the name that the machine knows them by."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):  # a container without a user of that number
        name = "somebody"
    return Person("", f"{name} at the command line", admin=True, subject=LOCAL.subject)


@dataclass(frozen=True)
class Rule:
    """What a method of the store asks of whoever calls it."""

    action: Action | Callable[..., Action]
    of: str = ""
    """What the first argument names, which must be of the project: run, profile, session (or one of these as an object)."""
    note: Callable[..., tuple[str, str, str, str]] | None = None
    """The line of the audit log, from what came back and the arguments: action, kind, id, name."""
    author: Callable[..., str] | None = None
    """From the arguments: who says something, who must be the person themselves."""


def _arrived(run: Any) -> Action:
    return "import" if run.kind == "recorded" else "run"


def _new_run(kept: Any, run: Any) -> tuple[str, str, str, str]:
    return "imported" if run.kind == "recorded" else "planned", "run", run.id, run.name


def _rater(run_id: str, said: Any) -> str:
    return said.author


RULES: dict[str, Rule] = {
    "evalsets.add": Rule("import", note=lambda kept, e: ("imported", "prompt set", kept.id, kept.name)),
    "evalsets.get": Rule("read"),
    "evalsets.info": Rule("read"),
    "evalsets.by_digest": Rule("read"),
    "evalsets.list": Rule("read"),
    "evalsets.taken": Rule("import"),
    "runs.add": Rule(_arrived, note=_new_run),
    "runs.get": Rule("read"),
    "runs.list": Rule("read"),
    "runs.has": Rule("read"),
    "runs.taken": Rule("import"),
    "runs.set_status": Rule("run", "run"),
    "runs.record": Rule("run", "new run"),
    "runs.done_cells": Rule("read", "run"),
    "runs.answered": Rule("read"),
    "runs.progress": Rule("read", "run"),
    "runs.outcomes": Rule("read", "run"),
    "runs.version": Rule("read", "run"),
    "attempts.commit": Rule("run", "run"),
    "attempts.counted_on": Rule("read"),
    "attempts.frame": Rule("read", "run"),
    "attempts.by_tier": Rule("read", "run"),
    "grades.add": Rule("grade", "run"),
    "grades.note_scoring": Rule("grade", "run"),
    "grades.scoring": Rule("read", "run"),
    "grades.let_count": Rule("grade", "run"),
    "grades.counting": Rule("read", "run"),
    "grades.graded": Rule("read", "run"),
    "grades.frame": Rule("read", "run"),
    "policies.add": Rule("tune", note=lambda kept, p: ("tuned", "policy", p.id, p.name)),
    "policies.get": Rule("read"),
    "policies.list": Rule("read"),
    "traffic.add": Rule("import", note=lambda kept, p, calls=None: ("imported", "traffic", p.id, p.name)),
    "traffic.get": Rule("read"),
    "traffic.list": Rule("read"),
    "traffic.has": Rule("read"),
    "traffic.prompts": Rule("read", "profile"),
    "traffic.kept": Rule("read", "profile"),
    "reviews.start": Rule("grade", "session", author=lambda session, items: session.author),
    "reviews.sessions": Rule("read", "run"),
    "reviews.session": Rule("read", "session"),
    "reviews.items": Rule("read", "session"),
    "reviews.claim": Rule("grade", "session", author=lambda session, rater: rater),
    "reviews.claimed": Rule("read", "session"),
    "reviews.add_mark": Rule("grade", "run", author=_rater),
    "reviews.add_comparison": Rule("grade", "run", author=_rater),
    "reviews.marks": Rule("read", "run"),
    "reviews.comparisons": Rule("read", "run"),
    "reviews.history_of": Rule("read", "run"),
    "reviews.automatic": Rule("read", "run"),
    "reviews.answers": Rule("read", "run"),
    "shares.add": Rule("share", "shared", note=lambda token, s: ("shared", s.kind, s.object_id, s.id)),
    "shares.list": Rule("share"),
    "shares.revoke": Rule("share", note=lambda done, share_id: ("took back", "link", share_id, "")),
    "removal.run": Rule("delete", "run", note=lambda name, i: ("deleted", "run", i, name)),
    "removal.evalset": Rule("delete", note=lambda name, i: ("deleted", "prompt set", i, name)),
    "removal.policy": Rule("delete", "policy", note=lambda name, i: ("deleted", "policy", i, name)),
    "backup": Rule("backup", note=lambda done, target: ("copied", "workspace", "", str(target))),
    "take_run": Rule("export_text", "run"),
    "put_run": Rule("import", note=lambda done, run, tables, policies: ("imported", "run", run["id"], run["name"])),
}
"""Every method that a view passes on, as `part.method` of the store. The people, the audit log and the share tokens are reached
through `access.desk` and `access.sharing` alone."""

KINDS = {"run": "run", "profile": "traffic profile", "policy": "policy", "session": "grading session"}
PARTS = ("evalsets", "runs", "attempts", "grades", "policies", "traffic", "reviews", "shares", "removal")


class View:
    """Quacks as a `Store`."""

    def __init__(self, store: Store, person: Person = LOCAL_PERSON, role: Role | None = "admin", project: Project | None = None) -> None:
        """`project` None is every project, for the admin at a command line."""
        self.person, self.role, self.in_project, self.spender = person, role, project, person.id
        self.path, self.shared, self.project = store.path, store.shared, project.id if project else None
        self.whole, self._store = store, store.within(self.project)
        self.claims = store.claims  # which process does which work: rows of nobody
        self._owned: set[tuple[str, str]] = set()
        for part in PARTS:
            setattr(self, part, Part(self, part))

    def allows(self, action: Action) -> bool:
        """Whether this person may; for a screen that leaves out what would be refused."""
        return may(self.role, action)

    def require(self, action: Action) -> None:
        """Raises NotAllowed, in words, where this person may not."""
        if not self.allows(action):
            where = f" of {self.in_project.name}" if self.in_project else ""
            what = f"as {self.role}{where}" if self.role else "who are no member of this project"
            raise NotAllowed(f"You, {what}, may not {SAYS.get(action, action)}. Ask an admin.")

    def note(
        self, action: str, kind: str, object_id: str, name: str, detail: str = "", once_a_day: bool = False, project: str | None = None
    ) -> None:
        """Write what this person did to the audit log.

        Args:
            project: the one it concerns; this view's without it, and at a command line that of the object.
        """
        named = {"run": "run", "policy": "policy", "prompt set": "set", "traffic": "profile"}.get(kind)
        concerns = project or self.project or (self.whole.project_of(**{named: object_id}) if named else None) or ""
        entry = Entry(self.person.id, self.person.label, action, kind, object_id, name, concerns, detail)
        self.whole.audit.add(entry, once_a_day=once_a_day)

    def backup(self, target: Any) -> Any:
        return self._call("backup", self._store.backup, (target,), {})

    def take_run(self, run_id: str) -> Any:
        return self._call("take_run", self._store.take_run, (run_id,), {})

    def put_run(self, run: Any, tables: Any, policies: Any) -> None:
        self._call("put_run", self._store.put_run, (run, tables, policies), {})

    def owns(self, kind: str, thing: Any) -> None:
        """Raises NotFound where a run, profile, session or shared object is not of this project: as if it did not exist."""
        if kind == "shared":
            kind, thing = thing.kind, thing.object_id
        elif kind == "new run":  # an import keeps its rows before the run, so that a run is whole from its first moment
            if not self.whole.runs.taken(thing):
                return
            kind = "run"
        if self.project is None or (kind, thing) in self._owned or (kind == "run" and thing == TEST_RUN):
            return
        looks = {"run": self._store.runs.has, "profile": self._store.traffic.has, "policy": self._has_policy, "session": self._has_session}
        if not looks[kind](thing):
            called = "" if kind == "session" else "called "  # as the store itself says it
            raise NotFound(f"There is no {KINDS[kind]} {called}{getattr(thing, 'id', thing)!r}.")
        self._owned.add((kind, thing))  # a thing never changes its project

    def _has_session(self, session: Any) -> bool:
        known = session if hasattr(session, "run_id") else self._store.reviews.session(session)
        return self._store.runs.has(known.run_id)

    def _has_policy(self, policy_id: str) -> bool:
        return any(p.id == policy_id for p in self._store.policies.list())

    def _call(self, name: str, method: Callable, args: tuple, kwargs: dict) -> Any:
        rule = RULES[name]
        self.require(rule.action(*args, **kwargs) if callable(rule.action) else rule.action)
        if rule.of:
            self.owns(rule.of, args[0])
        if rule.author:
            self._speaks_for(rule.author(*args, **kwargs))
        if name == "grades.add":
            args = self._human_grades(*args, **kwargs)
        if name == "attempts.commit":
            kwargs = {**kwargs, "person_id": self.person.id}
        done = method(*args, **kwargs)
        if rule.note:
            self.note(*rule.note(done, *args, **kwargs))
        elif rule.author:
            self._note_grading(args[0].run_id if hasattr(args[0], "run_id") else args[0])
        return done

    def _human_grades(self, run_id: str, grades: Any) -> tuple:
        """Grades by people must be by this person."""
        from tierwise.grading.grades import AUTOMATIC

        kept = list(grades)
        authors = {g.author for g in kept} - {AUTOMATIC}
        for author in authors:
            self._speaks_for(author)
        if authors:
            self._note_grading(run_id)
        return run_id, kept

    def _note_grading(self, run_id: str) -> None:
        self.note("graded", "run", run_id, self._store.runs.get(run_id).name, once_a_day=True)

    def _speaks_for(self, author: str) -> None:
        """At the machine itself people take turns and give their names; a person who has signed in has one."""
        if self.person.subject != LOCAL.subject and author != self.person.label:
            raise NotAllowed(f"You are signed in as {self.person.label}, and cannot grade as {author}.")


class Part:
    """One part of the store, such as its runs."""

    def __init__(self, view: View, name: str) -> None:
        self._view, self._name = view, name

    def __getattr__(self, method: str) -> Callable:
        name = f"{self._name}.{method}"
        if name not in RULES:
            raise AttributeError(f"{name} has no rule in access.view.RULES, so nobody may call it")
        view, own = self._view, getattr(getattr(self._view._store, self._name), method)

        def call(*args: Any, **kwargs: Any) -> Any:
            return view._call(name, own, args, kwargs)

        return call
