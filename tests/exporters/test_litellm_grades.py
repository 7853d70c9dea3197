"""LiteLLM's success table from grades: counts that add up, chances as LiteLLM works them out, a limit that is kept, refusals in words."""

from dataclasses import replace

import numpy as np
import pytest
import yaml

from tests.conftest import make_matrix
from tierwise.errors import BadInput, NotReady
from tierwise.exporters.litellm_cohorts import cohort, request_type
from tierwise.exporters.litellm_grades import MASS, Lookup, export_grades, table, tier
from tierwise.store import Store

SLOTS = {"SIMPLE": "cheap", "MEDIUM": "mid", "COMPLEX": "frontier", "REASONING": "frontier"}


def router_of(folder):
    models = yaml.safe_load((folder / "config.yaml").read_text())["model_list"]
    return models[-1]["litellm_params"]["complexity_router_config"]


def test_the_table_counts_every_prompt_once_at_each_level():
    quality = np.array([[1.0, 1.0], [0.0, 0.5], [0.0, 1.0]])
    found = table([("general", "a"), ("general", "b"), ("writing", "c")], quality, np.array([1.0, 1.0, 2.0]))
    assert [(r["tier"], r["successes"], r["observations"]) for r in found["global_statistics"]] == [
        (1, 1, 4), (2, 3.5, 4), (3, 3.5, 4), (4, 3.5, 4)
    ], "the top tier stands in the places that are left"  # fmt: skip
    for part in ("domain_statistics", "cohort_statistics"):
        for slot in (1, 2, 3, 4):
            rows, whole = [r for r in found[part] if r["tier"] == slot], found["global_statistics"][slot - 1]
            assert sum(r["successes"] for r in rows) == whole["successes"] and sum(r["observations"] for r in rows) == whole["observations"]
    low = ((1 + 1) / (4 + 2) * MASS + 1) / (2 + MASS)
    assert Lookup(found).chances("general", "nobody's")[:2] == pytest.approx([low, (1.5 + MASS * 4.5 / 6) / (2 + MASS)])
    assert Lookup(found).chances("nobody's", "nobody's")[0] == pytest.approx(2 / 6)


def test_a_dearer_tier_that_did_worse_never_lowers_the_chance():
    chances = Lookup(table([("general", "a")], np.array([[1.0, 0.0]]), np.ones(1))).chances("general", "a")
    assert chances == sorted(chances) and len(set(chances)) == 1


@pytest.mark.parametrize("most", [0.0, 0.05, 0.3])
def test_the_cheapest_threshold_within_the_limit_is_written_and_read_back(most, tmp_path):
    matrix = make_matrix(200, 3, seed=4)
    done = export_grades(matrix, tmp_path, most)
    assert done.loss <= most + 1e-9 and done.loss_ci95[0] <= done.loss <= done.loss_ci95[1] and done.n == 200
    assert sum(done.share_by_tier.values()) == pytest.approx(1)
    router = router_of(tmp_path)
    assert router["tiers"] == SLOTS and router["heuristic_v2_success_threshold"] == done.threshold
    got = [SLOTS[tier(router, s.chat())] for s in matrix.samples]
    assert set(got) <= set(matrix.tiers)
    if most == 0.3:
        assert done.saving > 0.2 and got.count("frontier") < 200


def test_more_loss_never_costs_more(tmp_path):
    matrix = make_matrix(150, 3, seed=5)
    savings = [export_grades(matrix, tmp_path, most).saving for most in (0.0, 0.02, 0.1, 0.5)]
    assert savings == sorted(savings)


def test_what_it_cannot_be_made_of_is_said(tmp_path):
    matrix = make_matrix(60, 3, seed=1)
    with pytest.raises(BadInput, match="at most four tiers"):
        export_grades(make_matrix(60, 5, seed=1), tmp_path / "a")
    with pytest.raises(NotReady, match="a grade and a cost"):
        export_grades(replace(matrix, quality=np.full_like(matrix.quality, np.nan)), tmp_path / "a")
    with pytest.raises(BadInput, match="is two points"):
        export_grades(matrix, tmp_path / "a", 2.0)
    assert not (tmp_path / "a").exists()
    quality = matrix.quality.copy()
    quality[:3, 0] = np.nan
    done = export_grades(replace(matrix, quality=quality), tmp_path)
    assert done.n == 57 and any("3 prompts without" in note for note in done.notes)


@pytest.mark.parametrize(("text", "kind"), [
    ("Write a python script that sorts", "code_generation"), ("Please explain what this function does", "code_understanding"),
    ("Design the database schema", "technical_design"), ("What is the probability of rain", "analytical_reasoning"),
    ("Draft an email to Sam", "writing"), ("Who was Ada Lovelace?", "factual_lookup"), ("  ", "general"), ("Hm", "general"),
    ("x" * 2000 + " draft an email", "general")])  # fmt: skip
def test_request_types_are_litellms(text, kind):
    assert request_type(text) == kind


def test_a_kind_of_prompt_has_its_marks():
    assert cohort("Solve $x$ in python. A) 1 B) 2", "general") == "general|short|code=1|math=1|mc=1|intl=0"
    assert cohort("你好" * 500, "writing") == "writing|long|code=0|math=0|mc=0|intl=1"


def test_the_command_says_what_to_expect(tmp_path, capsys, monkeypatch):
    from tierwise.cli import main
    from tierwise.simulation.demo import ensure_demo

    monkeypatch.setenv("TIERWISE_DATA", str(tmp_path / "data"))
    with Store(tmp_path / "data" / "tierwise.duckdb") as store:
        run = ensure_demo(store).id
    assert main(["export-grades", run, "--out", str(tmp_path / "out"), "--max-loss", "0.05"]) == 0
    said = capsys.readouterr().out
    assert "held out of the table: saves" in said and "Simulated" in said and "n=167" in said
    assert main(["export-grades", run, "--out", str(tmp_path / "out"), "--max-loss", "5"]) == 2
