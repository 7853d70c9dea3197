"""Bar 40: whom the server answers, and that it does not start where it would answer anybody."""

import asyncio
import subprocess
import sys
from itertools import product

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.testclient import TestClient
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from tests.server.session import fetch
from tierwise import settings
from tierwise.errors import BadInput
from tierwise.server.hosts import LOOPBACK, KnownHosts, check_binding, host_allowed, is_loopback

HOSTS = (*LOOPBACK, "tierwise.example.com", "*.lab.example")


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:8501", "127.0.0.1:8501", "[::1]:8501", "tierwise.example.com.", "a.lab.example:443"]
)
def test_its_own_names(host):
    assert host_allowed(host, HOSTS)


@pytest.mark.parametrize("host", [
    None, "", "evil.example", "tierwise.example.com.evil.example", "eviltierwise.example.com", "lab.example", "x@localhost", "localhost/x",
    "localhost#", "localhost:x", "127.0.0.1.evil.example", "127.0.0.2", "[::1", "local host", "localhost, evil.example"])  # fmt: skip
def test_no_other_name(host):
    assert not host_allowed(host, HOSTS)


@pytest.mark.parametrize(("address", "login", "hosts", "starts"), [
    ("127.0.0.1", "off", (), True), ("localhost", "off", (), True), ("::1", "off", (), True), ("::ffff:127.0.0.1", "off", (), True),
    ("0.0.0.0", "off", (), False), (None, "off", (), False), ("::", "off", ("a.example",), False), ("10.0.0.4", "off", ("a.example",), False),
    ("0.0.0.0", "oidc", (), False), ("127.0.0.1", "proxy", (), False), ("0.0.0.0", "oidc", ("a.example",), True),
    ("0.0.0.0", "proxy", ("a.example",), True)])  # fmt: skip
def test_it_starts_only_where_somebody_checks_who_comes(address, login, hosts, starts):
    if starts:
        check_binding(address, login, hosts)
    else:
        with pytest.raises(BadInput, match="TIERWISE_ALLOWED_HOSTS"):
            check_binding(address, login, hosts)


@pytest.mark.parametrize(("settings_", "says"), [
    ({}, "reachable from other machines"), ({"TIERWISE_LOGIN": "oidc"}, "TIERWISE_ALLOWED_HOSTS"),
    ({"TIERWISE_LOGIN": "ldap"}, "give one of off, oidc, proxy"), ({"TIERWISE_LOGIN": "proxy", "TIERWISE_ALLOWED_HOSTS": "a.example"}, "TRUSTED_PROXIES"),
    ({"TIERWISE_LOGIN": "proxy", "TIERWISE_ALLOWED_HOSTS": "a.example", "TIERWISE_TRUSTED_PROXIES": "127.0.0.1"}, "FORWARDED_ALLOW_IPS"),
    ({"TIERWISE_LOGIN": "oidc", "TIERWISE_ALLOWED_HOSTS": "https://a.example"}, "host names alone")])  # fmt: skip
def test_the_refusal_says_what_to_set(monkeypatch, capsys, settings_, says):
    from streamlit import config

    from tierwise.ui import serving

    real = config.get_option
    monkeypatch.setattr(config, "get_option", lambda name: "0.0.0.0" if name == "server.address" else real(name))
    for name, value in settings_.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit) as ended:
        serving.options()
    assert ended.value.code == 2 and says in capsys.readouterr().err


def test_the_process_ends_before_it_answers(tmp_path):
    """All of it, as a person would start it on a server of their company."""
    done = subprocess.run(
        [sys.executable, "-m", "streamlit", "run", "app.py", "--server.address", "0.0.0.0", "--server.port", "0"],
        cwd=settings.ROOT, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 2
    assert "Tierwise does not start" in done.stderr and "Traceback" not in done.stderr
    assert "localhost" in done.stdout and "External" not in done.stdout, "to print that address, Streamlit asks a service outside for it"


def test_a_server_that_listens_elsewhere_after_all_answers_nobody():
    """Started by another program than Streamlit, which says nothing of its address beforehand."""
    app = Starlette(middleware=[Middleware(KnownHosts, hosts=("localhost",), local_only=True)])
    assert TestClient(app, base_url="http://localhost").get("/").status_code == 404

    async def asked_on(address: str) -> int:
        sent = []

        async def send(message) -> None:
            sent.append(message)

        scope = {"type": "http", "method": "GET", "path": "/", "headers": [(b"host", b"localhost")], "server": (address, 8501),
                 "query_string": b""}  # fmt: skip
        await app(scope, lambda: asyncio.sleep(0, {"type": "http.request"}), send)
        return sent[0]["status"]

    assert asyncio.run(asked_on("10.0.0.4")) == 403
    assert asyncio.run(asked_on("127.0.0.1")) == 404
    assert not is_loopback(None)


def test_origins_by_hosts_over_a_websocket(local):
    """A page of somebody else's cannot talk to the app, neither from its own name nor by giving that name this address."""
    port, own = local.port, f"127.0.0.1:{local.port}"
    hosts = {own: True, f"localhost:{port}": True, "evil.example": False, f"evil.example:{port}": False}
    for (host, known), origin in product(
        hosts.items(), ("same", "none", "null", "http://evil.example", f"http://localhost:{port + 1}", f"http://{own}.evil.example")
    ):
        sent = {"same": f"http://{host}", "none": None}.get(origin, origin)
        try:
            with connect(f"ws://{host}/_stcore/stream", address=("127.0.0.1", port), origin=sent, subprotocols=["streamlit"], proxy=None):
                accepted = True
        except InvalidStatus as refused:
            accepted = False
            assert refused.response.status_code == 403
        assert accepted == (known and origin in ("same", "none")), (host, origin)


def test_pages_and_files_answer_to_known_names_too(local):
    for path in ("/", "/_stcore/host-config", "/media/x.csv", "/metrics"):
        assert fetch(local.url + path, {"Host": "evil.example"})[0] == 403, path
    status, text, _ = fetch(local.url + "/_stcore/health", {"Host": "evil.example"})
    assert (status, text) == (200, "ok")
