"""Datasets of LangSmith and Langfuse: prompts with reference answers, without results."""

from typing import Any

from tierwise.importers.tools.shape import TOOLS, Row, Taken, chat, mapping, message, objects, words

ASKED = ("messages", "input", "question", "prompt", "query", "text", "human_input")
ANSWERED = ("reference", "expected", "answer", "output", "label", "ideal", "response", "generation")


@TOOLS.add("langsmith")
def langsmith(content: Any) -> Taken | None:
    """Examples with `inputs` and `outputs`, as the export of a dataset has them."""
    found = content.get("examples", content.get("data")) if isinstance(content, dict) else content
    if not _all(found, "inputs", "outputs") or any("model" in row for row in found):
        return None
    rows = [_row(row.get("id"), row["inputs"], row["outputs"], row.get("metadata"), row.get("split")) for row in found]
    return Taken(rows, "prompts", f"A dataset of LangSmith: {len(rows):,} examples.")


@TOOLS.add("langfuse")
def langfuse(content: Any) -> Taken | None:
    """Dataset items with `input` and `expectedOutput`; archived ones are left out."""
    found = content.get("data", content.get("items")) if isinstance(content, dict) else content
    if not isinstance(found, list) or not found or not all(isinstance(i, dict) and "input" in i for i in found):
        return None
    key = next((k for k in ("expectedOutput", "expected_output") if any(k in i for i in found)), None)
    if key is None or not any({"datasetId", "dataset_id", "datasetName", "dataset_name", "sourceTraceId"} & i.keys() for i in found):
        return None
    kept = [i for i in found if i.get("status") != "ARCHIVED"]
    rows = [_row(i.get("id"), i["input"], i.get(key), i.get("metadata"), None) for i in kept]
    left = f" {len(found) - len(kept):,} archived ones are left out." if len(kept) < len(found) else ""
    return Taken(rows, "prompts", f"A dataset of Langfuse: {len(rows):,} items.{left}")


def _all(found: Any, *names: str) -> bool:
    return isinstance(found, list) and bool(found) and all(isinstance(row, dict) and all(n in row for n in names) for row in found)


def _row(name: Any, asked: Any, answered: Any, metadata: Any, split: Any) -> Row:
    beside = {k: v for k, v in (metadata if isinstance(metadata, dict) else {}).items() if v is not None}
    found = _one(asked, ASKED)
    told = chat([found] if message(found) else found)
    row: Row = {"input" if k == "prompt" else k: v for k, v in told.items()}
    if isinstance(asked, dict) and len(asked) > 1:
        inside = next((k for k in ASKED if k in asked), None)
        beside |= {k: v for k, v in asked.items() if k != inside and v is not None and k not in beside} if inside else {}
    kind = next((beside.pop(k) for k in ("request_type", "category", "topic") if isinstance(beside.get(k), str)), None)
    if isinstance(split, str) and split:
        beside.setdefault("split", split)
    row |= {"reference": _answer(answered), "request_type": kind}
    return ({"id": str(name)} if name is not None else {}) | row | ({"metadata": beside} if beside else {})


def _answer(answered: Any) -> str | None:
    """The reference answer: a text, the last message, the first choice of a completion, or the first generation of a model."""
    if isinstance(answered, dict):
        choice = next(iter(objects(answered.get("choices"))), {})
        generation = answered.get("generations")
        while isinstance(generation, list):
            generation = generation[0] if generation else None
        inside = choice.get("message") or choice.get("text") or mapping(generation).get("text") or answered.get("messages")
        answered = inside or _one(answered, ANSWERED)
    if isinstance(answered, list) and answered and message(answered[-1]):
        answered = answered[-1]
    said = message(answered)
    return (said["content"] if said else words(answered) if answered not in (None, {}, []) else None) or None


def _one(value: Any, names: tuple[str, ...]) -> Any:
    """The value itself; of an object the field that is known by name, or its only one."""
    if not isinstance(value, dict):
        return value
    known = next((k for k in names if k in value), None)
    if known is not None:
        return value[known]
    return next(iter(value.values())) if len(value) == 1 else value
