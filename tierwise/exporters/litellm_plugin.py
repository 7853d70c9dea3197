"""The classifier plugin of a LiteLLM proxy: one file on the standard library that decides as Tierwise does.

It is the source of `tierwise.evaluator`, the policy as JSON text, and a few lines of LiteLLM's side. Nothing of a policy becomes
code: names and keywords stand inside JSON inside string literals that they cannot end.
"""

import inspect
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tierwise import evaluator
from tierwise.errors import BadInput
from tierwise.policy_document import readable

FILE = "litellm_policy_classifier.py"
INSTANCE = "litellm_policy_classifier.classifier"


def source(document: Mapping[str, Any], heading: str, slots: Mapping[str, str], pinned: Mapping[str, str]) -> str:
    """The file's text. `slots` is LiteLLM's tier by ours, `pinned` LiteLLM's tier by the id of a rule that has its own."""
    return (
        f"{heading}{inspect.getsource(evaluator)}\n\n{_IMPORT}"
        f"POLICY = json.loads({literal(readable(document))})\n"
        f"SLOTS = json.loads({literal(json.dumps(slots))})\n"
        f"PINNED = json.loads({literal(json.dumps(pinned))})\n{_CLASSIFIER}"
    )


def literal(text: str) -> str:
    """ASCII JSON as a raw Python string that stays readable: with no single quote inside, nothing can end it early."""
    safe = text.strip().replace("'", "\\u0027")
    if not safe.isascii():
        raise ValueError("JSON for a Python file must be ASCII")
    return f"r'''{safe}'''"


def run(path: Path, requests: Sequence[Mapping[str, Any]]) -> list[str]:
    """What the plugin answers to requests, in a Python of its own that sees nothing but the standard library.

    Raises:
        BadInput: it does not run.
    """
    command = [sys.executable, "-I", "-S", "-c", _RUNNER, str(path)]
    done = subprocess.run(command, input=json.dumps(list(requests)), capture_output=True, encoding="utf-8", timeout=600)
    if done.returncode:
        raise BadInput(f"Not exported: the plugin file does not run: {(done.stderr.strip() or 'no output').splitlines()[-1]}")
    return json.loads(done.stdout)


_RUNNER = """
import asyncio, importlib.util, json, sys, types
spec = importlib.util.spec_from_file_location("litellm_policy_classifier", sys.argv[1])
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
async def all_of(requests):
    contexts = [types.SimpleNamespace(structured_messages=r["messages"], metadata=r["metadata"], candidate_models=[]) for r in requests]
    return [await module.classifier.classify(context) for context in contexts]
print(json.dumps(asyncio.run(all_of(json.load(sys.stdin)))))
"""

_IMPORT = """# What follows is LiteLLM's side: it asks `classifier` for every request to the model 'auto'.

import json  # noqa: E402

"""

_CLASSIFIER = '''

class PolicyClassifier:
    """LiteLLM's ClassifierPlugin: the name of LiteLLM's tier for a request."""

    async def classify(self, context):
        """Decide by the policy; what the caller sent as metadata goes before what the proxy adds."""
        told = dict(context.metadata or {})
        sent = told.get("requester_metadata")
        if isinstance(sent, dict):
            told.update(sent)
        found = decide(POLICY, context.structured_messages, told)
        rule = found["why"].removeprefix("rule ") if found["score"] is None and found["why"].startswith("rule ") else None
        return PINNED.get(rule) or SLOTS[found["tier"]]


classifier = PolicyClassifier()
'''
