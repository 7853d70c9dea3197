"""The app as a visitor has it: a server process of its own on loopback, and Chromium."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from tierwise.settings import ROOT

CHROMIUM = next((found for n in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(n))), None)
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
START_SECONDS = 60
LONG = pytest.mark.skipif("TIERWISE_E2E_LONG" not in os.environ, reason="a journey of half a minute; set TIERWISE_E2E_LONG")


class Server:
    """`streamlit run app.py` on a free port, with a workspace of its own; `more` is its environment besides, `script` another app."""

    def __init__(
        self, workspace: Path, more: Mapping[str, str] | None = None, script: Path = ROOT / "app.py", flags: Sequence[str] = ()
    ) -> None:
        self.workspace, self.more, self.script, self.flags = workspace, dict(more or {}), script, list(flags)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = workspace / "server.log"
        workspace.mkdir(parents=True, exist_ok=True)
        self.start()

    def start(self) -> None:
        command = [sys.executable, "-m", "streamlit", "run", str(self.script), "--server.port", str(self.port), *self.flags]
        environment = os.environ | {"TIERWISE_DATA": str(self.workspace), "PYTHONUNBUFFERED": "1"} | self.more
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=subprocess.STDOUT)
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            assert self.process.poll() is None, self.log.read_text()
            try:
                urllib.request.urlopen(f"{self.url}/_stcore/health", timeout=2)
                return
            except (urllib.error.URLError, OSError):
                time.sleep(0.1)
        raise AssertionError(f"the app did not start:\n{self.log.read_text()}")

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Visitor:
    """A Chromium page that knows when Streamlit is done, and what it asked of other hosts."""

    def __init__(self, page, server: Server) -> None:
        self.page, self.server = page, server
        self.outside: list[str] = []
        self.errors: list[str] = []
        page.on(
            "request",
            lambda r: (
                None if r.url.startswith((server.url, f"ws://127.0.0.1:{server.port}", "data:", "blob:")) else self.outside.append(r.url)
            ),
        )
        page.on("pageerror", lambda e: self.errors.append(str(e)))
        page.set_default_timeout(60_000)

    def open(self, path: str = "/") -> None:
        self.page.goto(self.server.url + path)
        self.page.wait_for_selector("h2", state="visible")
        self.settle()

    def settle(self) -> None:
        """Wait until no script runs and nothing is stale, twice in a row."""
        calm = "() => document.querySelector('[data-testid=stApp]')?.getAttribute('data-test-script-state') === 'notRunning'"
        for _ in range(2):
            self.page.wait_for_function(calm)
            self.page.wait_for_timeout(150)

    def title(self, text: str) -> None:
        """Wait for the screen of that title."""
        self.page.get_by_role("heading", name=text, exact=True, level=2).wait_for()
        self.settle()

    def click(self, button: str) -> None:
        self.page.get_by_role("button", name=button).first.click()
        self.settle()

    def text(self) -> str:
        return self.page.inner_text("[data-testid=stMain]")

    def metric(self, label: str) -> str:
        return self.page.locator("[data-testid=stMetric]", has_text=label).locator("[data-testid=stMetricValue]").inner_text()


@pytest.fixture(scope="module")
def chromium():
    """A browser for the tests of a module: while it is open, its driver keeps an event loop running in this thread."""
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One app for the tests of a module."""
    started = Server(tmp_path_factory.mktemp("app"))
    yield started
    started.stop()


@pytest.fixture
def visit(chromium, server: Server) -> Iterator[Callable[..., Visitor]]:
    """visit(path, width=..., dark=...) -> a new visitor on that page."""
    contexts = []

    def go(path: str = "/", width: int = 1280, dark: bool = False, at: Server = server) -> Visitor:
        context = chromium.new_context(
            viewport={"width": width, "height": 900}, color_scheme="dark" if dark else "light", accept_downloads=True
        )
        contexts.append(context)
        visitor = Visitor(context.new_page(), at)
        visitor.open(path)
        return visitor

    yield go
    for context in contexts:
        context.close()
