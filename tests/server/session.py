"""A visitor without a browser: the WebSocket of one session, and what it was sent."""

import json
import os
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState
from websockets.sync.client import connect

SUBPROTOCOL = "streamlit"


class Session:
    """Connects as the page does; `rerun` runs the script once and returns how long that took."""

    def __init__(self, url: str, page: str = "", query: str = "", headers: Mapping[str, str] | None = None) -> None:
        self.url, self.page, self.query = url, page, query
        self.socket = connect(
            f"{url.replace('http', 'ws', 1)}/_stcore/stream", origin=url, subprotocols=[SUBPROTOCOL], additional_headers=headers,
            max_size=None, open_timeout=60, compression=None,
        )  # fmt: skip
        self.page_hash = self.session_id = ""
        self.received = 0
        self.last: list[bytes] = []
        self._states: dict[str, WidgetState] = {}

    def rerun(self, timeout_s: float = 60.0) -> float:
        """Seconds from asking to the end of the script."""
        asked = BackMsg()
        asked.rerun_script.query_string = self.query
        asked.rerun_script.page_name = self.page
        asked.rerun_script.page_script_hash = self.page_hash
        asked.rerun_script.widget_states.widgets.extend(self._states.values())
        began = time.monotonic()
        self.socket.send(asked.SerializeToString())
        self.last = []
        while True:
            data = self.socket.recv(timeout=max(0.1, timeout_s - (time.monotonic() - began)))
            self.received += len(data)
            self.last.append(data)
            message = ForwardMsg.FromString(data)
            kind = message.WhichOneof("type")
            if kind == "new_session":
                self.session_id = message.new_session.initialize.session_id
            if kind == "navigation":
                self.page_hash = message.navigation.page_script_hash
            if kind == "script_finished" and message.script_finished != ForwardMsg.FINISHED_EARLY_FOR_RERUN:
                return time.monotonic() - began

    def shown(self) -> bytes:
        """All that the last run sent."""
        return b"\n".join(self.last)

    def close(self) -> None:
        self.socket.close()

    def __enter__(self) -> "Session":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def fetch(
    url: str, headers: Mapping[str, str] | None = None, method: str = "GET", data: bytes | None = None
) -> tuple[int, str, Mapping[str, str]]:
    """Status, text and headers of one request, redirects not followed."""

    class Stay(urllib.request.HTTPRedirectHandler):
        def redirect_request(self, *_: object) -> None:
            return None

    opener = urllib.request.build_opener(Stay, urllib.request.ProxyHandler({}))
    try:
        with opener.open(urllib.request.Request(url, data, dict(headers or {}), method=method), timeout=30) as reply:
            return reply.status, reply.read().decode(errors="replace"), reply.headers
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode(errors="replace"), error.headers


def process_figures(pid: int) -> dict[str, float]:
    """CPU seconds, memory in MiB, threads and descriptors of a process (Linux)."""
    proc = Path(f"/proc/{pid}")
    stat = (proc / "stat").read_text().rpartition(")")[2].split()
    tick = os.sysconf("SC_CLK_TCK")
    status = dict(line.split(":", 1) for line in (proc / "status").read_text().splitlines() if ":" in line)
    return {
        "cpu_s": (int(stat[11]) + int(stat[12])) / tick, "rss_mib": int(status["VmRSS"].split()[0]) / 1024, "threads": int(status["Threads"]),
        "descriptors": len(os.listdir(f"/proc/{pid}/fd")),
    }  # fmt: skip


def log_lines(text: str) -> list[dict]:
    """The JSON lines of a log."""
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]
