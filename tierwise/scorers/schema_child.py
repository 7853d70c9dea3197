"""Judges JSON against a JSON Schema; also run as a process of its own, which can be killed when a schema does not come to an end.

It imports nothing of Tierwise. One request a line on standard input, one reply a line on standard output.
"""

import json
import sys
from functools import lru_cache
from typing import Any


def judge(schema: str, instance: str) -> dict[str, Any]:
    """{"valid": bool, "why": text}, or {"error": text} where the schema cannot be applied. Nothing is ever fetched."""
    try:
        error = next(_validator(schema).iter_errors(json.loads(instance)), None)
    except RecursionError:
        return {"error": "it refers to itself without end, or is nested too deeply"}
    except Exception as problem:  # whatever a hostile schema brings about is a fact about the schema
        return {"error": (str(problem).strip() or type(problem).__name__).splitlines()[0][:200]}
    if error is None:
        return {"valid": True, "why": ""}
    where, told = ".".join(str(p) for p in error.absolute_path), error.message
    if len(told) > 200:  # it begins with the value, however long, and ends with what is wrong with it
        told = f"{told[:80]} ... {told[-115:]}"
    return {"valid": False, "why": f"{where[:80] + ': ' if where else ''}{told}"}


@lru_cache(16)
def _validator(text: str) -> Any:
    from jsonschema import Draft202012Validator
    from jsonschema.validators import validator_for
    from referencing import Registry

    schema = json.loads(text)
    kind = validator_for(schema, default=Draft202012Validator)
    kind.check_schema(schema)
    return kind(schema, registry=Registry())


def main() -> None:
    try:
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))
    except (ImportError, ValueError, OSError):  # not on this system
        pass
    judge('{"type": "object"}', "{}")
    print("ready", flush=True)
    for line in sys.stdin:
        print(json.dumps(judge(*json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
