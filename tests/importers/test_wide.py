"""Recorded results in wide tables, a row a prompt: models are told by the names of columns."""

import pytest

from tests.importers.results import long, refused
from tierwise.errors import BadInput
from tierwise.grading.grades import matrix

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
