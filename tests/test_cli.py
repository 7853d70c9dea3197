"""The command line end to end: what scripts and CI may rely on."""

import io
import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.conftest import make_matrix
from tests.policies import a_policy
from tests.runs.provider import IN_PRICE, OUT_PRICE, Provider
from tierwise import cli, settings
from tierwise.cli.command import COMMANDS, Result
from tierwise.policy import to_json
from tierwise.store import Store

TIERS = ["cheap", "mid", "frontier"]


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def data(self) -> Any:
        return json.loads(self.out)


@pytest.fixture
def tierwise(capsys) -> Callable[..., Ended]:
    """tierwise("list", "runs") -> how it ended; `stdin` is what it may read."""

    def run(*arguments: object, stdin: str = "") -> Ended:
        before, sys.stdin = sys.stdin, io.StringIO(stdin)
        capsys.readouterr()
        try:
            code = cli.main([str(a) for a in arguments])
        except SystemExit as error:  # argparse
            code = error.code
        finally:
            sys.stdin = before
        return Ended(code, *capsys.readouterr())

    return run


@pytest.fixture(scope="module")
def tuned_workspace(tmp_path_factory) -> Path:
    """A workspace with a recorded run of 200 prompts and a policy tuned on it."""
    folder = tmp_path_factory.mktemp("tuned")
    matrix = make_matrix(200, seed=4)
    rows = [{"sample_id": s.id, "prompt": s.input, "reference": "yes", "task": s.request_type, "model": t, "output": "yes" if q else "no",
             "score": q, "cost_usd": c, "latency_s": 1.0 + k}
            for s, quality, cost in zip(matrix.samples, matrix.quality, matrix.cost, strict=True)
            for k, (t, q, c) in enumerate(zip(TIERS, quality, cost, strict=True))]  # fmt: skip
    pd.DataFrame(rows).to_csv(folder / "results.csv", index=False)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TIERWISE_DATA", str(folder / "data"))
        assert cli.main(["import-results", str(folder / "results.csv"), "--name", "first", "--models", ",".join(TIERS)]) == 0
        done = ["tune", "first", "--aim", "max-loss=0.03", "--save", "Support bot", "--json", str(folder / "tuned.json")]
        assert cli.main(done) == 0
    return folder


@pytest.fixture
def tuned(tuned_workspace, monkeypatch) -> Path:
    """The tuned workspace, in use; tests that share it add to it and change nothing."""
    monkeypatch.setenv("TIERWISE_DATA", str(tuned_workspace / "data"))
    return tuned_workspace


def only_line(err: str) -> str:
    """The one line that a mendable error may print."""
    (line,) = err.splitlines()
    assert line.startswith("tierwise: ") and "Traceback" not in line
    return line


# Bringing data in


def test_a_prompt_set_is_imported_mapped_and_listed(tierwise, tmp_path):
    file = tmp_path / "prompts.csv"
    file.write_text("question,gold,kind\nWhat is 1+1?,2,maths\nCapital of France?,Paris,facts\n")
    done = tierwise("import-evalset", file, "--name", "mine", "--map", "question=input", "--map", "gold=reference", "--json", "-")
    assert done.code == 0
    assert (done.data["name"], done.data["n"], done.data["with_reference"]) == ("mine", 2, 2)
    listed = tierwise("list", "evalsets", "--json", "-").data
    assert [(e["id"], e["name"], e["n"]) for e in listed] == [(done.data["id"], "mine", 2)]
    again = tierwise("import-evalset", file, "--name", "other", "--map", "question=input", "--map", "gold=reference")
    assert again.code == 0 and len(tierwise("list", "evalsets", "--json", "-").data) == 1, "the same content is kept once"


@pytest.mark.parametrize(("text", "more", "words"), [
    ("input\n", (), "prompts.csv"), ("a,b\n1,2\n", (), "prompts.csv"), ("input,id\nx,1\ny,1\n", (), "row"),
    ("input\nx\n", ("--map", "nonsense"), "--map 'nonsense' should look like name=value"),
    ("input\nx\n", ("--map", "inputt=input"), "inputt")])  # fmt: skip
