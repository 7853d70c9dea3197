"""Downloads that are made when they are clicked, as a browser gets them."""

import zipfile

import pytest

from tests.e2e.conftest import LONG

pytestmark = pytest.mark.e2e


def saved(visitor, button, tmp_path):
    with visitor.page.expect_download() as waiting:
        visitor.page.get_by_role("button", name=button, exact=True).first.click()
    path = tmp_path / waiting.value.suggested_filename
    waiting.value.save_as(path)
    return path


def test_report_results_bundle_and_chart_from_the_screens(visit, tmp_path):
    visitor = visit("/compare")
    report = saved(visitor, "Report", tmp_path)
    assert report.name == "demo-support-mix-report.html" and "Quality against cost" in report.read_text(encoding="utf-8")
    bundle = saved(visitor, "Bundle", tmp_path)
    assert zipfile.ZipFile(bundle).testzip() is None and bundle.name == "demo-support-mix.tierwise.zip"
    visitor.page.get_by_role("button", name="Results").first.click()
    assert saved(visitor, "CSV", tmp_path).read_bytes().startswith(b"\xef\xbb\xbfsample_id,")
    assert visitor.page.locator("[data-testid=stException]").count() == 0
    tune = visit("/tune")
    assert saved(tune, "Chart", tmp_path).read_text(encoding="utf-8").startswith("<svg")
    tiers = saved(visit("/compare"), "Chart", tmp_path)
    assert tiers.name == "demo-support-mix-tiers.svg" and tiers.read_text(encoding="utf-8").startswith("<svg")
    assert visitor.outside == [] and tune.outside == []


@pytest.mark.parametrize("screen", [pytest.param("", marks=LONG), pytest.param("compare", marks=LONG), "tune"])
def test_a_chart_is_a_picture_at_one_click_and_nobody_else_is_asked(visit, tmp_path, screen):
    visitor = visit(f"/{screen}")
    chart = visitor.page.locator("[data-testid=stVegaLiteChart]").first
    chart.wait_for()
    chart.scroll_into_view_if_needed()
    chart.hover()
    with visitor.page.expect_download() as waiting:
        visitor.page.get_by_role("button", name="Download as PNG").first.click()
    path = tmp_path / "chart.png"
    waiting.value.save_as(path)
    assert path.read_bytes().startswith(b"\x89PNG\r\n") and path.stat().st_size > 5000
    assert visitor.outside == [] and visitor.errors == []
