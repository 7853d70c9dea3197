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
    places = _places(found)
    rows = [_row(r, place) for r, place in zip(found, places, strict=True)]
    models = len({r["model"] for r in rows})
    return Taken(rows, "results", f"Results of promptfoo: {len(rows):,} answers of {models} providers, with score, cost and latency.")


def _places(found: list[Row]) -> list[int | None]:
    """Which of several prompts each answer is to, counted for each provider alone, as promptIdx is not; None where a test has one prompt."""
    asked: dict[str, dict[str, int]] = {}
    tests: dict[tuple[str, str], set[str]] = {}
    keys = []
    for r in found:
        # promptIdx counts prompts and providers together; promptId is the same whoever answers
        provider, prompt = _provider(r["provider"]), str(r.get("promptId") or r.get("promptIdx"))
        asked.setdefault(provider, {}).setdefault(prompt, len(asked.get(provider, {})))
        tests.setdefault((provider, _test(r)), set()).add(prompt)
        keys.append((provider, prompt))
    many = any(len(prompts) > 1 for prompts in tests.values())
    return [asked[provider][prompt] if many else None for provider, prompt in keys]


def _test(r: Row) -> str:
    if r.get("testIdx") is not None:
        return str(r["testIdx"])
    return json.dumps(r.get("vars") or mapping(r.get("testCase")).get("vars"), sort_keys=True, ensure_ascii=False, default=str)[:200]


def _row(r: Row, place: int | None) -> Row:
    response, case = mapping(r.get("response")), mapping(r.get("testCase"))
    variables = mapping(r.get("vars")) or mapping(case.get("vars"))
    usage = mapping(response.get("tokenUsage")) or mapping(r.get("tokenUsage"))
    output = response.get("output")
    told = mapping(case.get("metadata")).get("sample_id")
    name = told if isinstance(told, str) and told else _test(r)
    score = share(r.get("score"))
    latency = number(r.get("latencyMs"))
    failed = output is None and (r.get("error") or response.get("error"))
    cost = number(r.get("cost")) if r.get("cost") is not None else number(response.get("cost"))
    if not cost and (usage.get("prompt") or usage.get("total")):
        cost = None  # promptfoo writes 0 where it knows no price
    return {
        "sample_id": name if place is None else f"{name}/{place}",
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
            return _plain(check["value"])
    return next((v for k in ASKED if isinstance(v := variables.get(k), str)), None)


def _plain(text: str) -> str:
    """A value without the marks that keep promptfoo from reading templates in it."""
    start, end = "{% raw %}", "{% endraw %}"
    if not (text.startswith(start) and text.endswith(end)):
        return text
    return text[len(start) : -len(end)].replace(f"{end}{{{{ {json.dumps(end)} }}}}{start}", end)


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None
