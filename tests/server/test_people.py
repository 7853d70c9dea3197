"""Bar 41: with a login, nothing but the health check answers somebody who has not signed in."""

import json
from contextlib import suppress
from datetime import timedelta

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect
from websockets.exceptions import InvalidStatus

from tests.server.conftest import PROXIED
from tests.server.session import Session, fetch, log_lines
from tierwise.access.identity import Identity
from tierwise.errors import NotSignedIn
from tierwise.server.people import NEXT, People
from tierwise.types import now
from tierwise.ui import serving

ADA = {"X-Forwarded-User": "ada", "X-Forwarded-Email": "ada@example.com"}
ROUTES = (
    "/", "/tune?run=x", "/index.html", "/static/js/index.js", "/favicon.png", "/_stcore/host-config", "/_stcore/metrics", "/_stcore/script-health-check",
    "/media/0123.csv", "/_stcore/upload_file/a/b", "/_stcore/agent/openapi.json", "/_stcore/agent/interact", "/_stcore/agent/mcp", "/metrics",
    "/_stcore/bidi-components/x/y.js", "/component/x/index.html", "/app/static/x", "/auth/login/", "/_stcore/health/", "//_stcore/health",
    "/%5fstcore/metrics", "/_stcore/./health/../metrics", "/no-such-page",
)  # fmt: skip


def test_no_route_answers_a_stranger(team):
    for path in ROUTES:
        for method in ("GET", "POST", "PUT", "DELETE", "OPTIONS", "HEAD"):
            status, text, headers = fetch(team.url + path, method=method)
            assert status == 401, (method, path, status)
            assert "Streamlit" not in text and headers["X-Content-Type-Options"] == "nosniff"
    assert fetch(team.url + "/_stcore/health")[:2] == (200, "ok")
    with pytest.raises(InvalidStatus) as refused:
        Session(team.url)
    assert refused.value.response.status_code == 403


def test_who_is_signed_in_sees_the_app_and_the_agent_api_is_off(team):
    status, text, headers = fetch(team.url + "/", ADA)
    assert status == 200 and '<div id="root">' in text and "default-src 'self'" in headers["Content-Security-Policy"]
    assert fetch(team.url + "/_stcore/agent/interact", ADA | {"Content-Type": "application/json"}, "POST", b"{}")[0] in (403, 404)
    with Session(team.url, headers=ADA) as session:
        session.rerun()
        assert b"Tierwise" in session.shown()
    status, text, _ = fetch(team.url + "/metrics", ADA)
    assert status == 200 and 'tierwise_rerun_seconds_count{page="home"}' in text


def test_prometheus_reads_the_figures_by_its_token_and_nothing_else(team):
    bearer = {"Authorization": f"Bearer {PROXIED['TIERWISE_METRICS_TOKEN']}"}
    status, text, headers = fetch(team.url + "/metrics", bearer)
    assert status == 200 and "# TYPE tierwise_incidents_total counter" in text and headers["Content-Type"].startswith("text/plain")
    assert fetch(team.url + "/_stcore/metrics", bearer)[0] == 401
    assert fetch(team.url + "/metrics", {"Authorization": "Bearer wrong"})[0] == 401
    assert fetch(team.url + "/metrics", {"Authorization": PROXIED["TIERWISE_METRICS_TOKEN"]})[0] == 401


def test_a_header_beside_the_proxys_own_is_no_second_person(team):
    import http.client

    asked = http.client.HTTPConnection("127.0.0.1", team.port)
    asked.putrequest("GET", "/")
    for name in ("ada", "eve"):
        asked.putheader("X-Forwarded-User", name)
    asked.endheaders()
    assert asked.getresponse().status == 401


def test_the_log_is_lines_of_json_with_who_asked(team):
    fetch(team.url + "/_stcore/upload_file/no/where", ADA | {"X-Request-Id": "from-the-proxy-1"}, "PUT", b"x")
    for line in team.log.read_text().splitlines():
        assert not line.strip() or line.startswith(("{", "  ")), line  # Streamlit prints its address before it reads the app
    assert all(line["level"] and line["logger"] and "says" in line for line in log_lines(team.log.read_text()))


