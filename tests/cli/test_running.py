"""Runs from the command line: estimates, budgets, resuming, keys."""

import pytest

from tests.cli.conftest import ladder, only_line, prompts
from tierwise.store import Store


def test_a_live_run_shows_its_estimate_first_and_then_only_json(tierwise, started, provider):
    done = started("--yes", "--name", "live one")
    assert done.code == 0
    assert set(done.data) >= {"run", "name", "status", "note", "calls", "failed", "requests", "spent_usd", "unsettled_usd", "simulated"}
    assert (done.data["name"], done.data["status"], done.data["calls"], done.data["failed"]) == ("live one", "done", 6, 0)
    assert done.data["spent_usd"] == pytest.approx(provider.billed_usd) and len(provider.seen) == 6
    lines = done.err.splitlines()
    assert lines[0].startswith("Estimate: 6 calls, about $") and lines[-1] == "6 of 6 calls"
    tiers = tierwise("summary", "live one", "--json", "-").data["tiers"]
    assert [(t["tier"], t["n"], t["quality"]) for t in tiers] == [("small", 3, 1.0), ("large", 3, 1.0)]


def test_without_yes_it_asks_and_anything_but_yes_sends_nothing(tierwise, started, provider):
    for answer in ("", "n\n", "yeah\n"):
        done = started(stdin=answer)
        assert (done.code, done.out) == (2, "")
        assert done.err.splitlines()[-2:] == ["Type yes to spend this: ", "tierwise: Not started. Pass --yes to start without being asked."]
    assert provider.seen == [] and tierwise("list", "runs", "--json", "-").data == []
    assert started(stdin="yes\n").code == 0 and len(provider.seen) == 6


def test_simulated_tiers_are_not_asked_about_and_say_that_they_are_simulated(tierwise):
    done = tierwise("run", "support-mix", "--name", "pretend")
    assert done.code == 0 and "(simulated)" in done.out and "simulated, nothing is paid" in done.err
    assert "(simulated)" in tierwise("summary", "pretend").out
    again = tierwise("run", "support-mix", "--name", "pretend 2", "--json", "-").data
    assert again["simulated"] is True and again["status"] == "done"
    pair = [tierwise("summary", name, "--json", "-").data["tiers"] for name in ("pretend", "pretend 2")]
    assert pair[0] == pair[1], "the same seed gives the same answers"


def test_resume_sends_only_what_has_no_answer_and_pays_nothing_twice(tierwise, started, provider):
    provider.fault = lambda body, before: "401" if body["model"] == "large-model" else None
    first = started("--yes", "--name", "broken")
    assert first.code == 2 and first.data["status"] == "stopped"
    sent = len(provider.seen)
    provider.fault = lambda body, before: None
    second = started("--yes", "--resume", "broken")
    assert second.code == 0 and second.data["run"] == first.data["run"] and second.data["calls"] == 6
    assert [s.model for s in provider.seen[sent:]] == ["large-model"] * 3
    third = started("--yes", "--resume", "broken")
    assert third.code == 0 and "Estimate: 0 calls" in third.err and len(provider.seen) == sent + 3
    assert third.data["spent_usd"] == pytest.approx(provider.billed_usd)


@pytest.mark.parametrize(("change", "words"), [
    ({"model": "openai/other-model"}, "model of small ('openai/small-model' in the run, 'openai/other-model' in the file)"),
    ({"input_per_1m": 9.5}, "input_per_1m of small (1.0 in the run, 9.5 in the file)"),
    ({"params": None, "rpm": 60}, "rpm of small (None in the run, 60 in the file)"),
    ({"fallbacks": ["large"]}, "fallbacks of small ([] in the run, ['large'] in the file)"),
    ({"api_base": "http://127.0.0.1:9/v1"}, "api_base of small")])  # fmt: skip
def test_resume_with_other_tiers_is_refused_saying_what_differs(tierwise, started, provider, tmp_path, change, words):
    assert started("--yes", "--name", "first go").code == 0
    sent = len(provider.seen)
    done = started("--yes", "--resume", "first go", file=ladder(tmp_path, provider, "other.toml", **change))
    assert (done.code, done.out) == (2, "") and words in only_line(done.err)
    assert "Leave --tiers out" in done.err and len(provider.seen) == sent


