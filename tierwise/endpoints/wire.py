"""The OpenAI protocol spoken directly to a server with an address of its own.

LiteLLM reaches such a server too, at some twenty times the CPU and through two client libraries whose errors have to be guessed at.
Models whose parameters need translating still go through it.
"""

import asyncio
import atexit
import json
import re
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

from tierwise import secrets
from tierwise.endpoints import replies
from tierwise.endpoints.addresses import AddressRefused
from tierwise.endpoints.replies import CallFailed
from tierwise.types import Tier

SPOKEN = ("openai", "hosted_vllm", "litellm_proxy")
"""Providers of LiteLLM that mean this protocol and nothing more."""

TRANSLATED = re.compile(r"(?i)^(?:o\d|gpt-[5-9])")
"""Models that take other names for the same parameters, which LiteLLM knows."""

BESIDE = frozenset({"max_tokens", "extra_headers", "extra_body", "drop_params", "num_retries", "timeout"})
KEPT_OPEN_S = 4.0
"""Shorter than servers keep an idle connection, so that none is used that was just closed at the other end."""

MAX_SAID = 500
MOST_BYTES = 32 * 2**20
"""Of a reply, unpacked."""
CONTEXT = re.compile(r"(?i)context_length_exceeded|maximum context length")

_sessions: dict[asyncio.AbstractEventLoop, Any] = {}


def speaks(tier: Tier) -> bool:
    """Whether a tier is reached this way."""
    provider, _, name = tier.model.partition("/")
    return bool(tier.api_base) and provider in SPOKEN and not TRANSLATED.match(name.rpartition("/")[2])


async def complete(
    tier: Tier, messages: Sequence[Mapping[str, Any]], *, max_tokens: int, timeout_s: float, headers: Mapping[str, str], key: str | None,
    stream: bool,
) -> tuple[Any, float | None]:  # fmt: skip
    """One POST; the answer with its fields as attributes, and when its first text arrived if it was streamed.

    Raises:
        CallFailed: nothing usable came back.
    """
    import aiohttp

    params = {k: secrets.resolve(v) for k, v in tier.params.items() if k not in BESIDE} | secrets.resolve(tier.params.get("extra_body", {}))
    # last, so that nothing in params can lift the limit that the budget counts on
    body = params | {"model": tier.model.partition("/")[2], "messages": list(messages), "max_tokens": max_tokens}
    if stream:
        body |= {"stream": True, "stream_options": {"include_usage": True}}
    sent = {"authorization": f"Bearer {key or 'unused'}", "content-type": "application/json"} | dict(headers)
    try:
        async with _session().post(
            f"{tier.api_base.rstrip('/')}/chat/completions", data=json.dumps(body), headers=sent, allow_redirects=False,
            timeout=aiohttp.ClientTimeout(total=timeout_s),
        ) as response:  # fmt: skip
            if not 200 <= response.status < 300:
                said = (await response.content.read(65_536)).decode("utf-8", "replace")
                raise _refused(response.status, said, response.headers.get("retry-after"), key)
            if stream and "event-stream" in response.headers.get("content-type", ""):
                return await _gathered(response, key)
            return _parsed(await _whole(response), key), None
    except (aiohttp.ClientConnectorError, aiohttp.InvalidURL) as error:
        if isinstance(refused := getattr(error, "os_error", None), AddressRefused):
            raise replies.not_allowed(str(refused)) from None
        raise replies.not_reached(secrets.scrub(str(error), key)[:MAX_SAID]) from None
    except TimeoutError:
        raise replies.late() from None
    except (aiohttp.ClientError, ConnectionError):
        raise replies.lost() from None


@atexit.register
def close() -> None:
    """Close what is open, so that the end of the process is quiet."""
    for loop, session in list(_sessions.items()):
        if loop.is_running() and not session.closed:
            with suppress(Exception):
                asyncio.run_coroutine_threadsafe(session.close(), loop).result(1.0)


