"""Sealing all anew: everything under the first key, in one transaction, and nothing where a credential is lost."""

from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from pydantic import SecretStr
from sqlalchemy import select, update

from connector_defs.domain.errors import Fatal, RetryLater
from connector_defs.store.access_tokens import AccessTokens
from connector_defs.store.engine import Store
from connector_defs.store.key_file import KeyFileMissing
from connector_defs.store.leases import UNREADABLE, Leases
from connector_defs.store.resealing import Resealed, discard, rotate
from connector_defs.store.seal import Seal, make_seal, split_keys
from connector_defs.store.sealed import SEALED
from connector_defs.store.tables import audit_event, metadata, vault
from connector_defs.store.vault import KeysDoNotFit, Vault
from connector_tests.store.builders import NOON, SetClock, seal_under

OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()
SECRET = SecretStr("hunter2")


def fill(store: Store, seal: Seal, clock: SetClock) -> Vault:
    """Two credentials, a session id and a token."""
    kept = Vault(store, seal, clock)
    kept.start()
    kept.put("A", SECRET, "ann")
    kept.put("B", SecretStr("other"), "ann")
    lanes = Leases(store, clock, seal)
    with lanes.hold("operator/A") as held:
        lanes.remember_session(held, "session")
    AccessTokens(store, seal, clock, 60).obtain("client", lambda _: True, lambda: "token")
    return kept


def everything(store: Store, seal: Seal) -> dict[str, str | None]:
    with store.read() as connection:
        return {
            column.bound_to(key): seal.open(column.bound_to(key), sealed)
            for column in SEALED
            for key, sealed in column.values(connection).items()
            if key
        }


WHOLE = {
    "credential/A": "hunter2",
    "credential/B": "other",
    "session/operator/A": "session",
    "token/client": "token",
}


def test_every_sealed_column_of_the_schema_is_among_those_that_are_sealed_anew() -> None:
    found = {
        f"{table.name}.{column.name}"
        for table in metadata.tables.values()
        for column in table.columns
        if "sealed" in column.name
    }
    assert found == {f"{each.table.name}.{each.sealed.name}" for each in SEALED}


def test_with_the_new_key_in_front_all_is_sealed_under_it_and_the_old_one_may_go(
    store: Store, clock: SetClock
) -> None:
    before = fill(store, seal_under(OLD), clock).entries()
    assert rotate(store, seal_under(NEW, OLD), "ann", NOON) == Resealed(2, 1, 1)
    assert everything(store, seal_under(NEW)) == WHOLE
    after = Vault(store, seal_under(NEW), clock)
    after.start()
    assert after.entries() == before
    with store.read() as connection:
        last = connection.execute(select(audit_event).order_by(audit_event.c.id.desc())).first()
    assert last is not None
    assert (last.action, last.actor) == ("sealed anew", "ann")


def test_a_key_file_gets_a_new_key_and_loses_the_old_one(
    store: Store, clock: SetClock, tmp_path: Path
) -> None:
    file = tmp_path / "master.key"
    seal = make_seal(None, file)
    kept = fill(store, seal, clock)
    old = file.read_text(encoding="ascii")
    assert rotate(store, make_seal(None, file), "ann", NOON) == Resealed(2, 1, 1)
    (new,) = split_keys(file.read_text(encoding="ascii"))
    assert new != old
    assert everything(store, seal_under(new)) == WHOLE
    assert set(everything(store, seal_under(old)).values()) == {None}
    # A process that has the vault open all the while.
    assert kept.get("A") == SECRET


def test_what_a_killed_rotation_left_is_cleared_by_the_next(
    store: Store, clock: SetClock, tmp_path: Path
) -> None:
    file = tmp_path / "master.key"
    seal = make_seal(None, file)
    fill(store, seal, clock)
    assert seal.file is not None
    seal.file.replace(f"{NEW},{seal.file.read()}")
    assert everything(store, make_seal(None, file)) == WHOLE
    rotate(store, make_seal(None, file), "ann", NOON)
    assert len(split_keys(file.read_text(encoding="ascii"))) == 1
    assert everything(store, make_seal(None, file)) == WHOLE