def test_resume_with_more_fewer_or_reordered_tiers_is_refused(tierwise, started, provider, tmp_path):
    assert started("--yes", "--name", "first go").code == 0
    tables = ["[[tier]]" + part for part in (tmp_path / "tiers.toml").read_text().split("[[tier]]")[1:]]
    for change in (tables[:1], tables[::-1], [*tables, tables[0].replace('"small"', '"third"')]):
        (tmp_path / "other.toml").write_text("\n".join(change))
        done = started("--yes", "--resume", "first go", file=tmp_path / "other.toml")
        assert done.code == 2 and "began with the tiers small, large, and the file has" in only_line(done.err)


def test_resume_takes_the_same_tiers_with_another_key_or_without_prices(tierwise, started, provider, tmp_path, monkeypatch):
    assert started("--yes", "--name", "first go").code == 0
    monkeypatch.setenv("OTHER_KEY", "some-key")
    done = started("--yes", "--resume", "first go", file=ladder(tmp_path, provider, "other.toml", api_key_env="OTHER_KEY"))
    assert done.code == 0 and "Tier small: the run goes on with the key in the usual variable." in done.err
    unpriced = ladder(tmp_path, provider, "other.toml", input_per_1m=None, output_per_1m=None)
    assert started("--yes", "--resume", "first go", file=unpriced).code == 0


def test_resume_with_another_prompt_set_is_refused(tierwise, started, provider, tmp_path):
    assert started("--yes", "--name", "first go").code == 0
    prompts(tierwise, tmp_path, name="others")
    sent = len(provider.seen)
    done = tierwise("run", "others", "--resume", "first go", "--yes")
    assert done.code == 2 and "is of another prompt set than 'others'" in only_line(done.err) and len(provider.seen) == sent


def test_a_budget_stops_a_run_and_one_that_is_none_is_refused(tierwise, started, provider):
    done = started("--yes", "--budget", "0")
    assert done.code == 2 and provider.seen == [] and done.data["spent_usd"] == 0
    for wrong in ("-1", "nan"):
        done = started("--yes", "--budget", wrong)
        assert done.code == 2 and "US dollars" in only_line(done.err) and provider.seen == []


def test_what_stops_a_run_before_it_starts_is_one_line(tierwise, started, tmp_path, provider, monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    no_key = ladder(tmp_path, provider, "no_key.toml", api_base=None, model="gpt-4o-mini")
    assert "No key in OPENAI_API_KEY" in started("--yes", file=no_key).err.splitlines()[-1]
    for text, words in (
        ("[[tier]]\nname = 3", "Tier 1"),
        ("not TOML", "not TOML"),
        ("", "There is no tier"),
        ("[[tier]]\nname='a'", "no model"),
    ):
        (tmp_path / "bad.toml").write_text(text)
        done = started("--yes", file=tmp_path / "bad.toml")
        assert done.code == 2 and words in only_line(done.err)
    missing = started("--yes", file=tmp_path / "none.toml")
    assert missing.code == 2 and "none.toml: No such file or directory" in only_line(missing.err)
    assert started("--yes", "--scorer", "exakt").code == 2
    (tmp_path / "latin.txt").write_bytes("{{input}} \xe9".encode("latin-1"))
    assert "latin.txt is not UTF-8 text" in started("--yes", "--template", tmp_path / "latin.txt").err
    assert tierwise("list", "runs", "--json", "-").data == [] and provider.seen == []


def test_a_key_is_never_printed_or_kept(tierwise, started, provider, tmp_path, monkeypatch):
    canary = "canary-5f2b9d7e1c"
    monkeypatch.setenv("MY_OWN", canary)
    provider.fault = lambda body, before: "401"
    keyed = ladder(tmp_path, provider, "keyed.toml", api_key_env="MY_OWN")
    done = started("--yes", "--name", "keyed", file=keyed)
    assert done.code == 2 and any(canary in s.headers["authorization"] for s in provider.seen), "it was sent"
    shown = [done.out + done.err] + [tierwise(*c).out for c in (("summary", "keyed"), ("list", "runs"))]
    assert not any(canary in text for text in shown)
    with Store() as store:
        path = store.path
        assert canary not in store.attempts.frame(done.data["run"]).to_json()
    assert canary.encode() not in path.read_bytes()
