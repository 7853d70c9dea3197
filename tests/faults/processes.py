"""Processes that are killed in the middle of their work. Forked from one that has everything imported, so that hundreds are cheap."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress

from tierwise.settings import ROOT

FULL = int(os.environ.get("TIERWISE_KILLS", "0"))
"""How often to kill in each test, in place of what fits into a quick run."""


def in_own_process(module: str, function: str, **arguments: object) -> dict:
    """`function` of a test module, called where no thread runs yet; its JSON result."""
    code = f"import json, sys; from {module} import {function} as go; print(json.dumps(go(**json.loads(sys.argv[1]))))"
    shown = subprocess.run([sys.executable, "-c", code, json.dumps(arguments)], cwd=ROOT, capture_output=True, text=True, timeout=280)
    assert shown.returncode == 0, shown.stderr
    return json.loads(shown.stdout.splitlines()[-1])


def killed(work: Callable[[Callable[[str], None]], None], after_lines: int, then_s: float) -> list[str]:
    """Fork, let `work` say lines, and kill -9 it some time after so many of them. What it had said by then."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(read)
        with suppress(BaseException):
            work(lambda line: os.write(write, line.encode() + b"\n"))
        os._exit(1)
    os.close(write)
    said = b""
    with os.fdopen(read, "rb", 0) as lines:
        while said.count(b"\n") < after_lines and (more := lines.read(65_536)):
            said += more
        time.sleep(then_s)
        with suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        while more := lines.read(65_536):
            said += more
    return said.decode().split("\n")[:-1]


def in_a_fork(work: Callable[[], object]) -> object:
    """What `work` gives (or the text of its error), from a process of its own: the database is never open in this one."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            told = json.dumps({"ok": work()})
        except BaseException as error:
            told = json.dumps({"error": f"{type(error).__name__}: {error}"})
        with os.fdopen(write, "w") as out:
            out.write(told)
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as out:
        told = out.read()
    os.waitpid(child, 0)
    found = json.loads(told)
    assert "ok" in found, found
    return found["ok"]
