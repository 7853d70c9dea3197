"""People grade by keyboard alone in a real browser: every press is kept, undo and reload lose nothing, two raters never collide."""

import time

import pytest

from tests.e2e.conftest import LONG, Server, Visitor

pytestmark = pytest.mark.e2e

PLACE = """() => {
    const named = first => [...document.querySelectorAll(`[data-testid=stMain] [class*=${first}]`)]
        .flatMap(e => [...e.classList]).filter(c => c.startsWith(first)).map(c => c.slice(first.length));
    const idle = document.querySelector('[data-testid=stApp]').getAttribute('data-test-script-state') === 'notRunning';
    const [begin, end] = [named('st-key-say_1_'), named('st-key-mend_')];
    return idle && begin.length === 1 && begin[0] === end[0] ? begin[0] : '';
}"""
"""Which answer is on the card, once all of it is drawn: its first and last buttons are named after it."""

MOVED = f"before => {{ const now = ({PLACE})(); return now && now !== before; }}"


def press(v: Visitor, key: str) -> float:
    """Press a key that leads to another answer; seconds until it is there."""
    before = v.page.evaluate(PLACE)
    assert before
    start = time.perf_counter()
    v.page.keyboard.press(key)
    v.page.wait_for_function(MOVED, arg=before, polling=10)
    return time.perf_counter() - start


def begin(v: Visitor, name: str, button: str) -> None:
    """The name is typed once, and the mouse is not touched after the button."""
    v.page.get_by_label("Your name").fill(name)
    v.page.keyboard.press("Tab")
    v.settle()
    v.click(button)
    v.page.wait_for_function(f"() => ({PLACE})()")
    v.settle()


def progress(v: Visitor) -> str:
    return v.page.locator("[data-testid=stMain] [data-testid=stProgress]").inner_text()


def kept(server: Server, author: str) -> list:
    """Rows of one person, oldest first. The app holds the workspace, so it is stopped for the look and started again."""
    from tierwise.store import Store

    server.stop()
    with Store(server.workspace / "tierwise.duckdb") as store:
        run = store.runs.list()[0]
        rows = store.grades.frame(run.id)
    server.start()
    return list(rows[rows["author"] == author].itertuples())


def test_thirty_answers_by_keyboard_two_undone_a_reload_and_nothing_is_lost(visit, server, capsys):
    v = visit("/grade")
    begin(v, "Ana", "Start grading")
    times = [press(v, "12"[n % 2]) for n in range(15)]
    shown = v.page.evaluate(PLACE)
    v.page.reload()
    v.page.wait_for_function(f"() => ({PLACE})()")
    v.settle()
    assert v.page.evaluate(PLACE) == shown and "5 of 100 prompts" in progress(v)
    times += [press(v, "12"[n % 2]) for n in range(15, 30)]
    assert "9 of 100 prompts" in progress(v) and "of 29 answers" in progress(v)  # one of the thirty was asked a second time
    for _ in range(2):
        press(v, "z")
    v.settle()
    assert "9 of 100 prompts" in progress(v) and "of 27 answers" in progress(v)
    assert v.errors == [] and v.outside == []
    times.sort()
    with capsys.disabled():
        print(f"\nkey to next answer: median {1000 * times[15]:.0f} ms, worst {1000 * times[-1]:.0f} ms")
    assert times[15] < 2.0  # thirty in two minutes leave four seconds each, most of them for reading
    rows = kept(server, "Ana")
    assert [r.value for r in rows[:30]] == [0.0, 1.0] * 15
    assert [r.reason for r in rows[30:]] == ["taken back"] * 2 and len(rows) == 32


def test_typing_a_comment_presses_no_key(visit):
    v = visit("/grade?rater=Kim")
    if v.page.get_by_role("button", name="Start grading").count():
        v.click("Start grading")
    v.page.wait_for_function(f"() => ({PLACE})()")
    shown, before = v.page.evaluate(PLACE), progress(v)
    v.page.keyboard.press("m")
    v.page.get_by_role("dialog").wait_for()
    v.settle()
    v.page.keyboard.press("Tab")
    v.page.keyboard.type("12 zs: both could be right")
    v.page.keyboard.press("Enter")
    v.page.get_by_role("dialog").wait_for(state="detached")
    v.settle()
    assert v.page.evaluate(PLACE) == shown and progress(v) == before
    v.page.keyboard.press("m")
    v.page.get_by_role("dialog").wait_for()
    v.settle()
    v.page.keyboard.press("Escape")
    v.page.get_by_role("dialog").wait_for(state="detached")


@LONG
def test_two_raters_at_once_never_get_the_same_prompt(visit, server):
    a, b = visit("/grade?rater=Eve"), visit("/grade?rater=Ben")
    for v in (a, b):
        v.page.wait_for_function(f"() => ({PLACE})()")
    for _ in range(8):
        eves = a.page.evaluate(PLACE)
        a.page.keyboard.press("1")
        press(b, "2")
        a.page.wait_for_function(MOVED, arg=eves)
    eve, ben = kept(server, "Eve"), kept(server, "Ben")
    assert len(ben) == 8 and {r.value for r in ben} == {1.0} and len(eve) == 8 and {r.value for r in eve} == {0.0}
    assert not {r.sample_id for r in eve} & {r.sample_id for r in ben}
