"""Under which names the server answers, and where it may be reached at all."""

import ipaddress
from collections.abc import Sequence
from urllib.parse import urlsplit

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from tierwise.errors import BadInput
from tierwise.server.refusals import close, header

LOOPBACK = ("localhost", "127.0.0.1", "::1")
HEALTH = "/_stcore/health"


def is_loopback(host: str | None) -> bool:
    """Whether a name or an address means this machine and nothing else."""
    if host in ("localhost", "localhost."):
        return True
    try:
        address = ipaddress.ip_address((host or "").split("%")[0])
    except ValueError:
        return False
    return (getattr(address, "ipv4_mapped", None) or address).is_loopback


def check_binding(address: str | None, login: str, hosts: Sequence[str]) -> None:
    """Refuse to be reached from other machines without a login and the names it answers to.

    Args:
        address: where the server listens; None means everywhere.

    Raises:
        BadInput: with what to set.
    """
    if login != "off" and not hosts:
        raise BadInput(
            "TIERWISE_LOGIN is set but TIERWISE_ALLOWED_HOSTS is not: name the host that people open, such as tierwise.example.com."
        )
    if is_loopback(address) or login != "off":
        return
    raise BadInput(
        f"Tierwise would be reachable from other machines ({address or 'every address'}) and nobody would have to sign in. "
        "Start it on --server.address 127.0.0.1, or set TIERWISE_LOGIN to oidc or proxy and TIERWISE_ALLOWED_HOSTS to the host that people "
        "open. docs/deploy.md shows how."
    )


def host_allowed(host: str | None, hosts: Sequence[str]) -> bool:
    """Whether a Host header names this server: one of `hosts`, where `*.example.com` means every name below it."""
    try:
        parts = urlsplit(f"//{host}")
        name, _ = (parts.hostname or "").rstrip("."), parts.port
    except ValueError:
        return False
    if not host or not name or parts.netloc != host or "@" in host:
        return False
    return any(name.endswith(h[1:]) if h.startswith("*.") else name == h for h in hosts)


class KnownHosts:
    """ASGI middleware: a request under any other name is refused.

    A page of somebody else's can give its own name the address of this machine and then read what the server tells that name.
    Streamlit looks at the name of WebSockets only, and lets pages of any port of this machine open one; here it must be our own page.
    """

    def __init__(self, app: ASGIApp, hosts: Sequence[str], local_only: bool, base: str = "") -> None:
        self.app, self.hosts, self.local_only, self.health = app, tuple(hosts), local_only, base + HEALTH

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            return await self.app(scope, receive, send)
        host = header(scope, b"host")
        if self.local_only and not is_loopback((scope.get("server") or (None,))[0]):  # whoever started it listens elsewhere after all
            said = "This copy of Tierwise answers on its own machine only. docs/deploy.md says how to serve a team."
        elif scope["path"] != self.health and not host_allowed(host, self.hosts):
            said = "This server does not answer to that host name. Its administrator can add it to TIERWISE_ALLOWED_HOSTS."
        elif scope["type"] == "websocket" and not _own_page(scope, host):
            said = ""
        else:
            return await self.app(scope, receive, send)
        if scope["type"] == "websocket":
            return await close(receive, send)
        await PlainTextResponse(said, 403)(scope, receive, send)


def _own_page(scope: Scope, host: str | None) -> bool:
    """Whether a WebSocket was opened by a page of this server, or by a program, which tells no origin."""
    told = [v for k, v in scope["headers"] if k == b"origin"]
    return not told or (len(told) == 1 and told[0].decode("latin-1").partition("://")[2].lower() == (host or "").lower())
