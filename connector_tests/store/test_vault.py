"""The vault: what goes in comes out under its own name alone, and start refuses keys that do not fit."""

from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from pydantic import SecretStr
from sqlalchemy import delete, select, update

from connector_defs.domain.errors import Fatal, LaneBlocked
from connector_defs.store import audit
from connector_defs.store.engine import Store
from connector_defs.store.resealing import rotate
from connector_defs.store.seal import Seal, make_seal
from connector_defs.store.tables import audit_event, vault
from connector_defs.store.vault import CANARY, KeysDoNotFit, Vault, look_up
from connector_tests.store.builders import NOON, SetClock, leases, seal_under

KEY, OTHER = Fernet.generate_key().decode(), Fernet.generate_key().decode()
NAME, VALUE = "BASWARE_CLIENT_SECRET", SecretStr("hunter2-geheim")


def opened(store: Store, clock: SetClock, *keys: str, start: bool = True) -> Vault:
    made = Vault(store, seal_under(*(keys or (KEY,))), clock)
    if start:
        made.start()
    return made


def test_what_goes_in_comes_out_and_lies_there_sealed(store: Store, clock: SetClock) -> None:
    kept = opened(store, clock)
    kept.put(NAME, VALUE, "ann")
    assert kept.get(NAME) == VALUE
    assert kept.get("BASWARE_WEBHOOK_SECRET") is None
    with store.read() as connection:
        for row in connection.execute(select(vault)):
            assert "hunter2" not in str(tuple(row))


def test_an_entry_tells_who_and_when_and_never_the_value(store: Store, clock: SetClock) -> None:
    kept = opened(store, clock)
    kept.put(NAME, VALUE, "ann")
    clock.wait(3600)
    kept.put("SYSPRO_OPERATOR_PASSWORD", SecretStr("x"), "bob")
    first, second = kept.entries()
    assert (first.name, first.changed_at, first.changed_by) == (NAME, NOON, "ann")
    assert (second.name, second.changed_at, second.changed_by) == (
        "SYSPRO_OPERATOR_PASSWORD",
        clock.now(),
        "bob",
    )
    assert "hunter2" not in repr(kept.entries())


def test_a_fingerprint_stands_for_name_and_value_of_this_store(store: Store, clock: SetClock) -> None:
    kept = opened(store, clock)
    kept.put(NAME, VALUE, "ann")
    (entry,) = kept.entries()
    assert entry.fingerprint == kept.fingerprint(NAME, VALUE)
    assert len(entry.fingerprint) == 12
    assert kept.fingerprint(NAME, SecretStr("other")) != entry.fingerprint
    assert kept.fingerprint("SYSPRO_ODATA_PASSWORD", VALUE) != entry.fingerprint
    with store.write() as connection:
        connection.execute(delete(vault))
    elsewhere = opened(store, clock)
    assert elsewhere.fingerprint(NAME, VALUE) != entry.fingerprint


def test_a_change_is_audited_without_the_value(store: Store, clock: SetClock) -> None:
    kept = opened(store, clock)
    kept.put(NAME, VALUE, "ann")
    kept.put(NAME, SecretStr("next"), "bob")
    assert kept.remove(NAME, "cyd")
    with store.read() as connection:
        events = connection.execute(select(audit_event).order_by(audit_event.c.id)).all()
    assert [(event.action, event.actor) for event in events] == [
        ("credential set", "ann"),
        ("credential set", "bob"),
        ("credential removed", "cyd"),
    ]
    assert "hunter2" not in str([tuple(event) for event in events])
    assert audit.verify(store).ok


def test_what_is_removed_is_gone_and_the_canary_stays(store: Store, clock: SetClock) -> None:
    kept = opened(store, clock)
    kept.put(NAME, VALUE, "ann")
    assert [kept.remove(NAME), kept.remove(NAME), kept.remove(CANARY)] == [True, False, False]
    assert kept.get(NAME) is None
    kept.start()


@pytest.mark.parametrize(("name", "value"), [("", "x"), (NAME, "")])
def test_nothing_is_kept_without_name_and_value(store: Store, clock: SetClock, name: str, value: str) -> None:
    with pytest.raises(ValueError, match="a name and a value"):
        opened(store, clock).put(name, SecretStr(value), "ann")


def test_a_vault_that_was_never_started_takes_nothing(store: Store, clock: SetClock) -> None:
    with pytest.raises(KeysDoNotFit, match="never started"):
        opened(store, clock, start=False).put(NAME, VALUE, "ann")
    with pytest.raises(KeysDoNotFit, match="never started"):
        opened(store, clock, start=False).fingerprint(NAME, VALUE)


class TestSwapped:
    """A sealed value put in another one's place in the database opens nothing."""

    def test_two_entries_that_were_swapped_are_refused_and_named(self, store: Store, clock: SetClock) -> None:
        kept = opened(store, clock)
        kept.put(NAME, VALUE, "ann")
        kept.put("SYSPRO_OPERATOR_PASSWORD", SecretStr("x"), "ann")
        with store.write() as connection:
            sealed = dict(connection.execute(select(vault.c.name, vault.c.sealed)).all())  # type: ignore[arg-type]
            connection.execute(
                update(vault).where(vault.c.name == NAME).values(sealed=sealed["SYSPRO_OPERATOR_PASSWORD"])
            )
        with pytest.raises(KeysDoNotFit, match=rf"\({NAME}\).* changed in the database"):
            kept.get(NAME)
        with pytest.raises(KeysDoNotFit, match=NAME):
            kept.start()
        assert kept.get("SYSPRO_OPERATOR_PASSWORD") == SecretStr("x")


