"""Inspect: the JSON form of an eval log (`--log-format json`, or `inspect log dump`). One log is one model on one task."""

from typing import Any

from tierwise.importers.tools.shape import TOOLS, Row, Taken, chat, mapping, number, objects, share, words

VALUES = {"C": 1.0, "P": 0.5, "I": 0.0, "N": 0.0}
"""Correct, partial, incorrect, no answer: as Inspect turns them into numbers."""


@TOOLS.add("inspect")
def inspect(content: Any) -> Taken | None:
    """One row a sample and epoch, with the first of its scores."""
    about = content.get("eval") if isinstance(content, dict) else None
    samples = content.get("samples") if isinstance(content, dict) else None
    if not isinstance(about, dict) or "task" not in about or "model" not in about or not isinstance(samples, list | None):
        return None
    scorers: dict[str, None] = {}
    rows = [_row(s, about, scorers) for s in samples or () if isinstance(s, dict)]
    others = list(scorers)[1:]
    says = f"An eval log of Inspect: task {about['task']}, {len(rows):,} answers of {about['model']}"
    taken = f", graded by {next(iter(scorers))}" if scorers else ", without scores"
    left = f" Not taken: scores by {', '.join(others)}." if others else ""
    return Taken(rows, "results", f"{says}{taken}.{left}")


def _row(s: Row, about: Row, scorers: dict[str, None]) -> Row:
    output, metadata = mapping(s.get("output")), mapping(s.get("metadata"))
    choice = next(iter(objects(output.get("choices"))), {})
    usage = mapping(mapping(s.get("model_usage")).get(str(about["model"]))) or mapping(output.get("usage"))
    target, error = s.get("target"), s.get("error")
    target = target[0] if isinstance(target, list) and len(target) == 1 else target
    failed = error.get("message", "the sample failed") if isinstance(error, dict) else error or output.get("error")
    stop, said = choice.get("stop_reason"), words(mapping(choice.get("message")).get("content"))
    return {
        "dataset": str(about["task"]),
        "sample_id": str(s.get("id", "")),
        **chat(s.get("input")),
        "reference": words(target) if target not in ("", None, []) else None,
        "request_type": next((v for k in ("category", "subject", "type") if isinstance(v := metadata.get(k), str)), None),
        "model": str(about["model"]),
        "output": said if said is not None else words(output.get("completion")),
        "score": None if failed else _score(s, scorers),
        "cost_usd": number(usage.get("total_cost")),
        "prompt_tokens": usage.get("input_tokens"),
        "completion_tokens": usage.get("output_tokens"),
        "latency_s": number(output.get("time")) if output.get("time") is not None else number(s.get("working_time")),
        "finish_reason": "length" if stop in ("max_tokens", "model_length") else stop,
        "error": str(failed) if failed else None,
    }


def _score(s: Row, scorers: dict[str, None]) -> float | None:
    scores = mapping(s.get("scores")) or ({"score": s["score"]} if isinstance(s.get("score"), dict) else {})
    for name in scores:
        scorers.setdefault(str(name))
    if not scores:
        return None
    first = next((n for n in scorers if n in scores), None)
    value = scores[first].get("value") if isinstance(scores.get(first), dict) else None
    return VALUES.get(value) if isinstance(value, str) else share(value)
