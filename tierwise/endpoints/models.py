"""The only door to live models: one call is one HTTP request, and what came back is told as it was.

Servers with an address of their own that speak the OpenAI protocol are asked directly (`wire`), all others through LiteLLM.

LiteLLM retries, falls back and guesses prices on its own unless told otherwise; here it does none of that. Its errors are told apart
by what went over the wire, since their classes are not reliable (a refused port and a broken reply both come as status 500).
"""

import asyncio
import logging
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tierwise import secrets, settings
from tierwise.endpoints import replies, wire
from tierwise.endpoints.addresses import AddressRefused
from tierwise.endpoints.prices import cost_usd
from tierwise.endpoints.replies import CallFailed, Reply
from tierwise.endpoints.tiers import default_key_env
from tierwise.errors import BadInput
from tierwise.types import Tier

log = logging.getLogger(__name__)

MAX_ANSWER = 2_000_000
"""Characters of an answer that are kept; a longer one is no answer that anybody reads."""

MAX_ERROR = 500
MOST_TOKENS = 2**31 - 1
LATE_S = 5.0
"""How long past its time limit a call may take in all: the first ones of a process also wait for LiteLLM to find its parts."""


@dataclass(frozen=True)
class Embedded:
    """What a request for vectors brought back."""

    vectors: tuple[tuple[float, ...], ...]
    prompt_tokens: int | None
    cost_usd: float | None
    served_model: str | None
    error: str | None = None


def load(*tiers: Tier) -> None:
    """Import LiteLLM, which takes seconds, unless none of the tiers needs it; later calls return at once."""
    if tiers and all(wire.speaks(t) for t in tiers):
        return
    settings.quiet_libraries()
    import litellm

    litellm.suppress_debug_info = True
    litellm.drop_params = True  # a parameter that a model does not know must not fail the whole ladder
    litellm.disable_hf_tokenizer_download = True


def key_name(tier: Tier) -> str | None:
    """The environment variable that holds the key: the tier's own, or the provider's usual one. None for a server of one's own."""
    return tier.api_key_env or (None if tier.api_base else default_key_env(tier.model))


def check_keys(tiers: Sequence[Tier]) -> None:
    """Raises BadInput where a live tier's key is not in the environment: found before the first call, not by it."""
    missing = {key_name(t): t.name for t in tiers if not t.simulated and key_name(t) and not secrets.key(key_name(t))}
    if missing:
        told = ", ".join(f"{name} (tier {tier})" for name, tier in missing.items())
        raise BadInput(f"No key in {told}. Set the variable in the environment that Tierwise is started from, then start again.")


async def call(
    tier: Tier, messages: Sequence[Mapping[str, Any]], *, max_tokens: int, timeout_s: float, request_id: str, stream: bool = False
) -> Reply:
    """Send one request to a live tier.

    Args:
        max_tokens: the answer's limit, always sent: it bounds what a call can cost.
        timeout_s: after this the request is given up; the provider may bill it all the same.
        request_id: sent as X-Client-Request-Id, so that a provider's log can be matched with ours.
        stream: read the answer piece by piece, which tells the time to its first one.

    Raises:
        CallFailed: nothing usable came back.
    """
    try:
        return await _call(tier, messages, max_tokens, timeout_s, request_id, stream)
    except CallFailed:
        raise
    except Exception as error:  # one odd reply must not end the run; it may have been billed, and is logged
        log.exception("a reply to %s could not be understood", tier.model)
        raise replies.unreadable(type(error).__name__) from None