def test_an_unusable_prompt_file_is_refused_in_words(tierwise, tmp_path, text, more, words):
    file = tmp_path / "prompts.csv"
    file.write_text(text)
    done = tierwise("import-evalset", file, "--name", "mine", *more)
    assert (done.code, done.out) == (2, "") and words in done.err and "Traceback" not in done.err
    assert tierwise("list", "evalsets", "--json", "-").data == []


def test_results_become_a_graded_run(tierwise, tuned):
    (run,) = [r for r in tierwise("list", "runs", "--json", "-").data if r["name"] == "first"]
    assert (run["kind"], run["status"], run["n"], run["tiers"]) == ("recorded", "done", 200, TIERS)
    rows = tierwise("summary", "first", "--json", "-").data
    matrix = make_matrix(200, seed=4)
    for k, row in enumerate(rows["tiers"]):
        assert (row["tier"], row["n"], row["unscored"], row["failed"]) == (TIERS[k], 200, 0, 0)
        assert row["quality"] == pytest.approx(matrix.quality[:, k].mean())
        assert row["cost_per_1k_usd"] == pytest.approx(1000 * matrix.cost[:, k].mean())
        assert row["ci95"][0] < row["quality"] < row["ci95"][1] and row["latency_p50_s"] == 1 + k
    assert set(rows) == {"run", "name", "simulated", "tiers", "by_request_type"}
    assert {r["request_type"] for r in rows["by_request_type"]} == {"easy", "hard"} and len(rows["by_request_type"]) == 6
    text = tierwise("summary", "first").out
    assert all(f"{t}: {matrix.quality[:, k].mean():.2%}" in text for k, t in enumerate(TIERS)) and "n=200" in text


# Running


def prompts(tierwise, tmp_path, n: int = 3, name: str = "mine") -> None:
    file = tmp_path / f"{name}.jsonl"
    rows = [{"input": f"prompt {i} of {name}", "reference": f"answer to prompt {i} of {name}"} for i in range(n)]
    file.write_text("\n".join(map(json.dumps, rows)))
    assert tierwise("import-evalset", file, "--name", name).code == 0


def ladder(tmp_path: Path, provider: Provider, name: str = "tiers.toml", **change: object) -> Path:
    """A TOML file of two tiers on the stand-in provider; `change` sets keys of the first."""
    first = {"model": "openai/small-model", "api_base": provider.base, "input_per_1m": IN_PRICE, "output_per_1m": OUT_PRICE} | change
    lines = "\n".join(f"{k} = {json.dumps(v)}" for k, v in first.items() if v is not None)
    text = f"""
        [[tier]]
        name = "large"
        model = "openai/large-model"
        api_base = "{provider.base}"
        input_per_1m = {IN_PRICE}
        output_per_1m = {OUT_PRICE}
        params = {{ temperature = 0 }}
        """
    file = tmp_path / name
    file.write_text(f'[[tier]]\nname = "small"\n{lines}\n{textwrap.dedent(text)}')
    return file


@pytest.fixture
def provider():
    with Provider() as started:
        yield started


@pytest.fixture
def started(tierwise, tmp_path, provider) -> Callable[..., Ended]:
    """started("--yes", ...) -> a run of three prompts on the two tiers of `tiers.toml`."""
    prompts(tierwise, tmp_path)
    tiers = ladder(tmp_path, provider)
    return lambda *more, stdin="", file=tiers: tierwise(
        "run", "mine", "--tiers", file, "--scorer", "exact", "--json", "-", *more, stdin=stdin
    )


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


# Grading and tuning


def test_a_scorer_is_applied_with_options(tierwise, tuned):
    done = tierwise("grade", "first", "--scorer", "includes", "--option", "whole_words=true", "--json", "-")
    assert done.code == 0 and done.data["graded"] == 600 and done.data["unscored"] == 0
    assert tierwise("summary", "first", "--scorer", "includes", "--json", "-").data["tiers"][0]["n"] == 200
    for wrong, words in ((("--scorer", "includez"), "Did you mean includes?"),
    (("--scorer", "includes", "--option", "x=1"), "has no option 'x'"),
                         (("--scorer", "includes", "--option", "x"), "should look like name=value")):  # fmt: skip
        done = tierwise("grade", "first", *wrong)
        assert done.code == 2 and words in only_line(done.err)


