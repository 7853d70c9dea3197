"""Servers that answer in ways of their own: each attempt is one request, nothing billed goes uncounted, and no reply ends the run."""

import email.utils
import gzip
import json
import socket
import struct
import threading
import time
from collections.abc import Callable

import pytest

from tests.runs.conftest import DIRECT, LITELLM
from tierwise.endpoints import wire
from tierwise.endpoints.replies import seconds
from tierwise.runs import calls

USAGE = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
BILL = 30e-6


class RawServer:
    """Answers request after request on each connection with the bytes that `act` sends. `seen` counts requests."""

    def __init__(self, act: Callable[[socket.socket, int], bool | None]) -> None:
        self._act, self.seen, self._lock = act, [], threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.base = f"http://127.0.0.1:{self._listener.getsockname()[1]}/v1"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                peer, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(peer,), daemon=True).start()

    def _serve(self, peer: socket.socket) -> None:
        with peer, peer.makefile("rb") as stream:
            try:
                while line := stream.readline():
                    headers = {}
                    while (line := stream.readline()).strip():
                        name, _, value = line.decode("latin-1").partition(":")
                        headers[name.lower()] = value.strip()
                    stream.read(int(headers.get("content-length", 0)))
                    with self._lock:
                        self.seen.append(headers.get("x-client-request-id", ""))
                        number = len(self.seen)
                    if not self._act(peer, number):
                        return
            except OSError:
                return

    def close(self) -> None:
        self._listener.close()


@pytest.fixture
def serve():
    started = []

    def go(act) -> RawServer:
        started.append(RawServer(act))
        return started[-1]

    yield go
    for server in started:
        server.close()


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setattr(calls, "FIRST_WAIT_S", 0.01)


def completion(**change) -> dict:
    choice = {"index": 0, "message": {"role": "assistant", "content": "answer to prompt 0"}, "finish_reason": "stop"}
    return {"id": "x", "object": "chat.completion", "created": 1, "model": "small-model", "choices": [choice], "usage": USAGE} | change


def reply(body: bytes | dict, status: str = "200 OK", *headers: str, length: int | None = None) -> bytes:
    body = body if isinstance(body, bytes) else json.dumps(body).encode()
    head = [f"HTTP/1.1 {status}", "content-type: application/json", f"content-length: {len(body) if length is None else length}", *headers]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


def chunked(body: bytes, end: bytes = b"0\r\n\r\n", kind: str = "application/json", size: int = 7) -> bytes:
    pieces = b"".join(f"{len(p):x}\r\n".encode() + p + b"\r\n" for p in (body[i : i + size] for i in range(0, len(body), size)))
    return f"HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ntransfer-encoding: chunked\r\n\r\n".encode() + pieces + end


def say(data: bytes, keep: bool = True):
    def act(peer: socket.socket, number: int) -> bool:
        peer.sendall(data)
        return keep

    return act


def reset(after: bytes = b""):
    def act(peer: socket.socket, number: int) -> None:
        if after:
            peer.sendall(after)
            time.sleep(0.05)
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        peer.close()

    return act


def drip(peer: socket.socket, number: int) -> None:
    for byte in reply(completion()):
        peer.sendall(bytes([byte]))
        time.sleep(0.05)


