"""Datasets of LangSmith and Langfuse, shaped as their own downloads, APIs and tables are."""

import json

import pytest

from tierwise.evalsets import parse_evalset


def example(inputs, outputs) -> str:
    """A line of LangSmith's own JSONL download, of its API, or of its command."""
    about = {"id": "e1", "dataset_id": "d1", "created_at": "2026-01-01T00:00:00Z", "modified_at": None, "source_run_id": None}
    return json.dumps(about | {"inputs": inputs, "outputs": outputs, "metadata": {"dataset_split": ["base"]}, "attachments_urls": None})


ASK = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "What is 2 + 2?"}]
LANGCHAIN = [{"type": "system", "data": {"content": "Be brief."}}, {"type": "human", "data": {"content": "What is 2 + 2?", "name": None}}]
LANGFUSE_CSV = """"id","projectId","datasetId","input","expectedOutput","metadata","sourceTraceId","status","createdAt"
"e1","p","d","[{""role"":""system"",""content"":""Be brief.""},{""role"":""user"",""content"":""What is 2 + 2?""}]","{""response"":""4""}","","","ACTIVE","2026-10-01"
"e2","p","d","Name a colour.","red","","","ARCHIVED","2026-10-01"
"""


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (example({"messages": ASK}, {"messages": [{"role": "assistant", "content": "4"}]}), "chat.jsonl"),
        (example({"messages": ASK}, {"choices": [{"index": 0, "message": {"role": "assistant", "content": "4"}}]}), "completion.jsonl"),
        (example({"input": LANGCHAIN}, {"output": {"type": "ai", "data": {"content": "4"}}}), "chat-kind.jsonl"),
        (example({"input": LANGCHAIN}, {"generations": [[{"text": "4", "message": {}}]]}), "llm-run.jsonl"),
        (f"[{example({'messages': ASK}, {'output': {'role': 'assistant', 'content': [{'type': 'text', 'text': '4'}]}})}]", "api.json"),
        (LANGFUSE_CSV, "lf-dataset-items-export.csv"),
        (json.dumps({"id": "e1", "datasetId": "d", "input": ASK, "expectedOutput": {"messages": [{"role": "assistant", "content": "4"}]}}), "one.jsonl"),
    ],
)  # fmt: skip
def test_datasets_as_the_products_themselves_write_them(content, name):
    parsed = parse_evalset(content.encode(), name, "theirs")
    assert not parsed.problems, parsed.problems
    (sample,) = parsed.evalset.samples
    assert (sample.id, sample.reference) == ("e1", "4") and sample.chat() == ASK
    assert "A dataset of Lang" in parsed.notices[0]


def test_a_cell_or_a_field_without_an_answer_is_no_reference():
    for outputs in (None, {}, {"choices": []}, {"messages": []}, {"output": ""}):
        (sample,) = parse_evalset(example({"question": "x"}, outputs).encode(), "d.jsonl", "x").evalset.samples
        assert sample.reference is None and sample.input == "x"
    items = [{"id": "a", "datasetId": "d", "input": '{"a": 1}', "expectedOutput": "[b]"}]
    (sample,) = parse_evalset(json.dumps(items).encode(), "d.json", "x").evalset.samples
    assert (sample.input, sample.reference) == ('{"a": 1}', "[b]"), "what is text in JSON stays as it is"
