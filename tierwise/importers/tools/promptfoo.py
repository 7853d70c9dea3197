"""promptfoo: the JSON that `promptfoo eval --output results.json` and `promptfoo export eval` write (versions 2 to 4 of its results)."""

import json
from typing import Any

from tierwise.importers.tools.shape import TOOLS, Row, Taken, chat, mapping, number, objects, share, words

EQUAL = ("equals", "icontains", "contains", "is-json", "factuality", "similar", "model-graded-closedqa")
ASKED = ("expected", "reference", "answer", "ideal", "target")


@TOOLS.add("promptfoo")
def promptfoo(content: Any) -> Taken | None:
    """One row a test, prompt and provider. A failed assertion is a score; only a call without an output is an error."""
    results = content.get("results") if isinstance(content, dict) else None
    found = results.get("results") if isinstance(results, dict) else results
    if not isinstance(found, list) or not all(isinstance(r, dict) and "provider" in r and ("vars" in r or "testCase" in r) for r in found):
        return None
    prompts = {_raw(r) if r.get("promptIdx") is None else str(r["promptIdx"]) for r in found}
    many = len({str(r.get("promptIdx")) for r in found}) > 1 and len(prompts) > 1
    rows = [_row(r, many) for r in found]
    models = len({r["model"] for r in rows})
    return Taken(rows, "results", f"Results of promptfoo: {len(rows):,} answers of {models} providers, with score, cost and latency.")


def _row(r: Row, many: bool) -> Row:
    response, case = mapping(r.get("response")), mapping(r.get("testCase"))
    variables = mapping(r.get("vars")) or mapping(case.get("vars"))
    usage = mapping(response.get("tokenUsage")) or mapping(r.get("tokenUsage"))
    output = response.get("output")
    test = r.get("testIdx")
    name = str(test) if test is not None else json.dumps(variables, sort_keys=True, ensure_ascii=False, default=str)[:200]
    score = share(r.get("score"))
    latency = number(r.get("latencyMs"))
    failed = output is None and (r.get("error") or response.get("error"))
    cost = number(r.get("cost")) if r.get("cost") is not None else number(response.get("cost"))
    return {
        "sample_id": f"{name}/{r.get('promptIdx')}" if many else name,
        **chat(_raw(r)),
        "reference": _reference(case, variables),
        "request_type": _text(mapping(case.get("metadata")).get("category")),
        "model": _provider(r["provider"]),
        "output": words(output),
        "score": None if failed else share(r.get("success")) if score is None else score,
        "cost_usd": cost,
        "prompt_tokens": usage.get("prompt"),
        "completion_tokens": usage.get("completion"),
        "latency_s": None if latency is None else latency / 1000,
        "finish_reason": _text(response.get("finishReason")),
        "error": str(failed) if failed else None,
    }


def _provider(provider: Any) -> str:
    if isinstance(provider, dict):
        return str(provider.get("label") or provider.get("id") or "")
    return str(provider)


def _raw(r: Row) -> Any:
    prompt = r.get("prompt")
    return prompt.get("raw", "") if isinstance(prompt, dict) else prompt or ""


def _reference(case: Row, variables: Row) -> str | None:
    for check in objects(case.get("assert")):
        if check.get("type") in EQUAL and isinstance(check.get("value"), str):
            return check["value"]
    return next((v for k in ASKED if isinstance(v := variables.get(k), str)), None)


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None
