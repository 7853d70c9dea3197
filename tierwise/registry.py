"""One dictionary for each kind of extension: scorers, features, routers, importers, exporters.

Built-ins and additions use the same door: a decorator that puts one function or class under its name.
"""

import difflib
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

from tierwise.errors import NotFound

T = TypeVar("T")


class Registry(Generic[T]):
    """Entries by name, in the order in which they were added."""

    def __init__(self, noun: str) -> None:
        self.noun = noun
        self._entries: dict[str, T] = {}

    def add(self, name: str) -> Callable[[T], T]:
        """Decorator that registers its target under `name`; a name can be taken once."""

        def register(entry: T) -> T:
            if name in self._entries:
                raise ValueError(f"two {self.noun}s are called {name!r}")
            self._entries[name] = entry
            return entry

        return register

    def remove(self, name: str) -> None:
        """Take an entry out again: of an extension that could not be loaded to its end."""
        del self._entries[name]

    def __getitem__(self, name: str) -> T:
        """The entry called `name`.

        Raises:
            NotFound: with near names and all that is available.
        """
        if name in self._entries:
            return self._entries[name]
        near = difflib.get_close_matches(name, self._entries, n=2)
        hint = f" Did you mean {' or '.join(near)}?" if near else ""
        raise NotFound(f"There is no {self.noun} called {name!r}.{hint} Available: {', '.join(self._entries)}.")

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def items(self) -> list[tuple[str, T]]:
        """Names and entries, as added."""
        return list(self._entries.items())
