"""The workspace: prompt sets, runs, grades and policies behind one object."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from tierwise import settings
from tierwise.store.attempts import Attempts
from tierwise.store.backup import Backup, backup
from tierwise.store.connection import Connection
from tierwise.store.evalsets import EvalSets
from tierwise.store.grades import Grades
from tierwise.store.migrations import migrate
from tierwise.store.policies import Policies
from tierwise.store.reviews import Reviews
from tierwise.store.runs import Runs
from tierwise.store.traffic import Traffic
from tierwise.store.whole import Row, put, take


class Store:
    """Open one for a process and share it between threads; each call uses a cursor of its own."""

    def __init__(self, path: Path | None = None) -> None:
        """Open or create the file (default: the workspace's own).

        Raises:
            StoreBusy: another process has it open.
        """
        self._connection = Connection(Path(path) if path else settings.database())
        migrate(self._connection)
        self.path = self._connection.path
        self.evalsets = EvalSets(self._connection)
        self.runs = Runs(self._connection)
        self.attempts = Attempts(self._connection)
        self.grades = Grades(self._connection)
        self.policies = Policies(self._connection)
        self.traffic = Traffic(self._connection)
        self.reviews = Reviews(self._connection)

    def backup(self, target: Path) -> Backup:
        """Copy everything into a new file while work goes on; see `backup.backup`."""
        return backup(self._connection, target)

    def take_run(self, run_id: str) -> dict[str, list[Row]]:
        """Everything that belongs to a run, as rows; see `whole.take`."""
        return take(self._connection, run_id)

    def put_run(self, run: Row, tables: Mapping[str, Sequence[Row]], policies: Sequence[Row]) -> None:
        """Keep a run with all that belongs to it, or nothing; see `whole.put`."""
        put(self._connection, run, tables, policies)

    def close(self) -> None:
        self._connection.close()

    def __enter__(self) -> "Store":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
