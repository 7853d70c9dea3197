"""Room on the disk before a run starts: one that fills it would stop half-way, and other work with it."""

import shutil

from tierwise.errors import StoreFull
from tierwise.store import Store

LEAST_BYTES = 200 * 2**20


def check_room(store: Store) -> None:
    """Raises StoreFull where less is free than 200 MB or twice the workspace: its .wal is taken in while it is still there."""
    try:
        free, size = shutil.disk_usage(store.path.parent).free, store.path.stat().st_size
    except OSError:
        return
    wanted = max(LEAST_BYTES, 2 * size)
    if free < wanted:
        raise StoreFull(
            f"Not started: the disk that holds {store.path.parent} has {free / 2**20:,.0f} MB free, and a run wants {wanted / 2**20:,.0f} MB "
            "(200 MB, or twice the workspace). Make room, or set TIERWISE_DATA to a folder on another disk."
        )
