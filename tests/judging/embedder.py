"""A stand-in for an embedding model on loopback: a vector counts letters, so texts with the same letters point the same way."""

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.runs.provider import error, send

TOKENS = 7


class Embedder:
    """`seen` holds every request; `fault` gives a status to refuse with, `vector` another answer."""

    def __init__(self) -> None:
        self.seen: list[dict] = []
        self.ids: list[str] = []
        self.fault: Callable[[dict], int | None] = lambda body: None
        self.vector: Callable[[str], object] = lambda text: [float(text.lower().count(c)) for c in "abcdefghijklmnopqrstuvwxyz"]
        self.change: dict = {}
        stand_in = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                stand_in.seen.append(body)
                stand_in.ids.append(self.headers.get("X-Client-Request-Id", ""))
                if status := stand_in.fault(body):
                    return send(self, status, error("no", "server_error"))
                rows = [{"object": "embedding", "index": i, "embedding": stand_in.vector(t)} for i, t in enumerate(body["input"])]
                usage = {"prompt_tokens": TOKENS, "total_tokens": TOKENS}
                return send(self, 200, {"object": "list", "model": "served-model", "data": rows[::-1], "usage": usage} | stand_in.change)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.base = f"http://127.0.0.1:{self._server.server_port}/v1"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
