"""Server processes, shared by the tests of a file: starting one takes seconds."""

from collections.abc import Callable, Iterator

import pytest

from tests.e2e.conftest import Server

PROXIED = {
    "TIERWISE_LOGIN": "proxy", "TIERWISE_TRUSTED_PROXIES": "127.0.0.1", "TIERWISE_ALLOWED_HOSTS": "tierwise.example.com",
    "FORWARDED_ALLOW_IPS": "", "TIERWISE_METRICS_TOKEN": "a-token-for-prometheus-17", "TIERWISE_LOG": "json",
}  # fmt: skip


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Server]]:
    """start(**as Server) -> a running one, stopped at the end of the module."""
    started = []

    def one(**kwargs) -> Server:
        started.append(Server(tmp_path_factory.mktemp("app"), **kwargs))
        return started[-1]

    yield one
    for server in started:
        server.stop()


@pytest.fixture(scope="module")
def local(start) -> Server:
    return start()


@pytest.fixture(scope="module")
def team(start) -> Server:
    """A server behind a proxy that signs people in; the tests are that proxy."""
    return start(more=PROXIED)
