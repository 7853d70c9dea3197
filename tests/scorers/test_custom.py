"""Scorers from the administrator's folder: loaded only from there, none of them able to keep the others out."""

import subprocess
import sys

import pytest

from tierwise.scorers import SCORERS, custom
from tierwise.settings import ROOT
from tierwise.types import Sample

POLITE = '''
"""Scorers of our own."""

from typing import Annotated

from tierwise.scorers import Score, scorer


@scorer("polite_test", summary="The answer says please or thank you", needs_reference=False)
def polite(output: str, sample, *, word: Annotated[str, "The word that counts"] = "please") -> Score:
    return Score(float(word in output.lower()))
'''
ASKING = """
from tierwise.scorers import Answer, Bench, Score, asking_scorer


@asking_scorer("tone_test", summary="A model tells whether the tone fits", version="tone 1", requests=1, prompt_tokens=50,
               needs="A model to judge.", cost="One request for each answer.")
async def tone(answer: Answer, bench: Bench) -> Score:
    reply = await bench.ask([{"role": "user", "content": answer.output}])
    return Score(1.0 if reply.startswith("yes") else 0.0)
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(custom, "problems", [])
    before = list(SCORERS)
    yield tmp_path
    for name in [n for n in SCORERS if n not in before]:
        SCORERS.remove(name)
    for name in [m for m in sys.modules if m.startswith(custom.PREFIX)]:
        del sys.modules[name]


def test_a_file_adds_its_scorers_through_the_same_door(folder):
    (folder / "manners.py").write_text(POLITE)
    assert custom.load(folder) == ["polite_test"] and custom.problems == []
    assert SCORERS["polite_test"]("Thanks", Sample("s", "q"), word="thanks").value == 1
    assert [o.help for o in SCORERS["polite_test"].options] == ["The word that counts"]


def test_one_that_asks_models_goes_through_the_bench(folder):
    (folder / "tone.py").write_text(ASKING)
    assert custom.load(folder) == ["tone_test"]
    assert SCORERS["tone_test"].asks({}) and "model" in [o.name for o in SCORERS["tone_test"].options]


@pytest.mark.parametrize(("text", "says"), [
    ("def (", "SyntaxError"), ("import no_such_thing", "ModuleNotFoundError"), (POLITE + "\nraise ValueError('at the end')", "at the end"),
    (POLITE.replace("polite_test", "exact"), "two scorers are called 'exact'")])  # fmt: skip
def test_a_broken_file_is_told_and_adds_nothing(folder, text, says):
    exact = SCORERS["exact"]
    (folder / "a_broken.py").write_text(text)
    (folder / "b_good.py").write_text(POLITE)
    assert custom.load(folder) == ["polite_test"]
    assert len(custom.problems) == 1 and "a_broken.py" in custom.problems[0] and says in custom.problems[0]
    assert SCORERS["exact"] is exact


def test_a_file_that_everybody_can_change_is_not_loaded(folder):
    (folder / "open.py").write_text(POLITE)
    (folder / "open.py").chmod(0o666)
    assert custom.load(folder) == [] and "chmod" in custom.problems[0]


def test_underscored_and_other_files_are_left_alone(folder):
    (folder / "_helper.py").write_text("raise SystemError")
    (folder / "notes.txt").write_text("raise SystemError")
    assert custom.load(folder) == [] and custom.problems == []


def test_off_by_default_and_loaded_at_start_where_it_is_set(folder, monkeypatch):
    monkeypatch.delenv("TIERWISE_SCORERS", raising=False)
    assert custom.load() == []
    (folder / "manners.py").write_text(POLITE)
    ask = [sys.executable, "-c", "from tierwise.scorers import SCORERS; print('polite_test' in SCORERS)"]
    monkeypatch.setenv("TIERWISE_SCORERS", str(folder))
    assert subprocess.run(ask, capture_output=True, text=True, cwd=ROOT, check=True).stdout == "True\n"
    monkeypatch.setenv("TIERWISE_SCORERS", str(folder / "absent"))
    shown = subprocess.run(ask, capture_output=True, text=True, cwd=ROOT, check=True)
    assert shown.stdout == "False\n" and "no such folder" in shown.stderr


@pytest.mark.parametrize("name", SCORERS)
def test_every_scorer_has_a_card(name):
    card = SCORERS[name]
    assert len(card.summary) > 20 and card.needs.endswith(".") and card.cost.endswith(".")
    assert card.off(False) is None, "all that ship can be used here"
    assert all(o.help for o in card.options)
