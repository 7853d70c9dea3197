"""Runs on several machines with Dask: every worker of the cluster helps with the cells of a run, by the claims of the shared store.

Dask starts the help, on new workers too, and starts it again where a worker dies; who does which cell, what is spent and how fast is
asked is settled in the store, so a worker that dies or is slow loses nothing and pays nothing twice.
"""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tierwise import settings
from tierwise.errors import BadInput, TierwiseError
from tierwise.store import Store

ANSWER_S = 10.0
LOOK_S = 1.0
"""How often the cluster is asked for workers that have come, or come back."""

log = logging.getLogger(__name__)
_stores: dict[str, Store] = {}


def help_here(run_id: str) -> int:
    """What a worker of the cluster does: `helping.help_with`, on a store that its process opens once."""
    from tierwise.runs.helping import help_with

    url = settings.database_url()
    if url is None:
        raise BadInput("TIERWISE_DATABASE_URL is not set where this Dask worker runs.")
    if url not in _stores:
        _stores[url] = Store()
    return help_with(_stores[url], run_id)


@contextmanager
def helping(store: Store, run_id: str) -> Iterator[None]:
    """While this lasts, the cluster that `TIERWISE_DASK` names helps with a run; without one, nobody does.

    Raises:
        BadInput: Dask is not installed, its scheduler does not answer, or the store is this process's own.
    """
    address = settings.dask_scheduler()
    if address is None:
        yield
        return
    if not store.shared:
        raise BadInput("TIERWISE_DASK is set, but not TIERWISE_DATABASE_URL: machines that help must share the store.")
    client = _client(address)
    over = threading.Event()
    watch = threading.Thread(target=_keep_helping, args=(client, run_id, over), name=f"cluster-{run_id}", daemon=True)
    watch.start()
    try:
        yield
    finally:
        over.set()
        watch.join()
        client.close()


def _client(address: str) -> Any:
    try:
        from distributed import Client
    except ImportError as error:
        raise BadInput("TIERWISE_DASK is set, but Dask is not installed: pip install -r requirements-team.txt.") from error
    try:
        return Client(address, timeout=ANSWER_S, set_as_default=False)
    except (OSError, ValueError) as error:
        raise BadInput(f"The Dask scheduler at {address} does not answer. Start it, or unset TIERWISE_DASK.") from error


def _keep_helping(client: Any, run_id: str, over: threading.Event) -> None:
    """One task on each worker; what ended, for whatever reason, is not asked again of the same worker."""
    asked: dict[str, Any] = {}
    while not over.is_set():
        try:
            for worker in set(client.scheduler_info(n_workers=-1)["workers"]) - set(asked):
                key = f"tierwise-{run_id}-{worker}"
                asked[worker] = client.submit(help_here, run_id, key=key, workers=[worker], pure=False, retries=0)
            for worker, task in asked.items():
                if task is not None and task.status == "error":
                    error = task.exception()
                    said = str(error) if isinstance(error, TierwiseError) else type(error).__name__
                    log.warning("Dask worker %s does not help with run %s: %s", worker, run_id, said)
                    asked[worker] = None
        except Exception as error:
            log.warning("the Dask cluster did not answer: %s", error)
        over.wait(LOOK_S)
