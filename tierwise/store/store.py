"""The workspace: prompt sets, runs, grades and policies behind one object."""

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

    def close(self) -> None:
        self._connection.close()

    def __enter__(self) -> "Store":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
