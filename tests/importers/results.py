"""Four recorded answers of two models, and what imports of them give."""

import pytest

from tests.tables.files import WRITERS
from tierwise.errors import BadInput
from tierwise.importers.recorded import import_results

ANSWERS = [("1", "big", "2", 1, 0.01), ("1", "small", "3", 0, 0.001), ("2", "big", "Paris", 0.5, 0.02), ("2", "small", "Rome", 0.25, 0.002)]
PROMPTS = {
    "1": {"task": "sum", "prompt": "1+1?", "prompt_tokens": 4},
    "2": {"task": "fact", "prompt": "Capital?", "prompt_tokens": 3},
}
LONG = [
    {"dataset": "d", "sample_id": i, **PROMPTS[i], "model": model, "output": output, "score": score, "cost_usd": cost}
    for i, model, output, score, cost in ANSWERS
]


def long(store, rows: list[dict], suffix: str = "jsonl", **options):
    return import_results(store, WRITERS[suffix](rows), f"results.{suffix}", "results", **options)


def changed(*changes: tuple[int, dict]) -> list[dict]:
    rows = [dict(row) for row in LONG]
    for i, change in changes:
        rows[i] |= change
    return rows


def refused(store, rows: list[dict], suffix: str = "jsonl", **options) -> str:
    with pytest.raises(BadInput) as error:
        long(store, rows, suffix, **options)
    assert store.runs.list() == [] and store.evalsets.list() == []
    return str(error.value)
