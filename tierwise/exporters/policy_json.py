"""The policy itself as a file: what `route`, `evaluate` and other tools read back."""

from collections.abc import Sequence
from pathlib import Path

from tierwise.exporters import HOLDS, Compiled, Request, exporter
from tierwise.policy import policy_from_json, route, to_json
from tierwise.types import Policy

FILE = "policy.json"


@exporter("policy-json", "Policy JSON", "The whole policy in one file, with its evidence. It can be loaded again.", "File", shadow=HOLDS)
def compile(policy: Policy) -> Compiled:
    return Compiled({FILE: to_json(policy)}, _replay)


def _replay(folder: Path, requests: Sequence[Request]) -> list[str]:
    again = policy_from_json((folder / FILE).read_bytes())
    return [route(again, request).tier for request in requests]
