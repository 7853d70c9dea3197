"""The engine for terminals and CI: `python -m tierwise COMMAND`.

Exit 0 on success, 2 for what the user can mend (one line on standard error), 1 for a bug. Results go to standard
output or `--json FILE`; progress goes to standard error.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import traceback
from pathlib import Path
from typing import Any, NoReturn

from tierwise import __version__
from tierwise.access.view import View, at_the_command_line
from tierwise.cli import check, data, decide, experiment, keep, share, team, traffic, watch  # noqa: F401  (importing them registers their commands)
from tierwise.cli.command import COMMANDS, Result, finite
from tierwise.errors import BadInput, TierwiseError
from tierwise.store import Store


def main(argv: list[str] | None = None) -> int:
    """Run one command; returns the exit status."""
    arguments = _parser().parse_args(argv)
    try:
        with Workspace(getattr(arguments, "project", None)) as store:
            result = COMMANDS[arguments.command].act(arguments, store)
        _deliver(result, arguments.json)
        if result.problem:
            print(f"tierwise: {result.problem}", file=sys.stderr)
            return 2
    except TierwiseError as error:
        print(f"tierwise: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # the reader has seen enough; Python would complain once more on leaving
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception:
        traceback.print_exc()
        print("tierwise: this is a bug in Tierwise; nothing half-done was saved.", file=sys.stderr)
        return 1
    return 0


class Workspace:
    """A store that opens on first use: deciding by a policy file must work beside a running app, which holds the store.

    Whoever can read its file is its admin; what they do here is on the audit log under their name on this machine.
    """

    def __init__(self, project: str | None = None) -> None:
        self.wanted = project

    def __getattr__(self, name: str) -> Any:
        if "opened" not in self.__dict__:
            self.opened = Store()
            project = self.opened.people.project(self.wanted) if self.wanted else None
            self.view = View(self.opened, at_the_command_line(), "admin", project)
        return getattr(self.view, name)

    def __enter__(self) -> Workspace:
        return self

    def __exit__(self, *_: object) -> None:
        if "opened" in self.__dict__:
            self.opened.close()


class OneLine(argparse.ArgumentParser):
    """A parser whose complaints are one line, as all others are."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"tierwise: {message}. See {self.prog} --help.\n")


def _parser() -> argparse.ArgumentParser:
    parser = OneLine(prog="tierwise", description="Which model does each prompt really need?")
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, entry in COMMANDS.items():
        sub = commands.add_parser(name, help=entry.help, description=entry.help)
        entry.arguments(sub)
        sub.add_argument("--json", metavar="FILE", help="write the result as JSON to FILE, or to standard output with -")
        sub.add_argument(
            "--project", metavar="NAME", help="only what is in this project; all of them, and new things in Default, without it"
        )
    return parser


def _deliver(result: Result, target: str | None) -> None:
    if target is None:
        print(result.text, flush=True)
        return
    text = json.dumps(finite(result.data), ensure_ascii=False, indent=2, default=str)
    if target == "-":
        print(text, flush=True)
    else:
        try:
            Path(target).write_text(text + "\n", encoding="utf-8")
        except OSError as error:
            raise BadInput(f"--json {target}: {error.strerror}.") from error
        print(result.text)
