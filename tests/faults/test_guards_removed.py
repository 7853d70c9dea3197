"""Bar 48: each of five guards is taken out of a copy of the code, and a quick test turns red by it.

It costs half a minute, so it runs where TIERWISE_MUTATIONS=1 is set.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tierwise.settings import ROOT

pytestmark = pytest.mark.skipif(not os.environ.get("TIERWISE_MUTATIONS"), reason="set TIERWISE_MUTATIONS=1 to take the guards out")

GUARDS = {
    "a cell's primary key": (
        "tierwise/store/migrations.py", [(", PRIMARY KEY (run_id, sample_id, tier, repeat)", "")],
        "tests/store/test_store.py::test_a_cell_can_have_one_outcome_only_and_a_refused_batch_leaves_nothing",
    ),
    "the intent before a request": (
        "tierwise/store/attempts.py", [('insert(cursor, "attempts", pa.table(', '(lambda *_: None)(cursor, "attempts", pa.table(')],
        "tests/runs/test_live.py::test_without_faults_ledger_and_provider_agree_to_the_cent",
    ),
    "no retries of LiteLLM's own": (
        "tierwise/endpoints/models.py", [("timeout=timeout_s, max_retries=0, extra_headers=headers", "timeout=timeout_s, num_retries=3, extra_headers=headers")],
        "tests/runs/test_live.py::test_each_attempt_is_one_request_and_what_passes_is_tried_again",
    ),
    "the content policy": (
        "tierwise/server/headers.py", [('headers["Content-Security-Policy"] =', "_ =")],
        "tests/server/test_headers.py::test_every_reply_carries_the_policy_and_its_companions",
    ),
    "a cursor for each use": (
        "tierwise/store/connection.py", [("self._root.cursor()", "self._root"), ("cursor.close()", "pass")],
        "tests/store/test_store.py::test_threads_never_see_each_others_rows",
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("copy")
    leave = shutil.ignore_patterns("__pycache__")
    for name in ("tierwise", "tests"):
        shutil.copytree(ROOT / name, root / name, ignore=leave)
    for name in ("evalsets", "data", "docs", "pages", "app.py", "pyproject.toml", ".streamlit"):
        (root / name).symlink_to(ROOT / name)
    return root


def run(root: Path, *tests: str) -> subprocess.CompletedProcess:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST")} | {"PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-n", "0", "-x", *tests], cwd=root, env=environment, capture_output=True, text=True, timeout=240
    )


def test_all_is_green_while_the_guards_are_there(copy):
    done = run(copy, *{test for _, _, test in GUARDS.values()})
    assert done.returncode == 0, done.stdout[-2000:]


@pytest.mark.parametrize("guard", GUARDS)
def test_without_it_a_test_is_red(copy, guard):
    name, changes, test = GUARDS[guard]
    path = copy / name
    before = changed = path.read_text(encoding="utf-8")
    for old, new in changes:
        assert old in changed, f"{guard}: {name} no longer reads {old!r}"
        changed = changed.replace(old, new)
    path.write_text(changed, encoding="utf-8")
    try:
        done = run(copy, test)
    finally:
        path.write_text(before, encoding="utf-8")
    assert done.returncode == 1 and " failed" in done.stdout, f"{guard}: {done.stdout[-1500:]}"
