"""A throw-away PostgreSQL on loopback, from the machine's own package; tests that need it are skipped where it is absent."""

import contextlib
import os
import secrets
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


def binaries() -> Path | None:
    """The folder with initdb and pg_ctl, which Debian keeps off the path; the newest version."""
    on_path = shutil.which("initdb")
    if on_path and shutil.which("pg_ctl"):
        return Path(on_path).resolve().parent
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda p: int(p.parts[-3]) if p.parts[-3].isdigit() else 0)
    return found[-1].parent if found else None


class Server:
    """One cluster with fsync off, for the time of a test session."""

    def __init__(self, folder: Path) -> None:
        self._bin, self._data = binaries(), folder / "data"
        # initdb and the server refuse to run as root, which CI often is.
        self._as = {"user": "postgres", "group": "postgres", "extra_groups": []} if os.geteuid() == 0 else {}
        if self._as:
            shutil.chown(folder, "postgres", "postgres")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self._run("initdb", "-D", str(self._data), "-U", "tierwise", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync")
        self.start()

    def start(self) -> None:
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c fsync=off -c max_connections=100"
        self._run("pg_ctl", "-D", str(self._data), "-l", str(self._data.parent / "log"), "-w", "-t", "60", "-o", options, "start")

    def stop(self) -> None:
        self._run("pg_ctl", "-D", str(self._data), "-m", "immediate", "-w", "stop")

    def url(self, schema: str) -> str:
        return f"postgresql://tierwise@127.0.0.1:{self.port}/postgres?options=-csearch_path%3D{schema}"

    def _run(self, command: str, *arguments: str) -> None:
        subprocess.run(
            [str(self._bin / command), *arguments], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/", **self._as
        )


@contextlib.contextmanager
def server() -> Iterator[Server]:
    if binaries() is None:
        pytest.skip("PostgreSQL's server is not installed (Debian: apt install postgresql)")
    pytest.importorskip("psycopg", reason="the PostgreSQL driver is not installed (requirements-team.txt)")
    folder = Path(tempfile.mkdtemp(prefix="tierwise-pg-"))  # pytest's own folders are closed to other users
    try:
        started = Server(folder)
        try:
            yield started
        finally:
            started.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def workspace(running: Server) -> Iterator[str]:
    """The address of an empty workspace of its own: a schema."""
    import psycopg

    schema = f"w{secrets.token_hex(6)}"
    with psycopg.connect(running.url(schema), autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {schema}")
    try:
        yield running.url(schema)
    finally:
        with psycopg.connect(running.url(schema), autocommit=True) as connection:
            connection.execute(f"DROP SCHEMA {schema} CASCADE")
