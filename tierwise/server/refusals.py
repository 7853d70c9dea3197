"""The small parts of refusing a request."""

from starlette.types import Receive, Scope, Send


def header(scope: Scope, name: bytes) -> str | None:
    """The one value of a header; None where it is absent or there twice."""
    found = [v for k, v in scope["headers"] if k == name]
    return found[0].decode("latin-1") if len(found) == 1 else None


async def close(receive: Receive, send: Send) -> None:
    """Turn a WebSocket away before it is one: its client sees status 403."""
    await receive()
    await send({"type": "websocket.close", "code": 1008})