def test_the_json_of_tune_is_exactly_as_promised(tierwise, tuned):
    data = json.loads((tuned / "tuned.json").read_text())
    keys = "run router tiers n chosen heldout certificate metrics baselines candidates verdict warnings policy"
    assert list(data) == keys.split()
    assert data["tiers"] == TIERS and data["n"] == 200 and len(data["chosen"]["thresholds"]) == 2
    assert set(data["chosen"]) == {"thresholds", "share_by_tier"} and sum(data["chosen"]["share_by_tier"].values()) == pytest.approx(1)
    assert set(data["heldout"]) == {"loss", "loss_ci95", "saving", "saving_ci95", "quality", "cost_per_1k_usd", "method"}
    assert set(data["certificate"]) == {"status", "epsilon", "delta", "saving", "prompts_needed"}
    assert data["certificate"]["status"] in ("certified", "none") and data["certificate"]["delta"] == 0.1
    assert set(data["metrics"]) == {"aiq", "apgr", "cpt50", "cpt80"}
    assert set(data["baselines"]) == {"always_cheapest", "always_frontier", "zero_router", "coin_flip", "oracle"}
    assert all(set(b) == {"quality", "cost_per_1k_usd", "saving", "loss"} for b in data["baselines"].values())
    assert data["candidates"] and all(set(c) == {"router", "saving", "loss"} for c in data["candidates"])
    assert data["verdict"] in ("routable", "not routable", "too few prompts") and isinstance(data["warnings"], list)
    assert data["policy"] == next(p["id"] for p in tierwise("list", "policies", "--json", "-").data if p["name"] == "Support bot")


def test_tune_is_the_same_for_a_seed_and_prints_progress_apart(tierwise, tuned):
    once, again = (tierwise("tune", "first", "--router", "table", "--seed", 3, "--json", "-") for _ in range(2))
    assert once.code == 0 and once.out == again.out and once.err, "progress goes to standard error"
    assert once.data["router"] == "table" and once.data["policy"] is None and [c["router"] for c in once.data["candidates"]] == ["table"]
    two = tierwise("tune", "first", "--router", "table", "--models", "cheap,frontier", "--json", "-").data
    assert two["tiers"] == ["cheap", "frontier"] and len(two["chosen"]["thresholds"]) == 1
    text = tierwise("tune", "first", "--router", "table").out
    assert "held-out: saves" in text and "[" in text and "n=200" in text


@pytest.mark.parametrize(("arguments", "words"), [
    (("--aim", "max-los=0.01"), "Aim 'max-los=0.01' is not known"), (("--aim", "max-loss=x"), "'x' is not a number"),
    (("--router", "tabel"), "Did you mean table"), (("--delta", "1.5"), "--delta 1.5: give a probability"),
    (("--models", "cheap,huge"), "no tier 'huge'. It has: cheap, mid, frontier"), (("--models", "cheap"), "tier"),
    (("--scorer", "rouge_l"), "no grades by 'rouge_l'"), (("--seed", "x"), "argument --seed: invalid int value: 'x'")])  # fmt: skip
def test_a_wrong_setting_of_tune_is_refused_in_one_line(tierwise, tuned, arguments, words):
    done = tierwise("tune", "first", *arguments)
    assert (done.code, done.out) == (2, "")
    assert words in done.err.splitlines()[-1] and done.err.splitlines()[-1].startswith("tierwise: ") and "Traceback" not in done.err


# Policies


def test_a_policy_is_evaluated_with_decisions(tierwise, tuned, tmp_path):
    file = tmp_path / "decisions.jsonl"
    done = tierwise("evaluate", "Support bot", "first", "--decisions", file, "--json", "-")
    assert done.code == 0 and done.data["n"] == 200
    decisions = [json.loads(line) for line in file.read_text().splitlines()]
    assert len(decisions) == 200 and all({"sample_id", "calls", "served", "score"} <= set(d) for d in decisions)
    assert all(d["served"] == d["calls"][-1] and d["served"] in TIERS for d in decisions)
    matrix = make_matrix(200, seed=4)
    row = {s.id: i for i, s in enumerate(matrix.samples)}
    served = [(row[d["sample_id"]], TIERS.index(d["served"])) for d in decisions]
    assert done.data["quality"] == pytest.approx(sum(matrix.quality[at] for at in served) / 200)
    assert done.data["cost_per_1k_usd"] == pytest.approx(1000 * sum(matrix.cost[at] for at in served) / 200)
    assert "quality" in tierwise("evaluate", "Support bot", "first").out


