"""Processes that share a workspace on PostgreSQL, as replicas of the app and as helpers, with leases short enough for a test."""

import os
import subprocess
import sys

from tierwise.settings import ROOT

LEASE_S = 1.5
LEAD = """
import os, sys
from tierwise.access.view import View
from tierwise.runs import lease
from tierwise.runs.queue import RunQueue
from tierwise.store import Store
lease.LEASE_S = {lease}
with Store() as store:
    queue, seen = RunQueue(store), store
    if who := os.environ.get("STARTED_BY"):
        project = next(p for p in store.people.projects() if p.id == store.project_of(run=sys.argv[1]))
        seen = View(store, next(p for p in store.people.list() if p.email == who), "editor", project)
    print("open", flush=True)
    for run_id in sys.argv[1:]:
        queue.start(run_id, seen)
    for run_id in sys.argv[1:]:
        queue.wait(run_id, 120)
        print(store.runs.get(run_id).status, flush=True)
    queue.close()
"""
HELP = """
import sys, time
from tierwise.runs import lease
from tierwise.runs.helping import help_with
from tierwise.store import Store
lease.LEASE_S = {lease}
with Store() as store:
    print("open", flush=True)
    while store.runs.get(sys.argv[1]).status != "running":
        time.sleep(0.05)
    print(help_with(store, sys.argv[1]), flush=True)
"""


def start(script: str, *run_ids: str, url: str, **environment: str) -> subprocess.Popen:
    """A process that has opened the store and is at work."""
    child = subprocess.Popen(
        [sys.executable, "-c", script.format(lease=LEASE_S), *run_ids], cwd=ROOT, stdout=subprocess.PIPE, text=True,
        env={**os.environ, "TIERWISE_DATABASE_URL": url, **environment},
    )  # fmt: skip
    assert child.stdout.readline() == "open\n"
    return child


def said(child: subprocess.Popen) -> list[str]:
    return child.communicate(timeout=120)[0].split()
