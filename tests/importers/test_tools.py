"""Files of other tools, made by hand in their shapes: told by that shape, taken with a word of what was taken, and ready to be tuned."""

import json
from contextlib import suppress

import pytest
import yaml

from tierwise.errors import BadInput
from tierwise.evalsets import evalset_of, parse_evalset
from tierwise.grading.grades import matrix
from tierwise.importers.recorded import import_results, models_in
from tierwise.importers.tools import TOOLS, joined, recognise
from tierwise.promptfoo_config import to_promptfoo
from tierwise.types import Sample, Tier

ASKED = {"0": ("What is 2 + 2?", "4"), "1": ("Name a colour.", "red")}


def promptfoo_file() -> dict:
    rows = []
    for test, (prompt, answer) in enumerate(ASKED.values()):
        for k, provider in enumerate(({"id": "openai:gpt-mini"}, {"id": "openai:gpt-large", "label": "large"})):
            right = k == 1 or test == 0
            rows.append(
                {
                    "testIdx": test,
                    "promptIdx": 0,
                    "provider": provider,
                    "prompt": {"raw": json.dumps([{"role": "user", "content": prompt}]), "label": "p"},
                    "vars": {"question": prompt},
                    "testCase": {
                        "vars": {"question": prompt},
                        "assert": [{"type": "equals", "value": answer}],
                        "metadata": {"category": "short"},
                    },
                    "response": {
                        "output": answer if right else "blue",
                        "tokenUsage": {"prompt": 9, "completion": 1, "total": 10},
                        "cost": 0.001 * 10**k,
                    },
                    "success": right,
                    "score": float(right),
                    "latencyMs": 1500,
                    "error": None if right else "Expected output to equal",
                    "failureReason": 0 if right else 1,
                }
            )
    return {"evalId": "eval-x", "results": {"version": 3, "results": rows, "stats": {}}, "config": {}, "shareableUrl": None}


def inspect_log(model: str, right: str, price: float | None = None) -> dict:
    usage = {"input_tokens": 9, "output_tokens": 2, "total_tokens": 11} | ({"total_cost": price} if price else {})
    samples = [
        {
            "id": int(i),
            "epoch": epoch,
            "input": [{"role": "user", "content": [{"type": "text", "text": prompt}]}],
            "target": [answer],
            "messages": [],
            "metadata": {"category": "short"},
            "working_time": 0.8,
            "output": {
                "model": model,
                "choices": [{"message": {"role": "assistant", "content": answer}, "stop_reason": "stop"}],
                "usage": usage,
                "time": 0.5,
            },
            "scores": {"match": {"value": right if i == "1" else "C", "answer": answer}, "style": {"value": 0.5}},
            "model_usage": {model: usage},
        }
        for i, (prompt, answer) in ASKED.items()
        for epoch in (1, 2)
    ]
    return {"version": 2, "status": "success", "eval": {"task": "colours", "model": model, "dataset": {}}, "samples": samples}


def oaieval_log(model: str, right: bool) -> str:
    lines: list[dict] = [{"spec": {"completion_fns": [model], "eval_name": "colours.test.v0", "run_id": "r1"}}]
    for i, (prompt, answer) in ASKED.items():
        sampled = {
            "prompt": [{"role": "user", "content": prompt}],
            "sampled": [answer],
            "usage": {"prompt_tokens": 9, "completion_tokens": 1},
        }
        lines.append({"run_id": "r1", "event_id": 0, "sample_id": f"c.{i}", "type": "sampling", "data": sampled})
        verdict = {"correct": right or i == "0", "expected": answer, "picked": answer, "sampled": answer}
        lines.append({"run_id": "r1", "event_id": 1, "sample_id": f"c.{i}", "type": "match", "data": verdict})
    lines.append({"final_report": {"accuracy": 1.0}})
    return "\n".join(map(json.dumps, lines))


def hosted_items(model: str = "gpt-large") -> dict:
    return {
        "object": "list",
        "data": [
            {
                "object": "eval.run.output_item",
                "id": f"o{i}",
                "datasource_item_id": int(i),
                "datasource_item": {"question": prompt, "ideal": answer},
                "status": "pass",
                "results": [{"name": "string check", "passed": i == "0", "score": float(i == "0")}],
                "sample": {
                    "model": model,
                    "input": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": prompt}],
                    "output": [{"role": "assistant", "content": answer}],
                    "finish_reason": "stop",
                    "error": None,
                    "usage": {"prompt_tokens": 12, "completion_tokens": 1, "total_tokens": 13},
                },
            }
            for i, (prompt, answer) in ASKED.items()
        ],
    }


