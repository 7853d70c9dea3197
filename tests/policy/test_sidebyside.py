"""Two of a kind side by side: paired by prompt, with intervals, and clear about what they do not share."""

from dataclasses import replace

import numpy as np
import pytest

from tests.cli.conftest import tierwise  # noqa: F401
from tests.conftest import make_matrix
from tierwise.errors import BadInput
from tierwise.policy import make_policy
from tierwise.policy.sidebyside import compare_policies, compare_runs
from tierwise.tuning.tune import tune
from tierwise.types import Tier


def named(matrix, name: str, **changes):
    return replace(matrix, run=replace(matrix.run, id=name, name=name), **changes)


def test_a_run_against_itself_differs_in_nothing():
    a = make_matrix(200, seed=1)
    found = compare_runs(a, named(a, "again"))
    assert found.shared == 200 and [d.value for d in found.differences] == [0.0] * 3
    assert all(low <= 0 <= high for low, high in (d.ci95 for d in found.differences))


def test_differences_are_over_the_prompts_that_both_have():
    a = make_matrix(200, seed=1)
    better = named(a, "better", quality=np.maximum(a.quality, (np.arange(200)[:, None] % 4 == 0) * 1.0)).take(np.arange(0, 200, 2))
    found = compare_runs(a, better)
    half = a.quality[::2]
    assert found.shared == 100
    assert [d.value for d in found.differences] == pytest.approx([float(x) for x in (better.quality - half).mean(0)])
    assert found.differences[0].value > 0 and found.differences[0].ci95[0] > 0


def test_the_same_id_with_another_text_is_another_prompt():
    a = make_matrix(50, seed=1)
    b = replace(a, samples=tuple(replace(s, input=s.input + "!") for s in a.samples))
    found = compare_runs(a, named(b, "b"))
    assert found.shared == 0 and found.differences == ()


def test_tiers_meet_by_name_then_by_model_and_others_stand_alone():
    a, b = make_matrix(50, seed=1), make_matrix(50, seed=1)
    tiers = (Tier("small", "test/cheap"), Tier("other", "test/other"), Tier("frontier", "test/frontier-2"))
    found = compare_runs(a, replace(b, run=replace(b.run, tiers=tiers)))
    assert [(x and x.tier, y and y.tier) for x, y in found.tiers] == [
        ("cheap", "small"),
        ("mid", None),
        ("frontier", "frontier"),
        (None, "other"),
    ]


def test_nothing_in_common_is_said():
    a, b = make_matrix(20, seed=1), make_matrix(20, seed=2)
    with pytest.raises(BadInput, match="no tier and no prompt"):
        compare_runs(a, replace(b, run=replace(b.run, tiers=(Tier("x", "x"), Tier("y", "y"), Tier("z", "z")))))


def test_two_policies_decide_the_same_prompts():
    matrix = make_matrix(200, seed=1)
    tuned = tune(matrix, router="table")
    top, cheap = (make_policy(tuned, name, thresholds=at) for name, at in (("top", (0.0, 0.0)), ("cheap", (2.0, 2.0))))
    found = compare_policies(top, cheap, matrix)
    assert found.agree == 0.0 and found.quality.value == pytest.approx(float((matrix.quality[:, 0] - matrix.quality[:, 2]).mean()))
    assert found.evaluations[0].saving == 0 and found.evaluations[1].saving > 0.5
    assert compare_policies(top, top, matrix).agree == 1.0


def test_on_the_command_line(tierwise, demo, store):  # noqa: F811
    from tierwise.grading.grades import matrix

    tuned = tune(matrix(store, demo.id), router="table")
    for name, at in (("Careful", (0.0, 0.0)), ("Bold", (2.0, 2.0))):
        store.policies.add(make_policy(tuned, name, thresholds=at))
    store.close()
    both = tierwise("compare", "Careful", "Bold")
    assert both.code == 0 and "0.0% of the prompts" in both.out and "(simulated)" in both.out and "B is -" in both.out
    assert tierwise("compare", "Careful", "Bold", "--on", demo.name, "--json", "-").data["agree"] == 0
    runs = tierwise("compare", demo.name, demo.name)
    assert runs.code == 0 and runs.out.count("points against A") == 3
    mixed = tierwise("compare", demo.name, "Bold")
    assert mixed.code == 2 and "One is a run" in mixed.err
