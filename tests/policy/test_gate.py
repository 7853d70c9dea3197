"""The gate: a policy that still holds passes, one that does not fails with figures, and a pipeline reads both."""

import json
import xml.etree.ElementTree as ElementTree
from dataclasses import replace

import numpy as np
import pytest

from tests.cli.conftest import tierwise  # noqa: F401
from tests.conftest import make_matrix
from tests.policies import a_policy
from tierwise.errors import BadInput
from tierwise.policy import evaluate, make_policy, sign
from tierwise.policy.document import as_policy
from tierwise.policy.gate import gate, junit
from tierwise.tuning.tune import tune


@pytest.fixture(scope="module")
def tuned():
    return make_policy(tune(make_matrix(400, seed=1), router="table"), "Support bot")


def newer(n: int = 400, seed: int = 2, **changes):
    found = make_matrix(n, seed=seed)
    return replace(found, run=replace(found.run, id="newer", name="newer"), **changes)


def test_it_holds_on_newer_prompts_of_the_same_kind(tuned):
    result = gate(tuned, newer(), max_loss=0.05)
    assert result.passed and [r.name for r in result.rules] == ["prompts", "loss", "cost"]
    figures = evaluate(tuned, newer())
    loss = result.rules[1]
    assert (loss.value, loss.ci95) == (figures.loss, figures.loss_ci95) and f"{figures.loss * 100:.2f} points" in loss.says


def test_a_loss_beyond_the_limit_fails(tuned):
    found = newer()
    found.quality[:, :-1] = 0.0
    result = gate(tuned, found)
    assert not result.passed and [r.passed for r in result.rules] == [True, False, True]


def test_strict_asks_the_whole_interval(tuned):
    found = newer()
    loss = gate(tuned, found).evaluation
    between = (loss.loss + loss.loss_ci95[1]) / 2
    assert gate(tuned, found, max_loss=between).rules[1].passed
    assert not gate(tuned, found, max_loss=between, strict=True).rules[1].passed


def test_a_cost_rise_fails_and_a_fall_does_not(tuned):
    expected = tuned.document["expected"]["cost_per_1k_usd"]["value"]
    base = newer()
    here = evaluate(tuned, base).cost_per_1k_usd
    for factor, passed in ((1.0, True), (1.09, True), (1.11, False), (0.2, True)):
        dear = newer(cost=base.cost * (factor * expected / here))
        assert gate(tuned, dear, max_loss=1.0).rules[2].passed is passed, factor


def test_a_policy_without_an_expected_cost_is_not_held_to_one():
    document = {k: v for k, v in a_policy().document.items() if k != "expected"}
    result = gate(as_policy(sign(document)), newer(), max_loss=1.0)
    assert result.rules[2].passed is None and result.passed
    assert ElementTree.fromstring(junit(result)).get("skipped") == "1"


def test_too_few_prompts_cannot_hold(tuned):
    result = gate(tuned, newer(20), max_loss=1.0, max_cost_rise=100)
    assert not result.passed and "20 prompts" in result.rules[0].says


def test_the_run_it_was_tuned_on_is_said_to_be(tuned):
    own = make_matrix(400, seed=1)
    assert "fitted and not held-out" in gate(tuned, own).notes[0]


@pytest.mark.parametrize("limits", [{"max_loss": 2.0}, {"max_loss": float("nan")}, {"max_cost_rise": float("inf")}])
def test_limits_are_numbers_that_mean_something(tuned, limits):
    with pytest.raises(BadInput, match="max-"):
        gate(tuned, newer(), **limits)


def test_junit_is_well_formed_whatever_names_say(tuned):
    document = sign({**tuned.document, "name": "</testsuite>&\"'<x>"})
    found = newer()
    result = gate(as_policy(document), replace(found, run=replace(found.run, name="]]>\x07\ud800<")), max_loss=-1.0)
    root = ElementTree.fromstring(junit(result))
    suite = root.find("testsuite")
    assert suite.get("name").startswith("</testsuite>&\"'<x> on ]]>") and suite.get("failures") == "1"
    failed = [case for case in suite if case.find("failure") is not None]
    assert [case.get("name") for case in failed] == ["loss"] and "points" in failed[0].find("failure").get("message")
    assert {case.get("classname") for case in suite} == {"tierwise.gate"}


def test_on_the_command_line(tierwise, demo, store, tmp_path):  # noqa: F811
    from tierwise.grading.grades import matrix

    store.policies.add(make_policy(tune(matrix(store, demo.id), router="table"), "Bot"))
    store.close()
    xml = tmp_path / "gate.xml"
    held = tierwise("gate", "Bot", demo.name, "--max-loss", "0.2", "--max-cost-rise", "0.5", "--junit", xml, "--json", "-")
    assert held.code == 0 and held.data["passed"] and held.data["simulated"], held.err
    assert ElementTree.parse(xml).getroot().get("failures") == "0"
    failed = tierwise("gate", "Bot", demo.name, "--max-loss", "-0.9", "--max-cost-rise", "0.5", "--junit", xml)
    assert failed.code == 2 and failed.err.startswith("tierwise: policy 'Bot' does not hold") and failed.err.count("\n") == 1
    assert "FAIL  loss" in failed.out and "(simulated)" in failed.out
    assert ElementTree.parse(xml).getroot().get("failures") == "1"
    assert tierwise("gate", "Bot", "no such run").code == 2
    out = tmp_path / "x"
    for command in (["report", demo.name, "--out", f"{out}.html"], ["report", demo.name, "--out", f"{out}.svg"], ["report", "Bot", "--out", f"{out}.html", "--answers"],
                    ["results", demo.name, "--out", f"{out}.xlsx"], ["export-bundle", demo.name, "--out", f"{out}.tierwise.zip"],
                    ["export-evalset", demo.evalset_id, "--out", f"{out}.jsonl"], ["import-bundle", f"{out}.tierwise.zip"]):  # fmt: skip
        done = tierwise(*command)
        assert done.code == 0, (command, done.err)
    assert "is here already" in done.err and ElementTree.parse(f"{out}.svg").getroot().tag.endswith("svg")
    for command in (
        ["report", "Bot", "--out", f"{out}2.svg"],
        ["report", "nothing", "--out", "x"],
        ["results", demo.name, "--out", f"{out}.doc"],
        ["import-bundle", f"{out}.html"],
    ):
        done = tierwise(*command)
        assert done.code == 2 and done.err.count("\n") == 1 and not (tmp_path / "x.doc").exists(), done.err


def test_json_has_no_numpy(tuned):
    assert json.dumps(gate(tuned, newer()).to_json())
    assert isinstance(gate(tuned, newer()).passed, bool) and not isinstance(gate(tuned, newer()).rules[1].passed, np.bool_)