def as_bytes(content) -> bytes:
    return content.encode() if isinstance(content, str) else json.dumps(content).encode()


RESULTS = {
    "promptfoo": promptfoo_file(),
    "inspect": inspect_log("openai/gpt", "I"),
    "openai-evals": oaieval_log("gpt", True),
    "openai-evals-hosted": hosted_items(),
}
PROMPTS = {
    "langsmith": [
        {"id": "a1", "inputs": {"question": "What is 2 + 2?", "unit": "none"}, "outputs": {"answer": "4"}, "metadata": {"category": "sum"}},
        {"id": "a2", "inputs": {"question": "Name a colour."}, "outputs": {"answer": "red"}, "metadata": {}},
    ],
    "langfuse": {
        "data": [
            {
                "id": "a1",
                "datasetId": "d",
                "status": "ACTIVE",
                "input": {"messages": [{"role": "user", "content": "What is 2 + 2?"}]},
                "expectedOutput": "4",
                "metadata": {"category": "sum"},
            },
            {
                "id": "a2",
                "datasetId": "d",
                "status": "ACTIVE",
                "input": "Name a colour.",
                "expectedOutput": {"text": "red"},
                "metadata": None,
            },
            {"id": "a3", "datasetId": "d", "status": "ARCHIVED", "input": "x", "expectedOutput": "y"},
        ],
        "meta": {},
    },
}


def test_every_tool_has_a_file_here():
    assert set(RESULTS) | set(PROMPTS) == set(TOOLS)


@pytest.mark.parametrize("tool", [*RESULTS, *PROMPTS])
def test_each_is_told_by_its_shape_and_by_no_other(tool):
    content = (RESULTS | PROMPTS)[tool]
    name = "file.jsonl" if isinstance(content, str) else "file.json"
    said = recognise(as_bytes(content), name)
    assert said.kind == ("results" if tool in RESULTS else "prompts") and said == recognise(as_bytes(content), name, tool)
    for other in set(TOOLS) - {tool}:
        with pytest.raises(BadInput, match="does not look like"):
            recognise(as_bytes(content), name, other)


@pytest.mark.parametrize("tool", RESULTS)
def test_results_become_a_graded_run(store, tool):
    content = RESULTS[tool]
    run = import_results(store, as_bytes(content), "file.jsonl" if isinstance(content, str) else "file.json", "theirs")
    samples = store.evalsets.get(run.evalset_id).samples
    assert [s.reference for s in samples] == ["4", "red"] and len(samples) == 2
    assert "answers of" in run.note and run.kind == "recorded"
    asked = [s.input or s.messages[-1]["content"] for s in samples]
    assert asked == [prompt for prompt, _ in ASKED.values()]
    assert matrix(store, run.id).quality.shape[0] == 2


def test_promptfoo_keeps_cost_latency_and_failed_checks_as_scores(store):
    run = import_results(store, as_bytes(promptfoo_file()), "r.json", "pf")
    assert [t.name for t in run.tiers] == ["openai:gpt-mini", "large"], "cheapest first, by its costs"
    graded = matrix(store, run.id)
    assert graded.quality.tolist() == [[1, 1], [0, 1]] and not graded.failed.any()
    assert graded.cost[0].tolist() == [0.001, 0.01] and graded.latency[0, 0] == 1.5
    assert {s.request_type for s in graded.samples} == {"short"}


def test_promptfoo_calls_without_an_output_failed(store):
    content = promptfoo_file()
    content["results"]["results"][0] |= {"response": {"error": "429"}, "error": "API error: 429", "success": False, "score": 0}
    graded = matrix(store, import_results(store, as_bytes(content), "r.json", "pf").id)
    assert graded.failed.tolist() == [[True, False], [False, False]]


