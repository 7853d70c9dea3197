"""How many files one session may have on the server at once. Streamlit keeps uploads in memory, and takes them for widgets that do not exist."""

import re
from collections import OrderedDict

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MOST = 5
SESSIONS = 1_000
"""Sessions that are remembered; an older one has long lost its files."""

ROUTE = re.compile(r"/_stcore/upload_file/([^/]+)/([^/]+)")


class FewUploads:
    """ASGI middleware: the file that is one too many is refused, whoever sends it and however."""

    def __init__(self, app: ASGIApp, base: str = "") -> None:
        self.app, self.base = app, base
        self._held: OrderedDict[str, set[str]] = OrderedDict()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        found = ROUTE.fullmatch(scope["path"].removeprefix(self.base)) if scope["type"] == "http" else None
        if not found or scope["method"] not in ("PUT", "DELETE"):
            return await self.app(scope, receive, send)
        session, file = found.groups()
        held = self._held.setdefault(session, set())
        self._held.move_to_end(session)
        if scope["method"] == "PUT" and file not in held and len(held) >= MOST:
            return await PlainTextResponse(f"{MOST} files are open here. Remove one, or reload the page.", 413)(scope, receive, send)
        if scope["method"] == "PUT":
            held.add(file)  # counted while it comes in, or many at once would pass

        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start" and (scope["method"] == "DELETE") == (message["status"] < 300):
                held.discard(file)
            await send(message)

        try:
            await self.app(scope, receive, sent)
        finally:
            while len(self._held) > SESSIONS:
                self._held.popitem(last=False)
