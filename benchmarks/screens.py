"""How the app feels: start of the server, first paint, and a slider's way to new numbers, in headless Chromium.

    python -m benchmarks.screens [PROMPTS]

Needs Chromium. Prints the time until the server is healthy, the first paint of Home on
a new workspace, and, on a run of PROMPTS prompts by three simulated tiers, the median from a click on a threshold slider to
changed numbers; beside it, in the same run, the same for a bare Streamlit page with one slider and one number: the floor.
"""

import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.e2e.conftest import CHROMIUM, QUIET, Server

BARE = """
import streamlit as st
value = st.slider("x", 0.0, 1.0, 0.5, 0.001, key="x")
st.metric("Value", f"{value:.4f}")
"""
PRESSES = 15


def prepare(workspace: Path, prompts: int) -> str:
    """A simulated, graded run of so many prompts; its id."""
    import os

    os.environ["TIERWISE_DATA"] = str(workspace)
    from tierwise.evalsets import evalset_of, load_shipped
    from tierwise.runs.execute import execute
    from tierwise.runs.plan import create_run
    from tierwise.simulation.simulator import ladder
    from tierwise.store import Store
    from tierwise.types import Sample

    shipped = load_shipped("support-mix").samples
    samples = [
        Sample(f"p{i}", f"{s.input}\n(case {i})", s.reference, s.request_type, context=s.context, metadata=s.metadata)
        for i in range(prompts)
        for s in [shipped[i % len(shipped)]]
    ]
    with Store() as store:
        info = store.evalsets.add(evalset_of("bench", samples, "made"))
        return execute(store, create_run(store, info.id, ladder()).id).id


def press(page, read) -> list[float]:
    """Milliseconds from a click on the slider's track to changed numbers, a click each."""
    track = page.locator("[data-testid=stSlider]").first
    found = []
    for i in range(PRESSES):
        before, box = read(), track.bounding_box()
        thumb = page.get_by_role("slider").first.bounding_box()
        where = box["x"] + box["width"] * (0.15 + 0.7 * ((i * 7) % PRESSES) / PRESSES)
        began = time.perf_counter()
        page.mouse.click(where, thumb["y"] + thumb["height"] / 2)
        deadline = began + 5
        while read() == before and time.perf_counter() < deadline:
            page.wait_for_timeout(4)
        if time.perf_counter() < deadline:
            found.append((time.perf_counter() - began) * 1000)
        page.wait_for_timeout(250)
    return found


def main() -> None:
    prompts = int(sys.argv[1]) if len(sys.argv) > 1 else 3000
    if CHROMIUM is None:
        sys.exit("Chromium is not on this machine.")
    from playwright.sync_api import sync_playwright

    folder = Path(tempfile.mkdtemp())
    run = prepare(folder / "w", prompts)
    began = time.perf_counter()
    server = Server(folder / "w")
    print(f"server healthy after {time.perf_counter() - began:.2f} s")
    (folder / "bare.py").write_text(BARE)
    bare = subprocess.Popen([sys.executable, "-m", "streamlit", "run", str(folder / "bare.py"), "--server.port", "18599", "--server.headless", "true"],
                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # fmt: skip
    try:
        with sync_playwright() as driver:
            browser = driver.chromium.launch(executable_path=CHROMIUM, args=QUIET)
            page = browser.new_page(viewport={"width": 1280, "height": 900})
            began = time.perf_counter()
            page.goto(server.url)
            page.wait_for_selector("text=Tune", timeout=60_000)
            page.wait_for_selector("[data-testid=stMetric]", timeout=60_000)
            print(f"first numbers on Home after {time.perf_counter() - began:.2f} s")
            page.goto(f"{server.url}/tune?run={run}")
            page.wait_for_selector("text=Save policy", timeout=180_000)
            page.wait_for_timeout(3000)
            cost = "[...document.querySelectorAll('[data-testid=stCaptionContainer]')].map(e => e.innerText).join('|')"
            mine = press(page, lambda: page.evaluate(cost))
            page.goto("http://127.0.0.1:18599")
            page.wait_for_selector("[data-testid=stMetric]", timeout=60_000)
            page.wait_for_timeout(1000)
            floor = press(page, lambda: page.evaluate("document.querySelector('[data-testid=stMetricValue]').innerText"))
            a, b = statistics.median(mine), statistics.median(floor)
            print(
                f"slider to numbers at {prompts:,} prompts: median {a:.0f} ms of {len(mine)} clicks; a bare Streamlit page {b:.0f} ms; ratio {a / b:.1f}"
            )
            browser.close()
    finally:
        bare.kill()
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
