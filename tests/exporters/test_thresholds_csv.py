"""Thresholds as tables: the numbers that decide, and no formula."""

import csv

from tests.exporters.files import live
from tests.policies import a_policy
from tierwise.exporters import export
from tierwise.types import Tier


def rows(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_a_row_a_tier_with_the_exact_thresholds(tmp_path):
    policy = a_policy(3)
    export(policy, [], "csv", tmp_path)
    table = rows(tmp_path / "thresholds.csv")
    assert [float(r["score_below"]) for r in table[:-1]] == [t["lt"] for t in policy.document["thresholds"][:-1]]
    assert [r["tier"] for r in table] == ["cheap", "mid", "frontier"] and table[-1]["score_below"] == ""
    assert abs(sum(float(r["share_of_requests"]) for r in table) - 1) < 1e-9
    assert table[0]["fallbacks"] == "mid; frontier"
    assert not (tmp_path / "rules.csv").exists()


def test_no_cell_is_a_formula(tmp_path):
    names = ("=1+1", "@SUM(A1)", "'quoted", "-2", "+cmd|' /C calc'!A0")
    rules = tuple({"id": n, "when": {"keywords_any": [n]}, "tier": n, "pin": {"provider": n, "allow_fallbacks": False}} for n in names)
    done = export(live(*(Tier(n, f"=m{i}") for i, n in enumerate(names)), rules=rules), [], "csv", tmp_path)
    for path in done.files:
        for row in rows(path):
            assert not any(v.startswith(("=", "+", "-", "@", "\t", "\r")) for v in row.values())
    assert [r["pinned_to"].removeprefix("'") for r in rows(tmp_path / "rules.csv")] == list(names)
