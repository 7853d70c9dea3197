"""Compare: every tier's numbers with n and interval, and the answers behind them."""

import time

import numpy as np
import pytest

from tests.conftest import make_matrix
from tests.pages.conftest import App, app_query
from tierwise.ui import promptmatrix, state
from tierwise.ui.answers import WORDS, word_diff
from tierwise.ui.promptmatrix import KINDS


def test_each_tier_has_its_numbers(filled_app: App):
    at = filled_app.open("compare")
    table = at.dataframe[0].value
    assert len(table) >= 2
    assert table["quality"].between(0, 1).all()
    assert all(text.startswith("[") for text in table["95 % interval"])
    assert (table["n"] > 0).all()
    assert table["against last tier"].iloc[-1] == "" and "pts" in table["against last tier"].iloc[0]
    assert {"unscored", "failed", "cut off"} <= set(table)


def test_by_request_type_names_the_number_of_prompts(filled_app: App):
    at = filled_app.open("compare")
    at.segmented_control(key="compare_view").set_value("By request type")
    filled_app.run()
    table = at.dataframe[-1].value
    assert table["graded"].sum() > 0 and "[" in str(table.iloc[0, -1])


def test_prompts_where_tiers_disagree_come_first(filled_app: App):
    at = filled_app.open("compare")
    at.segmented_control(key="compare_view").set_value("By prompt")
    filled_app.run()
    table = at.dataframe[-1].value
    grades = table.drop(columns=["prompt", "request type", "answers"])
    assert (grades.max(axis=1) > grades.min(axis=1)).all()


def by_prompt(app: App, show: str):
    at = app.open("compare", compare_view="By prompt")
    at.segmented_control(key="show").set_value(show)
    return app.run()


def test_what_is_worse_than_a_baseline_comes_worst_first(filled_app: App):
    at = by_prompt(filled_app, "Worse than a baseline")
    table = at.dataframe[-1].value
    last = table.columns[-2]
    drop = table[last] - table.drop(columns=["prompt", "request type", "answers"]).min(axis=1)
    assert (drop > 0).all() and drop.is_monotonic_decreasing
    at.selectbox(key="baseline").set_value(table.columns[2])
    table = filled_app.run().dataframe[-1].value
    assert (table.iloc[:, 2] > table.iloc[:, 3:-1].min(axis=1)).all()


def test_every_prompt_is_on_some_page(filled_app: App):
    at = by_prompt(filled_app, "All")
    shown = list(at.dataframe[-1].value["prompt"])
    assert len(shown) == promptmatrix.PAGE
    key = f"page_{KINDS.index('All')}_{len(at.dataframe[0].value) - 1}"
    at.number_input(key=key).set_value(2)
    more = list(filled_app.run().dataframe[-1].value["prompt"])
    assert len(more) > 0 and shown != more


def test_the_drawer_has_every_grade_and_the_differences(filled_app: App):
    by_prompt(filled_app, "Tiers disagree")
    from tierwise.ui import readings, state

    run = state.graded_runs()[0]
    matrix = readings.matrix(run)
    filled_app.at.session_state["prompts_open"] = matrix.samples[int(promptmatrix.chosen(matrix, "Tiers disagree", 2, set())[0])].id
    at = filled_app.run()
    grades = [d.value for d in at.dataframe if "note" in d.value]
    assert len(grades) == len(run.tiers) and all(g["by"].iloc[0] == "tierwise" for g in grades)
    assert any(c.value.startswith(("- ", "+ ", "  ")) for c in at.code)


@pytest.mark.parametrize(
    ("a", "b", "shown"),
    [
        ("the cat sat", "the dog sat", "  the\n- cat\n+ dog\n  sat"),
        ("one two", "one two three", "  one two\n+ three"),
        ("same\nwords", "same words", "  The same words."),
        ("", "new", "+ new"),
    ],
)
def test_differences_in_words(a, b, shown):
    assert word_diff(a, b) == shown


def test_long_answers_are_compared_quickly():
    rng = np.random.default_rng(0)
    a, b = (" ".join(rng.choice(["alpha", "beta", "gamma", "delta"], 4 * WORDS)) for _ in range(2))
    start = time.perf_counter()
    word_diff(a, b)
    assert time.perf_counter() - start < 5


def test_ten_thousand_prompts_are_filtered_quickly():
    m = make_matrix(10_000, tiers=4)
    start = time.perf_counter()
    for kind in promptmatrix.KINDS:
        promptmatrix.chosen(m, kind, 3, {"s5"})
    assert time.perf_counter() - start < 1
    assert promptmatrix.chosen(m, promptmatrix.FLAGGED, 3, {"s5"}).tolist() == [5]


def test_how_much_answers_vary_is_said_where_there_are_several(app: App):
    from tierwise.evalsets import load_shipped
    from tierwise.runs.execute import execute
    from tierwise.runs.plan import create_run
    from tierwise.simulation.simulator import ladder
    from tierwise.ui import state

    app.open()
    info = state.store().evalsets.add(load_shipped("reasoning"))
    run = execute(state.store(), create_run(state.store(), info.id, ladder(), params={"repeats": 3}).id)
    at = app.open("compare", run=run.id)
    (told,) = [t.value for t in at.text if "from answer to answer" in t.value]
    assert told.startswith("3 answers a prompt") and all(t.name in told for t in run.tiers)


def test_a_finished_run_is_graded_by_another_scorer_and_told_to_count(app: App):
    from tierwise.grading.grades import matrix

    at = app.open("compare", compare_view="Scorers")
    run_id = app_query(at, "run")
    assert len(at.dataframe[-1].value) == 1
    at.selectbox(key="scorer").set_value("normalized_exact")
    app.run()
    assert any("nothing is paid" in c.value for c in at.caption)
    app.click("rescore")
    for job in state.grading_jobs().of(run_id):
        job.thread.join(60)
    at = app.run()
    table = at.dataframe[-1].value
    assert table["scorer"].iloc[0] == "normalized_exact" and table["counts"].tolist() == [False, True]
    at.selectbox(key="counting_1").set_value(0)
    app.run()
    app.click("let_count")
    assert matrix(state.store(), run_id).scorer == "normalized_exact"
    assert app.at.dataframe[-1].value["counts"].tolist() == [True, False]


def test_a_judge_without_a_model_is_refused_before_anything_starts(app: App):
    at = app.open("compare", compare_view="Scorers")
    at.selectbox(key="scorer").set_value("llm_judge")
    app.run()
    app.click("rescore")
    assert any("which model judges" in t.value for t in app.at.text)
    assert state.grading_jobs().of(app_query(app.at, "run")) == []
