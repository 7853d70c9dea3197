"""Compare: every tier's numbers with n and interval, and the answers behind them."""

from tests.pages.conftest import App


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
