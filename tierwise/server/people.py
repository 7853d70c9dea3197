"""With a login, no route answers somebody who has not signed in: not the page, its data, its files nor its figures."""

import hmac
import re
from collections.abc import Mapping, Sequence
from html import escape
from typing import Protocol

from starlette.requests import HTTPConnection
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tierwise.access.identity import Identity
from tierwise.errors import NotSignedIn
from tierwise.server import logs
from tierwise.server.hosts import HEALTH
from tierwise.server.refusals import close

LOGIN = ("/auth/login", "/auth/logout", "/oauth2callback")
NEXT = "tierwise_next"
"""Cookie with the page that somebody wanted before they had to sign in."""

WITHIN = re.compile(r"/(?![/\\])[\w/?=&%.,~+-]{0,500}")
PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Tierwise: sign in</title><style>:root{{color-scheme:light dark}}body{{font:16px/1.5 system-ui,sans-serif;margin:20vh auto;
max-width:24rem;padding:0 1rem;text-align:center}}a{{display:block;margin:.75rem 0;padding:.6rem 1rem;border-radius:.5rem;
background:#0B5CAD;color:#fff;text-decoration:none}}</style></head><body><h1>Tierwise</h1><p>{says}</p>{links}</body></html>"""


class Identify(Protocol):
    """How a server knows who asks."""

    def __call__(self, headers: Sequence[tuple[str, str]], client_host: str | None, cookies: Mapping[str, str]) -> Identity:
        """The person behind a request.

        Args:
            headers: names in lower case; one that was sent twice stands here twice.
            client_host: the other end of the connection itself.

        Raises:
            NotSignedIn: nobody, or a login that is over.
        """
        ...


class SignIn(Protocol):
    """Where people can sign in: labels and addresses. None where a proxy sees to it."""

    def __call__(self) -> Sequence[tuple[str, str]]: ...


class People:
    """ASGI middleware: 401 for whoever is not signed in; a WebSocket ends when its login does.

    Args:
        sign_in: the links of the page that a browser is shown in place of the app.
        tokens: bearer tokens by path, for programs that cannot sign in.
    """

    def __init__(
        self, app: ASGIApp, identify: Identify, sign_in: SignIn = lambda: (), tokens: Mapping[str, str] | None = None, base: str = ""
    ) -> None:
        self.app, self.identify, self.sign_in, self.base = app, identify, sign_in, base
        self.tokens = {base + path: token for path, token in (tokens or {}).items()}
        self.open = {base + HEALTH, *(base + path for path in LOGIN)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket") or (scope["type"] == "http" and scope["path"] in self.open):
            return await self.app(scope, receive, send)
        asked = HTTPConnection(scope)
        if scope["type"] == "http" and self._by_token(asked):
            return await self.app(scope, receive, send)
        try:
            who = self.identify(asked.headers.items(), asked.client.host if asked.client else None, asked.cookies)
            if who.expired():
                raise NotSignedIn("The login is over. Sign in again.")
        except NotSignedIn as error:
            if scope["type"] == "websocket":
                return await close(receive, send)
            return await self._refusal(asked, str(error))(scope, receive, send)
        logs.bind(user=who.subject)
        if scope["type"] == "websocket":
            return await self.app(scope, _until_over(who, receive, send), send)
        wanted = asked.cookies.get(NEXT, "")
        if scope["method"] == "GET" and scope["path"] == f"{self.base}/" and wanted:
            reply = RedirectResponse(wanted if WITHIN.fullmatch(wanted) else f"{self.base}/", 303)
            reply.delete_cookie(NEXT)
            return await reply(scope, receive, send)
        await self.app(scope, receive, send)

    def _by_token(self, asked: HTTPConnection) -> bool:
        token, given = self.tokens.get(asked.url.path), asked.headers.get("authorization", "")
        return bool(token) and hmac.compare_digest(given.encode(), f"Bearer {token}".encode())

    def _refusal(self, asked: HTTPConnection, says: str) -> Response:
        if "text/html" not in asked.headers.get("accept", ""):
            return PlainTextResponse(says, 401)
        links = "".join(f'<a href="{escape(url)}">{escape(label)}</a>' for label, url in self.sign_in())
        reply = HTMLResponse(PAGE.format(says=escape(says), links=links), 401)
        wanted = asked.url.path + (f"?{asked.url.query}" if asked.url.query else "")
        if links and WITHIN.fullmatch(wanted):
            reply.set_cookie(NEXT, wanted, max_age=600, httponly=True, samesite="lax")
        return reply


def _until_over(who: Identity, receive: Receive, send: Send) -> Receive:
    """Messages until the login is over; after that the connection is."""

    async def received() -> Message:
        message = await receive()
        if message["type"] == "websocket.receive" and who.expired():
            await send({"type": "websocket.close", "code": 1008})
            return {"type": "websocket.disconnect", "code": 1008}
        return message

    return received
