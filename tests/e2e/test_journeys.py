"""From the first paint to a file for the gateway, in a real browser."""

import json

import pytest

from tests.e2e.conftest import LONG, Server
from tests.e2e.test_links import choose
from tierwise.policy import policy_from_json

pytestmark = pytest.mark.e2e

SCREENS = {"evalsets": "Evalsets", "run": "Run", "compare": "Compare", "tune": "Tune", "export": "Export"}


def own_prompts(n: int = 240) -> str:
    """A prompt set of easy and harder questions, as a person might upload it."""
    rows = ["question,answer,category"]
    for i in range(n):
        if i % 3 == 0:
            rows.append(
                f'"If {i} crates hold {i + 3} bolts each and {i} are lost, how many bolts are left? Give the number only.",{i * (i + 3) - i},reasoning'
            )
        else:
            rows.append(
                f'"Reply with one label: billing, technical. Ticket {i}: my invoice shows the wrong amount.",billing,classification'
            )
    return "\n".join(rows)


def test_the_first_paint_is_a_working_example_and_tune_is_one_click_away(visit):
    v = visit()
    assert "Simulated" in v.text() and "A working example" in v.text()
    v.click("Tune the demo")
    v.title("Tune")
    assert v.metric("Quality kept").endswith("%")
    assert v.page.locator("canvas, svg.marks").first.is_visible()
    assert v.outside == [] and v.errors == []


def test_the_demonstration_is_three_clicks_from_a_file(visit, tmp_path):
    v = visit()
    v.click("Tune the demo")
    v.title("Tune")
    v.click("Save policy")
    v.title("Export")
    with v.page.expect_download() as coming:
        v.page.get_by_role("button", name="Download").first.click()
    coming.value.save_as(tmp_path / "policy.json")
    policy = policy_from_json((tmp_path / "policy.json").read_bytes())
    assert policy.document["simulated"] is True
    assert [t["name"] for t in policy.document["tiers"]] == ["small", "medium", "large"]


def test_own_prompts_are_four_clicks_from_tuned_thresholds_and_the_file_decides(visit, tmp_path):
    path = tmp_path / "my prompts.csv"
    path.write_text(own_prompts(), encoding="utf-8")
    v = visit()
    v.page.set_input_files("input[type=file]", path)  # 1: drop the file
    v.page.get_by_role("button", name="Run it").wait_for()
    v.settle()
    v.click("Run it")  # 2
    v.title("Run")
    assert v.metric("Calls") == "720"
    v.click("Start the run")  # 3
    v.page.get_by_role("button", name="Tune", exact=False).first.wait_for()
    v.page.locator("[data-testid=stMain]").get_by_role("button", name="Tune").wait_for()
    v.settle()
    v.page.locator("[data-testid=stMain]").get_by_role("button", name="Tune").click()  # 4
    v.title("Tune")
    assert "prompts go to another tier" in v.text()
    v.click("Save policy")
    v.title("Export")
    with v.page.expect_download() as coming:
        v.page.get_by_role("button", name="Download").first.click()
    coming.value.save_as(tmp_path / "policy.json")
    document = json.loads((tmp_path / "policy.json").read_text())
    assert 230 <= document["provenance"]["dataset"]["n"] <= 240
    assert v.outside == [] and v.errors == []


@pytest.mark.parametrize(
    "screen", (pytest.param("tune", marks=LONG), pytest.param("export", marks=LONG), "run")
)  # a server each; the others open in test_content_policy.py
def test_a_link_opens_its_screen_on_a_server_that_was_just_started(chromium, visit, tmp_path, screen):
    cold = Server(tmp_path / "cold")
    try:
        v = visit(f"/{screen}", at=cold)
        v.title(SCREENS[screen])
        nav = v.page.locator("[data-testid=stTopNavLink], [data-testid=stSidebarNavLink]").all_inner_texts()
        assert {"Home", *SCREENS.values()} <= {n.split("\n")[-1] for n in nav}
        assert "Page not found" not in v.page.inner_text("body")
    finally:
        cold.stop()


def test_a_slider_moves_by_keyboard_and_the_numbers_follow(visit):
    v = visit("/tune")
    before = v.metric("Cost per 1,000 requests")
    thumb = v.page.get_by_role("slider").first
    thumb.focus()
    thumb.press("ArrowRight")
    thumb.press("End")
    v.settle()
    assert v.metric("Cost per 1,000 requests") != before
    link = v.page.url
    after = v.metric("Cost per 1,000 requests")
    again = visit(link.removeprefix(v.server.url))
    assert again.metric("Cost per 1,000 requests") == after, "the link reopens the same thresholds"
    again.click("Back to recommended")
    assert again.metric("Cost per 1,000 requests") == before


