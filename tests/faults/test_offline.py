"""Nothing is looked up or called from outside: not at import, not in the demonstration, not in tuning and export."""

import subprocess
import sys

from tierwise.settings import ROOT

GUARDED = """
import socket, sys
asked = []
real_connect, real_lookup = socket.socket.connect, socket.getaddrinfo

def connect(self, address):
    if isinstance(address, tuple) and not str(address[0]).startswith("127."):
        asked.append(address)
        raise OSError("no network in this test")
    return real_connect(self, address)

def lookup(host, *rest, **more):
    if host not in (None, "localhost", "127.0.0.1", "::1"):
        asked.append(host)
        raise socket.gaierror("no network in this test")
    return real_lookup(host, *rest, **more)

socket.socket.connect, socket.getaddrinfo = connect, lookup
import tierwise.ui.frame, tierwise.cli
from tierwise.endpoints import models
models.load()
from tierwise.simulation.demo import ensure_demo
from tierwise.store import Store
from tierwise.grading.grades import matrix
from tierwise.tuning.tune import tune
from tierwise.policy import make_policy
from tierwise.exporters import export
from pathlib import Path
import tempfile, time
with Store() as store:
    run = ensure_demo(store)
    policy = make_policy(tune(matrix(store, run.id)), "offline")
    with tempfile.TemporaryDirectory() as folder:
        export(policy, store.evalsets.get(run.evalset_id).samples, "litellm", Path(folder))
time.sleep(1)
print(asked)
"""


def test_no_host_is_looked_up_or_called():
    shown = subprocess.run([sys.executable, "-c", GUARDED], capture_output=True, text=True, cwd=ROOT, check=True)
    assert shown.stdout.strip().splitlines()[-1] == "[]"
