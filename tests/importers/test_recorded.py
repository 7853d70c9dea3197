"""Recorded results: long and wide tables become graded runs, published figures come out, and what is wrong is named."""

import json
import re

import numpy as np
import pandas as pd
import pytest

from tests.tables.files import WRITERS
from tierwise.errors import BadInput
from tierwise.evalsets import load_shipped, to_jsonl
from tierwise.grading.grades import by_request_type, matrix
from tierwise.grading.summary import summary
from tierwise.importers import IMPORTERS
from tierwise.importers.recorded import import_results, models_in

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


@pytest.mark.parametrize("suffix", list(WRITERS))
def test_a_long_table_becomes_a_graded_run(store, suffix):
    run = long(store, LONG, suffix)
    assert (run.kind, run.status, run.params["scorer"]) == ("recorded", "done", "recorded")
    assert [(t.name, t.model) for t in run.tiers] == [("small", "small"), ("big", "big")]
    assert store.runs.get("results") == run
    graded = matrix(store, run.id)
    assert graded.scorer == "recorded" and graded.complete.all()
    assert graded.quality.tolist() == [[0, 1], [0.25, 0.5]]
    assert graded.cost.tolist() == [[0.001, 0.01], [0.002, 0.02]]
    assert [(s.id, s.input, s.request_type, s.metadata) for s in graded.samples] == [
        ("1", "1+1?", "sum", {}),
        ("2", "Capital?", "fact", {}),
    ]
    outcomes = store.runs.outcomes(run.id)
    assert sorted(outcomes["output"]) == ["2", "3", "Paris", "Rome"]
    assert set(outcomes["prompt_tokens"]) == {3, 4} and set(outcomes["served_model"]) == {"small", "big"}


def test_importers_are_found_by_name():
    assert IMPORTERS["recorded"] is import_results


def test_the_prompts_are_a_set_like_any_other(store):
    first, again = long(store, LONG), long(store, LONG, tiers=["big", "small"])
    assert first.evalset_id == again.evalset_id and len(store.evalsets.list()) == 1
    assert [t.name for t in again.tiers] == ["big", "small"]


def test_only_the_models_asked_for_are_kept_and_near_names_are_offered(store):
    run = long(store, LONG, tiers=["big"])
    assert set(store.runs.outcomes(run.id)["tier"]) == {"big"} == set(store.grades.frame(run.id)["tier"])
    with pytest.raises(BadInput, match=r"no answers of 'bigg'. Did you mean 'big'. Models: 'big', 'small'"):
        long(store, LONG, tiers=["bigg"])
    with pytest.raises(BadInput, match="'big' is named twice"):
        long(store, LONG, tiers=["big", "big"])


def test_models_are_listed_in_order_of_appearance():
    assert models_in(WRITERS["csv"](LONG), "results.csv") == ["big", "small"]


def test_without_costs_the_order_is_that_of_appearance_and_is_told(store):
    rows = [{k: v for k, v in row.items() if k != "cost_usd"} for row in LONG]
    run = long(store, rows)
    assert [t.name for t in run.tiers] == ["big", "small"]
    assert "No costs for big, small" in run.note and "Costs are not made up from token counts" in run.note
    assert store.runs.outcomes(run.id)["cost_usd"].isna().all()


SCORES = {"true": 1, "False": 0, "1": 1, "0.25": 0.25, "correct": 1, "fail": 0, True: 1, False: 0, 0.5: 0.5}


@pytest.mark.parametrize("said", SCORES)
def test_scores_may_be_numbers_or_truth_values(store, said):
    assert matrix(store, long(store, changed((0, {"score": said}))).id).quality[0, 1] == SCORES[said]


@pytest.mark.parametrize("missing", [None, "", "NaN", "n/a"])
def test_a_missing_score_is_unscored_and_never_zero(store, missing):
    run = long(store, changed((0, {"score": missing})))
    grades = store.grades.frame(run.id)
    assert grades["value"].isna().sum() == 1
    assert grades[grades["value"].isna()]["reason"].tolist() == ["the file has no score for this answer"]
    assert np.isnan(matrix(store, run.id).quality[0, 1])
    assert "big: 1 of 2 answers without a score" in run.note


