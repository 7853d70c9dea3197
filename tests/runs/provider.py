"""A stand-in provider on loopback that speaks the OpenAI protocol, bills what it serves, and can be told to misbehave."""

import json
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

IN_PRICE, OUT_PRICE = 1.0, 4.0
"""US dollars for a million tokens."""

Fault = Callable[[dict, int], str | None]
"""(request body, how often this prompt and model were asked before) -> the name of a fault, or None to answer."""


@dataclass
class Seen:
    """One request as it arrived, and what it was billed."""

    model: str
    prompt: str
    request_id: str
    headers: dict[str, str]
    body: dict
    at: float
    answer: str = ""
    billed_usd: float = 0.0


@dataclass
class Provider:
    """`seen` holds every request in the order of arrival; `fault` decides which go wrong."""

    fault: Fault = lambda body, before: None
    delay_s: float = 0.0
    reply: Callable[[dict], str] = lambda body: "answer to " + body["messages"][-1]["content"][:50]
    seen: list[Seen] = field(default_factory=list)
    inside: int = 0
    most_inside: int = 0

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._asked: Counter[tuple[str, str]] = Counter()
        provider = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                provider._serve(self, body)

            def log_message(self, *_: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128  # the default of 5 refuses connections when a run starts

            def handle_error(self, *about: object) -> None:
                """A caller that hung up is no fault of the provider, and its traceback none of the run's."""
                if not isinstance(sys.exception(), ConnectionError):
                    super().handle_error(*about)

        self._server = Server(("127.0.0.1", 0), Handler)
        self.base = f"http://127.0.0.1:{self._server.server_port}/v1"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def billed_usd(self) -> float:
        return sum(s.billed_usd for s in self.seen)

    def forget(self) -> None:
        """As if nothing had been asked yet."""
        with self._lock:
            self.seen = []
            self._asked.clear()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def __enter__(self) -> "Provider":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _serve(self, http: BaseHTTPRequestHandler, body: dict) -> None:
        prompt = body["messages"][-1]["content"]
        with self._lock:
            before = self._asked[body["model"], prompt]
            self._asked[body["model"], prompt] += 1
            headers = {k.lower(): v for k, v in http.headers.items()}
            mine = Seen(body["model"], prompt, headers.get("x-client-request-id", ""), headers, body, time.monotonic())
            self.seen.append(mine)
            self.inside += 1
            self.most_inside = max(self.most_inside, self.inside)
        try:
            fault = self.fault(body, before)
            time.sleep(self.delay_s)
            getattr(self, f"_{fault or 'answer'}")(http, body, mine)
        except (BrokenPipeError, ConnectionResetError):
            pass
        finally:
            with self._lock:
                self.inside -= 1

    def _answer(self, http: BaseHTTPRequestHandler, body: dict, mine: Seen, **change: object) -> None:
        mine.answer = self.reply(body)
        usage = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
        mine.billed_usd = (10 * IN_PRICE + 5 * OUT_PRICE) / 1e6
        if body.get("stream"):
            return self._stream(http, body, mine, usage)
        choice = {"index": 0, "message": {"role": "assistant", "content": mine.answer}, "finish_reason": "stop"}
        value = {
            "id": f"p-{id(mine)}",
            "object": "chat.completion",
            "created": 1,
            "model": body["model"],
            "choices": [choice],
            "usage": usage,
        }
        send(http, 200, value | change)

    def _stream(self, http, body, mine, usage) -> None:
        http.send_response(200)
        http.send_header("content-type", "text/event-stream")
        http.send_header("connection", "close")
        http.end_headers()
        head = {"id": "p", "object": "chat.completion.chunk", "created": 1, "model": body["model"]}
        words = mine.answer.split(" ")
        for i, word in enumerate(words):
            time.sleep(0.02)
            piece = {"index": 0, "delta": {"role": "assistant", "content": word if i == 0 else " " + word}, "finish_reason": None}
            http.wfile.write(f"data: {json.dumps(head | {'choices': [piece]})}\n\n".encode())
            http.wfile.flush()
        end = {"index": 0, "delta": {}, "finish_reason": "stop"}
        for value in (head | {"choices": [end]}, head | {"choices": [], "usage": usage}):
            http.wfile.write(f"data: {json.dumps(value)}\n\n".encode())
        http.wfile.write(b"data: [DONE]\n\n")
        http.close_connection = True

    def _no_usage(self, http, body, mine) -> None:
        self._answer(http, body, mine, usage=None)

    def _no_choices(self, http, body, mine) -> None:
        self._answer(http, body, mine, choices=[])

    def _null_content(self, http, body, mine) -> None:
        self._answer(http, body, mine, choices=[{"index": 0, "message": {"role": "assistant", "content": None}, "finish_reason": "stop"}])

    def _cut_off(self, http, body, mine) -> None:
        self._answer(
            http, body, mine, choices=[{"index": 0, "message": {"role": "assistant", "content": "half"}, "finish_reason": "length"}]
        )

    def _huge(self, http, body, mine) -> None:
        self._answer(
            http, body, mine, choices=[{"index": 0, "message": {"role": "assistant", "content": "x" * 20_000_000}, "finish_reason": "stop"}]
        )

    def _other_model(self, http, body, mine) -> None:
        self._answer(http, body, mine, model="somebody-else")

    def _own_cost(self, http, body, mine) -> None:
        mine.billed_usd = 0.0123
        self._answer(http, body, mine, usage={"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15, "cost": 0.0123})
        mine.billed_usd = 0.0123

    def _broken_json(self, http, body, mine) -> None:
        mine.billed_usd = (10 * IN_PRICE + 5 * OUT_PRICE) / 1e6
        send_bytes(http, 200, b'{"id": "x", "choices": [{"mess')

    def _hang(self, http, body, mine) -> None:
        mine.billed_usd = (10 * IN_PRICE + 5 * OUT_PRICE) / 1e6
        time.sleep(3)
        self._answer(http, body, mine)

    def _drop(self, http, body, mine) -> None:
        http.close_connection = True
        http.connection.close()

    def _429(self, http, body, mine) -> None:
        send(http, 429, error("rate limit reached, slow down", "rate_limit_error"), {"retry-after": "0.3"})

    def _500(self, http, body, mine) -> None:
        send(http, 500, error("internal error", "server_error"))

    def _503(self, http, body, mine) -> None:
        send(http, 503, error("overloaded", "server_error"))

    def _400(self, http, body, mine) -> None:
        send(http, 400, error("this request is not valid", "invalid_request_error"))

    def _too_long(self, http, body, mine) -> None:
        told = error(
            "This model's maximum context length is 8192 tokens. However, your messages resulted in 9000 tokens.", "invalid_request_error"
        )
        told["error"]["code"] = "context_length_exceeded"
        send(http, 400, told)

    def _thinking(self, http, body, mine) -> None:
        details = {"prompt_tokens_details": {"cached_tokens": 6}, "completion_tokens_details": {"reasoning_tokens": 3}}
        self._answer(http, body, mine, usage={"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15} | details)

    def _sure(self, http, body, mine) -> None:
        """Two tokens, one certain and one with a probability of 0.25; only where they were asked for, as providers do."""
        tokens = [{"token": "a", "logprob": 0.0}, {"token": "b", "logprob": -1.3862943611198906}] if body.get("logprobs") else None
        choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "sure"},
                  "logprobs": {"content": tokens} if tokens else None}  # fmt: skip
        usage = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
        mine.billed_usd = (10 * IN_PRICE + 5 * OUT_PRICE) / 1e6
        send(http, 200, {"id": "x", "object": "chat.completion", "created": 0, "model": body["model"], "choices": [choice], "usage": usage})

    def _401(self, http, body, mine) -> None:
        key = http.headers.get("authorization", "")
        send(http, 401, error(f"Incorrect API key provided: {key}", "invalid_request_error"))

    def _403(self, http, body, mine) -> None:
        send(http, 403, error("not allowed", "permission_error"))

    def _404(self, http, body, mine) -> None:
        send(http, 404, error(f"The model {body['model']} does not exist", "invalid_request_error"))


def error(message: str, kind: str) -> dict:
    return {"error": {"message": message, "type": kind, "code": None, "param": None}}


def send(http: BaseHTTPRequestHandler, status: int, value: dict, headers: dict[str, str] | None = None) -> None:
    send_bytes(http, status, json.dumps(value).encode(), headers)


def send_bytes(http: BaseHTTPRequestHandler, status: int, data: bytes, headers: dict[str, str] | None = None) -> None:
    http.send_response(status)
    for key, text in {"content-type": "application/json", "content-length": str(len(data)), **(headers or {})}.items():
        http.send_header(key, text)
    http.end_headers()
    http.wfile.write(data)
