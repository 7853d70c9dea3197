"""One event loop for the process, on a thread of its own: LiteLLM leaks a connection for every further loop."""

import asyncio
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from functools import cache
from typing import Any, TypeVar

T = TypeVar("T")


@cache
def loop() -> asyncio.AbstractEventLoop:
    """The running loop; started on first use."""
    made = asyncio.new_event_loop()
    threading.Thread(target=made.run_forever, name="calls", daemon=True).start()
    return made


def submit(work: Coroutine[Any, Any, T]) -> "Future[T]":
    """Start a coroutine there, from any other thread."""
    return asyncio.run_coroutine_threadsafe(work, loop())
