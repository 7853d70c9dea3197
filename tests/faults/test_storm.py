"""A whole run from the command line against a provider with every fault at once: every cell ends, and the sums agree."""

import json
import random

import pytest

from tests.runs.provider import Provider
from tierwise.cli import main
from tierwise.runs import calls

CELLS = 150


def storm(seed: int):
    dice = random.Random(seed)
    shares = [
        ("429", 0.10),
        ("500", 0.05),
        ("hang", 0.03),
        ("broken_json", 0.02),
        ("drop", 0.02),
        ("503", 0.02),
        ("no_usage", 0.01),
        ("400", 0.01),
    ]

    def fault(body: dict, before: int) -> str | None:
        drawn = dice.random()
        for name, share in shares:
            if drawn < share:
                return name
            drawn -= share
        return None

    return fault


def test_every_cell_ends_and_nothing_is_paid_unseen(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(calls, "FIRST_WAIT_S", 0.02)
    rows = "\n".join(json.dumps({"id": f"s{i}", "prompt": f"prompt {i}", "reference": f"answer to prompt {i}"}) for i in range(CELLS))
    (tmp_path / "set.jsonl").write_text(rows)
    with Provider(fault=storm(11), delay_s=0.01) as provider:
        tier = 'name = "{0}"\nmodel = "openai/{0}-model"\napi_base = "{1}"\ninput_per_1m = 1.0\noutput_per_1m = 4.0\n'
        (tmp_path / "tiers.toml").write_text("".join("[[tier]]\n" + tier.format(n, provider.base) for n in ("small", "large")))
        assert main(["import-evalset", str(tmp_path / "set.jsonl"), "--name", "storm"]) == 0
        arguments = ["--tiers", str(tmp_path / "tiers.toml"), "--concurrency", "16", "--timeout", "0.5", "--yes", "--scorer", "exact"]
        assert main(["run", "storm", *arguments, "--name", "one", "--json", str(tmp_path / "run.json")]) == 0
        assert main(["ledger", "one", "--json", str(tmp_path / "ledger.json")]) == 0
    run, ledger = (json.loads((tmp_path / f"{n}.json").read_text()) for n in ("run", "ledger"))
    assert (run["status"], run["calls"]) == ("done", 2 * CELLS)
    assert {s.request_id for s in provider.seen} == {a["request_id"] for a in ledger["attempts"]}, (
        "one request an attempt, one attempt a request"
    )
    assert ledger["counted_usd"] >= provider.billed_usd - 1e-12
    assert ledger["paid_usd"] <= provider.billed_usd + 1e-12
    assert run["spent_usd"] == pytest.approx(ledger["paid_usd"]) and run["unsettled_usd"] == pytest.approx(ledger["unknown_at_most_usd"])
    assert ledger["answered"] + ledger["refused"] + ledger["unknown"] == ledger["requests"] == len(provider.seen)
    captured = capsys.readouterr()
    assert "Traceback" not in captured.err
