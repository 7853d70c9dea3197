"""The Python of docs/python-api.md runs as it stands, without a key, without a network and without Streamlit."""

import re
import subprocess
import sys

from tierwise.settings import ROOT

BLOCK = re.compile(r"^```python\n(.*?)^```", re.M | re.S)
QUIET = (
    "import socket\n\n\ndef refuse(*_, **__):\n    raise OSError('the example asked for a network')\n\n\nsocket.socket.connect = refuse\n"
)


def test_the_python_of_the_guide_runs(tmp_path):
    blocks = BLOCK.findall((ROOT / "docs" / "python-api.md").read_text(encoding="utf-8"))
    assert len(blocks) >= 6
    script = tmp_path / "guide.py"
    last = "import sys\nassert 'streamlit' not in sys.modules\n"
    script.write_text(QUIET + "".join(blocks) + last, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, script], cwd=tmp_path, capture_output=True, text=True, env={"PYTHONPATH": str(ROOT), "PATH": ""}, timeout=200
    )
    assert done.returncode == 0, done.stderr
    for said in ("169 prompts", "done 507 outcomes", "held-out: saves", "100% of", "507 outcomes are elsewhere too"):
        assert said in done.stdout, done.stdout
    assert all((tmp_path / name).stat().st_size > 1000 for name in ("policy.json", "report.html", "run.html", "results.xlsx"))


def test_every_command_of_the_sharing_guide_exists():
    from tierwise.cli.command import COMMANDS

    text = (ROOT / "docs" / "sharing.md").read_text(encoding="utf-8")
    named = {
        *re.findall(r"python -m tierwise ([a-z-]+)", text),
        "report",
        "results",
        "export-bundle",
        "import-bundle",
        "gate",
        "export-promptfoo",
    }
    assert named <= set(COMMANDS)