def test_logs_of_one_model_each_are_read_together(store):
    files = [(as_bytes(inspect_log("openai/mini", "I", 0.001)), "a.json"), (as_bytes(inspect_log("openai/large", "C", 0.02)), "b.json")]
    data, name, told = joined(files)
    run = import_results(store, data, name, "inspect")
    assert [t.name for t in run.tiers] == ["openai/mini", "openai/large"] and len(told) == 2
    assert "graded by match. Not taken: scores by style" in told[0]
    graded = matrix(store, run.id)
    assert graded.quality.tolist() == [[1, 1], [0, 1]] and store.runs.outcomes(run.id)["repeat"].max() == 1, "epochs are repeats"
    logs = [(oaieval_log("a", False).encode(), "a.jsonl"), (oaieval_log("b", True).encode(), "b.jsonl")]
    both = import_results(store, *joined(logs)[:2], "evals")
    assert matrix(store, both.id).quality.tolist() == [[1, 1], [0, 1]]
    with pytest.raises(BadInput, match="several files"):
        joined([*logs, (b"prompt,score\nx,1\n", "c.csv")])


def test_the_models_of_a_file_are_listed_for_the_screen():
    assert models_in(as_bytes(promptfoo_file()), "r.json") == ["openai:gpt-mini", "large"]


@pytest.mark.parametrize("tool", PROMPTS)
def test_datasets_become_prompt_sets(tool):
    parsed = parse_evalset(as_bytes(PROMPTS[tool]), "dataset.json", "theirs")
    assert not parsed.problems, parsed.problems
    first, second = parsed.evalset.samples
    assert (first.id, first.input, first.reference, first.request_type) == ("a1", "What is 2 + 2?", "4", "sum")
    assert second.reference == "red" and tool in parsed.notices[0].lower()
    if tool == "langsmith":
        assert first.metadata == {"unit": "none"}
    else:
        assert "1 archived" in parsed.notices[0]


def test_an_item_of_hosted_evals_with_all_its_fields():
    """As the API's reference has it: graders of several scales, a model that failed, an answer in parts."""
    item = hosted_items()["data"][0] | {"created_at": 1, "eval_id": "e", "run_id": "r"}
    item["results"] = [
        {"name": "check", "type": "string_check", "passed": True, "score": 1.0, "sample": None},
        {"name": "judge", "type": "score_model", "passed": False, "score": 4.5, "sample": {"model": "gpt-judge"}},
    ]
    item["sample"] |= {"max_completion_tokens": 2048, "seed": 42, "temperature": 1.0, "top_p": 1.0,
                       "output": [{"role": "assistant", "content": [{"type": "output_text", "text": "4"}]}]}  # fmt: skip
    failed = json.loads(json.dumps(item)) | {"datasource_item_id": 7}
    failed["sample"] |= {"output": [], "error": {"code": "rate_limit", "message": "too many"}}
    (row, lost) = TOOLS["openai-evals-hosted"]([item, failed]).rows
    assert (row["output"], row["score"], row["reference"], row["prompt_tokens"]) == ("4", 0.0, "4", 12)
    assert lost["score"] is None and lost["error"] == "too many"


def test_langsmith_lines_too():
    lines = "\n".join(map(json.dumps, PROMPTS["langsmith"]))
    assert len(parse_evalset(lines.encode(), "dataset.jsonl", "theirs").evalset.samples) == 2


@pytest.mark.parametrize(
    "content",
    [
        [{"prompt": "a", "reference": "b"}],
        {"rows": [{"prompt": "a"}]},
        [{"model": "m", "inputs": "a", "outputs": "b", "score": 1}],
        [],
        {},
        3,
        "[" * 5000,
    ],
)
def test_plain_tables_are_left_alone(content):
    assert recognise(as_bytes(content), "x.json") is None


@pytest.mark.parametrize("tool", [*RESULTS, *PROMPTS])
def test_strange_values_are_told_in_words_or_taken_never_a_traceback(store, tool):
    """Every value in turn is replaced by others of another kind."""
    content = (RESULTS | PROMPTS)[tool]
    lines = isinstance(content, str)
    text = content if lines else json.dumps(content)
    document = [json.loads(line) for line in text.split("\n")] if lines else json.loads(text)

    def places(value, path=()):
        yield path
        for key, item in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
            yield from places(item, (*path, key))

    for path in list(places(document))[1:120]:
        for strange in (None, 7, "x", [], {}, [None], True, -1.5):
            broken = json.loads(json.dumps(document))
            at = broken
            for step in path[:-1]:
                at = at[step]
            at[path[-1]] = strange
            data = "\n".join(map(json.dumps, broken)).encode() if lines else as_bytes(broken)
            with suppress(BadInput):
                recognise(data, "x.jsonl" if lines else "x.json")