WRONG = {
    "a score of 85": ({"score": 85}, "column 'score': 85 is outside 0 to 1; on a scale from 0 to 100, divide by 100"),
    "a score of 4": ({"score": 4}, "ends at 5, use .score - lowest. / .highest - lowest"),
    "a score of 7": ({"score": 7}, "ends at 10"),
    "a score below 0": ({"score": -1}, "the worst is 0"),
    "a score in words": ({"score": "rather good"}, "'rather good' is no score; scores are numbers from 0 to 1"),
    "a score in percent": ({"score": "85%"}, "write 85% as 0.85"),
    "a score with a comma": ({"score": "0,85"}, "write the decimal point as a point"),
    "a list as a score": ({"score": [1]}, "a list or an object is no score"),
    "a price with its sign": ({"cost_usd": "$0.01"}, "column 'cost_usd': '.0.01' is no cost.*leave out the currency sign"),
    "a cost below 0": ({"cost_usd": -0.01}, "-0.01 is below 0"),
    "half a token": ({"prompt_tokens": 1.5}, "1.5 is no count of tokens"),
    "no model": ({"model": ""}, "column 'model': there is no model"),
    "no id": ({"sample_id": None}, "column 'sample_id': there is no id"),
    "another prompt": ({"prompt": "2+2?"}, "column 'prompt': differs from row 1, which has the same id '1'"),
    "an object as output": ({"output": {"a": 1}}, "column 'output': a list or an object where text should be"),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_wrong_cell_is_named_and_nothing_is_kept(store, what):
    change, said = WRONG[what]
    told = refused(store, changed((1, change)))
    assert told.startswith("results.jsonl: row 2 (line 2), column ")
    assert re.search(said, told), told


@pytest.mark.parametrize(
    ("without", "said"),
    [
        ("model", "No model is named"),
        ("score", "No column holds the scores. Name one 'score', or map one .COLUMN=score."),
    ],
)
def test_a_table_without_what_is_needed_says_what_to_map(store, without, said):
    told = refused(store, [{k: v for k, v in row.items() if k != without} for row in LONG])
    assert re.search(said, told) and "Columns: 'dataset'" in told


def test_a_mapping_renames_columns(store):
    names = {"model": "Modell", "score": "Note", "prompt": "Frage", "sample_id": "Nr", "cost_usd": "Preis"}
    rows = [{names.get(k, k): v for k, v in row.items()} for row in LONG]
    run = long(
        store, rows, mapping={"Modell": "model", "Note": "score", "Frage": "prompt", "Nr": "sample_id", "Preis": "cost", "task": "ignore"}
    )
    assert matrix(store, run.id).quality.tolist() == [[0, 1], [0.25, 0.5]]
    assert {s.request_type for s in store.evalsets.get(run.evalset_id).samples} == {None}
    for mapping, said in (
        ({"Modell": "modl"}, "Did you mean 'model'"),
        ({"Model": "model"}, "no column 'Model'. Did you mean 'Modell'"),
        ({"Modell": "model", "Note": "model"}, "both to be the model"),
        ({"Note": "score:big", "Modell": "model"}, "both"),
    ):
        with pytest.raises(BadInput, match=said):
            long(store, rows, mapping=mapping)


def test_other_names_are_understood(store):
    rows = [
        {
            "question": r["prompt"],
            "llm": r["model"],
            "is_correct": bool(r["score"] > 0.3),
            "answer": r["output"],
            "input_tokens": 5,
            "output_tokens": 6,
            "total_cost": r["cost_usd"],
            "latency_ms": 250,
            "ground_truth": "2",
        }
        for r in LONG
    ]
    run = long(store, rows)
    outcome = store.runs.outcomes(run.id).iloc[0]
    assert (outcome["prompt_tokens"], outcome["completion_tokens"], outcome["latency_s"]) == (5, 6, 0.25)
    assert [s.id for s in store.evalsets.get(run.evalset_id).samples] == ["0001", "0002"]
    assert store.evalsets.get(run.evalset_id).samples[0].reference == "2"
    assert matrix(store, run.id).quality.tolist() == [[0, 1], [0, 1]]


def test_repeats_are_numbered_and_averaged(store):
    run = long(store, [*LONG, LONG[0] | {"score": 0, "output": "4"}, LONG[0] | {"score": 0.5}])
    cell = store.runs.outcomes(run.id).query("sample_id == '1' and tier == 'big'")
    assert cell["repeat"].tolist() == [0, 1, 2] and cell["output"].tolist() == ["2", "4", "2"]
    assert matrix(store, run.id).quality[0, 1] == 0.5
    assert "big: 2 of 4 answers repeated" in run.note


def test_ids_that_two_datasets_share_are_told_apart(store):
    other = [row | {"dataset": "e", "prompt": "other " + row["prompt"]} for row in LONG]
    samples = store.evalsets.get(long(store, [*LONG, *other]).evalset_id).samples
    assert [s.id for s in samples] == ["d/1", "d/2", "e/1", "e/2"]
    assert [s.metadata for s in samples] == [{"dataset": "d"}] * 2 + [{"dataset": "e"}] * 2


def test_an_id_of_each_row_does_not_tell_prompts_apart(store):
    rows = [{"id": str(i), "prompt": r["prompt"], "model": r["model"], "score": r["score"]} for i, r in enumerate(LONG)]
    run = long(store, rows)
    assert len(store.evalsets.get(run.evalset_id).samples) == 2 and "told apart by their text" in run.note


def test_models_that_did_not_answer_every_prompt_are_told(store):
    run = long(store, LONG[:3])
    assert "small: 1 of 2 prompts without an answer" in run.note
    assert np.isnan(matrix(store, run.id).quality[1, 0])


def test_cut_off_empty_and_failed_answers_are_told_apart(store):
    rows = changed((0, {"finish_reason": "length"}), (1, {"output": ""}), (2, {"error": "429 too many requests", "score": 0}))
    run = long(store, rows)
    outcomes = store.runs.outcomes(run.id).set_index(["sample_id", "tier"])["status"].to_dict()
    assert outcomes == {("1", "big"): "truncated", ("1", "small"): "empty", ("2", "big"): "failed", ("2", "small"): "ok"}
    graded = matrix(store, run.id)
    assert graded.truncated.tolist() == [[False, True], [False, False]] and graded.failed.tolist() == [[False, False], [False, True]]
    assert np.isnan(graded.quality[1, 1]), "the score of a failed call does not count"
    grade = store.grades.frame(run.id).query("sample_id == '2' and tier == 'big'").iloc[0]
    assert pd.isna(grade["value"]) and grade["reason"] == "the call failed: 429 too many requests"
    assert "big: 1 of 2 calls failed, 1 of these with a score, which does not count." in run.note
    assert summary(graded)[1].failed == 1


def test_what_is_known_of_prompts_beside_is_kept_and_the_rest_is_told(store):
    rows = [row | {"level": f"L{row['sample_id']}", "seen": i, "source_of_cost": "list"} for i, row in enumerate(LONG)]
    run = long(store, rows)
    assert [s.metadata for s in store.evalsets.get(run.evalset_id).samples] == [{"level": "L1"}, {"level": "L2"}]
    assert "Not kept, the same for all prompts or different between answers: 'seen', 'source_of_cost'." in run.note
    assert "Kept with the prompts as metadata: 'level'." in run.note


@pytest.mark.parametrize("name", ["contracts", "extraction"])
def test_prompts_of_a_set_with_their_results_are_that_set(store, name):
    shipped = load_shipped(name)
    prompts = [json.loads(line) for line in to_jsonl(shipped).splitlines()]
    run = long(store, [prompt | {"model": model, "score": 1} for model in ("a", "b") for prompt in prompts])
    assert store.evalsets.get(run.evalset_id).digest == shipped.digest
    assert "kept" not in run.note.lower()


def test_two_tasks_of_one_prompt_are_told(store):
    run = long(store, changed((1, {"task": "other"})))
    assert "Column 'task' differs between answers to one prompt (row 2); the first was taken." in run.note


def test_without_prompts_the_ids_do(store):
    run = long(store, [{k: v for k, v in row.items() if k != "prompt"} for row in LONG])
    assert [s.input for s in store.evalsets.get(run.evalset_id).samples] == ["", ""]
    assert "only their ids" in run.note


# Wide tables

WIDE = [
    ("gpt-4o_score", "gpt-4o_output", "gpt-4o_cost", "a/b-7B_score", "a/b-7B_output", "a/b-7B_cost"),
    ("gpt-4o score", "gpt-4o response", "gpt-4o total cost", "a/b-7B score", "a/b-7B response", "a/b-7B total cost"),
    ("gpt-4o.correct", "gpt-4o.output", "gpt-4o.cost_usd", "a/b-7B.correct", "a/b-7B.output", "a/b-7B.cost_usd"),
    ("score:gpt-4o", "output:gpt-4o", "cost:gpt-4o", "score:a/b-7B", "output:a/b-7B", "cost:a/b-7B"),
    ("score_gpt-4o", "output_gpt-4o", "cost_usd_gpt-4o", "score_a/b-7B", "output_a/b-7B", "cost_usd_a/b-7B"),
    ("gpt-4o (score)", "gpt-4o (answer)", "gpt-4o (cost)", "a/b-7B (score)", "a/b-7B (answer)", "a/b-7B (cost)"),
    ("gpt-4o", "gpt-4o|model_response", "gpt-4o|total_cost", "a/b-7B", "a/b-7B|model_response", "a/b-7B|total_cost"),
]


@pytest.mark.parametrize("columns", WIDE, ids=lambda c: c[0])
@pytest.mark.parametrize("suffix", ["csv", "jsonl"])
def test_a_wide_table_is_understood_by_its_columns(store, columns, suffix):
    cells = [(1, "two", 0.01, 0, "three", 0.001), (0.5, "Paris", 0.02, 1, "Paris!", 0.002)]
    rows = [
        {"sample_id": f"s{i}", "prompt": f"p{i}", "eval_name": "arc", "expected_output": "x", **dict(zip(columns, c, strict=True))}
        for i, c in enumerate(cells)
    ]
    run = long(store, rows, suffix)
    assert [t.name for t in run.tiers] == ["a/b-7B", "gpt-4o"]
    graded = matrix(store, run.id)
    assert graded.quality.tolist() == [[0, 1], [1, 0.5]] and graded.cost.tolist() == [[0.001, 0.01], [0.002, 0.02]]
    assert [s.reference for s in graded.samples] == ["x", "x"]
    assert sorted(store.runs.outcomes(run.id)["output"]) == ["Paris", "Paris!", "three", "two"]


def test_a_wide_table_can_be_mapped(store):
    rows = [
        {"prompt": "a", "A right": "true", "B right": "no", "A text": "x"},
        {"prompt": "b", "A right": "false", "B right": "yes", "A text": "y"},
    ]
    run = long(store, rows, mapping={"A right": "score:m/a", "B right": "score:m/b", "A text": "output:m/a"})
    assert [t.name for t in run.tiers] == ["m/a", "m/b"]
    assert matrix(store, run.id).quality.tolist() == [[1, 0], [0, 1]]
    with pytest.raises(BadInput, match=r"no field 'socre:x'. Did you mean 'score'.*score:MODEL"):
        long(store, rows, mapping={"A right": "socre:x"})


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_columns_of_truth_values_named_as_models_are_scores(store, suffix):
    rows = [{"prompt": f"p{i}", "mistralai/Mixtral-8x7B": i % 2 == 0, "gpt-4-1106": True, "flag": False} for i in range(4)]
    run = long(store, rows, suffix)
    assert [t.name for t in run.tiers] == ["mistralai/Mixtral-8x7B", "gpt-4-1106"]
    assert matrix(store, run.id).quality.mean(0).tolist() == [0.5, 1]
    assert "read as scores of the models of that name: mistralai/Mixtral-8x7B, gpt-4-1106" in run.note


def test_a_model_without_any_cell_in_a_row_did_not_answer(store):
    run = long(store, [{"prompt": "a", "x_score": 1, "y_score": 1}, {"prompt": "b", "x_score": 0, "y_score": None}], "csv")
    assert len(store.runs.outcomes(run.id)) == 3 and "y: 1 of 2 prompts without an answer" in run.note


def test_scores_out_of_range_in_a_wide_table_are_named(store):
    assert "row 2 (line 3), column 'x_score': '85' is outside" in refused(
        store, [{"prompt": "a", "x_score": "1", "y_score": "1"}, {"prompt": "b", "x_score": "85", "y_score": "1"}], "csv"
    )


# Published figures


@pytest.fixture(scope="module")
def own_store(tmp_path_factory):
    from tierwise.store import Store

    with Store(tmp_path_factory.mktemp("recorded") / "tierwise.duckdb") as opened:
        yield opened


def test_routellm_reproduces_the_published_accuracies(own_store, recorded):
    run = import_results(own_store, (recorded / "routellm_mmlu.parquet").read_bytes(), "routellm_mmlu.parquet", "mmlu")
    rows = {t.tier: t for t in summary(matrix(own_store, run.id))}
    assert {name: (t.n, round(t.quality, 3)) for name, t in rows.items()} == {
        "mistralai/Mixtral-8x7B-Instruct-v0.1": (14_042, 0.681),
        "gpt-4-1106-preview": (14_042, 0.806),
    }
    assert next(iter(rows)).startswith("mistral"), "the cheaper one comes first"


def test_zeroeval_reproduces_the_published_accuracies(own_store, recorded):
    run = import_results(own_store, (recorded / "zeroeval.parquet").read_bytes(), "zeroeval.parquet", "zeroeval")
    assert len(run.tiers) == 13
    table = by_request_type(matrix(own_store, run.id)).set_index(["request_type", "tier"])
    published = {"gpt-4o-2024-08-06": 96.21, "claude-3-5-sonnet-20240620": 95.60, "gpt-4o-mini-2024-07-18": 94.24}
    assert {m: round(100 * table.loc[("gsm", m), "quality"], 2) for m in published} == published
    assert table.loc["gsm"]["n"].unique().tolist() == [1_319]


def test_the_same_results_as_wide_give_the_same_run(own_store, recorded):
    frame = pd.read_parquet(recorded / "zeroeval.parquet")
    pair = ["gpt-4o-mini-2024-07-18", "gpt-4o-2024-08-06"]
    frame = frame[frame["model"].isin(pair) & frame["sample_id"].isin(frame["sample_id"].unique()[:200])]
    wide = frame.pivot(index=["sample_id", "task", "prompt"], columns="model", values=["score", "cost_usd", "output"])
    wide.columns = [f"{model}_{part}" for part, model in wide.columns]
    run = import_results(own_store, json.dumps(wide.reset_index().to_dict("records")).encode(), "wide.json", "wide")
    from_long = import_results(own_store, json.dumps(frame.to_dict("records")).encode(), "long.json", "long")
    a, b = matrix(own_store, run.id), matrix(own_store, from_long.id)
    order = [[s.id for s in b.samples].index(s.id) for s in a.samples]
    assert a.tiers == b.tiers == tuple(pair)
    np.testing.assert_array_equal(a.quality, b.quality[order])
    np.testing.assert_array_equal(a.cost, b.cost[order])
