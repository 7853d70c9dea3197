"""The report in a real browser, with the network watched: light, dark and printed."""

import re

import pytest

from tests.report.hostile import hostile_policy, hostile_run
from tierwise.grading.grades import matrix
from tierwise.report import chart_svg, policy_report, run_report
from tierwise.tuning.tune import tune

pytestmark = pytest.mark.e2e

TIERS = 3
POLICY = re.compile(r"<meta http-equiv=\"Content-Security-Policy\"[^>]*>")


@pytest.fixture
def opened(chromium, tmp_path):
    """opened(page, dark=...) -> the page from a file, after every request, dialog, script error and refusal was noted."""
    contexts = []

    def go(content: str, name: str = "report.html", dark: bool = False):
        path = tmp_path / name
        path.write_text(content, encoding="utf-8")
        context = chromium.new_context(viewport={"width": 1200, "height": 900}, color_scheme="dark" if dark else "light", offline=True)
        contexts.append(context)
        page = context.new_page()
        page.seen = []
        page.on("request", lambda r: None if r.url == path.as_uri() else page.seen.append(r.url))
        page.on("dialog", lambda d: (page.seen.append(d.message), d.dismiss()))
        page.on("console", lambda m: page.seen.append(m.text))
        page.on("pageerror", lambda e: page.seen.append(str(e)))
        page.goto(path.as_uri())
        page.wait_for_timeout(300)
        return page

    yield go
    for context in contexts:
        context.close()


def drawn(page) -> int:
    """Marks of the chart that have a size on the screen."""
    return page.evaluate(
        "[...document.querySelectorAll('svg circle, svg polygon')].filter(e => e.getBoundingClientRect().width > 2).length"
    )


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_the_working_example_opens_from_a_file_and_asks_for_nothing(opened, store, demo, dark):
    graded = matrix(store, demo.id)
    page = opened(run_report(store, demo, answers=True, matrix=graded, tuning=tune(graded, router="table")), dark=dark)
    assert page.seen == [] and drawn(page) > 20
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert ground == ("rgb(15, 23, 42)" if dark else "rgb(255, 255, 255)")
    wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wide == 0, "the page does not scroll sideways"
    assert page.pdf(format="A4").startswith(b"%PDF")
    assert page.seen == []


@pytest.mark.parametrize("guarded", [True, False], ids=["with its policy", "by escaping alone"])
def test_hostile_text_in_every_field_is_text(opened, store, guarded):
    run = hostile_run(store)
    for name, content in (("run", run_report(store, run, answers=True)), ("policy", policy_report(store, hostile_policy(store, run)))):
        assert POLICY.search(content)
        page = opened(content if guarded else POLICY.sub("", content), f"{name}.html")
        for entry in page.locator("summary").all()[:5]:
            entry.click()
        page.mouse.wheel(0, 4000)
        page.wait_for_timeout(300)
        assert page.seen == [], name
        assert drawn(page) >= TIERS and "HOSTILE" in page.inner_text("body")
        assert page.evaluate("document.querySelectorAll('script, img, iframe, a, link, object, meta[http-equiv=refresh]').length") == 0


def test_hostile_text_in_a_chart_that_is_its_own_file(opened, store):
    page = opened(chart_svg(store, hostile_run(store)), "chart.svg")
    assert page.seen == [] and drawn(page) >= TIERS
