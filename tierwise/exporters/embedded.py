"""Python files that carry a policy: `tierwise.reading` and `tierwise.evaluator` whole, the policy as JSON text, and the lines of one target.

They run on the standard library alone. Nothing of a policy becomes code: names and keywords stand inside JSON inside string
literals that they cannot end.
"""

import inspect
import json
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from tierwise import evaluator, reading
from tierwise.errors import BadInput
from tierwise.policy.document import readable


def source(document: Mapping[str, Any], heading: str, about: str, lines: str, **tables: Any) -> str:
    """The file's text: heading, the two, POLICY, a constant for each table, and the target's own lines.

    `about` and `lines` are code of the exporter and hold nothing of the policy; `about` says whose they are, in one comment.
    """
    constants = "".join(f"{name} = json.loads({literal(json.dumps(table))})\n" for name, table in tables.items())
    return (
        f"{heading}{inspect.getsource(reading)}\n\n{_alone(evaluator)}\n\n# {about}\n\nimport json  # noqa: E402\n\n"
        f"POLICY = json.loads({literal(readable(document))})\n{constants}{lines}"
    )


def _alone(module: ModuleType) -> str:
    """Its source without what it imports of Tierwise, which stands above it in an exported file."""
    return re.sub(r"^from tierwise\.\w+ import (?:\([^)]*\)|[^\n]*)\n", "", inspect.getsource(module), flags=re.M)


def literal(text: str) -> str:
    """ASCII JSON as a raw Python string that stays readable: with no single quote inside, nothing can end it early."""
    safe = text.strip().replace("'", "\\u0027")
    if not safe.isascii():
        raise ValueError("JSON for a Python file must be ASCII")
    return f"r'''{safe}'''"


def run(path: Path, requests: Sequence[Mapping[str, Any]], each: str, modules: str = "") -> list[Any]:
    """What a file answers to requests, in a Python of its own that sees nothing but the standard library.

    `each` is the async body that returns the answer for `r` (a request) of `module`; `modules` runs before the file is loaded.

    Raises:
        BadInput: it does not run.
    """
    body = _RUNNER.format(modules=modules, each=each)
    command = [sys.executable, "-I", "-S", "-c", body, str(path)]
    try:
        done = subprocess.run(command, input=json.dumps(list(requests)), capture_output=True, encoding="utf-8", timeout=600)
    except subprocess.TimeoutExpired as error:
        raise BadInput(f"Not exported: {path.name} did not answer {len(requests)} prompts in ten minutes.") from error
    if done.returncode:
        raise BadInput(f"Not exported: {path.name} does not run: {(done.stderr.strip() or 'no output').splitlines()[-1]}")
    return json.loads(done.stdout)


_RUNNER = """
import importlib.util, json, sys, types
{modules}
spec = importlib.util.spec_from_file_location("exported_policy", sys.argv[1])
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
async def answer(r):
    {each}
def finished(coroutine):  # it waits for nothing, so it needs no event loop, which is slow to import
    try:
        coroutine.send(None)
    except StopIteration as end:
        return end.value
print(json.dumps([finished(answer(r)) for r in json.load(sys.stdin)]))
"""
