"""Recorded results: long tables become graded runs, and what is wrong is named."""

import json
import re

import numpy as np
import pandas as pd
import pytest

from tests.importers.results import LONG, changed, long, refused
from tests.tables.files import WRITERS
from tierwise.errors import BadInput
from tierwise.evalsets import load_shipped, to_jsonl
from tierwise.grading.grades import matrix
from tierwise.grading.summary import summary
from tierwise.importers import IMPORTERS
from tierwise.importers.recorded import import_results, models_in


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
