"""What holds for every command: what scripts and CI may rely on."""

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from tests.cli.conftest import only_line
from tierwise import settings
from tierwise.cli.command import COMMANDS, Result


@pytest.mark.parametrize(("arguments", "words"), [
    (("summary", "frist"), "Runs: "), (("grade", "frist", "--scorer", "exact"), "Runs: "), (("tune", "frist"), "Runs: "),
    (("evaluate", "Suport bot", "first"), "Policies: Support bot"), (("evaluate", "Support bot", "frist"), "Runs: "), (("route", "x"),
    "Policies: Support bot"),
    (("export", "x", "--to", "policy-json", "--out", "."), "Policies: Support bot"),
    (("run", "suport-mix"), "Shipped sets: contracts, extraction, long-documents, reasoning, support-mix"),
    (("run", "support-mix", "--resume", "frist"), "Runs: ")])  # fmt: skip
def test_an_unknown_name_lists_what_there_is(tierwise, tuned, arguments, words):
    done = tierwise(*arguments)
    line = only_line(done.err)
    assert (done.code, done.out) == (2, "") and words in line and ("first" in line or "Runs" not in words)


@pytest.mark.parametrize(("arguments", "words"), [
    ((), "required: COMMAND"), (("frobnicate",), "invalid choice: 'frobnicate'"), (("list", "things"), "invalid choice: 'things'"),
    (("tune",), "required: RUN"),
    (("run", "x", "--concurrency", "many"), "invalid int value")])  # fmt: skip
def test_a_wrong_command_line_is_one_line_too(tierwise, arguments, words):
    done = tierwise(*arguments)
    assert done.code == 2 and words in only_line(done.err) and done.out == "" and "--help" in done.err


def test_json_goes_to_a_file_with_the_text_still_on_the_screen(tierwise, tuned, tmp_path):
    done = tierwise("list", "runs", "--json", tmp_path / "runs.json")
    assert "first" in done.out and json.loads((tmp_path / "runs.json").read_text())[0]["name"] == "first"
    done = tierwise("list", "runs", "--json", tmp_path / "no" / "folder.json")
    assert done.code == 2 and "No such file or directory" in only_line(done.err)


def test_an_empty_workspace_lists_nothing(tierwise):
    for what in ("evalsets", "runs", "policies"):
        assert tierwise("list", what).out == f"No {what} yet.\n"
        assert tierwise("list", what, "--json", "-").data == []


def test_every_command_has_help_and_a_bug_exits_with_1_and_a_traceback(tierwise, monkeypatch):
    for name in COMMANDS:
        done = tierwise(name, "--help")
        assert done.code == 0 and "--json FILE" in done.out

    def broken(*_: object) -> Result:
        raise ZeroDivisionError("a bug")

    monkeypatch.setitem(COMMANDS, "list", type(COMMANDS["list"])(COMMANDS["list"].arguments, broken, ""))
    done = tierwise("list", "runs")
    assert done.code == 1 and "ZeroDivisionError: a bug" in done.err and "this is a bug in Tierwise" in done.err and done.out == ""


def python(*arguments: str, **options: Any) -> subprocess.Popen:
    """A process of its own, in the workspace of this test."""
    given = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True} | options
    return subprocess.Popen([sys.executable, *arguments], cwd=settings.ROOT, **given)


def test_a_held_workspace_exits_with_2_naming_the_process():
    hold = "from tierwise.store import Store\nimport sys\nstore = Store()\nprint('held', flush=True)\nsys.stdin.read()"
    with python("-c", hold, stdin=subprocess.PIPE) as holder:
        try:
            assert holder.stdout.readline() == "held\n"
            with python("-m", "tierwise", "list", "runs") as second:
                out, err = second.communicate(timeout=60)
        finally:
            holder.stdin.close()
            holder.wait(30)
    assert second.returncode == 2 and out == ""
    assert f"(process {holder.pid})" in only_line(err)


def test_the_module_runs_and_a_reader_that_leaves_early_is_no_error():
    with python("-m", "tierwise", "--version") as process:
        assert process.communicate(timeout=60)[0].strip() and process.returncode == 0
    read, write = os.pipe()
    os.close(read)
    with python("-m", "tierwise", "list", "runs", stdout=write) as process:
        os.close(write)
        assert (process.communicate(timeout=60)[1], process.returncode) == ("", 0)


def test_input_that_is_not_text_is_refused(tuned):
    strict = os.environ | {"PYTHONUTF8": "0", "PYTHONIOENCODING": "utf-8:strict"}
    with python("-m", "tierwise", "route", "Support bot", stdin=subprocess.PIPE, text=False, env=strict) as process:
        out, err = process.communicate(b'{"prompt": "\xff"}\n', timeout=60)
    assert (process.returncode, out, err) == (2, b"", b"tierwise: Standard input is not UTF-8 text.\n")
