"""import-traffic, traffic and tune --traffic, as a terminal has them."""

import json

import pytest

from tests.importers.traffic.logs import LOGS, as_csv, plain
from tierwise.cli import main


@pytest.fixture
def log(tmp_path):
    kinds = ("classification", "extraction", "reasoning")
    rows = [plain(1, time=f"2026-09-{1 + i % 14:02d}T10:00:00Z", team_task=kinds[i % 3], prompt=f"prompt {i}") for i in range(200)]
    path = tmp_path / "two-weeks.csv"
    path.write_bytes(as_csv([{k: v for k, v in row.items() if k != "request_type"} for row in rows]))
    return path


def asked(capsys, *arguments: str) -> tuple[int, dict | list]:
    code = main([*arguments, "--json", "-"])
    out = capsys.readouterr().out
    return code, json.loads(out) if code == 0 else {}


def test_a_log_becomes_a_profile_and_a_prompt_set(log, capsys):
    code, data = asked(capsys, "import-traffic", str(log), "--type-key", "team_task", "--sample", "30", "--keep-prompts")
    assert code == 0
    assert data["requests"] == 200 and data["format"] == "plain" and "team_task" in data["type_keys"]
    assert data["mix"] == pytest.approx({"classification": 0.335, "extraction": 0.335, "reasoning": 0.33})
    code, sets = asked(capsys, "list", "evalsets")
    assert [(s["id"], s["n"]) for s in sets] == [(data["evalset"], 30)]
    assert asked(capsys, "traffic")[1][0]["id"] == data["profile"]
    assert asked(capsys, "traffic", "two-weeks", "--against", data["evalset"])[1]["against"]["distance"] == pytest.approx(0, abs=1e-4)


def test_an_untyped_log_hints_at_its_keys(log, capsys):
    assert main(["import-traffic", str(log)]) == 0
    shown = capsys.readouterr()
    assert "--type-key" in shown.out and "team_task" in shown.out
    assert "Read as a plain table" in shown.err


def test_what_is_wrong_is_one_line_and_exit_2(tmp_path, capsys):
    path = tmp_path / "log.csv"
    path.write_bytes(b"a,b\r\n1,2\r\n")
    assert main(["import-traffic", str(path)]) == 2
    assert "fit no traffic log" in capsys.readouterr().err
    path.write_bytes(LOGS["portkey"][0][1])
    assert main(["import-traffic", str(path), "--format", "helicone"]) == 2
    assert "Helicone requests has" in capsys.readouterr().err


def test_tuning_for_the_traffic_projects_its_month(log, demo, store, capsys):
    store.close()
    assert main(["import-traffic", str(log), "--name", "t"]) == 0
    assert main(["import-traffic", str(log), "--name", "typed", "--type-key", "team_task"]) == 0
    capsys.readouterr()
    code, data = asked(capsys, "tune", demo.id, "--router", "table", "--traffic", "typed")
    assert code == 0
    month = data["traffic"]["month"]
    assert month["saved_ci95"][0] <= month["saved"] <= month["saved_ci95"][1]
    assert any("A month of typed" in w for w in data["traffic"]["words"])
    assert main(["tune", demo.id, "--traffic", "t"]) == 2
    assert "no request types" in capsys.readouterr().err
