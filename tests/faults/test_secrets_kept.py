"""A key that meets every kind of failure is afterwards in no file of the workspace, no log and no message."""

import logging

import pytest

from tests.runs.conftest import keep_prompts
from tests.runs.provider import Provider
from tierwise.cli import main
from tierwise.endpoints.presets import test_call
from tierwise.errors import TierwiseError
from tierwise.runs import calls
from tierwise.runs.execute import execute
from tierwise.runs.plan import create_run
from tierwise.store import Store
from tierwise.types import Tier

test_call.__test__ = False
CANARY = "sk-canary-7f3a9b2c4d5e6f708192"
FAULTS = ("401", "403", "429", "500", "400", "404", "hang", "broken_json", "drop", "no_choices", None)


@pytest.mark.parametrize("variable", ["MY_PROVIDER_KEY", "ODDLY_NAMED"])
def test_a_key_is_nowhere_after_every_failure(tmp_path, monkeypatch, capfd, caplog, variable):
    monkeypatch.setenv(variable, CANARY)
    monkeypatch.setattr(calls, "FIRST_WAIT_S", 0.01)
    caplog.set_level(logging.DEBUG)
    with Store() as store:
        evalset_id = keep_prompts(store, 2)
        with Provider() as provider:
            for fault in FAULTS:
                provider.fault = lambda body, before, fault=fault: fault
                tier = Tier("t", "openai/m", provider.base, variable, 1.0, 4.0, timeout_s=0.3)
                run = create_run(store, evalset_id, [tier], params={"scorer": "exact"})
                execute(store, run.id)
                test_call(store, tier)
                assert CANARY not in store.runs.get(run.id).note
        for bad in (
            Tier("t", "openai/m", f"http://user:{CANARY}@127.0.0.1/v1"),
            Tier("t", "openai/m", params={"api_key": CANARY}),
            Tier("t", "openai/m", api_key_env=CANARY),
        ):
            with pytest.raises(TierwiseError) as refused:
                create_run(store, evalset_id, [bad])
            assert CANARY not in str(refused.value)
        store.backup(tmp_path / "backup.duckdb")
        folder = store.path.parent
    assert main(["ledger", "set of 2, 1 tier", "--json", str(tmp_path / "ledger.json")]) == 0
    told = capfd.readouterr()
    assert CANARY not in told.out + told.err + caplog.text
    for path in [*folder.rglob("*"), *tmp_path.rglob("*")]:
        if path.is_file():
            assert CANARY.encode() not in path.read_bytes(), path.name