class TestKeysThatDoNotFit:
    """Start refuses, names the remedy, and never makes a key beside sealed values."""

    def test_another_key_is_refused_even_where_no_credential_lies_there(
        self, store: Store, clock: SetClock
    ) -> None:
        opened(store, clock)
        with pytest.raises(KeysDoNotFit, match=r"no key of CONNECTOR_MASTER_KEY opens .* rotate"):
            opened(store, clock, OTHER)

    def test_the_older_key_behind_the_new_one_fits(self, store: Store, clock: SetClock) -> None:
        opened(store, clock).put(NAME, VALUE, "ann")
        assert opened(store, clock, OTHER, KEY).get(NAME) == VALUE

    def test_a_key_file_that_is_gone_is_not_made_anew(
        self, store: Store, clock: SetClock, tmp_path: Path
    ) -> None:
        file = tmp_path / "master.key"
        Vault(store, make_seal(None, file), clock).start()
        file.unlink()
        with pytest.raises(KeysDoNotFit, match=r"master.key does not exist, but .* discard"):
            Vault(store, make_seal(None, file), clock).start()
        assert not file.exists()

    def test_a_session_of_before_the_vault_keeps_the_key_from_being_made_as_well(
        self, store: Store, clock: SetClock, tmp_path: Path
    ) -> None:
        lanes = leases(store, clock)
        with lanes.hold("operator/A") as held:
            lanes.remember_session(held, "session")
        with pytest.raises(KeysDoNotFit, match="does not exist"):
            Vault(store, make_seal(None, tmp_path / "master.key"), clock).start()

    def test_a_value_whose_key_file_is_gone_amid_the_work_is_not_none(
        self, store: Store, clock: SetClock, tmp_path: Path
    ) -> None:
        file = tmp_path / "master.key"
        kept = Vault(store, make_seal(None, file), clock)
        kept.start()
        kept.put(NAME, VALUE, "ann")
        file.unlink()
        with pytest.raises(KeysDoNotFit, match="does not exist"):
            kept.get(NAME)

    def test_a_wrong_key_is_told_before_anything_is_looked_at(self, store: Store, clock: SetClock) -> None:
        with pytest.raises(Fatal, match="is not a key"):
            opened(store, clock, "hunter2")


def test_a_rotation_that_ends_between_reading_and_opening_is_no_wrong_key(
    store: Store, clock: SetClock
) -> None:
    keys = [KEY]
    opened(store, clock).put(NAME, VALUE, "ann")

    class Slow(Seal):
        """Before the first value is opened, all is sealed under another key, and the older one is gone."""

        def open(self, name: str, sealed: bytes) -> str | None:
            if keys == [KEY]:
                rotate(store, seal_under(OTHER, KEY), "bob", NOON)
                keys[:] = [OTHER]
            return super().open(name, sealed)

    slow = Vault(store, Slow(lambda: ",".join(keys)), clock)
    slow.start()
    assert slow.get(NAME) == VALUE


def test_the_first_start_makes_the_key_file_and_the_next_one_keeps_it(
    store: Store, clock: SetClock, tmp_path: Path
) -> None:
    file = tmp_path / "master.key"
    Vault(store, make_seal(None, file), clock).start()
    key = file.read_text(encoding="ascii")
    kept = Vault(store, make_seal(None, file), clock)
    kept.start()
    kept.put(NAME, VALUE, "ann")
    assert file.read_text(encoding="ascii") == key


class TestLookingUp:
    """Before anything is opened: what the vault holds of the names asked for."""

    def test_it_finds_what_is_asked_for_and_no_more(
        self, store: Store, state_url: str, clock: SetClock
    ) -> None:
        kept = opened(store, clock)
        kept.put(NAME, VALUE, "ann")
        kept.put("SYSPRO_ODATA_PASSWORD", SecretStr("x"), "ann")
        assert look_up(state_url, seal_under(KEY), [NAME, "BASWARE_WEBHOOK_SECRET"]) == {NAME: VALUE}

    def test_the_key_is_not_needed_where_nothing_is_found(self, state_url: str) -> None:
        assert look_up(state_url, Seal(lambda: "no key"), [NAME]) == {}

    def test_a_store_that_is_not_there_or_not_set_up_holds_nothing_and_is_not_made(
        self, empty_url: str, tmp_path: Path
    ) -> None:
        assert look_up(empty_url, seal_under(KEY), [NAME]) == {}
        assert not (tmp_path / "state").exists()

    def test_a_sqlite_file_without_our_tables_holds_nothing(self, tmp_path: Path) -> None:
        (tmp_path / "empty.db").touch()
        assert look_up(f"sqlite:///{tmp_path}/empty.db", seal_under(KEY), [NAME]) == {}

    def test_a_value_that_no_key_opens_is_refused(
        self, store: Store, state_url: str, clock: SetClock
    ) -> None:
        opened(store, clock).put(NAME, VALUE, "ann")
        with pytest.raises(KeysDoNotFit, match=NAME):
            look_up(state_url, seal_under(OTHER), [NAME])

    def test_a_store_that_is_away_is_told(self) -> None:
        with pytest.raises(LaneBlocked, match="not available"):
            look_up("postgresql://nobody@127.0.0.1:1/none", seal_under(KEY), [NAME])

    @pytest.mark.parametrize("url", ["nonsense", "mysql://host/db", "://x", "postgresql://me@host:port/db"])
    def test_a_url_of_no_store_is_refused(self, url: str) -> None:
        with pytest.raises(Fatal, match="CONNECTOR_STATE_URL"):
            look_up(url, seal_under(KEY), [NAME])
