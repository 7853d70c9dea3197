"""Grade: a name, a button, then one key press an answer; nothing is lost, and the judge's grade shows after one's own."""

import pytest

from tests.pages.conftest import App, app_query
from tierwise.ui import state


def start(app: App, name: str = "Ana", **choices) -> App:
    app.open("grade")
    app.at.text_input(key="rater_name").set_value(name)
    for key, value in choices.items():
        kind = app.at.segmented_control if key == "scale" else app.at.toggle
        kind(key=key).set_value(value)
    app.click("start")
    return app


def press(app: App, label: str):
    """What the key of that button does."""
    next(b for b in app.at.button if b.label == label).click()
    return app.run()


def progress(app: App) -> str:
    return app.at.get("progress")[0].proto.text


def run_of(app: App):
    return state.store().runs.get(app_query(app.at, "run"))


def grades(app: App):
    rows = state.store().grades.frame(run_of(app).id)
    return rows[rows["scorer"] == "manual"]


def captions(app: App) -> str:
    return " ".join(c.value for c in app.at.caption)


def test_it_starts_with_a_name_and_a_button(app: App):
    app.open("grade")
    app.click("start")
    assert any("Say who is grading" in t.value for t in app.at.text)
    start(app)
    assert "0 of 100 prompts" in progress(app)
    assert app_query(app.at, "rater") == "Ana"
    assert app.primary() == ["See what changed"]


def test_a_press_keeps_the_grade_and_shows_the_next_answer(app: App):
    start(app)
    assert "automatic grade shows after yours" in captions(app) and "the automatic grade:" not in captions(app)
    for n in range(6):
        press(app, ("Right", "Wrong")[n % 2])
        assert len(grades(app)) == n + 1
    assert grades(app)["author"].unique().tolist() == ["Ana"] and grades(app)["value"].tolist() == [1, 0] * 3
    assert "agrees with the automatic grade" in progress(app)
    assert "you said wrong; the automatic grade: " in captions(app)


def test_tiers_are_not_named_while_blind(app: App):
    start(app)
    shown = " ".join([*(t.value for t in app.at.text), captions(app)])
    assert not any(t.name in shown.replace("the recommended point", "").split() for t in run_of(app).tiers)
    assert "Answer A, 1 of 3" in captions(app)


def test_undo_is_a_new_row_and_the_answer_comes_back(app: App):
    start(app)
    before = [c.value for c in app.at.code]
    press(app, "Right")
    press(app, "Undo")
    assert [c.value for c in app.at.code] == before
    assert grades(app)["value"].isna().tolist() == [False, True]


def test_a_reload_goes_on_where_one_stopped(app: App):
    start(app)
    for _ in range(5):
        press(app, "Right")
    shown, query = [c.value for c in app.at.code], dict(rater="Ana", run=app_query(app.at, "run"))
    again = App()
    again.open("grade", **query)
    assert [c.value for c in again.at.code] == shown and progress(again) == progress(app)


def test_two_raters_get_different_prompts(app: App):
    start(app)
    press(app, "Right")
    press(app, "Right")
    other = App()
    other.open("grade", run=app_query(app.at, "run"))
    other.at.text_input(key="rater_name").set_value("Ben")
    other.click("continue")
    press(other, "Wrong")
    rows = grades(app)
    assert not set(rows[rows["author"] == "Ana"]["sample_id"]) & set(rows[rows["author"] == "Ben"]["sample_id"])


def test_skip_and_flag(app: App):
    start(app)
    press(app, "Flag")
    assert "Flagged" in [b.label for b in app.at.button]
    press(app, "Skip")
    assert "skipped" in captions(app)
    marks = state.store().reviews.marks(run_of(app).id)
    assert marks["kind"].tolist() == ["flag", "skip"] and not len(grades(app))
    app.open("compare", compare_view="By prompt")
    app.at.segmented_control(key="show").set_value("Flagged")
    app.run()
    assert len(app.at.dataframe[-1].value) == 1


def test_one_to_five_side_by_side(app: App):
    start(app, scale="one_to_five", side=True)
    press(app, "Good")
    assert grades(app)["value"].tolist() == [0.75]
    assert "Answer A, 1 of 3" in captions(app) and "Answer C, 3 of 3" in captions(app) and "Grade this one" in app.badges()


def test_pairs_are_compared(app: App):
    start(app, scale="pairwise")
    for label in ("Left is better", "Tie", "Right is better", "Tie"):
        press(app, label)
    assert state.store().reviews.comparisons(run_of(app).id)["result"].tolist() == [1, 0.5, 0, 0.5]
    app.open("compare", compare_view="Human grades")
    assert any("prefer" in m.value for m in app.at.markdown)


