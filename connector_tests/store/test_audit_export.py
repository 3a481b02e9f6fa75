"""The audit trail as a file that can be checked without the store."""

import csv
import hashlib
import json
from pathlib import Path

import pytest

from connector_defs.domain.errors import Fatal
from connector_defs.store.audit import GENESIS, Event, append
from connector_defs.store.audit_export import COLUMNS, export
from connector_defs.store.engine import Store
from connector_tests.store.builders import NOON


def write(store: Store, *keys: str, **detail: object) -> None:
    with store.write() as connection:
        append(
            connection,
            [Event(f"invoice/M1/{key}", "M1", key, "moved", "=who()", detail) for key in keys],
            NOON,
        )


def test_whoever_has_the_file_can_compute_the_chains_anew(store: Store, tmp_path: Path) -> None:
    write(store, "a", "b", text="ä")
    write(store, "a", n=2)
    file = tmp_path / "audit.jsonl"
    assert export(store, file) == 3
    last: dict[str, str] = {}
    for line in file.read_text(encoding="utf-8").splitlines():
        event = json.loads(line)
        assert event["previous"] == last.get(event["chain"], GENESIS)
        text = json.dumps([event[name] for name in COLUMNS[:-1]], ensure_ascii=False)
        assert event["hash"] == hashlib.sha256(text.encode()).hexdigest()
        last[event["chain"]] = event["hash"]
    assert len(last) == 2


def test_a_table_for_a_spreadsheet_runs_no_formula(store: Store, tmp_path: Path) -> None:
    write(store, "a", "b")
    file = tmp_path / "audit.csv"
    assert export(store, file, key="a") == 1
    (head, row) = csv.reader(file.read_text(encoding="utf-8-sig").splitlines())
    assert tuple(head) == COLUMNS
    assert (row[head.index("key")], row[head.index("actor")]) == ("a", "'=who()")


def test_the_file_is_its_owners_alone_and_nothing_is_left_beside_it(store: Store, tmp_path: Path) -> None:
    write(store, "a")
    export(store, tmp_path / "audit.jsonl")
    (file,) = tmp_path.glob("audit.jsonl*")
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_file_that_is_there_is_replaced_only_when_told(store: Store, tmp_path: Path) -> None:
    write(store, "a")
    file = tmp_path / "audit.jsonl"
    file.write_text("older", encoding="utf-8")
    with pytest.raises(Fatal, match="is there already"):
        export(store, file)
    assert file.read_text(encoding="utf-8") == "older"
    assert export(store, file, overwrite=True) == 1


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("audit.txt", "must end in"),
        ("no/such/folder/audit.csv", "cannot be written"),
        ("a file/audit.csv", "cannot be written: Not a directory"),
        (f"{'a' * 240}.jsonl", "cannot be written: File name too long"),
    ],
)
def test_a_file_that_cannot_be_is_refused(store: Store, tmp_path: Path, name: str, told: str) -> None:
    (tmp_path / "a file").touch()
    with pytest.raises(Fatal, match=told):
        export(store, tmp_path / name)
