"""The launcher's own logic; the whole of it is tried in CI, which starts through it."""

import importlib.util
import sys
from pathlib import Path

import pytest

from tierwise import settings


@pytest.fixture
def launcher(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TIERWISE_VENV", str(tmp_path / "venv"))
    spec = importlib.util.spec_from_file_location("launcher", settings.ROOT / "run.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_an_unsupported_python_is_refused_in_words(launcher, monkeypatch, capsys):
    monkeypatch.setattr(sys, "version_info", (3, 9, 1))
    assert launcher.main([]) == 2
    assert "3.11 to 3.13" in capsys.readouterr().err


def test_a_failed_install_leaves_no_mark_and_is_tried_again(launcher, tmp_path, capfd):
    lock = tmp_path / "requirements.txt"
    lock.write_text("tierwise-no-such-package @ file:///nowhere.whl --hash=sha256:" + "0" * 64)
    assert "pip could not install" in launcher.install(lock)
    assert not list((tmp_path / "venv").glob(".*sha256"))
    lock.write_text("# nothing\n")
    assert launcher.install(lock) is None
    capfd.readouterr()
    assert launcher.install(lock) is None
    assert capfd.readouterr().out == ""  # the mark makes the second start silent and instant


def test_words_after_test_and_cli_go_to_that_program(launcher, monkeypatch):
    called = []
    monkeypatch.setattr(launcher, "install", lambda lock: called.append(lock.name))
    monkeypatch.setattr(launcher, "run", lambda *a: called.append(a) or 0)
    launcher.main(["test", "-k", "x"])
    launcher.main(["cli", "list", "runs"])
    launcher.main(["--server.port=1"])
    assert called[0:2] == ["requirements-dev.txt", ("-m", "pytest", "-k", "x")]
    assert called[2:4] == ["requirements.txt", ("-m", "tierwise", "list", "runs")]
    assert called[5][:3] == ("-m", "streamlit", "run")
    assert called[5][-1] == "--server.port=1"
