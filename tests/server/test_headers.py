"""Bar 32: what goes with every reply, whatever its kind and status."""

import pytest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient

from tierwise.server.headers import BESIDE, SecurityHeaders, content_policy, inline_scripts

ALLOWED = {
    "default-src": "'self'", "img-src": "'self' data: blob:", "media-src": "'self' blob:", "style-src": "'self' 'unsafe-inline'",
    "script-src": "'self' 'wasm-unsafe-eval'", "worker-src": "'self' blob:", "font-src": "'self' data:", "connect-src": "'self'",
    "object-src": "'none'", "frame-src": "'none'", "frame-ancestors": "'none'", "base-uri": "'none'", "form-action": "'self'",
}  # fmt: skip


def client(**policy) -> TestClient:
    async def page(_request):
        return HTMLResponse("x", headers={"content-security-policy": "default-src *", "referrer-policy": "unsafe-url"})

    async def broken(_request):
        raise HTTPException(418)

    async def file(_request):
        return Response("<script>", media_type="text/html")

    routes = [Route("/", page), Route("/broken", broken), Route("/media/{name}", file), Route("/static/media/{name}", file)]
    return TestClient(Starlette(routes=routes, middleware=[Middleware(SecurityHeaders, policy=content_policy(**policy))]))


@pytest.mark.parametrize("path", ["/", "/broken", "/no-such-page", "/static/media/font.woff2"])
def test_every_reply_carries_the_policy_and_its_companions(path):
    reply = client().get(path)
    told = dict(part.strip().split(" ", 1) for part in reply.headers["content-security-policy"].split(";"))
    assert told == ALLOWED
    assert {k: reply.headers[k] for k in BESIDE} == BESIDE
    assert reply.headers["x-frame-options"] == "DENY" and reply.headers["x-content-type-options"] == "nosniff"


def test_a_stored_file_has_no_rights_when_it_is_opened_by_itself():
    assert client().get("/media/x.html").headers["content-security-policy"].endswith("sandbox")


def test_a_host_that_frames_the_app_can_be_named_and_inline_scripts_run_by_their_hash_alone():
    reply = client(frame_ancestors="'self' https://share.example").get("/")
    assert "frame-ancestors 'self' https://share.example;" in reply.headers["content-security-policy"]
    assert "x-frame-options" not in reply.headers
    page = "<script>\n  window.prerenderReady = false\n</script><script type=module src=x></script>"
    (script,) = inline_scripts(page)
    assert script == "\n  window.prerenderReady = false\n"
    assert content_policy(inline=["alert(1)"]).count("'sha256-bhHHL3z2vDgxUt0W3dWQOrprscmda2Y5pLsLg4GF+pI='") == 1
