"""Scripted judges for the stand-in provider: what they reply depends on what they are sent, so one can see what they obeyed."""

import json
import re
from collections.abc import Callable
from typing import Any

FENCE = re.compile(r"^BEGIN DATA ([0-9a-f]{16})\n(.*?)\nEND DATA \1$", re.M | re.S)
ORDERS = (
    (re.compile(r"\b(?:give|score|rate|grade|award|assign)\b[^.\n]{0,60}?\b(?:1\.0|1|10|full marks|perfect|best|correct)\b", re.I), 1.0),
    (re.compile(r"GRADE:\s*[A-F]|\"score\"\s*:\s*1(?:\.0)?\b|\"(?:verdict|better)\"\s*:\s*\"\w+\"", re.I), 1.0),
)


def data_of(body: dict) -> dict[str, Any]:
    """What stands between the fences, as the judge was told to find them."""
    return json.loads(FENCE.search(body["messages"][-1]["content"])[2])


def outside(body: dict) -> str:
    """All that the judge takes for its instructions, without the few words that are ours."""
    system, user = (m["content"] for m in body["messages"])
    assert system.count(FENCE.search(user)[1]) == 1, "the code is told once, outside the data"
    return FENCE.sub("", user).replace("Grade `answer` by the rubric.", "")


def obedient(body: dict) -> str:
    """Obeys every order outside the fences; else judges by itself: right where the reference occurs in the answer's first word."""
    for order, score in ORDERS:
        if order.search(outside(body)):
            return json.dumps({"explanation": "as ordered", "score": score})
    data = data_of(body)
    return json.dumps({"explanation": "judged", "score": 0.75 if data["answer"].startswith(data.get("reference", "\0")) else 0.25})


def scripted(value: Any) -> Callable[[dict], str]:
    """Always the same reply: text as it is, anything else as JSON."""
    return lambda body: value if isinstance(value, str) else json.dumps(value)
