"""Where a scorer asks its models about one answer: each request on the ledger and inside the budget, and nothing after a failure."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from tierwise.endpoints import models
from tierwise.endpoints.models import CallFailed, Embedded, Reply
from tierwise.endpoints.prices import price
from tierwise.runs.calls import Calls, Lane, Paid, Request
from tierwise.runs.limits import Gate
from tierwise.runs.plan import endpoint, max_tokens, most_prompt_tokens, worst_case_usd
from tierwise.scorers.asking import Answer, Unusable
from tierwise.types import Tier

T = TypeVar("T", bound=Paid)


class NotAsked(Exception):
    """Nothing was sent, or the key was refused: the answer stays open."""


@dataclass
class Desk:
    """What all benches of one go share."""

    calls: Calls
    judges: Mapping[str, Tier]
    concurrency: int
    timeout_s: float
    reply_format: str = "schema"
    lanes: dict[str, Lane] = field(default_factory=dict)

    def lane(self, tier: Tier) -> Lane:
        """By endpoint: what shares a rate limit."""
        name = endpoint(tier)
        if name not in self.lanes:
            self.lanes[name] = Lane(Gate(self.concurrency, tier.rpm, tier.tpm))
        return self.lanes[name]


class OneAnswer:
    """The bench for one answer."""

    def __init__(self, desk: Desk, answer: Answer) -> None:
        self._desk = desk
        self._cell = (answer.sample.id, answer.tier, answer.repeat)
        self.problem: Exception | None = None
        """The first thing that went wrong; scorers of others swallow errors, so it is kept."""
        self.broken = False
        """Whether the ledger could not be written: then everything ends."""
        self.attempts: list[int] = []
        self.served: dict[str, None] = {}

    async def ask(self, messages: Sequence[Mapping[str, str]], schema: Mapping[str, Any] | None = None) -> str:
        judge = self._desk.judges["judge"]
        tier = replace(judge, params={**judge.params, **_format(schema, self._desk.reply_format)})
        chat = [dict(m) for m in messages]
        limit = max_tokens(tier)

        async def send(request_id: str) -> Reply:
            return await models.call(tier, chat, max_tokens=limit, timeout_s=self._desk.timeout_s, request_id=request_id)

        reply = await self._send(tier, worst_case_usd(chat, tier), most_prompt_tokens(chat) / 4 + limit / 4, send)
        if reply.status != "ok":
            cut = f"the judge's reply was cut off at {limit:,} tokens"
            raise self._gone_wrong(Unusable(cut if reply.status == "truncated" else f"the judge gave nothing usable: {reply.error}"))
        return reply.output or ""

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        tier = self._desk.judges["embedder"]
        texts = [t.encode("utf-8", "replace").decode() for t in texts]  # half a surrogate pair is no UTF-8
        most = sum(len(t.encode()) + 16 for t in texts)
        priced = price(tier)

        async def send(request_id: str) -> Embedded:
            return await models.embed(tier, texts, timeout_s=self._desk.timeout_s, request_id=request_id)

        found = await self._send(tier, None if priced is None else most * priced.input_per_1m / 1e6, most / 4, send)
        if not found.vectors:
            raise self._gone_wrong(Unusable(f"the embedding model gave nothing usable: {found.error}"))
        return [list(v) for v in found.vectors]

    async def _send(self, tier: Tier, worst: float | None, tokens: float, send: Any) -> Any:
        if self.problem is not None:
            raise self.problem
        request = Request(self._cell, tier, f"Judge {tier.model}", worst, tokens, send, purpose="grade")
        try:
            ended = await self._desk.calls.ask(request, self._desk.lane(tier))
        except asyncio.CancelledError:
            raise
        except Exception as error:
            self.broken = True
            raise self._gone_wrong(error) from None
        self.attempts += ended.attempts
        if ended.reply is None:
            raise self._gone_wrong(NotAsked() if ended.failure is None or ended.refused_key else ended.failure)
        if ended.reply.served_model:
            self.served[ended.reply.served_model] = None
        return ended.reply

    def _gone_wrong(self, error: Exception) -> Exception:
        self.problem = error
        return error

    def provenance(self, version: str) -> str:
        """As a grade keeps it."""
        asked = [t.model for t in self._desk.judges.values()]
        told = {"models": asked, "served": list(self.served), "prompt": version, "attempts": self.attempts}
        return json.dumps(told, ensure_ascii=False)


def reason_of(problem: Exception) -> str:
    """Why an answer is unscored, for people."""
    if isinstance(problem, CallFailed):
        return f"the call to the judge failed: {problem}"
    return str(problem)


def _format(schema: Mapping[str, Any] | None, how: str) -> dict[str, Any]:
    if schema is None or how == "text":
        return {}
    if how == "json":
        return {"response_format": {"type": "json_object"}}
    strict = schema.get("additionalProperties") is False
    return {"response_format": {"type": "json_schema", "json_schema": {"name": "verdict", "schema": dict(schema), "strict": strict}}}
