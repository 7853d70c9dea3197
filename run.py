#!/usr/bin/env python3
"""Start Tierwise, or its tests, on a machine that has only Python.

    python3 run.py                 install what is missing and open the app
    python3 run.py test [ARGS]     install what is missing and run the tests (ARGS go to pytest)
    python3 run.py cli [ARGS]      the command line: the same as `python -m tierwise ARGS`

Everything goes into `.venv` beside this file, pinned and hashed; nothing else on the machine is touched.
"""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = Path(os.environ.get("TIERWISE_VENV") or ROOT / ".venv")
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
SUPPORTED = ((3, 11), (3, 13))


def main(arguments: list[str]) -> int:
    command, rest = (arguments[0], arguments[1:]) if arguments and arguments[0] in ("test", "cli") else ("app", arguments)
    if not SUPPORTED[0] <= sys.version_info[:2] <= SUPPORTED[1]:
        return fail(f"Tierwise needs Python 3.11 to 3.13; this is {sys.version.split()[0]}. Try: python3.12 run.py")
    problem = install(ROOT / ("requirements-dev.txt" if command == "test" else "requirements.txt"))
    if problem:
        return fail(problem)
    if command == "test":
        return run("-m", "pytest", *rest)
    if command == "cli":
        return run("-m", "tierwise", *rest)
    # Streamlit opens a browser unless headless, and would ask for an e-mail address on a first start.
    show = ["--server.headless=false", "--server.showEmailPrompt=false"] if has_display() else []
    return run("-m", "streamlit", "run", str(ROOT / "app.py"), *show, *rest)


def install(lock: Path) -> str | None:
    """Bring `.venv` to what `lock` says; returns what went wrong, or None. A finished install leaves a mark, so this is instant after."""
    mark = VENV / f".{lock.stem}.sha256"
    wanted = hashlib.sha256(lock.read_bytes() + sys.version.encode()).hexdigest()
    if PYTHON.exists() and mark.exists() and mark.read_text() == wanted:
        return None
    if not PYTHON.exists():
        print(f"Making {VENV} ...", flush=True)
        made = subprocess.run([sys.executable, "-m", "venv", str(VENV)], capture_output=True, text=True)
        if made.returncode:
            # Debian's python3 comes without ensurepip; an installed pip can fill an environment from outside.
            bare = subprocess.run([sys.executable, "-m", "venv", "--clear", "--without-pip", str(VENV)], capture_output=True, text=True)
            if bare.returncode:
                return f"Python could not make an environment in {VENV}: {made.stderr or made.stdout}"
    print(f"Installing {lock.name} (two to three minutes the first time) ...", flush=True)
    packages = ["install", "--quiet", "--disable-pip-version-check", "--require-hashes", "--requirement", str(lock)]
    inside = subprocess.run([str(PYTHON), "-m", "pip", "--version"], capture_output=True).returncode == 0
    pip = [str(PYTHON), "-m", "pip"] if inside else [sys.executable, "-m", "pip", "--python", str(PYTHON)]
    if subprocess.run([*pip, *packages]).returncode:
        if not inside:
            return "This Python has no pip. On Debian or Ubuntu: apt install python3-venv; then run this again."
        return (
            "pip could not install the packages; its message is above. Check the network, then run this again: it goes on where it stopped."
        )
    mark.write_text(wanted)
    return None


def has_display() -> bool:
    return os.name == "nt" or sys.platform == "darwin" or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def run(*command: str) -> int:
    """Run Python inside the environment, from the project's folder, until it ends."""
    try:
        return subprocess.run([str(PYTHON), *command], cwd=ROOT).returncode
    except KeyboardInterrupt:
        return 130


def fail(message: str) -> int:
    print(message, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