WHO = Identity("oidc:i#ada", "Ada", expires_at=now() + timedelta(hours=1))


def guarded(identify, **kwargs) -> TestClient:
    async def page(_request):
        return PlainTextResponse("the app")

    async def echo(socket):
        await socket.accept()
        with suppress(WebSocketDisconnect):
            while True:
                await socket.send_text(await socket.receive_text())

    routes = [Route("/{path:path}", page), WebSocketRoute("/stream", echo)]
    return TestClient(Starlette(routes=routes, middleware=[Middleware(People, identify=identify, **kwargs)]), follow_redirects=False)


def nobody(*_):
    raise NotSignedIn("Sign in <first>.")


def test_a_browser_is_shown_where_to_sign_in_and_comes_back_to_its_link():
    client = guarded(nobody, sign_in=lambda: [("Sign in", "/auth/login?provider=x&y")])
    reply = client.get("/tune?run=a1", headers={"accept": "text/html"})
    assert reply.status_code == 401
    assert "Sign in &lt;first&gt;." in reply.text and 'href="/auth/login?provider=x&amp;y"' in reply.text
    assert reply.cookies[NEXT].strip('"') == "/tune?run=a1"
    assert client.get("/auth/login").text == "the app"
    signed_in = guarded(lambda *_: WHO)
    back = signed_in.get("/", cookies={NEXT: "/tune?run=a1"})
    assert (back.status_code, back.headers["location"]) == (303, "/tune?run=a1")
    assert f'{NEXT}=""' in back.headers["set-cookie"]


@pytest.mark.parametrize("elsewhere", ["//evil.example", "/\\evil.example", "https://evil.example", "/x\r\nSet-Cookie: a=b", "/x:y"])
def test_nobody_is_sent_elsewhere_after_signing_in(elsewhere):
    reply = guarded(lambda *_: WHO).get("/", headers={"cookie": f'{NEXT}="{elsewhere}"'.replace("\r\n", "%0d%0a")})
    goes = reply.headers["location"]
    assert goes.startswith("/") and goes[1:2] not in ("/", "\\") and "\n" not in goes


def test_an_open_connection_ends_with_its_login():
    who = Identity("oidc:i#ada", "Ada", expires_at=now() + timedelta(hours=1))
    with guarded(lambda *_: who).websocket_connect("/stream") as socket:
        socket.send_text("a")
        assert socket.receive_text() == "a"
        object.__setattr__(who, "expires_at", now() - timedelta(seconds=1))
        socket.send_text("b")
        with pytest.raises(WebSocketDisconnect):
            socket.receive_text()
    with pytest.raises(WebSocketDisconnect), guarded(lambda *_: who).websocket_connect("/stream"):
        pass
    assert guarded(lambda *_: who).get("/").status_code == 401


def claims(**changes):
    moment = now().timestamp()
    return {"is_logged_in": True, "sub": "ada", "iss": "https://login.example", "iat": moment, "exp": moment + 600, "name": "Ada"} | changes


def cookie(told, secret="of the server") -> dict[str, str]:
    from streamlit.web.server.starlette.starlette_app_utils import create_signed_value
    from streamlit.web.server.starlette.starlette_server_config import USER_COOKIE_NAME

    return {USER_COOKIE_NAME: create_signed_value(secret, USER_COOKIE_NAME, json.dumps(told)).decode()}


def test_streamlits_cookie_names_a_person_for_as_long_as_the_login_lasts(monkeypatch):
    monkeypatch.setattr("streamlit.web.server.server_util.get_cookie_secret", lambda: "of the server")
    assert serving.by_cookie([], None, cookie(claims())).subject == "oidc:https://login.example#ada"
    long_ago = now().timestamp() - 13 * 3600
    for bad in (
        {}, {"_streamlit_user": "x"}, cookie(claims(), "of somebody else"), cookie(claims(exp=now().timestamp() - 100)), cookie("no claims"),
        cookie(claims(iat=long_ago, exp=now().timestamp() + 9999)), cookie(claims(is_logged_in=False)), cookie(claims(sub=None)),
        {"_streamlit_user": "é\u20ac"},
    ):  # fmt: skip
        with pytest.raises(NotSignedIn):
            serving.by_cookie([], None, bad)
