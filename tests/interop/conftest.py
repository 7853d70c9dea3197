"""A real LiteLLM proxy in a virtual environment of its own, started on loopback with exported files."""

import hashlib
import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path

import pytest
from filelock import FileLock

from tests.interop.standin import StandIn
from tierwise.settings import ROOT

LOCK = ROOT / "requirements-interop.txt"
START_SECONDS = 120
CACHE = Path(os.environ.get("TIERWISE_TEST_CACHE") or Path.home() / ".cache" / "tierwise-tests")
"""Where gateways are installed, once for all runs."""


def installed(name: str, *commands: Sequence[str | Path]) -> Path:
    """The folder of what the commands install, run once for all runs: of two test processes, one waits for the other.

    Commands name the folder as `{folder}`; where one fails, the test is skipped with what it said.
    """
    folder = CACHE / name
    CACHE.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{folder}.lock"):
        if not (folder / "installed").exists():
            folder.mkdir(exist_ok=True)
            for command in commands:
                done = subprocess.run([str(part).replace("{folder}", str(folder)) for part in command], capture_output=True, text=True)
                if done.returncode:
                    said = (done.stderr.strip() or "no reason given").splitlines()
                    pytest.skip(f"{name} cannot be installed: {said[0]} ... {said[-1]}")
            (folder / "installed").write_text("")
    return folder


@pytest.fixture(scope="session")
def proxy_python() -> Path:
    """A Python that has the locked LiteLLM proxy; made once for each version of the lock file."""
    digest = hashlib.sha256(LOCK.read_bytes() + f"{sys.version_info[:2]}".encode()).hexdigest()[:16]
    python = "Scripts/python.exe" if os.name == "nt" else "bin/python"
    # the lock is complete, and older versions of pip cannot match its pins to requirements with extras
    locked = ["-m", "pip", "install", "--disable-pip-version-check", "-q", "--no-deps", "--require-hashes", "-r", LOCK]
    return installed(digest, [sys.executable, "-m", "venv", "--clear", "{folder}"], ["{folder}/" + python, *locked]) / python


@pytest.fixture(scope="session")
def upstream():
    standin = StandIn()
    yield standin
    standin.close()


class Proxy:
    """A running LiteLLM proxy."""

    def __init__(self, python: Path, folder: Path, environment: dict[str, str], cwd: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.log = folder / "proxy.log"
        quiet = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "DISABLE_ADMIN_UI": "True", "NO_DOCS": "True", "PYTHONUNBUFFERED": "1"}
        kept = {k: v for k, v in os.environ.items() if k in ("PATH", "HOME", "LANG", "TMPDIR", "SYSTEMROOT")}
        where = ["--config", str(folder / "config.yaml"), "--host", "127.0.0.1", "--port", str(self.port)]
        command = [str(python.with_name("litellm")), *where]
        with self.log.open("wb") as log:
            own = {name: value.replace("{port}", str(self.port)) for name, value in environment.items()}
            self._process = subprocess.Popen(command, env=kept | quiet | own, cwd=cwd, stdout=log, stderr=subprocess.STDOUT)

    @property
    def pid(self) -> int:
        return self._process.pid

    def wait(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            assert self._process.poll() is None, f"the proxy stopped:\n{self.log.read_text()[-3000:]}"
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{self.port}/health/liveliness", timeout=2)
                return
            except (urllib.error.URLError, OSError):
                time.sleep(0.2)
        raise AssertionError(f"the proxy did not start:\n{self.log.read_text()[-3000:]}")

    def ask(self, body: dict, key: str = "sk-test", path: str = "/v1/chat/completions") -> tuple[dict | str, dict[str, str]]:
        """The answer to a request (the text of a stream) and its headers."""
        headers = {"content-type": "application/json", "authorization": f"Bearer {key}"}
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", json.dumps(body).encode(), headers)
        with urllib.request.urlopen(request, timeout=60) as answer:
            said = answer.read().decode()
            return said if body.get("stream") else json.loads(said), {k.lower(): v for k, v in answer.headers.items()}

    def close(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


@pytest.fixture(scope="module")
def start_proxy(proxy_python, tmp_path_factory):
    """start(folder, environment) -> a running Proxy on the exported files in the folder."""
    running = []

    def start(folder: Path, environment: dict[str, str]) -> Proxy:
        proxy = Proxy(proxy_python, folder, {"LITELLM_MASTER_KEY": "sk-test"} | environment, tmp_path_factory.getbasetemp())
        running.append(proxy)
        proxy.wait()
        return proxy

    yield start
    for proxy in running:
        proxy.close()
