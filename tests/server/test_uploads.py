"""Bar 29: one session holds five files at most, whoever sends them and under whatever name."""

import http.client
import time
import uuid

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import Response
from starlette.routing import Route
from starlette.testclient import TestClient

from tests.server.session import Session, process_figures
from tierwise.server.uploads import MOST, SESSIONS, FewUploads


def client() -> TestClient:
    async def take(request):
        return Response(status_code=int(request.query_params.get("status", 204)))

    routes = [Route("/_stcore/upload_file/{session}/{file}", take, methods=["PUT", "DELETE"])]
    return TestClient(Starlette(routes=routes, middleware=[Middleware(FewUploads)]))


def test_the_sixth_file_is_refused_until_one_is_gone():
    asked = client()
    put = lambda session, file, **more: asked.put(f"/_stcore/upload_file/{session}/{file}", params=more).status_code  # noqa: E731
    assert [put("a", n) for n in range(MOST)] == [204] * MOST
    assert put("a", "sixth") == 413
    assert put("a", 0) == 204, "the same file again is no further one"
    assert put("b", "first of another session") == 204
    asked.delete("/_stcore/upload_file/a/3")
    assert put("a", "sixth") == 204 and put("a", "seventh") == 413
    asked.delete("/_stcore/upload_file/a/4")
    assert put("a", "refused below", status=413) == 413
    assert put("a", "kept") == 204, "a file that was refused is not held"


def test_what_is_remembered_of_sessions_is_bounded():
    asked = client()
    for n in range(SESSIONS + 50):
        asked.put(f"/_stcore/upload_file/{n}/f")
    assert asked.put("/_stcore/upload_file/0/f").status_code == 204


def test_files_for_widgets_that_do_not_exist_stop_too_and_odd_names_are_never_paths(local, tmp_path):
    """The real server, and a session that sends files without any uploader: memory stays, and no name leaves a trace on the disk."""
    before = {p for p in local.workspace.rglob("*")}
    with Session(local.url) as session:
        session.rerun()
        name = session.session_id
        rss = process_figures(local.process.pid)["rss_mib"]
        told = []
        for filename in ("../../x.csv", "/etc/x", "x" * 300, "a\\..\\b", "\u202ex", "plain.csv", "y", "z"):
            told.append(upload(local.port, name, filename.encode(), b"x" * (4 << 20)))
        assert told == [204] * MOST + [413] * 3
        assert process_figures(local.process.pid)["rss_mib"] - rss < MOST * 4 * 4 + 30
    assert upload(local.port, "no-such-session", b"x", b"x") == 400
    assert upload(local.port, "no-such-session", b"x", b"x", xsrf=False) == 403
    new = {p.name for p in local.workspace.rglob("*")} - {p.name for p in before}
    assert all(name.startswith("tierwise.duckdb") for name in new), new


def test_memory_comes_back_soon_after_the_tabs_are_closed(start):
    """Nobody else has to come for it: five tabs with five files each are closed, then the server is left alone."""
    server = start(flags=["--server.disconnectedSessionTTL", "1"])
    with Session(server.url) as first:
        first.rerun()
    rss = process_figures(server.process.pid)["rss_mib"]
    tabs = [Session(server.url) for _ in range(5)]
    for tab in tabs:
        tab.rerun()
        assert [upload(server.port, tab.session_id, b"x.csv", bytes(8 << 20)) for _ in range(MOST)] == [204] * MOST
    full = process_figures(server.process.pid)["rss_mib"]
    assert full - rss > 100
    for tab in tabs:
        tab.close()
    deadline = time.monotonic() + 60
    while process_figures(server.process.pid)["rss_mib"] - rss > 60:
        assert time.monotonic() < deadline, "the files of closed tabs are still there"
        time.sleep(0.5)


def upload(port: int, session: str, filename: bytes, data: bytes, xsrf: bool = True) -> int:
    from streamlit.web.server.starlette.starlette_app_utils import generate_xsrf_token_string

    boundary, token = uuid.uuid4().hex.encode(), generate_xsrf_token_string()
    head = b'--%b\r\nContent-Disposition: form-data; name="f"; filename="%b"\r\n\r\n' % (boundary, filename.replace(b'"', b""))
    body = head + data + b"\r\n--%b--\r\n" % boundary
    asked = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    headers = {"Content-Type": f"multipart/form-data; boundary={boundary.decode()}"}
    if xsrf:
        headers |= {"X-Xsrftoken": token, "Cookie": f"_streamlit_xsrf={token}"}
    asked.request("PUT", f"/_stcore/upload_file/{session}/{uuid.uuid4()}", body, headers)
    return asked.getresponse().status