def test_requests_are_routed_one_a_line(tierwise, tuned):
    requests = [{"prompt": "step " * 5}, {"messages": [{"role": "user", "content": "solve this step " + "word " * 220}]},
                {"prompt": "hello", "metadata": {"request_type": "easy"}}]  # fmt: skip
    done = tierwise("route", "Support bot", stdin="\n".join(map(json.dumps, requests)) + "\n\n")
    lines = [json.loads(line) for line in done.out.splitlines()]
    assert done.code == 0 and len(lines) == 3
    assert all(list(d) == ["tier", "model", "score", "why"] and d["tier"] in TIERS and 0 <= d["score"] <= 1 for d in lines)
    assert lines[0]["score"] < lines[1]["score"], "longer ones were harder"
    assert tierwise("route", "Support bot", "--json", "-", stdin=json.dumps(requests[0])).data == lines[:1]
    assert tierwise("route", "Support bot", stdin="").out.strip() == ""


@pytest.mark.parametrize(("stdin", "words"), [
    ('{"prompt": "a"}\nnot JSON', "Line 2: not JSON"), ("[1]", "Line 1: A request is a JSON object"), ("{}",
    "Line 1: A request has either"),
    ('{"promt": "a"}', "did you mean prompt?"), ('{"prompt": 5}', "prompt should be text"), ("[" * 100_000, "Line 1: not")])  # fmt: skip
def test_a_request_that_is_none_is_refused_with_its_line(tierwise, tuned, stdin, words):
    done = tierwise("route", "Support bot", stdin=stdin)
    assert (done.code, done.out) == (2, "") and words in only_line(done.err)


def test_a_policy_file_routes_without_the_workspace(tierwise, tmp_path):
    file = tmp_path / "policy.json"
    file.write_bytes(b"\xef\xbb\xbf" + to_json(a_policy()).encode())
    assert tierwise("route", file, stdin='{"prompt": "hello"}').code == 0
    assert not settings.database().exists(), "so it works beside an app that holds the workspace"
    file.write_text("{}")
    assert tierwise("route", file, stdin="").code == 2
    file.write_bytes(b"\xff\xfe{}")
    assert "not UTF-8" in only_line(tierwise("route", file, stdin="").err)
    assert "No such file" in only_line(tierwise("route", tmp_path / "none.json").err)


def test_an_export_is_written_and_replayed(tierwise, tuned, tmp_path):
    done = tierwise("export", "Support bot", "--to", "policy-json", "--out", tmp_path / "out", "--json", "-")
    assert done.code == 0 and done.data["agreement"] == 1.0 and done.data["checked"] == 200
    (file,) = [Path(f) for f in done.data["files"]]
    assert file.is_file() and file.parent == tmp_path / "out"
    routed = tierwise("route", file, stdin='{"prompt": "hello"}').out
    assert routed == tierwise("route", "Support bot", stdin='{"prompt": "hello"}').out
    text = tierwise("export", "Support bot", "--to", "policy-json", "--out", tmp_path / "out2").out
    assert "Replay: 100.0% agreement on 200 prompts." in text
    wrong = tierwise("export", "Support bot", "--to", "nothing", "--out", tmp_path / "out3")
    assert wrong.code == 2 and "There is no export target called 'nothing'" in only_line(wrong.err) and not (tmp_path / "out3").exists()


# What holds for every command


@pytest.mark.parametrize(("arguments", "words"), [
    (("summary", "frist"), "Runs: "), (("grade", "frist", "--scorer", "exact"), "Runs: "), (("tune", "frist"), "Runs: "),
    (("evaluate", "Suport bot", "first"), "Policies: Support bot"), (("evaluate", "Support bot", "frist"), "Runs: "), (("route", "x"),
    "Policies: Support bot"),
    (("export", "x", "--to", "policy-json", "--out", "."), "Policies: Support bot"),
    (("run", "suport-mix"), "Shipped sets: contracts, extraction, long-documents, reasoning, support-mix"),
    (("run", "support-mix", "--resume", "frist"), "Runs: ")])  # fmt: skip
