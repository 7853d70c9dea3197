"""Reading in a process of its own, with a limit to its memory and its time.

Some damaged Parquet files end the process that opens them, and a spreadsheet with one far-off cell asks for all memory there is.
"""

import functools
import importlib
import json
import os
import subprocess
import sys
from dataclasses import asdict
from typing import Any

from tierwise.errors import BadInput
from tierwise.settings import ROOT
from tierwise.tables.table import Problem, Reader, Table

SECONDS = 30
MEMORY = 2 << 30
LEAN = {"ARROW_DEFAULT_MEMORY_POOL": "system", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
"""Address space that libraries set aside without using it counts against the limit."""

START = "import sys; sys.path.insert(0, sys.argv[1]); from tierwise.tables import apart; apart.child(*sys.argv[2:])"


def apart(reader: Reader) -> Reader:
    """Decorator: the same reader, run in a child. `__wrapped__` is the one that runs there."""

    @functools.wraps(reader)
    def read(data: bytes, max_rows: int) -> Table:
        command = [sys.executable, "-c", START, str(ROOT), reader.__module__, reader.__name__, str(max_rows)]
        try:
            for _ in range(2):  # a child may also end because the machine was short of something just then
                done = subprocess.run(
                    command,
                    input=data,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                    timeout=SECONDS,
                    check=False,
                    env=os.environ | LEAN,
                )
                if done.returncode == 0:
                    break
        except subprocess.TimeoutExpired as error:
            raise BadInput(f"reading it took more than {SECONDS} seconds. Save it as CSV, or take a sample of its rows.") from error
        if done.returncode:
            raise BadInput("it is damaged, or needs more memory than there is: reading it came to a sudden end. Save it again, or as CSV.")
        told = json.loads(done.stdout)
        if "refused" in told:
            raise BadInput(told["refused"])
        return _table(told)

    return read


def child(module: str, name: str, max_rows: str) -> None:
    """Read standard input and write the table, or why there is none, to standard output."""
    _limit()
    reader = getattr(importlib.import_module(module), name).__wrapped__
    try:
        table = reader(sys.stdin.buffer.read(), int(max_rows))
        told = vars(table) | {"rows": [list(row.values()) for row in table.rows], "problems": [asdict(p) for p in table.problems]}
    except BadInput as error:
        told = {"refused": str(error)}
    except MemoryError:
        told = {"refused": f"reading it needs more than {MEMORY >> 30} GiB of memory. Take a sample of its rows."}
    sys.stdout.buffer.write(json.dumps(told).encode())


def _limit() -> None:
    try:
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    except (ImportError, ValueError, OSError):  # not on this system
        pass


def _table(told: dict[str, Any]) -> Table:
    columns = tuple(told["columns"])
    return Table(
        columns, [dict(zip(columns, cells, strict=True)) for cells in told["rows"]], told["lines"], tuple(told["notices"]),
        tuple(Problem(**p) for p in told["problems"]), told["blank_is_missing"], {c: tuple(at) for c, at in told["typed"].items()},
    )  # fmt: skip
