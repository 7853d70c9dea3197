"""Prompts and results brought in from the command line."""

import pytest

from tests.cli.conftest import TIERS
from tests.conftest import make_matrix


def test_a_prompt_set_is_imported_mapped_and_listed(tierwise, tmp_path):
    file = tmp_path / "prompts.csv"
    file.write_text("question,gold,kind\nWhat is 1+1?,2,maths\nCapital of France?,Paris,facts\n")
    done = tierwise("import-evalset", file, "--name", "mine", "--map", "question=input", "--map", "gold=reference", "--json", "-")
    assert done.code == 0
    assert (done.data["name"], done.data["n"], done.data["with_reference"]) == ("mine", 2, 2)
    listed = tierwise("list", "evalsets", "--json", "-").data
    assert [(e["id"], e["name"], e["n"]) for e in listed] == [(done.data["id"], "mine", 2)]
    again = tierwise("import-evalset", file, "--name", "other", "--map", "question=input", "--map", "gold=reference")
    assert again.code == 0 and len(tierwise("list", "evalsets", "--json", "-").data) == 1, "the same content is kept once"


@pytest.mark.parametrize(("text", "more", "words"), [
    ("input\n", (), "prompts.csv"), ("a,b\n1,2\n", (), "prompts.csv"), ("input,id\nx,1\ny,1\n", (), "row"),
    ("input\nx\n", ("--map", "nonsense"), "--map 'nonsense' should look like name=value"),
    ("input\nx\n", ("--map", "inputt=input"), "inputt")])  # fmt: skip
def test_an_unusable_prompt_file_is_refused_in_words(tierwise, tmp_path, text, more, words):
    file = tmp_path / "prompts.csv"
    file.write_text(text)
    done = tierwise("import-evalset", file, "--name", "mine", *more)
    assert (done.code, done.out) == (2, "") and words in done.err and "Traceback" not in done.err
    assert tierwise("list", "evalsets", "--json", "-").data == []


def test_results_become_a_graded_run(tierwise, tuned):
    (run,) = [r for r in tierwise("list", "runs", "--json", "-").data if r["name"] == "first"]
    assert (run["kind"], run["status"], run["n"], run["tiers"]) == ("recorded", "done", 200, TIERS)
    rows = tierwise("summary", "first", "--json", "-").data
    matrix = make_matrix(200, seed=4)
    for k, row in enumerate(rows["tiers"]):
        assert (row["tier"], row["n"], row["unscored"], row["failed"]) == (TIERS[k], 200, 0, 0)
        assert row["quality"] == pytest.approx(matrix.quality[:, k].mean())
        assert row["cost_per_1k_usd"] == pytest.approx(1000 * matrix.cost[:, k].mean())
        assert row["ci95"][0] < row["quality"] < row["ci95"][1] and row["latency_p50_s"] == 1 + k
    assert set(rows) == {"run", "name", "simulated", "tiers", "by_request_type"}
    assert {r["request_type"] for r in rows["by_request_type"]} == {"easy", "hard"} and len(rows["by_request_type"]) == 6
    text = tierwise("summary", "first").out
    assert all(f"{t}: {matrix.quality[:, k].mean():.2%}" in text for k, t in enumerate(TIERS)) and "n=200" in text