def test_a_prompt_set_for_promptfoo_keeps_text_from_being_a_template():
    samples = [Sample("a", "Say {{secret}} and {% raw %}", "4", "short", system="Be brief."), Sample("b", "plain: 'yes' #no", None)]
    tiers = [
        Tier("mini", "openai/gpt-mini", api_key_env="OPENAI_API_KEY", input_per_1m=0.1, output_per_1m=0.4, params={"temperature": 0.0}),
        Tier("own", "hosted_vllm/qwen", api_base="http://localhost:8000/v1"),
    ]
    document = yaml.safe_load(to_promptfoo(evalset_of("set", samples), tiers))
    assert [p["label"] for p in document["providers"]] == ["mini", "own"]
    assert (
        document["providers"][0]["id"] == "openai:chat:gpt-mini" and document["providers"][0]["config"]["apiKeyEnvar"] == "OPENAI_API_KEY"
    )
    first, second = document["tests"]
    shapes = {p["label"]: json.loads(p["raw"]) for p in document["prompts"]}
    assert set(shapes) == {"system-user", "user"}, "a template a sequence of roles, which is JSON: its variables are put in as they are"
    for test, sample in zip(document["tests"], samples, strict=True):
        (shape,) = test["prompts"]
        filled = [{**m, "content": test["vars"][m["content"].strip("{} ")]} for m in shapes[shape]]
        assert filled == sample.chat()
    assert first["assert"] == [{"type": "equals", "value": "4"}] and first["metadata"] == {"sample_id": "a", "category": "short"}
    assert "assert" not in second and document["providers"][1]["config"]["omitDefaults"] is True
    assert yaml.safe_load(to_promptfoo(evalset_of("set", [Sample("c", "x\n")]), tiers))["tests"][0]["vars"] == {
        "tierwise_message_1": "x\n\n"
    }
    for bad in (Sample("c", "file://etc/passwd"), Sample("c", "x", "package:y")):
        with pytest.raises(BadInput, match=r"'c'.*load a file"):
            to_promptfoo(evalset_of("set", [bad]), tiers)
    with pytest.raises(BadInput, match="simulated"):
        to_promptfoo(evalset_of("set", samples), [Tier("s", "sim/small")])


def test_promptfoo_counts_prompts_and_providers_together_and_writes_zero_for_an_unknown_price():
    """As promptfoo 0.121 does: promptIdx is 0 for the first provider and 1 for the second, of one and the same prompt."""
    content = promptfoo_file()
    for i, row in enumerate(content["results"]["results"]):
        row |= {"promptIdx": i % 2, "promptId": "abc"}
        row["response"]["cost"] = row["cost"] = 0
    taken = TOOLS["promptfoo"](content)
    assert {r["sample_id"] for r in taken.rows} == {"0", "1"} and len({r["model"] for r in taken.rows}) == 2
    assert {r["cost_usd"] for r in taken.rows} == {None}
    twice = [dict(r) | {"promptId": "def", "promptIdx": r["promptIdx"] + 2} for r in content["results"]["results"]]
    content["results"]["results"] += twice
    assert {r["sample_id"] for r in TOOLS["promptfoo"](content).rows} == {"0/0", "1/0", "0/1", "1/1"}


def test_a_reference_kept_from_being_a_template_comes_back_as_it_was():
    references = ["{{x}}", "{% endraw %} {{y}}", "plain"]
    tiers = [Tier("mini", "openai/gpt-mini")]
    tests = yaml.safe_load(to_promptfoo(evalset_of("set", [Sample(str(i), "x", r) for i, r in enumerate(references)]), tiers))["tests"]
    content = promptfoo_file()
    for test, reference in zip(tests, references, strict=True):
        content["results"]["results"][0]["testCase"]["assert"] = test["assert"]
        assert TOOLS["promptfoo"](content).rows[0]["reference"] == reference
