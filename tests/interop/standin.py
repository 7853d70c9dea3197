"""A stand-in for an OpenAI-compatible endpoint: answers at once and remembers which model each request asked for."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class StandIn:
    """On loopback, at `base`; `calls` holds (messages as JSON, model) in the order of arrival."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str]] = []
        self.broken: set[str] = set()
        """Models that answer 503."""
        standin = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                standin.calls.append((json.dumps(body["messages"]), body["model"]))
                if body["model"] in standin.broken:
                    return self._answer(503, {"error": {"message": "out of order", "type": "server_error", "code": "503"}})
                message = {"role": "assistant", "content": f"answered by {body['model']}"}
                usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
                choice = {"index": 0, "message": message, "finish_reason": "stop"}
                head = {"id": "x", "object": "chat.completion", "created": 1, "model": body["model"]}
                self._answer(200, head | {"choices": [choice], "usage": usage})

            def _answer(self, status: int, value: dict) -> None:
                data = json.dumps(value).encode()
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.base = f"http://127.0.0.1:{self._server.server_port}/v1"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