def test_a_click_on_the_frontier_moves_the_thresholds(visit):
    v = visit("/tune")
    chart = v.page.locator("[data-testid=stVegaLiteChart]").first
    chart.scroll_into_view_if_needed()
    v.page.wait_for_timeout(500)
    before, box = v.metric("Cost per 1,000 requests"), chart.bounding_box()
    for share in (0.3, 0.4, 0.5, 0.25):
        v.page.mouse.click(box["x"] + share * box["width"], box["y"] + 0.5 * box["height"])
        v.settle()
        if v.metric("Cost per 1,000 requests") != before:
            break
    assert v.metric("Cost per 1,000 requests") != before


def test_reading_a_prompt_shows_what_each_tier_answered(visit):
    v = visit("/compare")
    v.page.get_by_role("radio", name="By prompt").click()
    v.settle()
    grid = v.page.locator("[data-testid=stDataFrame]").last
    grid.scroll_into_view_if_needed()
    v.page.wait_for_timeout(400)
    box = grid.bounding_box()
    v.page.mouse.click(box["x"] + box["width"] - 45, box["y"] + 55)
    drawer = v.page.get_by_role("dialog")
    drawer.wait_for()
    v.settle()
    assert "Right answer" in drawer.inner_text()
    assert {"small", "medium", "large"} <= set(drawer.inner_text().split())


@pytest.mark.parametrize("screen", ["", "compare", "grade", "tune", "export"])  # the widest
def test_a_narrow_window_does_not_scroll_sideways(visit, screen):
    v = visit(f"/{screen}", width=390)
    assert v.page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert v.errors == []


def test_a_run_goes_on_when_its_page_is_closed(visit, tmp_path):
    path = tmp_path / "closed.csv"
    path.write_text(own_prompts(60), encoding="utf-8")
    v = visit("/evalsets?view=Upload+a+file")
    v.page.set_input_files("input[type=file]", path)
    v.page.get_by_role("button", name="Run it").wait_for()
    v.settle()
    v.click("Run it")
    v.title("Run")
    v.page.get_by_role("button", name="Start the run").click()
    v.page.wait_for_url("**run=*")
    link = v.page.url
    v.page.close()
    again = visit(link.removeprefix(v.server.url))
    again.page.get_by_text("180 of 180 answers").wait_for()


@LONG
def test_a_traffic_log_a_pin_and_a_cascade_chosen_on_tune_are_in_the_file(visit, tmp_path):
    kinds = ["contract_qa"] * 90 + ["classification"] * 8 + ["extraction"] * 2
    rows = [f"2026-11-{1 + i % 14:02d}T10:00:00Z,gpt-4o,{kind},0.002,300,80" for i, kind in enumerate(kinds)]
    path = tmp_path / "night.csv"
    path.write_text("\n".join(["timestamp,model,request_type,cost,prompt_tokens,completion_tokens", *rows]))
    v = visit("/traffic?source=Upload+a+log")
    v.page.set_input_files("input[type=file]", path)
    v.click("Keep this profile")
    v.open("/tune")
    seen = [v.metric("Cost per 1,000 requests")]
    choose(v, "Traffic", "night · 100 requests")
    seen.append(v.metric("Cost per 1,000 requests"))
    assert "A month of this traffic" in v.text()

    v.page.get_by_role("button", name="Limits and pins").click()
    grid = v.page.locator("[data-testid=stPopoverBody] [data-testid=stDataFrame]")
    grid.wait_for()
    v.page.wait_for_timeout(400)
    box = grid.bounding_box()
    v.page.mouse.dblclick(box["x"] + box["width"] - 40, box["y"] + 52)  # the first type's cell of "always to"
    v.page.wait_for_timeout(400)
    v.page.keyboard.type("large")
    v.page.keyboard.press("Enter")
    v.page.get_by_text("1 request type pinned").wait_for()
    v.page.keyboard.press("Escape")
    v.page.get_by_role("radio", name="Cascade").click()
    v.page.get_by_text("asked again").wait_for()
    v.settle()
    seen.append(v.metric("Cost per 1,000 requests"))
    assert len(set(seen)) == 3, seen

    v.click("Save policy")
    v.title("Export")
    with v.page.expect_download() as coming:
        v.page.get_by_role("button", name="Download").first.click()
    coming.value.save_as(tmp_path / "policy.json")
    document = policy_from_json((tmp_path / "policy.json").read_bytes()).document
    assert document["cascade"]["calls"] and document["provenance"]["traffic"]["name"] == "night"
    (rule,) = document["rules"]
    assert rule["tier"] == "large" and rule["pin"] == {"allow_fallbacks": False} and len(rule["when"]["request_type"]) == 1
    assert v.outside == [] and v.errors == []
