"""Downloads on Compare, Export and Tune, and the question whether a policy still holds."""

import io
import zipfile

import pytest

from tests.pages.conftest import App
from tierwise.traffic import profile_of_counts
from tierwise.ui import sharing, state


def labels(app: App) -> list[str]:
    return [b.label for b in app.at.get("download_button")]


@pytest.fixture
def made(monkeypatch) -> dict:
    """What each download would hold, by its key: the functions that a click calls."""
    found: dict = {}
    plain = sharing._button

    def noted(label, data, filename, mime, key, says):
        found[key] = (data, filename, mime)
        plain(label, data, filename, mime, key, says)

    monkeypatch.setattr(sharing, "_button", noted)
    return found


def test_compare_offers_report_results_and_bundle(filled_app: App, made):
    filled_app.open("compare")
    assert labels(filled_app)[:1] == ["Report"] and {"CSV", "XLSX", "JSONL", "Parquet", "Bundle"} <= set(labels(filled_app))
    page = made["report"][0]()
    assert page.startswith("<!doctype html>") and "Demo: support-mix" in page
    assert made["report"][1] == "demo-support-mix-report.html"
    assert made["results_csv"][0]().startswith(b"\xef\xbb\xbfsample_id,")
    assert zipfile.ZipFile(io.BytesIO(made["bundle"][0]())).testzip() is None
    assert made["tiers_svg"][0]().startswith("<svg") and "95 %" in made["tiers_svg"][0]()


def test_home_and_traffic_offer_their_charts(filled_app: App, made):
    filled_app.open("home")
    assert made["ladder_svg"][0]().startswith("<svg") and made["ladder_svg"][1] == "demo-support-mix-ladder.svg"
    profile = state.store().traffic.add(profile_of_counts({"faq": 3, "sums": 1}, "A month"))
    filled_app.open("traffic", profile=profile.id)
    assert "75 % of requests" in made["mix_svg"][0]() and made["mix_svg"][1] == "a-month-mix.svg"


def test_tune_offers_its_chart(filled_app: App, made):
    filled_app.open("tune")
    assert "Chart" in labels(filled_app)
    assert made["chart_svg"][0]().startswith("<svg") and "recommended" in made["chart_svg"][0]()


def test_export_offers_the_policys_report_and_asks_whether_it_holds(filled_app: App, made):
    filled_app.open("tune")
    filled_app.click("save")
    filled_app.open("export")
    assert labels(filled_app).count("Report") == 1
    assert "Digest of the policy" in made["policy_report"][0]()
    filled_app.at.number_input(key="holds_loss").set_value(50.0)
    filled_app.at.number_input(key="holds_rise").set_value(200.0)
    filled_app.click("holds_check")
    assert "It holds" in filled_app.badges()
    assert any("fitted and not held-out" in t.value for t in filled_app.at.text)
    filled_app.at.number_input(key="holds_rise").set_value(0.0)
    filled_app.click("holds_check")
    assert "It holds" in filled_app.badges() or "It does not hold" in filled_app.badges()
