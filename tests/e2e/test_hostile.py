"""Bar 31: text of files, models and people asks nothing of anybody on any screen, with the content policy and with the browser ignoring it."""

import pytest

from tests.e2e.conftest import LONG, Server
from tests.pages.conftest import SCREENS
from tests.report.hostile import BAIT, hostile_policy, hostile_run
from tierwise.store import Store

pytestmark = pytest.mark.e2e
MARK, SHOWS_IT = "HOSTILE", ("compare", "tune", "export", "run")


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    """A server whose workspace holds the payload in every field, and nothing else."""
    workspace = tmp_path_factory.mktemp("hostile")
    with Store(workspace / "tierwise.duckdb") as store:
        run = hostile_run(store)
        policy = hostile_policy(store, run)
    server = Server(workspace)
    yield server, run, policy
    server.stop()


@pytest.mark.parametrize("ignoring_the_policy", [True, pytest.param(False, marks=LONG)])  # escaping alone must do
def test_no_screen_asks_anything_of_anybody(chromium, hostile, ignoring_the_policy):
    server, run, policy = hostile
    context = chromium.new_context(viewport={"width": 1280, "height": 900}, bypass_csp=ignoring_the_policy)
    page = context.new_page()
    asked, dialogs, refused = [], [], []
    page.on(
        "request",
        lambda r: None if r.url.startswith((server.url, "data:", "blob:", server.url.replace("http", "ws"))) else asked.append(r.url),
    )
    page.on("dialog", lambda d: (dialogs.append(d.message), d.dismiss()))
    page.on("console", lambda m: refused.append(m.text) if "Content Security Policy" in m.text else None)
    calm = "() => document.querySelector('[data-testid=stApp]')?.getAttribute('data-test-script-state') === 'notRunning'"
    seen = set()
    for screen in SCREENS if ignoring_the_policy else SHOWS_IT:
        for query in (
            (f"?run={run.id}", f"?policy={policy.id}", "?compare_view=By+prompt")
            if screen in ("compare", "export")
            else (f"?run={run.id}",)
        ):
            page.goto(f"{server.url}/{'' if screen == 'home' else screen}{query}")
            page.wait_for_selector("h2")
            for _ in range(2):
                page.wait_for_function(calm)
                page.wait_for_timeout(200)
            if MARK in page.content():
                seen.add(screen)
    assert set(SHOWS_IT) <= seen, "the payload is on these screens"
    if ignoring_the_policy:  # the collector is one that the browser would reach now
        page.evaluate(f"() => {{ const i = new Image(); i.src = '{BAIT}/control'; }}")
        page.wait_for_timeout(300)
        assert asked.pop().endswith("/control")
    assert (asked, dialogs, refused) == ([], [], [])
    context.close()
