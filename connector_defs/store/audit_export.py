"""The audit trail as a file, for an auditor or for a place that nobody of this machine can write to.

Each line holds an event as it is stored, with its hash and its predecessor's, so that whoever has the file can compute
the chains anew (`audit._hash` says how). Not here: what an event means.
"""

import csv
import json
import os
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TextIO

from sqlalchemy import RowMapping, select

from connector_defs.domain.cells import harmless
from connector_defs.domain.errors import Fatal
from connector_defs.private_files import create
from connector_defs.store.engine import Store
from connector_defs.store.tables import audit_event, instant_text

COLUMNS = ("chain", "sequence", "at", "actor", "company", "key", "action", "detail", "previous", "hash")
_AT_A_TIME = 5_000

Put = Callable[[dict[str, str | int]], object]


def export(store: Store, file: Path, *, key: str | None = None, overwrite: bool = False) -> int:
    """Write all events, or those of one record, oldest first; returns how many.

    `file` ends in .jsonl or .csv. It is there complete or not at all, and its owner's alone. Raises Fatal.
    """
    putter = _PUTTERS.get(file.suffix.lower())
    if putter is None:
        raise Fatal(f"{file}: the name must end in .jsonl or .csv, which says what kind of file it is")
    if file.exists() and not overwrite:
        raise Fatal(f"{file} is there already: name another file, or say --overwrite")
    part = file.with_name(f"{file.name}.{uuid.uuid4().hex}.part")
    written = 0
    try:
        with os.fdopen(create(part), "w", encoding="utf-8", newline="") as lines:
            put = putter(lines)
            for row in _events(store, key):
                put({**{name: row[name] for name in COLUMNS}, "at": instant_text(row["at"])})
                written += 1
        part.replace(file)
    except OSError as error:
        raise Fatal(f"{file} cannot be written: {error.strerror or type(error).__name__}") from None
    finally:
        # Where it could not be made, it cannot be removed either.
        with suppress(OSError):
            part.unlink()
    return written


def _events(store: Store, key: str | None) -> Iterator[RowMapping]:
    query = select(*(audit_event.c[name] for name in COLUMNS)).order_by(audit_event.c.id)
    if key is not None:
        query = query.where(audit_event.c.key == key)
    with store.read() as connection:
        yield from connection.execution_options(yield_per=_AT_A_TIME).execute(query).mappings()


def _as_json_lines(file: TextIO) -> Put:
    return lambda event: file.write(json.dumps(event, ensure_ascii=False) + "\n")


def _as_csv(file: TextIO) -> Put:
    # The mark at the beginning tells Excel that it is UTF-8.
    file.write("\ufeff")
    writer = csv.writer(file)
    writer.writerow(COLUMNS)
    return lambda event: writer.writerow([harmless(str(event[name])) for name in COLUMNS])


_PUTTERS: dict[str, Callable[[TextIO], Put]] = {".jsonl": _as_json_lines, ".csv": _as_csv}
