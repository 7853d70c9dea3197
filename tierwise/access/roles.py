"""What each role may do: one table, looked at wherever something is done."""

from typing import Literal, get_args

Role = Literal["viewer", "grader", "editor", "admin"]
Action = Literal["read", "grade", "run", "import", "tune", "export", "export_text", "share", "delete", "manage", "backup"]

ROLES: tuple[Role, ...] = get_args(Role)
ACTIONS: tuple[Action, ...] = get_args(Action)

SAYS: dict[Action, str] = {
    "read": "see a project",
    "grade": "grade answers",
    "run": "start and stop runs and test calls, which spend money",
    "import": "bring in prompts, results and logs",
    "tune": "save policies",
    "export": "take away policies, reports and charts",
    "export_text": "take away prompts and answers",
    "share": "make links that others can open",
    "delete": "delete runs, prompt sets and policies",
    "manage": "manage people, roles and projects",
    "backup": "copy the whole workspace",
}

_VIEWER: frozenset[Action] = frozenset({"read"})
_GRADER: frozenset[Action] = _VIEWER | {"grade"}
_EDITOR: frozenset[Action] = _GRADER | {"run", "import", "tune", "export", "export_text", "share"}
MAY: dict[Role, frozenset[Action]] = {"viewer": _VIEWER, "grader": _GRADER, "editor": _EDITOR, "admin": frozenset(ACTIONS)}
"""Role x action. What is not in it is refused."""


def may(role: Role | None, action: Action) -> bool:
    """Whether a role includes an action; nobody's includes one that there is not."""
    return role in MAY and action in MAY[role]
