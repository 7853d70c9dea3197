"""`tierwise grade` and `tierwise run` with a judge: the price first, nothing asked, an exit status that tells."""

import json

import pytest

from tests.judging.judges import scripted
from tierwise.cli import main


@pytest.fixture
def options(provider) -> list[str]:
    given = {"model": "openai/judge", "api_base": provider.base, "input_per_1m": 1, "output_per_1m": 4, "rubric": "Is it polite?"}
    return [part for name, value in given.items() for part in ("--option", f"{name}={value}")]


@pytest.fixture
def run(recorded_run, store):
    made = recorded_run("yes", "no")
    store.close()
    return made


def grade(capsys, *arguments: str) -> tuple[int, dict, str]:
    status = main(["grade", *arguments, "--json", "-"])
    out, err = capsys.readouterr()
    return status, json.loads(out) if out.strip().startswith("{") else {}, err


def test_grading_by_a_judge_tells_its_price_first_and_asks_nothing(provider, run, options, capsys, monkeypatch):
    monkeypatch.setattr("sys.stdin", None)
    provider.reply = scripted({"explanation": "", "score": 1})
    status, told, err = grade(capsys, run.id, "--scorer", "llm_judge", *options)
    assert status == 0 and "Estimate: 4 calls, about $" in err
    assert (told["graded"], told["unscored"], told["requests"], told["open"]) == (4, 0, 4, 0)
    assert told["grading_usd"] == pytest.approx(provider.billed_usd)
    assert "Is it polite?" in provider.seen[0].body["messages"][0]["content"]
    status, told, err = grade(capsys, run.id, "--scorer", "llm_judge", *options)
    assert (status, told["graded"], told["skipped"], told["requests"]) == (0, 0, 4, 0) and "Estimate: 0 calls" in err


def test_a_budget_that_is_spent_ends_with_two_and_says_what_is_left(provider, run, options, capsys):
    status, _, err = grade(capsys, run.id, "--scorer", "llm_judge", *options, "--budget", "0")
    assert status == 2 and "4 answers are not graded yet" in err and provider.seen == []


def test_an_own_family_is_told(provider, recorded_run, store, capsys, options):
    made = recorded_run("yes")
    store.close()
    kin = [o.replace("openai/judge", "openai/small") for o in options]
    status, _, err = grade(capsys, made.id, "--scorer", "llm_judge", *kin)
    assert status == 0 and "grades its own family" in err


@pytest.mark.parametrize(("scorer", "says"), [("llm_judge", "which model judges"), ("llm_jugde", "Did you mean llm_judge")])
def test_a_mistake_is_one_line(run, capsys, scorer, says):
    status, _, err = grade(capsys, run.id, "--scorer", scorer)
    assert status == 2 and says in err and "Traceback" not in err
