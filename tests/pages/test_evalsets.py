"""Files coming in on screen: guessed columns, problems by row, and the way to a run."""

import pytest

from tests.pages.conftest import App

CSV = b"question,answer,category\r\nWhat is 2+2?,4,arithmetic\r\nCapital of France?,Paris,facts\r\n"
TRAPS = ["NA", "null", "007", " leading and trailing ", "=HYPERLINK(1)", "line\nbreak", "\u202eright to left"]


@pytest.fixture
def upload(empty_app: App) -> App:
    empty_app.open("evalsets", view="Upload a file")
    return empty_app


def give(app: App, name: str, data: bytes, mime: str = "text/csv"):
    app.at.file_uploader(key="evalsets_file").upload(name, data, mime)
    return app.run()


def test_columns_are_guessed_and_shown(upload: App):
    give(upload, "set.csv", CSV)
    shown = upload.at.dataframe[-1].value
    assert list(shown["prompt"]) == ["What is 2+2?", "Capital of France?"]
    assert list(shown["right answer"]) == ["4", "Paris"]
    assert list(shown["request type"]) == ["arithmetic", "facts"]
    assert upload.primary() == ["Run it"]


def test_run_it_keeps_the_set_and_opens_run(upload: App):
    give(upload, "set.csv", CSV)
    at = upload.click("evalsets_run")
    assert [h.value for h in at.header] == ["Run"]
    assert at.query_params["set"] in (at.selectbox(key="set_choice").value, [at.selectbox(key="set_choice").value])


def test_prompts_are_kept_to_the_letter(upload: App):
    import json

    data = "\n".join(json.dumps({"prompt": t, "reference": "x"}) for t in TRAPS).encode()
    give(upload, "traps.jsonl", data, "application/jsonl")
    assert list(upload.at.dataframe[-1].value["prompt"]) == TRAPS


def test_a_problem_names_its_row_and_nothing_is_kept(upload: App):
    from tierwise.ui import state

    give(upload, "bad.csv", b"prompt,weight\r\nfine,1\r\nheavy,much\r\n")
    table = upload.at.dataframe[-1].value
    assert (list(table["row"]), list(table["line"]), list(table["column"])) == ([2], [3], ["weight"])
    assert upload.primary() == []
    assert state.store().evalsets.list() == []


def test_the_same_content_is_recognised(upload: App):
    give(upload, "set.csv", CSV)
    upload.click("evalsets_keep")
    give(upload, "again.csv", CSV)
    assert any("kept already" in t.value for t in upload.at.text)


def test_a_file_that_is_no_table_is_refused_in_words(upload: App):
    give(upload, "set.parquet", b"not parquet", "application/octet-stream")
    assert upload.primary() == []
    assert "That did not work" in upload.badges() or "problem" in upload.badges()


def test_search_finds_by_request_type(filled_app: App):
    at = filled_app.open("evalsets")
    at.text_input(key="search").set_value("no such set")
    filled_app.run()
    assert any("No prompt set matches" in c.value for c in at.caption)


def test_a_shipped_set_is_one_click_from_a_run(empty_app: App):
    at = empty_app.open("evalsets", view="Shipped sets")
    keys = [b.key for b in at.button if b.key.startswith("use_")]
    assert len(keys) >= 4
    at = empty_app.click(keys[0])
    assert [h.value for h in at.header] == ["Run"]


def test_recorded_outcomes_become_a_run(empty_app: App):
    rows = ["sample_id,prompt,model,score,cost_usd"]
    rows += [f"s{i},question {i},{m},{int(i % k == 0)},{c}" for i in range(40) for m, k, c in (("a", 2, 0.001), ("b", 1, 0.01))]
    at = empty_app.open("evalsets", view="Recorded outcomes")
    at.file_uploader(key="evalsets_recorded").upload("outcomes.csv", "\n".join(rows).encode(), "text/csv")
    empty_app.run()
    at = empty_app.click("evalsets_import")
    assert [h.value for h in at.header] == ["Compare"]
    assert list(at.dataframe[0].value["tier"]) == ["a", "b"]
    assert "Simulated" not in empty_app.badges()
