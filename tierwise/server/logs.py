"""The server's log: keys taken out of every line, and each line as JSON where a collector reads it."""

import contextvars
import json
import logging
import re
import secrets as random
import sys
import traceback
from datetime import UTC, datetime
from typing import Any

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tierwise import secrets
from tierwise.server.refusals import header

ID = re.compile(r"[A-Za-z0-9_.-]{8,64}")
BOUND = ("request", "user", "incident")
_bound: contextvars.ContextVar[dict[str, str]] = contextvars.ContextVar("bound", default={})  # noqa: B039 - never changed in place

_records = logging.getLogRecordFactory()


def bind(**fields: str | None) -> None:
    """Put fields on every line that is logged from here on by this request, or by this script run's thread."""
    _bound.set(_bound.get() | {k: v for k, v in fields.items() if v})


def fresh_id() -> str:
    return random.token_hex(6)


def install(lines: str) -> None:
    """Scrub all logging of this process; `json` also writes each record as one line of JSON."""
    as_json = lines == "json"

    def scrubbed(*args: Any, **kwargs: Any) -> logging.LogRecord:
        """A record that holds finished text alone: whatever prints it, there is no key in it."""
        record = _records(*args, **kwargs)
        try:
            record.msg, record.args = secrets.scrub(record.getMessage()), None
        except (TypeError, ValueError):
            record.msg, record.args = "[a log line that could not be formatted]", None
        told = secrets.scrub("".join(traceback.format_exception(*record.exc_info))).rstrip() if _raised(record) else None
        fields = _fields(record)
        if as_json:
            record.line, record.exc_info = _json(record, fields, told), None
        else:
            record.exc_text = told
            if fields:
                record.msg += " [" + " ".join(f"{k}={v}" for k, v in fields.items()) + "]"
        return record

    logging.setLogRecordFactory(scrubbed)
    if as_json:
        lined = logging.StreamHandler(sys.stderr)
        lined.setFormatter(logging.Formatter("%(line)s"))
        logging.getLogger().handlers[:] = [lined]
        for name in ("uvicorn", "uvicorn.error", "uvicorn.access", "uvicorn.asgi"):
            logging.getLogger(name).handlers[:] = []
            logging.getLogger(name).propagate = True
        logging.getLogger().setLevel(logging.INFO)


def _raised(record: logging.LogRecord) -> bool:
    return isinstance(record.exc_info, tuple) and record.exc_info[0] is not None


def _fields(record: logging.LogRecord) -> dict[str, str]:
    run = {"run": record.threadName.removeprefix("run-")} if (record.threadName or "").startswith("run-") else {}
    return {k: secrets.scrub(str(v)) for k, v in (_bound.get() | run).items()}


def _json(record: logging.LogRecord, fields: dict[str, str], told: str | None) -> str:
    at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
    line = {"at": at, "level": record.levelname.lower(), "logger": record.name, "says": record.msg} | fields
    return json.dumps(line | ({"exception": told} if told else {}), ensure_ascii=False)


class RequestIds:
    """ASGI middleware: an id for each request, in its reply and on every line that is logged meanwhile.

    One that a proxy in front has given is kept, so that both logs tell of the same request.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            return await self.app(scope, receive, send)
        given = header(scope, b"x-request-id") or ""
        known = given if ID.fullmatch(given) else fresh_id()
        # the script of a session reads it there
        scope = scope | {"headers": [(k, v) for k, v in scope["headers"] if k != b"x-request-id"] + [(b"x-request-id", known.encode())]}
        bind(request=known)

        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["X-Request-Id"] = known
            await send(message)

        await self.app(scope, receive, sent if scope["type"] == "http" else send)