def test_a_comment_is_kept_with_the_answer(app: App):
    start(app)
    press(app, "Comment")
    assert next(b for b in app.at.button if b.label == "Right").disabled  # its key is off while one types
    app.at.text_input(key="comment_text").set_value("two answers could be right")
    press(app, "Keep")
    assert state.store().reviews.marks(run_of(app).id)["text"].tolist() == ["two answers could be right"]
    assert not next(b for b in app.at.button if b.label == "Right").disabled


def test_a_mended_answer_is_a_new_version(app: App):
    start(app)
    before = state.store().evalsets.list()
    press(app, "Mend the right answer")
    app.at.text_area[0].set_value("another answer")
    press(app, "Keep as a new version")
    assert len(state.store().evalsets.list()) == len(before) + 1
    assert run_of(app).evalset_id in {e.id for e in before}
    assert any("Graded against an older version" in c.value for c in app.at.caption)


def test_what_people_say_corrects_compare_and_tune(app: App):
    start(app)
    for n in range(90):
        press(app, "Wrong" if n % 3 else "Right")
    app.open("compare")
    table = app.at.dataframe[0].value
    assert "n = " in table["corrected by people"].iloc[-1]
    assert any("human grades a tier" in t.value and "pts" in t.value for t in app.at.text)
    app.at.segmented_control(key="compare_view").set_value("Human grades")
    app.run()
    titles = " ".join(m.value for m in app.at.markdown)
    assert "Quality corrected by people" in titles and "People and the automatic grades" in titles and "Calibration" in titles
    row = app.at.dataframe[1].value.iloc[-1]
    assert row["correction"] < 0 and row["corrected"] < row["automatic"] and row["human grades"] >= 20
    app.open("tune")
    assert any("**Corrected by" in m.value and "automatic grades alone" in m.value for m in app.at.markdown)


def test_a_run_without_answers_says_so(empty_app: App):
    from tierwise.types import EvalSet, Grade, Outcome, Run, Sample, Tier

    empty_app.open()
    store = state.store()
    samples = tuple(Sample(f"s{i}", f"prompt {i}") for i in range(3))
    store.evalsets.add(EvalSet("e1", "scores", "d" * 64, samples))
    run = store.runs.add(Run("r1", "scores only", "e1", "recorded", (Tier("a", "m/a"), Tier("b", "m/b")), "done"))
    cells = [(s.id, t) for s in samples for t in ("a", "b")]
    store.runs.record(run.id, [Outcome(s, t, cost_usd=0.1) for s, t in cells], [Grade(s, t, 1.0, "exact") for s, t in cells])
    at = empty_app.open("grade")
    assert any("scores without answers" in t.value for t in at.text) and len(empty_app.primary()) == 1


@pytest.mark.parametrize("name", ["![x](http://127.0.0.1:9/x.png)", "tierwise"])
def test_odd_names(app: App, name):
    start(app, name)
    if name == "tierwise":
        assert any("stands for automatic grades" in t.value for t in app.at.text)
    else:
        assert not any(name in m.value for m in app.at.markdown) and any(name in t.value for t in app.at.text)


def test_criteria_are_asked_one_after_another(app: App):
    app.open("grade")
    app.at.segmented_control(key="scale").set_value("criteria")
    app.run()
    app.at.text_area(key="criteria").set_value("Correct = 3\n![x](http://127.0.0.1:9/x.png)")
    start(app, scale="criteria")
    assert "1 of 2" in app.badges() and any(t.value == "Correct" for t in app.at.text)
    press(app, "Perfect")
    assert "2 of 2" in app.badges() and not len(grades(app))
    press(app, "Undo")
    assert "1 of 2" in app.badges()
    press(app, "Perfect")
    press(app, "Bad")
    assert grades(app)["value"].tolist() == [0.75] and "you said 75%" in captions(app).replace("\u202f", "").replace(" %", "%")
    assert not any("127.0.0.1" in m.value for m in app.at.markdown)


def test_compare_says_whether_grades_are_steady(app: App):
    start(app)
    for n in range(66):
        press(app, ("Right", "Wrong")[n % 2])
    app.open("compare", compare_view="Human grades")
    texts = " ".join(t.value for t in app.at.text)
    assert "Ana, asked the same again" in texts and "Ana against the automatic grades: " in texts and "p = " in texts
    app.open("grade")
    app.at.toggle(key="steady").set_value(True)
    app.run()
    assert any("Ana, asked the same again" in t.value for t in app.at.text)