async def _call(
    tier: Tier, messages: Sequence[Mapping[str, Any]], max_tokens: int, timeout_s: float, request_id: str, stream: bool
) -> Reply:
    key = secrets.key(key_name(tier))
    headers = secrets.resolve(tier.params.get("extra_headers", {})) | {"X-Client-Request-Id": request_id}
    began, first = time.monotonic(), None
    if wire.speaks(tier):
        answer, first = await wire.complete(
            tier, messages, max_tokens=max_tokens, timeout_s=timeout_s, headers=headers, key=key, stream=stream
        )  # fmt: skip
        reply = _reply(answer, tier, time.monotonic() - began)
        return replace(reply, first_token_s=first - began) if first is not None else reply
    import litellm

    params = {"max_tokens": max_tokens} | {
        k: secrets.resolve(v) for k, v in tier.params.items() if k not in ("max_tokens", "extra_headers")
    }
    if stream:
        params |= {"stream": True, "stream_options": {"include_usage": True}}
    try:
        async with asyncio.timeout(timeout_s + LATE_S):  # LiteLLM's own timeout does not hold for every provider
            answer = await litellm.acompletion(
                model=tier.model, messages=[dict(m) for m in messages], api_base=tier.api_base,
                # without a key of its own, a server must not be sent another provider's key from the environment
                api_key=key or ("unused" if tier.api_base else None),
                timeout=timeout_s, max_retries=0, extra_headers=headers, **params,
            )  # fmt: skip
            if stream:
                answer, first = await _gathered(answer)
    except Exception as error:
        raise _failure(error, key) from None
    reply = _reply(answer, tier, time.monotonic() - began)
    return replace(reply, first_token_s=first - began) if first is not None else reply


async def embed(tier: Tier, texts: Sequence[str], *, timeout_s: float, request_id: str) -> Embedded:
    """A vector for each text by an embedding model, in one request; arguments as in `call`.

    Raises:
        CallFailed: nothing usable came back.
    """
    import litellm

    key = secrets.key(key_name(tier))
    try:
        async with asyncio.timeout(timeout_s + 1):
            answer = await litellm.aembedding(
                model=tier.model, input=list(texts), api_base=tier.api_base, api_key=key or ("unused" if tier.api_base else None),
                timeout=timeout_s, max_retries=0, extra_headers={"X-Client-Request-Id": request_id}, **dict(tier.params),
            )  # fmt: skip
    except Exception as error:
        raise _failure(error, key) from None
    prompt = _count(getattr(getattr(answer, "usage", None), "prompt_tokens", None)) or None
    cost = None if prompt is None else cost_usd(prompt, 0, tier)
    try:
        rows = sorted(answer.data, key=lambda row: row["index"])
        vectors = tuple(tuple(float(x) for x in row["embedding"]) for row in rows)
    except (TypeError, KeyError, ValueError):
        vectors = ()
    if len(vectors) != len(texts) or len({len(v) for v in vectors}) != 1 or not all(math.isfinite(x) for v in vectors for x in v):
        return Embedded((), prompt, cost, getattr(answer, "model", None), "the reply does not hold one vector for each text")
    error = "the reply carried no token counts, so its cost is not known" if prompt is None else None
    return Embedded(vectors, prompt, cost, getattr(answer, "model", None), error)


async def _gathered(pieces: Any) -> tuple[Any, float | None]:
    """A streamed answer as one whole, and when its first text arrived."""
    import litellm

    chunks, first = [], None
    async for piece in pieces:
        if first is None and any(getattr(c.delta, "content", None) for c in piece.choices):
            first = time.monotonic()
        chunks.append(piece)
    return litellm.stream_chunk_builder(chunks), first


def _reply(answer: Any, tier: Tier, latency_s: float) -> Reply:
    usage = getattr(answer, "usage", None)
    prompt, completion = (_count(getattr(usage, name, None)) for name in ("prompt_tokens", "completion_tokens"))
    if not prompt and not completion:  # LiteLLM writes zeros where the reply had no usage
        prompt = completion = None
    cached = _count(getattr(getattr(usage, "prompt_tokens_details", None), "cached_tokens", None))
    thought = _count(getattr(getattr(usage, "completion_tokens_details", None), "reasoning_tokens", None))
    choices = getattr(answer, "choices", None)
    choice = choices[0] if isinstance(choices, list | tuple) and choices else None
    finish = _text(str(found)[:100]) if (found := getattr(choice, "finish_reason", None)) else None
    text = _text(getattr(getattr(choice, "message", None), "content", None))
    if completion == 0 and text:  # LiteLLM writes zero for a count that is missing
        completion = None
    billed = completion
    total = _count(getattr(usage, "total_tokens", None))
    if thought and None not in (total, prompt, completion) and total == prompt + completion + thought:
        billed = completion + thought  # some providers count thinking besides the answer
    cost = getattr(usage, "cost", None)  # OpenRouter says what it charged
    if isinstance(cost, bool) or not isinstance(cost, int | float) or not math.isfinite(cost) or cost <= 0:
        cost = None if prompt is None or billed is None else cost_usd(prompt, billed, tier, min(cached or 0, prompt))
    error = None
    if choice is None:
        status, error = "empty", "the reply held no answer"
    elif not text:
        status, error = "empty", f"the answer is empty (finish reason {finish or 'not given'})"
    elif len(text) > MAX_ANSWER:
        status, error, text = "failed", f"the answer is longer than {MAX_ANSWER:,} characters", text[:MAX_ANSWER]
    else:
        status = "truncated" if finish == "length" else "ok"
    if (prompt is None or completion is None) and error is None:
        error = "the reply carried no token counts, so its cost is not known"
    served = _text(getattr(answer, "model", None))
    return Reply(
        status, text, error, finish, prompt, completion, cost, latency_s, served,
        cached_tokens=cached, reasoning_tokens=thought, confidence=_confidence(choice),
    )  # fmt: skip


