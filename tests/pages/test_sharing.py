"""Downloads on Compare, Export and Tune, and the question whether a policy still holds."""

import io
import json
import zipfile

import pytest

from tests.pages.conftest import App
from tierwise.bundle import export_bundle
from tierwise.evalsets import parse_evalset
from tierwise.grading.grades import matrix
from tierwise.importers.recorded import import_results
from tierwise.policy import make_policy
from tierwise.traffic import profile_of_counts
from tierwise.tuning.tune import tune
from tierwise.ui import sharing, state


def labels(app: App) -> list[str]:
    return [b.label for b in app.at.get("download_button")]


@pytest.fixture
def made(monkeypatch) -> dict:
    """What each download would hold, by its key: the functions that a click calls."""
    found: dict = {}
    plain = sharing._button

    def noted(label, data, filename, mime, key, says, **look):
        found[key] = (data, filename, mime)
        plain(label, data, filename, mime, key, says, **look)

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
    assert filled_app.primary() == ["Download"]
    filled_app.at.number_input(key="holds_rise").set_value(0.0)
    filled_app.click("holds_check")
    assert "It holds" in filled_app.badges() or "It does not hold" in filled_app.badges()


def imported(name: str, better: bool):
    rows = [{"sample_id": str(i), "prompt": f"q{i}", "model": m, "score": float(k or better), "cost_usd": 0.1 + k}
            for i in range(8) for k, m in enumerate("xy")]  # fmt: skip
    return import_results(state.store(), "\n".join(map(json.dumps, rows)).encode(), "r.jsonl", name)


def test_two_policies_and_two_runs_side_by_side(app: App):
    app.open("tune")
    app.click("save")
    first = state.store().policies.list()[0]
    run = state.store().runs.get(first.run_id)
    tuned = tune(matrix(state.store(), run.id), router="table")
    bold = state.store().policies.add(make_policy(tuned, "Bold", thresholds=(2.0, 2.0)))
    before, after = imported("Before", False), imported("After", True)

    at = app.open("export", policy=bold.id, beside=first.id, on=run.id, beside_open="true")
    shown = next(d.value for d in at.dataframe if "against top tier" in d.value)
    assert list(shown["policy"]) == [f"{p.name}, {p.version}" for p in (bold, first)]
    assert shown["$ per 1,000"][0] < shown["$ per 1,000"][1] and any("paired by prompt" in c.value for c in at.caption)
    assert sum("tuned on these very prompts" in t.value for t in at.text) == 2
    at.selectbox(key="on_choice").set_value(after.id)
    app.run()
    assert "That did not work" in app.badges() and app.primary() == ["Download"], "the rest of the screen stands"

    at = App().open("compare", run=before.id, compare_view="Another run", beside=after.id)
    shown = at.dataframe[-1].value.set_index("tier")
    assert shown["the other against this"]["x"].startswith("100.0 pts") and shown["n"]["x"] == 8
    assert shown["this run"]["x"].startswith("0.0 %") and shown["the other"]["x"].startswith("100.0 %")
    apart = App()
    apart.open("compare", run=before.id, compare_view="Another run", beside=run.id)
    assert any("no tier and no prompt in common" in t.value for t in apart.at.text)


def test_a_bundle_and_a_prompt_set_go_to_another_workspace(filled_app: App, made, monkeypatch, tmp_path):
    filled_app.open("compare")
    bundle = made["bundle"][0]()
    run = state.store().runs.list()[0]
    filled_app.open("evalsets", set=run.evalset_id)
    digest, lines = state.store().evalsets.info(run.evalset_id).digest, made["prompt_set"][0]()
    assert parse_evalset(lines, "prompts.jsonl", "there").evalset.digest == digest

    monkeypatch.setenv("TIERWISE_DATA", str(tmp_path / "elsewhere"))
    monkeypatch.setattr("tierwise.simulation.demo.ensure_demo", lambda store: None)
    there = App()
    there.open("evalsets", view="A bundle")
    there.at.file_uploader(key="bundle_file").upload("b.tierwise.zip", bundle, "application/zip")
    there.run()
    at = there.click("bundle_import")
    assert [h.value for h in at.header] == ["Compare"] and state.store().runs.list()[0].id == run.id
    assert export_bundle(state.store(), state.store().runs.get(run.id)) == bundle, "byte for byte"
    there.at.switch_page("pages/evalsets.py")
    there.run()
    there.at.file_uploader(key="bundle_file").upload("b.zip", bundle[:-40], "application/zip")
    there.run()
    there.click("bundle_import")
    assert "That did not work" in there.badges()
