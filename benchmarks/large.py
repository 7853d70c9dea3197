"""A run of 100,000 cells with the real engine, and the screens on what it leaves.

    python -m benchmarks.large [CELLS]

A server on loopback answers at once. Printed: memory of the process as the run goes on (flat, or not), the size of the workspace file,
how long each screen takes to be made (first and second visit, without a browser) and the slowest reading of the store on each.
Limits: 400 MB and flat; 1.5 GB a file; 2 s a screen; 500 ms a reading.
"""

import contextlib
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tierwise.settings import ROOT

TIERS = 4
SCREENS = ("home", "run", "compare", "ledger", "grade", "export", "tune")


def memory_mb() -> float:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return float("nan")


def run(base: str, cells: int) -> None:
    from tierwise.endpoints import models
    from tierwise.runs.execute import execute
    from tierwise.runs.plan import create_run
    from tierwise.store import Store
    from tierwise.types import EvalSet, Sample, Tier

    kinds = ("classification", "extraction", "reasoning", "chat")
    samples = tuple(Sample(f"s{i}", f"Prompt {i} of many. " * 20, "42", kinds[i % 4]) for i in range(cells // TIERS))
    tiers = [Tier(f"t{k}", f"openai/m{k}", base, input_per_1m=1.0 * 4**k, output_per_1m=4.0 * 4**k) for k in range(TIERS)]
    models.load(*tiers)
    with Store() as store:
        store.evalsets.add(EvalSet("e", "large", "d", samples))
        planned = create_run(store, "e", tiers, params={"scorer": "exact", "concurrency": 64})
        seen, began, every = [], time.perf_counter(), max(1, cells // 10)

        def progress(done: int, total: int) -> None:
            if done % every == 0:
                seen.append((done, memory_mb()))

        done = execute(store, planned.id, on_progress=progress)
        assert done.status == "done", done.note
        took = time.perf_counter() - began
        print(f"{cells:,} cells in {took:.0f} s ({cells / took:.0f} a second, prompts of 380 characters)")
        print("memory, MB:", ", ".join(f"{m:.0f} at {n:,}" for n, m in seen), f"and {memory_mb():.0f} after grading")
        print("RUN", planned.id, flush=True)


def screens(run_id: str) -> None:
    from streamlit import config
    from streamlit.testing.v1 import AppTest

    from tierwise.settings import database
    from tierwise.store.connection import Connection

    config.set_option("runner.enforceSerializableSessionState", False)  # AppTest itself keeps functions there
    readings: list[float] = []
    read = Connection.read

    @contextlib.contextmanager
    def timed(self):
        began = time.perf_counter()
        with read(self) as cursor:
            yield cursor
        readings.append(time.perf_counter() - began)

    Connection.read = timed
    print(f"file: {database().stat().st_size / 2**20:,.0f} MB")
    for screen in SCREENS:
        told = []
        for _ in range(2):
            readings.clear()
            at = AppTest.from_file(str(ROOT / "app.py"), default_timeout=600)
            if screen != "home":
                at.switch_page(f"pages/{screen}.py")
            at.query_params["run"] = run_id
            began = time.perf_counter()
            at.run()
            took = time.perf_counter() - began
            assert not at.exception, at.exception
            told.append(f"{took:.2f} s, slowest reading {1000 * max(readings, default=0):.0f} ms")
        print(f"{screen}: first {told[0]}; then {told[1]}", flush=True)


def main() -> None:
    cells = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | {"TIERWISE_DATA": folder, "LATENCY_S": "0"}
        server = subprocess.Popen(
            [sys.executable, str(ROOT / "benchmarks" / "runs.py"), "serve"], stdout=subprocess.PIPE, text=True, env=environment
        )
        try:
            base = f"http://127.0.0.1:{int(server.stdout.readline())}/v1"
            me = [sys.executable, "-m", "benchmarks.large"]
            shown = subprocess.run(
                [*me, "run", base, str(cells)], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, check=True
            ).stdout
            print(shown, end="", flush=True)
        finally:
            server.kill()
        subprocess.run([*me, "screens", shown.split()[-1]], cwd=ROOT, env=environment, check=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["run"]:
        run(sys.argv[2], int(sys.argv[3]))
    elif sys.argv[1:2] == ["screens"]:
        screens(sys.argv[2])
    else:
        main()