def _confidence(choice: Any) -> float | None:
    """The geometric mean probability of the answer's tokens, of a reply that carries logprobs (`logprobs = true` in the tier's params)."""
    tokens = getattr(getattr(choice, "logprobs", None), "content", None) or []
    told = [v for t in tokens if isinstance(v := getattr(t, "logprob", None), int | float) and v <= 1e-6]
    return min(math.exp(max(sum(told) / len(told), -700.0)), 1.0) if told and len(told) == len(tokens) else None


def _text(value: object) -> str | None:
    """Text that a store keeps; that of parts, where a server answers in parts."""
    if isinstance(value, list):
        value = "".join(
            t for part in value if isinstance(t := getattr(part, "text", None) or (part if isinstance(part, str) else None), str)
        )
    if not isinstance(value, str):
        return None
    return value if value.isascii() else value.encode("utf-8", "replace").decode()  # half a surrogate pair is no UTF-8


def _count(value: object) -> int | None:
    """A number of tokens, also as text; anything else is not known."""
    if isinstance(value, str) and value.strip().isdecimal() and len(value) < 12:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return int(value) if 0 <= value <= MOST_TOKENS else None


def _failure(error: Exception, key: str | None) -> CallFailed:
    """Tell an error apart by what went over the wire."""
    chain = list(_chain(error))
    names = {type(e).__name__ for e in chain}
    said = secrets.scrub(" ".join(str(error).split()), key)
    said = said.replace("litellm.", "").replace("OpenAIException - ", "")[:MAX_ERROR]
    response = next(
        (r for e in chain if not type(e).__module__.startswith("litellm") and (r := getattr(e, "response", None)) is not None), None
    )
    status = getattr(response, "status_code", None)
    if refused := next((e for e in chain if isinstance(e, AddressRefused)), None):
        return replies.not_allowed(str(refused))
    if "ContextWindowExceededError" in names:
        return replies.too_long(status, said)
    if isinstance(status, int) and status >= 400:
        return replies.refused(status, said, response.headers.get("retry-after"))
    never = names & {"ClientConnectorError", "ClientConnectorDNSError", "ConnectionRefusedError", "gaierror"}
    if names & {"ClientOSError", "ConnectionResetError", "BrokenPipeError"} and not never:
        return replies.lost()  # LiteLLM calls it a ConnectError, but the request was sent
    if names & {"ConnectError", "ConnectTimeout", "ClientConnectorError", "ConnectionRefusedError", "ClientConnectorDNSError", "gaierror"}:
        return replies.not_reached(said)
    if any("Timeout" in name for name in names):
        return replies.late()
    if "JSONDecodeError" in names:
        return replies.garbled()
    if names & {
        "ReadError",
        "ServerDisconnectedError",
        "RemoteProtocolError",
        "ClientPayloadError",
        "ClientOSError",
        "ConnectionResetError",
    }:
        return replies.lost()
    own = getattr(error, "status_code", None)  # LiteLLM refused the call itself: an unknown model, a parameter, a missing key
    if type(error).__module__.startswith("litellm") and ((isinstance(own, int) and 400 <= own < 500) or "Missing" in said):
        return CallFailed(said, status=own, retry=False, billed="no")
    return CallFailed(f"{type(error).__name__}: {said}", status=None, retry=False, billed="unknown")


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__
