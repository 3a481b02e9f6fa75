"""Every column of the store that holds something sealed, and the name each value is bound to.

A column that is missing here would not be sealed anew with the others when the master key is rotated.
"""

from dataclasses import dataclass

from sqlalchemy import Column, Connection, Table, select, update

from connector_defs.store.tables import access_token, lease, vault


@dataclass(frozen=True)
class SealedColumn:
    """Where values of one kind lie; `key` is the column that tells them apart."""

    kind: str
    table: Table
    key: Column[str]
    sealed: Column[bytes]

    def bound_to(self, key: str) -> str:
        """The name that the value under `key` is sealed as."""
        return f"{self.kind}/{key}"

    def values(self, connection: Connection, *, to_change: bool = False) -> dict[str, bytes]:
        """All sealed values by key; with `to_change` nobody else changes them before the transaction ends."""
        query = select(self.key, self.sealed).where(self.sealed.is_not(None)).order_by(self.key)
        found = connection.execute(query.with_for_update() if to_change else query)
        return {row[0]: row[1] for row in found}

    def put(self, connection: Connection, key: str, sealed: bytes | None) -> None:
        """Put another value in place of the one under `key`."""
        connection.execute(update(self.table).where(self.key == key).values({self.sealed.name: sealed}))


CREDENTIALS = SealedColumn("credential", vault, vault.c.name, vault.c.sealed)
SESSIONS = SealedColumn("session", lease, lease.c.name, lease.c.sealed_session)
TOKENS = SealedColumn("token", access_token, access_token.c.client, access_token.c.sealed)
SEALED = (CREDENTIALS, SESSIONS, TOKENS)