def test_an_unknown_name_lists_what_there_is(tierwise, tuned, arguments, words):
    done = tierwise(*arguments)
    line = only_line(done.err)
    assert (done.code, done.out) == (2, "") and words in line and ("first" in line or "Runs" not in words)


@pytest.mark.parametrize(("arguments", "words"), [
    ((), "required: COMMAND"), (("frobnicate",), "invalid choice: 'frobnicate'"), (("list", "things"), "invalid choice: 'things'"),
    (("tune",), "required: RUN"),
    (("run", "x", "--concurrency", "many"), "invalid int value")])  # fmt: skip
def test_a_wrong_command_line_is_one_line_too(tierwise, arguments, words):
    done = tierwise(*arguments)
    assert done.code == 2 and words in only_line(done.err) and done.out == "" and "--help" in done.err


def test_json_goes_to_a_file_with_the_text_still_on_the_screen(tierwise, tuned, tmp_path):
    done = tierwise("list", "runs", "--json", tmp_path / "runs.json")
    assert "first" in done.out and json.loads((tmp_path / "runs.json").read_text())[0]["name"] == "first"
    done = tierwise("list", "runs", "--json", tmp_path / "no" / "folder.json")
    assert done.code == 2 and "No such file or directory" in only_line(done.err)


def test_an_empty_workspace_lists_nothing(tierwise):
    for what in ("evalsets", "runs", "policies"):
        assert tierwise("list", what).out == f"No {what} yet.\n"
        assert tierwise("list", what, "--json", "-").data == []


def test_every_command_has_help_and_a_bug_exits_with_1_and_a_traceback(tierwise, monkeypatch):
    for name in COMMANDS:
        done = tierwise(name, "--help")
        assert done.code == 0 and "--json FILE" in done.out

    def broken(*_: object) -> Result:
        raise ZeroDivisionError("a bug")

    monkeypatch.setitem(COMMANDS, "list", type(COMMANDS["list"])(COMMANDS["list"].arguments, broken, ""))
    done = tierwise("list", "runs")
    assert done.code == 1 and "ZeroDivisionError: a bug" in done.err and "this is a bug in Tierwise" in done.err and done.out == ""


def python(*arguments: str, **options: Any) -> subprocess.Popen:
    """A process of its own, in the workspace of this test."""
    given = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True} | options
    return subprocess.Popen([sys.executable, *arguments], cwd=settings.ROOT, **given)


def test_a_held_workspace_exits_with_2_naming_the_process():
    hold = "from tierwise.store import Store\nimport sys\nstore = Store()\nprint('held', flush=True)\nsys.stdin.read()"
    with python("-c", hold, stdin=subprocess.PIPE) as holder:
        try:
            assert holder.stdout.readline() == "held\n"
            with python("-m", "tierwise", "list", "runs") as second:
                out, err = second.communicate(timeout=60)
        finally:
            holder.stdin.close()
            holder.wait(30)
    assert second.returncode == 2 and out == ""
    assert f"(process {holder.pid})" in only_line(err)


def test_the_module_runs_and_a_reader_that_leaves_early_is_no_error():
    with python("-m", "tierwise", "--version") as process:
        assert process.communicate(timeout=60)[0].strip() and process.returncode == 0
    read, write = os.pipe()
    os.close(read)
    with python("-m", "tierwise", "list", "runs", stdout=write) as process:
        os.close(write)
        assert (process.communicate(timeout=60)[1], process.returncode) == ("", 0)


def test_input_that_is_not_text_is_refused(tuned):
    strict = os.environ | {"PYTHONUTF8": "0", "PYTHONIOENCODING": "utf-8:strict"}
    with python("-m", "tierwise", "route", "Support bot", stdin=subprocess.PIPE, text=False, env=strict) as process:
        out, err = process.communicate(b'{"prompt": "\xff"}\n', timeout=60)
    assert (process.returncode, out, err) == (2, b"", b"tierwise: Standard input is not UTF-8 text.\n")
