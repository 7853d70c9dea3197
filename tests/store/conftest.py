"""The store's tests run on both of its back ends; PostgreSQL where the machine has it."""

import pytest

from tierwise.store import Store


@pytest.fixture(params=["duckdb", "postgresql"])
def store(request, monkeypatch) -> Store:
    if request.param == "postgresql":
        monkeypatch.setenv("TIERWISE_DATABASE_URL", request.getfixturevalue("postgres_url"))
    with Store() as opened:
        yield opened