def test_two_rotations_of_one_key_file_do_not_meet(store: Store, clock: SetClock, tmp_path: Path) -> None:
    seal = make_seal(None, tmp_path / "master.key")
    fill(store, seal, clock)
    assert seal.file is not None
    with seal.file.alone(), pytest.raises(RetryLater):
        rotate(store, make_seal(None, tmp_path / "master.key"), "ann", NOON)
    assert everything(store, seal) == WHOLE


def test_nothing_is_changed_where_one_credential_cannot_be_opened(store: Store, clock: SetClock) -> None:
    fill(store, seal_under(OLD), clock)
    with store.write() as connection:
        connection.execute(update(vault).where(vault.c.name == "B").values(sealed=b"changed"))
    with pytest.raises(KeysDoNotFit, match=r"\(B\)"):
        rotate(store, seal_under(NEW, OLD), "ann", NOON)
    assert everything(store, seal_under(OLD)) == {**WHOLE, "credential/B": None}


def test_without_the_old_key_nothing_is_changed(store: Store, clock: SetClock) -> None:
    fill(store, seal_under(OLD), clock)
    with pytest.raises(KeysDoNotFit):
        rotate(store, seal_under(NEW), "ann", NOON)
    assert everything(store, seal_under(OLD)) == WHOLE


def test_a_session_that_no_key_opens_is_left_as_one_whose_id_nobody_knows(
    store: Store, clock: SetClock
) -> None:
    fill(store, seal_under(OLD), clock)
    stranger = Leases(store, clock, seal_under(Fernet.generate_key().decode()))
    with stranger.hold("operator/B") as held:
        stranger.remember_session(held, "session")
    assert rotate(store, seal_under(NEW, OLD), "ann", NOON) == Resealed(2, 1, 1)
    lanes = Leases(store, clock, seal_under(NEW))
    with lanes.hold("operator/B") as held:
        assert lanes.orphan_session(held) == UNREADABLE


class TestDiscarding:
    """After a key was lost for good, the store is of use again."""

    def test_what_no_key_opens_goes_and_is_named(self, store: Store, clock: SetClock) -> None:
        fill(store, seal_under(OLD), clock)
        assert discard(store, seal_under(NEW), "ann", NOON) == ["A", "B"]
        after = Vault(store, seal_under(NEW), clock)
        after.start()
        assert after.entries() == []
        after.put("A", SECRET, "ann")
        assert after.get("A") == SECRET

    def test_what_can_be_opened_stays(self, store: Store, clock: SetClock) -> None:
        kept = fill(store, seal_under(OLD), clock)
        before = kept.entries()
        assert discard(store, seal_under(OLD), "ann", NOON) == []
        assert kept.entries() == before
        with store.write() as connection:
            connection.execute(update(vault).where(vault.c.name == "B").values(sealed=b"changed"))
        assert discard(store, seal_under(OLD), "ann", NOON) == ["B"]
        assert everything(store, seal_under(OLD))["credential/A"] == "hunter2"

    def test_fingerprints_are_made_anew_where_their_key_went(self, store: Store, clock: SetClock) -> None:
        fill(store, seal_under(OLD), clock)
        with store.write() as connection:
            connection.execute(update(vault).where(vault.c.name == "").values(sealed=b"changed"))
        assert discard(store, seal_under(OLD), "ann", NOON) == []
        kept = Vault(store, seal_under(OLD), clock)
        kept.start()
        assert kept.entries()[0].fingerprint == kept.fingerprint("A", SECRET)

    def test_a_key_file_that_is_gone_is_made(self, store: Store, clock: SetClock, tmp_path: Path) -> None:
        file = tmp_path / "master.key"
        fill(store, make_seal(None, file), clock)
        file.unlink()
        assert discard(store, make_seal(None, file), "ann", NOON) == ["A", "B"]
        Vault(store, make_seal(None, file), clock).start()

    def test_keys_that_are_wrong_discard_nothing(self, store: Store, clock: SetClock) -> None:
        fill(store, seal_under(OLD), clock)
        with pytest.raises(Fatal, match="is not a key"):
            discard(store, seal_under("hunter2"), "ann", NOON)

        def gone() -> str:
            raise KeyFileMissing("gone")

        with pytest.raises(KeyFileMissing):
            discard(store, Seal(gone), "ann", NOON)
        assert everything(store, seal_under(OLD)) == WHOLE
