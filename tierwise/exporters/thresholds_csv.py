"""Thresholds, shares and rules as tables for a spreadsheet: what a person reads, and no router by itself, for it holds no score."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tierwise import evaluator
from tierwise.exporters import Compiled, Request, exporter
from tierwise.types import Policy

THRESHOLDS, RULES = "thresholds.csv", "rules.csv"
COLUMNS = ("tier", "model", "score_from", "score_below", "share_of_requests", "input_usd_per_1m", "output_usd_per_1m", "fallbacks",
           "models")  # fmt: skip
RULE_COLUMNS = ("rule", "tier", "pinned_to", "when")
NOTE = "These tables say where the thresholds stand; they hold no score, so nothing routes by them. The replay took the policy's scores."
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "'")


@exporter("csv", "Thresholds as CSV", "Thresholds, shares, prices and rules as tables for a spreadsheet.", "Table")
def compile(policy: Policy) -> Compiled:
    document = policy.document
    files = {THRESHOLDS: _table(COLUMNS, _tiers(document))}
    if document["rules"]:
        files[RULES] = _table(RULE_COLUMNS, [_rule(rule) for rule in document["rules"]])

    def replay(folder: Path, requests: Sequence[Request]) -> list[str]:
        table = [(row["tier"], row["score_below"]) for row in _read(folder / THRESHOLDS)]
        steps = [{"tier": tier} | ({"lt": float(below)} if below else {}) for tier, below in table]
        tiers = [row["tier"] for row in _read(folder / RULES)] if RULES in files else []
        rules = [rule | {"tier": tier} for rule, tier in zip(document["rules"], tiers, strict=True)]
        told = {**document, "thresholds": steps, "rules": rules}
        return [evaluator.decide(told, r["messages"], r["metadata"])["tier"] for r in requests]

    return Compiled(files, replay, (NOTE,))


def _tiers(document: Mapping[str, Any]) -> list[list[Any]]:
    shares, below, rows = document.get("expected", {}).get("share_by_tier", {}), 0.0, []
    for tier, step in zip(document["tiers"], document["thresholds"], strict=True):
        price = tier.get("price", {})
        chain = [f.get("tier") or f["model"]["litellm_model"] for f in tier.get("fallbacks", ())]
        rows.append([tier["name"], tier["model"]["litellm_model"], below, step.get("lt", ""), shares.get(tier["name"], ""),
                     price.get("input_per_1m", ""), price.get("output_per_1m", ""), "; ".join(chain),
                     "simulated" if document["simulated"] else "real"])  # fmt: skip
        below = step.get("lt", below)
    return rows


def _rule(rule: Mapping[str, Any]) -> list[str]:
    pin = rule.get("pin")
    pinned = "" if not pin else pin.get("provider") or rule["tier"]
    return [rule["id"], rule["tier"], pinned, json.dumps(rule["when"])]


def _table(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([columns, *([_safe(v) for v in row] for row in rows)])
    return text.getvalue()


def _safe(value: Any) -> Any:
    """A text that a spreadsheet will not run as a formula; numbers stay numbers."""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def _read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return [{k: v.removeprefix("'") for k, v in row.items()} for row in csv.DictReader(file)]
