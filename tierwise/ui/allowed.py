"""Buttons for what not everybody may do: off, with the reason, where the engine would refuse."""

from typing import Any

from tierwise.access.roles import SAYS, Action
from tierwise.ui import state


def to(action: Action, help: str | None = None, disabled: bool = False) -> dict[str, Any]:
    """How a widget for this looks to whoever is here: `st.button("Start", **allowed.to("run"))`."""
    view = state.store()
    if view.allows(action):
        return {"help": help, "disabled": disabled}
    return {"help": f"As a {view.role} you may not {SAYS[action]}. Ask an admin of the project.", "disabled": True}
