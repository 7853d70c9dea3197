"""Grading and tuning from the command line."""

import json

import pytest

from tests.cli.conftest import TIERS, only_line


def test_a_scorer_is_applied_with_options(tierwise, tuned):
    done = tierwise("grade", "first", "--scorer", "includes", "--option", "whole_words=true", "--json", "-")
    assert done.code == 0 and done.data["graded"] == 600 and done.data["unscored"] == 0
    assert tierwise("summary", "first", "--scorer", "includes", "--json", "-").data["tiers"][0]["n"] == 200
    for wrong, words in ((("--scorer", "includez"), "Did you mean includes?"),
    (("--scorer", "includes", "--option", "x=1"), "has no option 'x'"),
                         (("--scorer", "includes", "--option", "x"), "should look like name=value")):  # fmt: skip
        done = tierwise("grade", "first", *wrong)
        assert done.code == 2 and words in only_line(done.err)


def test_grades_of_another_scorer_count_when_told(tierwise, tuned):
    assert tierwise("summary", "first", "--json", "-").code == 0
    done = tierwise("grade", "first", "--scorer", "includes", "--count")
    assert "includes counts for first from now on" in done.err
    assert tierwise("grade", "first", "--scorer", "exact").code == 0  # graded later, and does not count
    before, after = (tierwise("summary", "first", *how, "--json", "-").data["tiers"] for how in ([], ["--scorer", "includes"]))
    assert before == after


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