def _session() -> Any:
    """One for each event loop: connections are kept open between calls."""
    import aiohttp

    loop = asyncio.get_running_loop()
    if loop not in _sessions or _sessions[loop].closed:
        for ended in [known for known in _sessions if known.is_closed()]:
            del _sessions[ended]
        connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=KEPT_OPEN_S)
        _sessions[loop] = aiohttp.ClientSession(connector=connector, trust_env=True)
    return _sessions[loop]


def _refused(status: int, text: str, retry_after: str | None, key: str | None) -> CallFailed:
    try:
        told = json.loads(text)
        error = told.get("error", told) if isinstance(told, dict) else told
        said = str(error.get("message") or error) if isinstance(error, dict) else str(error)
    except ValueError:
        said = text
    said = secrets.scrub(" ".join(said.split()), key)[:MAX_SAID]
    if CONTEXT.search(text):
        return replies.too_long(status, said)
    return replies.refused(status, said, retry_after)


async def _whole(response: Any) -> bytes:
    pieces, size = [], 0
    async for piece in response.content.iter_any():
        size += len(piece)
        if size > MOST_BYTES:
            raise replies.too_large(MOST_BYTES)
        pieces.append(piece)
    return b"".join(pieces)


def _parsed(data: bytes, key: str | None) -> Any:
    told = _object(data)
    _complain(told, key)
    return _fields(told)


def _object(data: bytes) -> dict:
    try:
        told = json.loads(data)
    except (ValueError, RecursionError):
        raise replies.garbled() from None
    if not isinstance(told, dict):
        raise replies.garbled()
    return told


def _complain(told: dict, key: str | None) -> None:
    """Raises CallFailed for an error in place of an answer: some gateways put it into a reply with status 200."""
    if told.get("error") and not told.get("choices"):
        error = told["error"] if isinstance(told["error"], dict) else {"message": told["error"]}
        code = error.get("code")
        code = int(code) if isinstance(code, str) and code.isdecimal() and len(code) == 3 else code
        said = secrets.scrub(str(error.get("message") or error), key)[:MAX_SAID]
        retry = isinstance(code, int) and (code in replies.RETRIED or code >= 500)
        raise CallFailed(
            f"an error in place of an answer: {said}", status=code if isinstance(code, int) else None, retry=retry, billed="unknown"
        )


def _fields(value: Any) -> Any:
    if isinstance(value, dict):
        return SimpleNamespace(**{str(k): _fields(v) for k, v in value.items()})
    return [_fields(v) for v in value] if isinstance(value, list) else value


async def _lines(response: Any) -> AsyncIterator[bytes]:
    """A stream by lines of any length; aiohttp's own stop at 128 KB."""
    rest, size = b"", 0
    async for piece in response.content.iter_any():
        size += len(piece)
        if size > MOST_BYTES:
            raise replies.too_large(MOST_BYTES)
        *whole, rest = (rest + piece).split(b"\n")
        for line in whole:
            yield line
    yield rest


async def _gathered(response: Any, key: str | None) -> tuple[Any, float | None]:
    """A streamed answer as one whole."""
    text, tokens, finish, usage, model, first, any_choice, ended = [], [], None, None, None, None, False, False
    async for line in _lines(response):
        data = line.strip().removeprefix(b"data:").strip()
        if not line.startswith(b"data:") or not data:
            continue
        if data == b"[DONE]":
            ended = True
            continue
        piece = _object(data)
        _complain(piece, key)
        usage, model = piece.get("usage") or usage, piece.get("model") or model
        for choice in piece.get("choices") or []:
            any_choice = True
            said = (choice.get("delta") or {}).get("content")
            if said:
                first = first or time.monotonic()
                text.append(said)
            finish = choice.get("finish_reason") or finish
            tokens += (choice.get("logprobs") or {}).get("content") or []
    if not ended and finish is None:
        raise replies.cut_off()
    choice = {"message": {"content": "".join(text) or None}, "finish_reason": finish, "logprobs": {"content": tokens}}
    return _fields({"choices": [choice] if any_choice else [], "usage": usage, "model": model}), first
