"""The policy as a Python function: one file on the standard library, for code that calls models itself."""

from collections.abc import Sequence
from pathlib import Path

from tierwise.exporters import SAYS, Compiled, Request, embedded, exporter
from tierwise.exporters.endpoints import heading
from tierwise.types import Policy

FILE = "tier_policy.py"


@exporter(
    "python", "Python function", "One file without dependencies: choose(messages, metadata) gives tier, model and why.", "Code", shadow=SAYS
)
def compile(policy: Policy) -> Compiled:
    head = heading(policy.document, "A function on the standard library, for Python 3.10 or newer.")
    about = "What follows is the function to call: `choose(messages, metadata)`."
    return Compiled({FILE: embedded.source(policy.document, head, about, _CHOOSE)}, _replay)


def _replay(folder: Path, requests: Sequence[Request]) -> list[str]:
    return embedded.run(folder / FILE, requests, 'return module.choose(r["messages"], r["metadata"])["tier"]')


_CHOOSE = '''

def choose(messages, metadata=None):
    """Where a request goes: {"tier", "model", "score", "why"}.

    `messages` are OpenAI chat messages; `metadata` is flat, with `request_type` where it is known.
    """
    return decide(POLICY, messages, metadata)
'''
