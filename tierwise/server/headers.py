"""What every reply tells the browser: load nothing from elsewhere, run no script but ours, be in nobody's frame."""

import base64
import hashlib
import re
from collections.abc import Iterable

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

BESIDE = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
STORED = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox"
"""For files that were made from what people and models wrote: opened on their own they are pages without any rights."""


def content_policy(frame_ancestors: str = "'none'", inline: Iterable[str] = ()) -> str:
    """The policy of the app's own page.

    Args:
        inline: scripts within that page, which may run; any other inline script may not.
    """
    hashes = "".join(f" 'sha256-{base64.b64encode(hashlib.sha256(s.encode()).digest()).decode()}'" for s in inline)
    return (
        "default-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; style-src 'self' 'unsafe-inline'; "
        f"script-src 'self' 'wasm-unsafe-eval'{hashes}; worker-src 'self' blob:; font-src 'self' data:; connect-src 'self'; "
        f"object-src 'none'; frame-src 'none'; frame-ancestors {frame_ancestors}; base-uri 'none'; form-action 'self'"
    )


def inline_scripts(page: str) -> list[str]:
    """The scripts that stand in an HTML page itself."""
    return re.findall(r"<script>(.*?)</script>", page, re.DOTALL)


class SecurityHeaders:
    """ASGI middleware: the headers, on every reply whatever its status."""

    def __init__(self, app: ASGIApp, policy: str) -> None:
        self.app, self.policy = app, policy

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)

        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["Content-Security-Policy"] = (
                    STORED if "/media/" in scope["path"] and "/static/" not in scope["path"] else self.policy
                )
                for name, value in BESIDE.items():
                    headers[name] = value
                if "frame-ancestors 'none'" in self.policy:
                    headers["X-Frame-Options"] = "DENY"
            await send(message)

        await self.app(scope, receive, sent)
