"""What the commands share: how one is declared, how its result is given, how its arguments are read."""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tierwise.errors import BadInput
from tierwise.store import Store


@dataclass(frozen=True)
class Command:
    """One subcommand: how its arguments are declared, and what it does."""

    arguments: Callable[[argparse.ArgumentParser], None]
    act: Callable[[argparse.Namespace, Store], Result]
    help: str


@dataclass(frozen=True)
class Result:
    """What a command found: `data` for `--json`, `text` for people."""

    data: Any
    text: str
    problem: str | None = None
    """Where the work ended before its end and the user can mend that: said on standard error, and the exit status is 2."""


COMMANDS: dict[str, Command] = {}


def command(name: str, help: str, arguments: Callable[[argparse.ArgumentParser], None]) -> Callable:
    def register(act: Callable[[argparse.Namespace, Store], Result]) -> Callable:
        COMMANDS[name] = Command(arguments, act, help)
        return act

    return register


def finite(value: Any) -> Any:
    """NaN and infinity are not JSON; they mean 'not known' here."""
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(k): finite(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [finite(v) for v in value]
    return value


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def read(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise BadInput(f"{path}: {error.strerror or error}.") from error


def pairs(items: list[str], option: str) -> dict[str, str]:
    pairs = {}
    for item in items:
        key, equals, value = item.partition("=")
        if not equals or not key:
            raise BadInput(f"{option} {item!r} should look like name=value.")
        pairs[key] = value
    return pairs


def names(text: str | None) -> list[str] | None:
    return [name.strip() for name in text.split(",") if name.strip()] if text else None
