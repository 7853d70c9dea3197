"""One event loop for the process, on a thread of its own: LiteLLM leaks a connection for every further loop. It connects where it may."""

import asyncio
import threading
from collections.abc import Coroutine
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from typing import Any, TypeVar

from tierwise.endpoints.addresses import guard_thread

T = TypeVar("T")


@cache
def loop() -> asyncio.AbstractEventLoop:
    """The running loop; started on first use."""
    made = asyncio.SelectorEventLoop()  # Windows' own kind connects by a way of which Python does not tell
    made.set_default_executor(ThreadPoolExecutor(thread_name_prefix="calls", initializer=guard_thread))

    def run() -> None:
        guard_thread()
        made.run_forever()

    threading.Thread(target=run, name="calls", daemon=True).start()
    return made


def submit(work: Coroutine[Any, Any, T]) -> "Future[T]":
    """Start a coroutine there, from any other thread."""
    return asyncio.run_coroutine_threadsafe(work, loop())
