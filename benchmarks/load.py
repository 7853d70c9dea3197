"""Twenty people at once on one server while a run goes on: CPU and time of a redraw, memory, bytes; and a soak of many calls.

    python -m benchmarks.load                     # 20 sessions for a minute, with a run of 16 requests at once against a stand-in
    python -m benchmarks.load --soak 50000        # so many calls, two pages watching; memory, threads and descriptors along the way

The sessions speak the WebSocket protocol of the page itself, without a browser. The bar: at most 120 ms of CPU and 200 KiB a redraw,
95 % of them within 1.5 s, under 500 MiB. Times are those of a machine with nothing else to do; CPU holds on a busy one too.
"""

import argparse
import os
import random
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np

from tests.e2e.conftest import Server
from tests.runs.provider import Provider
from tests.server.session import Session, process_figures
from tierwise.runs.plan import create_run
from tierwise.store import Store
from tierwise.types import EvalSet, Sample, Tier

PAGES = ("", "compare", "tune", "evalsets", "run", "grade", "export", "ledger", "traffic")


def prepared(workspace: Path, provider: Provider, calls: int) -> str:
    """A workspace with the working example and a live run that is planned."""
    os.environ["TIERWISE_DATA"] = str(workspace)
    from tierwise.simulation.demo import ensure_demo

    with Store() as store:
        ensure_demo(store)
        samples = tuple(Sample(f"s{i}", f"Question {i}", "answer to Question") for i in range(calls // 2))
        store.evalsets.add(EvalSet("loadset00000", "load", "loadset00000" + "0" * 52, samples))
        tiers = [Tier(f"t{k}", f"openai/m{k}", provider.base, None, 1.0, 4.0) for k in range(2)]
        return create_run(store, "loadset00000", tiers, name="load", params={"scorer": "includes", "concurrency": 16}).id


def start_run(server: Server, run_id: str) -> None:
    """Press Resume as somebody would."""
    from playwright.sync_api import sync_playwright

    from tests.e2e.conftest import CHROMIUM, QUIET

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        page = browser.new_page()
        page.goto(f"{server.url}/run?run={run_id}")
        page.get_by_role("button", name="Resume").or_(page.get_by_role("button", name="Start")).first.click(timeout=60_000)
        page.wait_for_timeout(1500)
        browser.close()


def crowd(server: Server, sessions: int, seconds: float, wait_s: float) -> None:
    """Everybody redraws a page of their own every `wait_s` or so."""
    times: list[float] = []
    sizes: list[int] = []
    stop = time.monotonic() + seconds
    lock = threading.Lock()

    def person(number: int) -> None:
        chance = random.Random(number)
        with Session(server.url, PAGES[number % len(PAGES)]) as session:
            session.rerun()
            while time.monotonic() < stop:
                time.sleep(chance.uniform(0.5, 1.5) * wait_s)
                before = session.received
                took = session.rerun()
                with lock:
                    times.append(took)
                    sizes.append(session.received - before)

    before = process_figures(server.process.pid)
    began = time.monotonic()
    people = [threading.Thread(target=person, args=(n,)) for n in range(sessions)]
    for one in people:
        one.start()
    for one in people:
        one.join()
    after = process_figures(server.process.pid)
    cpu = (after["cpu_s"] - before["cpu_s"]) / max(len(times), 1)
    p50, p95 = np.percentile(times, [50, 95])
    print(
        f"{sessions} sessions, {time.monotonic() - began:.0f} s, load {os.getloadavg()[0]:.1f}: {len(times)} redraws, {1000 * cpu:.0f} ms CPU each, "
        f"p50 {p50:.2f} s, p95 {p95:.2f} s, {np.mean(sizes) / 1024:.0f} KiB each, {after['rss_mib']:.0f} MiB (before {before['rss_mib']:.0f}), "
        f"{after['threads']:.0f} threads, {after['descriptors']:.0f} descriptors"
    )


def soak(server: Server, provider: Provider, calls: int) -> None:
    """A run of so many calls with two pages that keep themselves up to date."""
    watching = [Session(server.url, page) for page in ("run", "ledger")]
    warm, seen = None, 0
    while len(provider.seen) < calls:
        for session in watching:
            session.rerun(120)
        time.sleep(2)
        now = process_figures(server.process.pid)
        if warm is None and len(provider.seen) > calls * 0.1:
            warm = now
        if len(provider.seen) >= seen + 5_000:
            seen = len(provider.seen)
            print(
                f"{seen:>7} calls: {now['rss_mib']:.0f} MiB, {now['threads']:.0f} threads, {now['descriptors']:.0f} descriptors", flush=True
            )
    end = process_figures(server.process.pid)
    print(f"after the first tenth: {end['rss_mib'] - (warm or end)['rss_mib']:+.0f} MiB")


def main() -> int:
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--sessions", type=int, default=20)
    p.add_argument("--seconds", type=float, default=60)
    p.add_argument("--wait", type=float, default=4.0, help="seconds between the redraws of one person")
    p.add_argument("--soak", type=int, metavar="CALLS")
    p.add_argument("--no-run", action="store_true")
    a = p.parse_args()
    with tempfile.TemporaryDirectory() as folder, Provider(delay_s=0.0 if a.soak else 0.2) as provider:
        run_id = prepared(Path(folder), provider, a.soak or 40_000)
        server = Server(Path(folder))
        try:
            for page in PAGES:  # imports and caches
                with Session(server.url, page) as session:
                    session.rerun()
                    session.rerun()
            if not a.no_run:
                start_run(server, run_id)
            if a.soak:
                soak(server, provider, a.soak)
            else:
                crowd(server, a.sessions, a.seconds, a.wait)
                print(f"{len(provider.seen)} calls of the run meanwhile")
        finally:
            server.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
