"""Every screen, empty and filled: it runs, says what to do next with one primary button, and says when numbers are simulated."""

import ast

import pytest

from tests.pages.conftest import SCREENS, App, app_query
from tierwise.settings import ROOT


@pytest.mark.parametrize("screen", SCREENS)
def test_the_guard_is_the_first_thing_a_page_does(screen):
    tree = ast.parse((ROOT / "pages" / f"{screen}.py").read_text())
    first = next(
        n for n in tree.body if not isinstance(n, ast.Import | ast.ImportFrom) and not isinstance(getattr(n, "value", None), ast.Constant)
    )
    assert ast.unparse(first) == "require_frame()"


@pytest.mark.parametrize("screen", SCREENS)
def test_an_empty_workspace_has_one_way_on(empty_app: App, screen):
    empty_app.open(screen)
    assert len(empty_app.primary()) == 1


@pytest.mark.parametrize("screen", [s for s in SCREENS if s != "export"])
def test_a_filled_screen_has_one_way_on(filled_app: App, screen):
    filled_app.open(screen)
    assert len(filled_app.primary()) == 1


@pytest.mark.parametrize("screen", ["home", "run", "compare", "tune"])
def test_simulated_numbers_say_so(filled_app: App, screen):
    filled_app.open(screen)
    assert "Simulated" in filled_app.badges()


def test_a_link_to_an_unknown_run_opens_the_newest(filled_app: App):
    at = filled_app.open("compare", run="nosuchrun")
    assert app_query(at, "run") != "nosuchrun"


def test_home_leads_to_tune_in_one_click(filled_app: App):
    filled_app.open()
    at = filled_app.click("next")
    assert [h.value for h in at.header] == ["Tune"]
    assert filled_app.primary() == ["Save policy"]


def test_a_held_workspace_is_explained(app: App, monkeypatch):
    from tierwise.errors import StoreBusy
    from tierwise.ui import who

    def busy(*_):
        raise StoreBusy("Another copy of Tierwise (process 7) has it open.")

    monkeypatch.setattr(who, "_whole", busy)
    at = app.open()
    assert any("process 7" in t.value for t in at.text)
    assert "The workspace is in use" in app.badges()
