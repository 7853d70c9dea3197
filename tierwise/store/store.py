"""The workspace: prompt sets, runs, grades and policies behind one object."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from tierwise import settings
from tierwise.store.attempts import Attempts
from tierwise.store.audit import Audit
from tierwise.store.backup import Backup, backup, load
from tierwise.store.claims import Claims
from tierwise.store.connection import Connection
from tierwise.store.evalsets import EvalSets
from tierwise.store.grades import Grades
from tierwise.store.migrations import migrate
from tierwise.store.people import People
from tierwise.store.policies import Policies
from tierwise.store.removal import Removal
from tierwise.store.reviews import Reviews
from tierwise.store.runs import Runs
from tierwise.store.scope import DEFAULT_PROJECT
from tierwise.store.shares import Shares
from tierwise.store.traffic import Traffic
from tierwise.store.whole import Row, put, take


class Store:
    """Open one for a process and share it between threads; each call uses a cursor of its own."""

    spender = ""
    """Whose daily cap its requests count towards; nobody's but the workspace's here, see `access.view.View`."""

    def __init__(self, path: Path | None = None) -> None:
        """Open or create the file (default: the workspace's own, or the shared database where `TIERWISE_DATABASE_URL` names one).

        Raises:
            StoreBusy: another process has it open.
        """
        self._connection = _connection(path)
        migrate(self._connection)
        self._bind(None)

    def _bind(self, project: str | None) -> None:
        self.path, self.shared, self.project = self._connection.path, self._connection.shared, project
        self.evalsets = EvalSets(self._connection, project)
        self.runs = Runs(self._connection, project)
        self.attempts = Attempts(self._connection)
        self.claims = Claims(self._connection)
        self.grades = Grades(self._connection)
        self.policies = Policies(self._connection, project)
        self.traffic = Traffic(self._connection, project)
        self.reviews = Reviews(self._connection)
        self.shares = Shares(self._connection, project)
        self.removal = Removal(self._connection, project)
        self.people = People(self._connection)
        self.audit = Audit(self._connection)

    def within(self, project: str | None) -> "Store":
        """The same file, as far as one project goes: lists and searches see nothing else, and what is added belongs to it.

        What hangs on a run, such as its outcomes, is found by the run's id alone; `access.view.View` asks first whose that is.
        """
        bound = object.__new__(Store)
        bound._connection = self._connection
        bound._bind(project)
        return bound

    def project_of(self, **named: str | None) -> str | None:
        """The project of the first thing named that there is: run, policy, set or profile, each by its id."""
        tables = {"run": "runs", "policy": "policies", "set": "evalsets", "profile": "traffic_profiles"}
        with self._connection.read() as cursor:
            for kind, key in named.items():
                found = key and cursor.execute(f"SELECT project_id FROM {tables[kind]} WHERE id = ?", [key]).fetchone()
                if found:
                    return found[0]
        return None

    def require(self, action: str) -> None:
        """Whoever has the file may do anything; `access.view.View` asks what a person may."""

    def note(self, action: str, kind: str, object_id: str, name: str, detail: str = "", once_a_day: bool = False) -> None:
        """What the program does of itself is not in the audit log; `access.view.View` writes what people do."""

    def backup(self, target: Path) -> Backup:
        """Copy everything into a new file while work goes on; see `backup.backup`."""
        return backup(self._connection, target)

    def load(self, source: Path) -> dict[str, int]:
        """Put a workspace file into this shared and empty one; see `backup.load`."""
        return load(source, self._connection)

    def take_run(self, run_id: str) -> dict[str, list[Row]]:
        """Everything that belongs to a run, as rows; see `whole.take`."""
        return take(self._connection, run_id)

    def put_run(self, run: Row, tables: Mapping[str, Sequence[Row]], policies: Sequence[Row]) -> None:
        """Keep a run with all that belongs to it, or nothing; see `whole.put`."""
        put(self._connection, run, tables, policies, self.project or DEFAULT_PROJECT)

    def close(self) -> None:
        self._connection.close()

    def __enter__(self) -> "Store":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _connection(path: Path | None) -> Connection:
    url = settings.database_url()
    if path is not None or url is None:
        return Connection(Path(path) if path else settings.database())
    from tierwise.store.postgres import PostgresConnection

    return PostgresConnection(url)
