"""Text from files and models is never drawn as Markdown or in a label: those fetch remote images without a click."""

import pytest

from tests.pages.conftest import App
from tierwise.types import EvalSet, Grade, Outcome, Run, Sample, Tier
from tierwise.ui import state

MARK = "HOSTILE"
PAYLOAD = f"![{MARK}](http://127.0.0.1:9/x.png) <img src='http://127.0.0.1:9/y'> $a$ :material/home:"
DRAWN_AS_TEXT = {"text", "code", "json", "arrow_data_frame", "text_input", "text_area", "selectbox", "multiselect", "vega_lite_chart", "dataframe",
                 "data_editor", "arrow_vega_lite_chart"}  # fmt: skip


def hostile_run() -> Run:
    """A graded run with the payload in every stored field."""
    store = state.store()
    samples = tuple(
        Sample(f"{PAYLOAD}{i}", f"{PAYLOAD} {i}", PAYLOAD, f"{PAYLOAD}{i % 2}", context=PAYLOAD, cluster=f"{i}{PAYLOAD}") for i in range(40)
    )
    evalset = EvalSet("hostile00000", PAYLOAD, "hostile00000" + "0" * 52, samples, PAYLOAD)
    store.evalsets.add(evalset)
    tiers = tuple(Tier(f"{PAYLOAD}{k}", f"sim/{PAYLOAD}".replace(" ", "_"), input_per_1m=1.0 + k, output_per_1m=2.0 + k) for k in range(2))
    run = store.runs.add(Run("hostilerun00", PAYLOAD, evalset.id, "recorded", tiers, "done", {"scorer": "exact"}, note=PAYLOAD))
    cells = [(s, t, k) for s in samples for k, t in enumerate(tiers)]
    store.runs.record(
        run.id,
        [Outcome(s.id, t.name, output=PAYLOAD, error=PAYLOAD, cost_usd=0.001 * (1 + 9 * k), latency_s=1.0) for s, t, k in cells],
        [Grade(s.id, t.name, float(k or s.id != f"{PAYLOAD}0"), "exact", explanation=PAYLOAD, reason=PAYLOAD) for s, t, k in cells],
    )
    return run


def drawn_unsafely(at) -> list[str]:
    found = []

    def walk(block):
        for child in block.children.values():
            if hasattr(child, "children"):
                proto = getattr(child, "proto", None)
                if proto is not None and MARK in str(proto):
                    found.append(f"block {child.type}")
                walk(child)
            elif MARK in str(child.proto) and child.type not in DRAWN_AS_TEXT:
                found.append(child.type)
            elif MARK in getattr(child.proto, "label", ""):
                found.append(f"label of {child.type}")

    walk(at._tree)
    return found


@pytest.fixture
def hostile(empty_app: App) -> App:
    empty_app.open()
    hostile_run()
    return empty_app


@pytest.mark.parametrize("screen", ["home", "evalsets", "run", "grade", "compare", "tune"])
def test_no_screen_draws_it_as_markdown(hostile: App, screen):
    at = hostile.open(screen)
    assert drawn_unsafely(at) == []
    assert MARK in "".join(str(e.proto) for kind in ("text", "selectbox", "arrow_data_frame") for e in at.get(kind))


def test_neither_do_the_answers(hostile: App):
    hostile.open("tune")
    hostile.at.session_state["flips_open"] = f"{PAYLOAD}3"
    at = hostile.run()
    assert len([c for c in at.code if MARK in c.value]) >= 3
    assert drawn_unsafely(at) == []


def test_neither_does_grading(hostile: App):
    """Prompts, answers, tier and policy names, and the rater's own name, which the link carries."""
    hostile.open("tune")
    hostile.at.text_input(key=f"policy_name_{'hostilerun00'}").set_value(PAYLOAD[:80])
    hostile.click("save")
    hostile.open("grade", run="hostilerun00")
    hostile.at.text_input(key="rater_name").set_value(PAYLOAD[:80])
    hostile.at.toggle(key="blind").set_value(False)
    hostile.at.toggle(key="side").set_value(True)
    hostile.click("start")
    for label in ("Flag", "Right", "Wrong", "Right"):
        next(b for b in hostile.at.button if b.label == label).click()
        assert drawn_unsafely(hostile.run()) == []
    assert len([c for c in hostile.at.code if MARK in c.value]) >= 3
    for view in ("By prompt", "Human grades"):
        assert drawn_unsafely(hostile.open("compare", compare_view=view)) == []
    hostile.at.session_state["prompts_open"] = f"{PAYLOAD}3"
    at = hostile.open("compare", compare_view="By prompt")
    assert drawn_unsafely(at) == []


def test_neither_does_an_exported_policy(hostile: App):
    hostile.open("tune")
    at = hostile.click("save")
    assert drawn_unsafely(at) == []


def test_neither_do_messages_about_a_file(hostile: App):
    at = hostile.open("evalsets", view="Upload a file")
    at.file_uploader(key="evalsets_file").upload(
        f"{PAYLOAD[:20]}.csv".replace("/", "_"), f'prompt,"{PAYLOAD}"\r\n,1\r\n'.encode(), "text/csv"
    )
    assert drawn_unsafely(hostile.run()) == []
