"""Policies from the command line: evaluated, routed by, exported."""

import json
from pathlib import Path

import pytest

from tests.cli.conftest import TIERS, only_line
from tests.conftest import make_matrix
from tests.policies import a_policy
from tierwise import settings
from tierwise.policy import to_json


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
