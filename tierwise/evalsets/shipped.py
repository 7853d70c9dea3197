"""The prompt sets that come with Tierwise: a JSON Lines file and a card each."""

import difflib
from dataclasses import dataclass

from tierwise import settings
from tierwise.errors import NotFound
from tierwise.types import EvalSet


@dataclass(frozen=True)
class ShippedSet:
    """What the list of shipped sets shows."""

    name: str
    title: str
    size: int
    card_markdown: str


def shipped() -> list[ShippedSet]:
    """Every set with a file and a card, by name."""
    found = []
    for path in sorted(settings.SHIPPED_EVALSETS.glob("*.jsonl")):
        card = path.with_suffix(".md").read_text(encoding="utf-8")
        title = card.partition("\n")[0].removeprefix("# ").strip()
        found.append(ShippedSet(path.stem, title, path.read_bytes().count(b"\n"), card))
    return found


def load_shipped(name: str) -> EvalSet:
    """Raises NotFound with the names that there are."""
    from tierwise.evalsets.parsing import parse_evalset, problems_error

    names = sorted(p.stem for p in settings.SHIPPED_EVALSETS.glob("*.jsonl"))
    if name not in names:
        near = difflib.get_close_matches(name, names, n=1)
        hint = f" Did you mean {near[0]}?" if near else ""
        raise NotFound(f"There is no shipped prompt set called {name!r}.{hint} Shipped sets: {', '.join(names)}.")
    path = settings.SHIPPED_EVALSETS / f"{name}.jsonl"
    parsed = parse_evalset(path.read_bytes(), path.name, name)
    if parsed.evalset is None:
        raise problems_error(parsed, path.name)
    return parsed.evalset
