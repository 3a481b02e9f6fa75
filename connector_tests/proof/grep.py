"""Everything that was written anywhere, searched for secrets in every form they may take.

Belongs here: opening what is written (databases, Parquet, workbooks, plain bytes) and the forms of a secret, worked
out with the standard library and not with what the connector masks by. Not here: what was planted, and by whom.
"""

import base64
import gzip
import html
import json
import sqlite3
import zipfile
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, quote_plus
from xml.sax.saxutils import escape

import pyarrow.parquet as pq
from sqlalchemy import MetaData, create_engine, select
from sqlalchemy.engine import make_url

_SQLITE = b"SQLite format 3\x00"


@dataclass(frozen=True, order=True)
class Hit:
    """A secret found where none may be."""

    secret: str
    place: str
    around: str

    def __str__(self) -> str:
        return f"{self.secret} in {self.place}: {self.around}"


def forms_of(secret: str) -> set[bytes]:
    """As it is, for URLs, XML, JSON and Python, one escaping in another one, and whatever of it base64 keeps."""
    texts = {
        secret,
        quote(secret),
        quote(secret, safe=""),
        quote_plus(secret),
        escape(secret),
        html.escape(secret),
        quote(escape(secret), safe=""),
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        json.dumps(json.dumps(secret))[3:-3],
        quote(quote(secret, safe=""), safe=""),
        ascii(secret)[1:-1],
        repr(secret.encode())[2:-1],
        "".join(sign if sign.isalnum() and sign.isascii() else f"\\u{ord(sign):04X}" for sign in secret),
        html.escape(secret).encode("ascii", "xmlcharrefreplace").decode(),
    }
    found = {text.encode() for text in texts}
    for before in range(3):
        # The signs at both ends depend on what stands beside the secret.
        encoded = base64.b64encode(b"x" * before + secret.encode()).rstrip(b"=")[4 if before else 0 : -2]
        found |= {encoded, encoded.replace(b"+", b"-").replace(b"/", b"_")}
    return {form for form in found if len(form) >= 8}


def texts_of(path: Path) -> Iterator[tuple[str, bytes]]:
    """What a file holds: its bytes, and what is packed in them."""
    content = path.read_bytes()
    yield str(path), content
    if content.startswith(_SQLITE):
        yield from _rows(f"sqlite:///{path}", path.name)
    elif path.suffix == ".parquet":
        yield f"{path} (rows)", json.dumps(pq.read_table(path).to_pylist(), default=str).encode()
    elif zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as packed:
            for name in packed.namelist():
                yield f"{path}/{name}", packed.read(name)
    elif content.startswith(b"\x1f\x8b"):
        yield f"{path} (unpacked)", gzip.decompress(content)


def _rows(url: str, place: str) -> Iterator[tuple[str, bytes]]:
    """Every row of every table. Sealed values are ciphertext, and searched as what they are."""
    engine = create_engine(make_url(url).set(drivername="postgresql+psycopg") if "postgres" in url else url)
    tables = MetaData()
    tables.reflect(engine)
    with engine.connect() as connection:
        for table in tables.sorted_tables:
            rows = [tuple(map(str, row)) for row in connection.execute(select(table))]
            yield f"{place}, table {table.name}", json.dumps(rows, ensure_ascii=False).encode()
    engine.dispose()


def everything(folder: Path, database: str = "") -> Iterator[tuple[str, bytes]]:
    """All that lies under `folder`, and in the database where one is named."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_symlink():
            try:
                yield from texts_of(path)
            except sqlite3.DatabaseError:
                continue
    if database:
        yield from _rows(database, "the state store")


def hits(
    folder: Path,
    secrets: Mapping[str, Collection[str]],
    *,
    database: str = "",
    allowed: Mapping[str, Collection[str]] | None = None,
) -> list[Hit]:
    """Where which secret was found. `allowed` names the ends of files that hold one by need."""
    wanted = {
        name: {form for value in values for form in forms_of(value)} for name, values in secrets.items()
    }
    found = set()
    for place, content in everything(folder, database):
        for name, forms in wanted.items():
            if any(end in place for end in (allowed or {}).get(name, ())):
                continue
            for form in forms:
                at = content.find(form)
                if at >= 0:
                    around = content[max(0, at - 60) : at + len(form) + 20].decode("utf-8", "replace")
                    found.add(Hit(name, place.removeprefix(str(folder)), around.replace("\n", "\\n")))
                    break
    return sorted(found)
