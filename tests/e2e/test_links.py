"""A link reopens the very view for somebody else: on each screen something is changed, and the address is opened in a fresh session."""

import pytest
from playwright.sync_api import TimeoutError

from tests.e2e.conftest import LONG

pytestmark = pytest.mark.e2e


def reopened(visit, v):
    again = visit(v.page.url.removeprefix(v.server.url))
    assert again.page.locator("[data-testid=stException]").count() == 0
    return again


def choose(v, label: str, option: str) -> None:
    box = v.page.locator("[data-testid=stSelectbox]", has_text=label).get_by_role("combobox")
    wanted = v.page.get_by_role("option", name=option, exact=True)
    for _ in range(5):  # a redraw that comes meanwhile closes the list
        v.settle()
        box.click()
        try:
            wanted.click(timeout=5000)
            break
        except TimeoutError:
            v.page.keyboard.press("Escape")
    else:
        raise AssertionError(f"{label} never offered {option}")
    v.settle()


def picked(v, label: str) -> str:
    return v.page.locator("[data-testid=stSelectbox]", has_text=label).get_by_role("combobox").first.input_value()


def radio(v, name: str) -> None:
    v.page.get_by_role("radio", name=name, exact=True).click()
    v.settle()


def chosen(v, name: str) -> bool:
    return v.page.get_by_role("radio", name=name, exact=True).is_checked()


def test_tune_keeps_router_aim_thresholds_and_volume(visit):
    v = visit("/tune")
    choose(v, "Router", "Request types")
    v.page.get_by_role("spinbutton", name="Points of quality").fill("5")
    v.page.keyboard.press("Enter")
    v.settle()
    thumb = v.page.get_by_role("slider").first
    thumb.focus()
    thumb.press("End")
    v.settle()
    names = ("Quality kept", "Cost per 1,000 requests", "Sent to the top tier")
    radio(v, "Always the top tier")
    seen = {name: v.metric(name) for name in names}
    again = reopened(visit, v)
    assert {name: again.metric(name) for name in names} == seen
    assert again.page.get_by_role("spinbutton", name="Points of quality").input_value() == "5.0"
    assert picked(again, "Router") == "Request types" and chosen(again, "Always the top tier")


def test_compare_keeps_the_view_and_which_prompts_are_shown(visit):
    v = visit("/compare")
    radio(v, "By prompt")
    radio(v, "Worse than a baseline")
    choose(v, "Baseline", "medium")
    said = v.page.get_by_text("of 169 prompts").inner_text()
    again = reopened(visit, v)
    assert chosen(again, "By prompt") and chosen(again, "Worse than a baseline")
    assert again.page.get_by_text("of 169 prompts").inner_text() == said


@LONG
def test_export_keeps_the_policy_the_target_and_the_proof(visit):
    tune = visit("/tune")
    tune.click("Save policy")
    tune.title("Export")
    choose(tune, "For", "Gateway: LiteLLM proxy")
    radio(tune, "If a provider fails")
    again = reopened(visit, tune)
    assert chosen(again, "If a provider fails") and "policy=" in again.page.url
    assert picked(again, "For") == "Gateway: LiteLLM proxy"


@LONG
def test_traffic_keeps_what_its_cache_is_asked(visit):
    v = visit("/traffic?source=Caching")
    choose(v, "Answers of", "small")
    v.page.get_by_role("spinbutton", name="False hits tolerated, %").fill("20")
    v.page.keyboard.press("Enter")
    v.settle()
    again = reopened(visit, v)
    assert picked(again, "Answers of") == "small"
    assert again.page.get_by_role("spinbutton", name="False hits tolerated, %").input_value() == "20.00"
    assert again.metric("Saved on this tier") == v.metric("Saved on this tier")


@pytest.mark.parametrize(("screen", "view"), [("evalsets", "Shipped sets"), pytest.param("traffic", 1, marks=LONG)])
def test_the_view_of_a_screen_is_kept(visit, screen, view):
    v = visit(f"/{screen}")
    options = v.page.get_by_role("radio").all_inner_texts() if isinstance(view, int) else [view]
    name = options[view] if isinstance(view, int) else view
    radio(v, name)
    assert chosen(reopened(visit, v), name)


def test_what_a_link_names_wrongly_is_left_out(visit):
    v = visit("/compare?compare_view=Nonsense&show=Nothing&baseline=nobody&page_1_2=99&run=none")
    assert v.page.locator("[data-testid=stException]").count() == 0 and chosen(v, "By tier")
    v = visit("/tune?router=Nobody&points=900&aim=x")
    assert v.page.locator("[data-testid=stException]").count() == 0 and v.metric("Quality kept").endswith("%")
