"""OpenAI Evals: the event log that `oaieval` writes, and the output items of the hosted product, which closes in November 2026."""

from typing import Any

from tierwise.importers.tools.shape import TOOLS, Row, Taken, chat, mapping, objects, share, words

ASKED = ("ideal", "expected", "reference", "correct_label", "answer", "target")


@TOOLS.add("openai-evals")
def oaieval(content: Any) -> Taken | None:
    """One row a sample: its first sampling and its first verdict."""
    if not isinstance(content, list) or not content or not all(isinstance(e, dict) for e in content):
        return None
    spec = next((e["spec"] for e in content if isinstance(e.get("spec"), dict)), None)
    events = [e for e in content if "sample_id" in e and isinstance(e.get("data"), dict) and "type" in e]
    if spec is None or not any("run_id" in e or "completion_fns" in spec for e in (spec, *events)):
        return None
    models = spec.get("completion_fns") or [spec.get("model", "model")]
    model = str(models[0] if isinstance(models, list) and models else models)
    rows: dict[str, Row] = {}
    for event in events:
        row, data = rows.setdefault(str(event["sample_id"]), {}), event["data"]
        if event["type"] == "sampling" and "output" not in row:
            sampled = data.get("sampled")
            row |= chat(data.get("prompt")) | {"output": words(sampled[0] if isinstance(sampled, list) and sampled else sampled)}
            usage = mapping(data.get("usage"))
            row |= {"prompt_tokens": usage.get("prompt_tokens"), "completion_tokens": usage.get("completion_tokens")}
        elif event["type"] in ("match", "metrics", "model_graded") and row.get("score") is None:
            row["score"] = next((v for k in ("correct", "score", "accuracy") if (v := share(data.get(k))) is not None), None)
            expected = data.get("expected")
            row["reference"] = words(expected[0] if isinstance(expected, list) and len(expected) == 1 else expected) if expected else None
        elif event["type"] == "error":
            row["error"] = str(data.get("message") or data.get("error") or "the sample failed")
    found = [{"sample_id": name, "model": model} | row for name, row in rows.items() if "prompt" in row or "messages" in row]
    name = spec.get("eval_name") or spec.get("base_eval") or "an eval"
    return Taken(found, "results", f"A log of OpenAI Evals: {name}, {len(found):,} answers of {model}. It holds no costs and no latencies.")


@TOOLS.add("openai-evals-hosted")
def hosted(content: Any) -> Taken | None:
    """One row an output item: the mean of its graders' scores, else whether all of them passed."""
    items = content.get("data") if isinstance(content, dict) else content
    if not isinstance(items, list) or not items or not all(isinstance(i, dict) and "datasource_item" in i and "sample" in i for i in items):
        return None
    rows = [_item(i) for i in items if isinstance(i["sample"], dict)]
    models = ", ".join(dict.fromkeys(r["model"] for r in rows))[:200]
    return Taken(
        rows, "results", f"Output items of OpenAI's hosted evals: {len(rows):,} answers of {models}. They hold no costs and no latencies."
    )


def _item(item: Row) -> Row:
    sample, source = item["sample"], mapping(item["datasource_item"])
    said, usage = objects(sample.get("output")), mapping(sample.get("usage"))
    results = objects(item.get("results"))
    scores = [s for r in results if (s := share(r.get("score"))) is not None]
    passed = [bool(r["passed"]) for r in results if "passed" in r]
    error = sample.get("error")
    failed = error.get("message") or error.get("code") if isinstance(error, dict) else error
    score = sum(scores) / len(scores) if scores and len(scores) == len(results) else float(all(passed)) if passed else None
    asked = mapping(source.get("item")) or source
    return {
        "sample_id": str(item.get("datasource_item_id", item.get("id", ""))),
        **chat(sample.get("input")),
        "reference": next((words(asked[k]) for k in ASKED if asked.get(k) is not None), None),
        "model": str(sample.get("model") or "model"),
        "output": words(said[-1].get("content")) if said else None,
        "score": None if failed else score,
        "prompt_tokens": usage.get("prompt_tokens"),
        "completion_tokens": usage.get("completion_tokens"),
        "finish_reason": sample.get("finish_reason"),
        "error": str(failed) if failed else None,
    }
