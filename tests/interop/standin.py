"""A stand-in for an OpenAI-compatible endpoint: answers at once and remembers which model each request asked for.

It speaks chat completions, streams of them, and /responses.
"""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class StandIn:
    """On loopback, at `base`; `calls` holds (messages as JSON, model) in the order of arrival."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str]] = []
        self.requests: list[tuple[dict[str, str], dict]] = []
        """(headers, body), likewise."""
        self.broken: set[str] = set()
        """Models that answer 503."""
        standin = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                standin.calls.append((json.dumps(body["messages"] if "messages" in body else body["input"]), body["model"]))
                standin.requests.append((dict(self.headers), body))
                if body["model"] in standin.broken:
                    return self._answer(503, {"error": {"message": "out of order", "type": "server_error", "code": "503"}})
                if "messages" not in body:
                    return self._answer(200, _response(body))
                if body.get("stream"):
                    return self._stream(body["model"])
                message = {"role": "assistant", "content": f"answered by {body['model']}"}
                usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
                choice = {"index": 0, "message": message, "finish_reason": "stop"}
                head = {"id": "x", "object": "chat.completion", "created": 1, "model": body["model"]}
                self._answer(200, head | {"choices": [choice], "usage": usage})

            def _stream(self, model: str) -> None:
                head = {"id": "x", "object": "chat.completion.chunk", "created": 1, "model": model}
                deltas = ({"role": "assistant", "content": f"answered by {model}"}, None), ({}, "stop")
                chunks = [head | {"choices": [{"index": 0, "delta": delta, "finish_reason": end}]} for delta, end in deltas]
                data = "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks) + "data: [DONE]\n\n"
                self._send(200, "text/event-stream", data.encode())

            def _answer(self, status: int, value: dict) -> None:
                self._send(status, "application/json", json.dumps(value).encode())

            def _send(self, status: int, kind: str, data: bytes) -> None:
                self.send_response(status)
                self.send_header("content-type", kind)
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


def _response(body: dict) -> dict:
    text = {"type": "output_text", "text": f"answered by {body['model']}", "annotations": []}
    output = [{"type": "message", "id": "m", "status": "completed", "role": "assistant", "content": [text]}]
    usage = {"input_tokens": 1, "output_tokens": 1, "total_tokens": 2, "input_tokens_details": {"cached_tokens": 0},
             "output_tokens_details": {"reasoning_tokens": 0}}  # fmt: skip
    return {"id": "resp_x", "object": "response", "created_at": 1, "status": "completed", "model": body["model"], "output": output,
            "usage": usage, "parallel_tool_calls": True, "tool_choice": "auto", "tools": []}  # fmt: skip