WHOLE = json.dumps(completion()).encode()
GOOD = {
    "chunked": say(chunked(WHOLE)),
    "chunked with a trailer": say(chunked(WHOLE, b"0\r\nx-done: yes\r\n\r\n")),
    "gzip": say(reply(gzip.compress(WHOLE), "200 OK", "content-encoding: gzip")),
    "no length, closed at the end": say(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n" + WHOLE, keep=False),
    "early hints": say(b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n" + reply(completion())),
    "status 201": say(reply(completion(), "201 Created")),
    "two choices": say(reply(completion(choices=completion()["choices"] * 2))),
    "content in parts": say(reply(completion(choices=[{"message": {"content": [{"type": "text", "text": "answer to "}, {"type": "text", "text": "prompt 0"}]}, "finish_reason": "stop"}]))),
    "usage as text": say(reply(completion(usage={"prompt_tokens": "10", "completion_tokens": "5"}))),
    "an error that is none": say(reply(completion(error=None))),
    "wrong content type": say(reply(completion()).replace(b"application/json", b"text/html")),
}  # fmt: skip


def only(store, run) -> dict:
    (row,) = store.runs.outcomes(run.id).to_dict("records")
    return row


def checked(store, run, server) -> list[str]:
    """Statuses on the ledger, which has each request once."""
    ledger = store.attempts.frame(run.id)
    assert sorted(server.seen) == sorted(f"tierwise-{run.id}-{i}" for i in ledger["id"])
    assert run.status == "done" and len(store.grades.frame(run.id)) == 1
    return ledger["status"].tolist()


@pytest.mark.parametrize("through", [DIRECT, LITELLM])
def test_a_good_answer_in_another_frame_is_a_good_answer(store, started, tier, serve, through):
    for name in GOOD.keys() - ({"content in parts"} if through == LITELLM else set()):  # one store for all: it is what takes time
        server = serve(GOOD[name])
        run = started(tier(through=through, api_base=server.base), timeout_s=5)
        assert checked(store, run, server) == ["answered"]
        row = only(store, run)
        assert (row["status"], row["output"], row["cost_usd"]) == ("ok", "answer to prompt 0", pytest.approx(BILL))


LOST = {
    "reset before the headers": reset(),
    "reset after the headers": reset(reply(b"", length=500)),
    "reset in the body": reset(reply(WHOLE[:50], length=len(WHOLE))),
    "closed in the body": say(reply(WHOLE[:50], length=len(WHOLE)), keep=False),
    "closed in a chunk": say(chunked(WHOLE, b"")[:-20], keep=False),
    "closed before the last chunk": say(chunked(WHOLE, b""), keep=False),
    "slow drip": drip,
    "gzip that is none": say(reply(WHOLE, "200 OK", "content-encoding: gzip")),
    "gzip cut off": say(reply(gzip.compress(WHOLE)[:-20], "200 OK", "content-encoding: gzip")),
    "no HTTP": say(b"hello\r\n\r\n", keep=False),
    "empty": say(reply(b"")),
    "no content": say(b"HTTP/1.1 204 No Content\r\n\r\n"),
    "a page": say(reply(b"<html>login</html>")),
    "a list": say(reply(b"[1, 2]")),
    "deep": say(reply(b"[" * 100_000)),
    "not UTF-8": say(reply(b'{"choices": "\xff\xfe"}')),
    "408": say(reply({"error": {"message": "slow"}}, "408 Request Timeout")),
    "504": say(reply(b"<html>", "504 Gateway Timeout")),
}


THROUGH_LITELLM = ("reset before the headers", "reset after the headers", "reset in the body", "closed in the body", "closed before the last chunk",
                   "gzip cut off", "empty", "a page", "408", "504")  # fmt: skip
"""Of the others LiteLLM makes one final failure, counted at its worst as well."""


@pytest.mark.parametrize("through", [DIRECT, LITELLM])
def test_what_may_have_been_billed_is_tried_again_and_counted_at_its_worst(store, started, tier, serve, through):
    for name in LOST if through == DIRECT else THROUGH_LITELLM:  # one store for all: it is what takes time
        server = serve(lambda peer, number, name=name: LOST[name](peer, number) if number == 1 else say(reply(completion()))(peer, number))
        run = started(tier(through=through, api_base=server.base), timeout_s=0.7 if through == DIRECT else 5)
        assert checked(store, run, server) == ["unknown", "answered"], name
        assert only(store, run)["status"] == "ok"
        ledger = store.attempts.frame(run.id)
        assert ledger["counted_usd"].tolist()[0] > BILL and ledger["cost_usd"].isna().tolist() == [True, False]


@pytest.mark.parametrize("status", ["409 Conflict", "425 Too Early", "429 Too Many Requests", "500 X", "502 X", "503 X", "529 Overloaded"])
def test_what_was_refused_and_may_pass_is_tried_again_for_nothing(store, started, tier, serve, status):
    server = serve(
        lambda peer, number: say(reply({"error": "x"}, status, "retry-after: 0") if number == 1 else reply(completion()))(peer, number)
    )
    run = started(tier(api_base=server.base), timeout_s=5)
    assert checked(store, run, server) == ["refused", "answered"]


@pytest.mark.parametrize(
    "status", ["301 Moved", "302 Found", "307 Temporary", "308 Permanent", "402 X", "405 X", "413 X", "422 X", "451 X"]
)
def test_what_will_not_pass_and_redirects_are_final(store, started, tier, serve, status):
    other = serve(say(reply(completion())))
    server = serve(say(reply(b"", status, f"location: {other.base}/chat/completions")))
    run = started(tier(api_base=server.base), timeout_s=5)
    assert checked(store, run, server) == ["refused"] and other.seen == []
    row = only(store, run)
    assert row["status"] == "failed" and status[:3] in row["error"]


ODD = {
    "choices are a thing": completion(choices={"0": "x"}),
    "choices of nothing": completion(choices=[None]),
    "a choice of text": completion(choices=["answer"]),
    "a message of text": completion(choices=[{"message": "answer"}]),
    "content is a number": completion(choices=[{"message": {"content": 5}}]),
    "model is a list": completion(model=["a", 1]),
    "model is half a character": completion(model="\ud83d"),
    "finish is a thing": completion(choices=[{"message": {"content": "x"}, "finish_reason": {"a": "\ud83d"}}]),
    "usage is a list": completion(usage=[1, 2]),
    "usage is text": completion(usage="10"),
    "usage without the answer": completion(usage={"prompt_tokens": 10}),
    "usage of nothing but a total": completion(usage={"total_tokens": 15}),
    "usage below nothing": completion(usage={"prompt_tokens": -3, "completion_tokens": -1}),
    "usage beyond counting": completion(usage={"prompt_tokens": 10**15, "completion_tokens": 10**15}),
    "usage of no number": completion(usage={"prompt_tokens": float("nan"), "completion_tokens": float("inf"), "cost": float("inf")}),
    "cost is yes": completion(usage={"cost": True}),
    "cost is text": completion(usage={"cost": "free"}),
    "details are text": completion(usage={"prompt_tokens_details": "x", "completion_tokens_details": [1]}),
    "details beyond": completion(usage=USAGE | {"prompt_tokens_details": {"cached_tokens": 10**6}}),
}


@pytest.mark.parametrize("through", [DIRECT, LITELLM])
def test_no_reply_ends_the_run_or_costs_nothing(store, started, tier, serve, through):
    for name in ODD:  # one store for all: it is what takes time
        server = serve(say(reply(ODD[name])))
        run = started(tier(through=through, api_base=server.base, cached_input_per_1m=0.5), timeout_s=5)
        assert checked(store, run, server)[0] in ("answered", "unknown")
        ledger = store.attempts.frame(run.id)
        assert len(ledger) == 1
        assert 10e-6 < ledger["counted_usd"][0] < 1


def test_thinking_that_is_counted_besides_the_answer_is_paid(store, started, tier, serve):
    usage = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 115, "completion_tokens_details": {"reasoning_tokens": 100}}
    run = started(tier(api_base=serve(say(reply(completion(usage=usage)))).base), timeout_s=5)
    assert only(store, run)["cost_usd"] == pytest.approx((10 * 1.0 + 105 * 4.0) / 1e6)


def test_a_reply_without_end_is_not_read_to_its_end(store, started, tier, serve, monkeypatch):
    monkeypatch.setattr(wire, "MOST_BYTES", 1_000_000)
    bomb = gzip.compress(b'{"choices": "' + b"x" * 30_000_000)
    server = serve(say(reply(bomb, "200 OK", "content-encoding: gzip")))
    run = started(tier(api_base=server.base), timeout_s=20)
    assert checked(store, run, server) == ["unknown"]
    assert "larger than" in only(store, run)["error"]


def piece(text: str | None = None, finish: str | None = None, **more) -> bytes:
    choice = {"index": 0, "delta": {} if text is None else {"content": text}, "finish_reason": finish}
    return b"data: " + json.dumps({"model": "small-model", "choices": [choice]} | more).encode() + b"\n\n"


LONG = "x" * 300_000
STREAMS = {
    "whole": (piece("a") + piece("b") + piece(finish="stop", usage=USAGE) + b"data: [DONE]\n\n", "ok", "ab"),
    "comments and other fields": (b": keep-alive\n\nevent: x\nid: 1\n" + piece("ab") + piece(finish="stop", usage=USAGE), "ok", "ab"),
    "a very long line": (piece(LONG) + piece(finish="stop", usage=USAGE) + b"data: [DONE]\n\n", "ok", LONG),
    "ends early": (piece("half an"), "cut", None),
    "an error on the way": (piece("half") + b'data: {"error": {"message": "overloaded", "code": 503}}\n\n', "cut", None),
    "a piece that is no piece": (piece("a") + b"data: 5\n\n", "cut", None),
    "a choice that is no choice": (b'data: {"choices": ["x"]}\n\n', "odd", None),
}


def test_streams_of_many_kinds(store, started, tier, serve):
    for name in STREAMS:  # one store for all: it is what takes time
        data, kind, output = STREAMS[name]
        good = chunked(piece("ab") + piece(finish="stop", usage=USAGE), kind="text/event-stream")
        bad = chunked(data, kind="text/event-stream", size=9_973)
        server = serve(lambda peer, number, bad=bad, good=good: say(bad if number == 1 else good)(peer, number))
        run = started(tier(api_base=server.base), timeout_s=5, stream=True)
        told = {"ok": ["answered"], "cut": ["unknown", "answered"], "odd": ["unknown"]}[kind]
        assert checked(store, run, server) == told
        if output is not None:
            assert only(store, run)["output"] == output


def test_a_date_to_wait_for_is_a_wait():
    soon = email.utils.formatdate(time.time() + 20, usegmt=True)
    assert 15 < seconds(soon) <= 20
    assert seconds("7") == 7 and seconds("1e9") == 300 and seconds("-5") == 0
    assert [seconds(x) for x in (None, "", "soon", "nan", "inf", "Wed, 99 Foo 2026")] == [None] * 6
    assert seconds(email.utils.formatdate(0, usegmt=True)) == 0
