"""Rows of an extract's file: every container and format, read piece by piece, and what is no such file."""

import csv
import gzip
import io
import json
import time
import tracemalloc
import zipfile
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector_defs.basware import extract_files
from connector_defs.basware.extract_files import BadExtractFile, ExtractRow, read_rows
from connector_defs.basware.wire import storable

ROWS = [{"ID": "a", "TEXT": 'x "y" {z}, [1]\\'}, {"ID": "b", "TEXT": "ä\n€"}]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "file"


def rows(path: Path, content: bytes) -> list[ExtractRow]:
    path.write_bytes(content)
    return list(read_rows(path))


def values(path: Path, content: bytes) -> list[dict[str, object]]:
    found = rows(path, content)
    assert all(row.flaw is None for row in found)
    return [dict(row.values) for row in found]


def zipped(*members: bytes, names: str = "abc", method: int = zipfile.ZIP_DEFLATED) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", method) as archive:
        archive.mkdir("folder")
        for name, member in zip(names, members, strict=False):
            archive.writestr(f"{name}.json", member)
    return packed.getvalue()


def csv_of(delimiter: str = ",", end: str = "\r\n") -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(ROWS[0]), delimiter=delimiter, lineterminator=end)
    writer.writeheader()
    writer.writerows(ROWS)
    return text.getvalue().encode()


JSON = json.dumps(ROWS, ensure_ascii=False).encode()


@pytest.mark.parametrize(
    "content",
    [
        JSON,
        json.dumps(ROWS, indent=2).encode(),
        json.dumps({"IA_INVOICE": ROWS}).encode(),
        b"\n".join(json.dumps(row).encode() for row in ROWS),
        gzip.compress(JSON, mtime=0),
        zipped(JSON),
        zipped(JSON, method=zipfile.ZIP_STORED),
        zipped(json.dumps(ROWS[:1]).encode(), json.dumps(ROWS[1:]).encode()),
        csv_of(),
        csv_of(";", "\n"),
        csv_of("\t"),
        csv_of("|"),
        b"\xef\xbb\xbf" + csv_of(),
        gzip.compress(csv_of(), mtime=0),
        zipped(csv_of()),
    ],
)
def test_the_rows_are_the_same_in_every_form(path: Path, content: bytes) -> None:
    assert values(path, content) == ROWS


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b" \n ",
        b"[]",
        b"[ ]",
        b'{"IA_INVOICE": [ ]}',
        zipped(),
        gzip.compress(b"", mtime=0),
        b"ID,TEXT\n",
    ],
)
def test_no_rows_are_no_mistake(path: Path, content: bytes) -> None:
    assert rows(path, content) == []


def test_numbers_keep_their_digits_and_an_empty_cell_is_none(path: Path) -> None:
    assert values(path, b'[{"SUM": 1250.000000, "N": 7}]') == [{"SUM": Decimal("1250.000000"), "N": 7}]
    assert values(path, b"ID,SUM\na,\n\nb,1.50\n") == [{"ID": "a", "SUM": None}, {"ID": "b", "SUM": "1.50"}]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b'[{"ID": "a"}', "',' is missing"),
        (b'[{"ID": "a"},', "ends early"),
        (b'[{"ID": "a', "ends inside a row"),
        (b'[{"ID": "a}]', "ends inside a row"),
        (b'[{"ID": "a\\', "ends inside a row"),
        (b"[", "ends early"),
        (b'{"T": [{"ID": "a"}]', "'}' is missing"),
        (b'[{"ID": "a"}]]', "goes on after"),
        (b'[{"ID": "a"} {"ID": "b"}]', "',' is missing"),
        (b"[1, 2]", "something else than rows"),
        (b'[["a"]]', "something else than rows"),
        (b'{"ID": "a"} nonsense', "something else than rows"),
        (b"\xef\xbb\xbf[]", "byte order mark"),
        (JSON.replace("ä".encode(), b"\xe4"), "damaged"),
        ("[]".encode("utf-16"), "damaged"),
        (gzip.compress(JSON, mtime=0)[:-9], "ends early"),
        (zipped(JSON)[:-9], "damaged"),
        (zipped(JSON).replace(b"PK\x03\x04", b"PK\x03\x04", 1)[:40] + b"\x00" * 400, "damaged"),
        (b"\x1f\x8b but no gzip", "not packed as it says"),
        (b"ID,ID\na,b\n", "'ID' occurs twice"),
        (b'ID,TEXT\na,"open', "damaged"),
        (b"ID,TEXT\na," + b"x" * 200_000 + b"\n", "damaged"),
    ],
)
def test_a_file_that_cannot_be_read_to_its_end_is_refused(path: Path, content: bytes, reason: str) -> None:
    with pytest.raises(BadExtractFile, match=reason):
        rows(path, content)


def test_the_rows_before_the_damage_are_handed_out(path: Path) -> None:
    path.write_bytes(b'[{"ID": "a"}, {"ID": "b"')
    reading = read_rows(path)
    assert next(reading).values == {"ID": "a"}
    with pytest.raises(BadExtractFile):
        next(reading)


def test_a_damaged_member_of_a_zip_is_noticed_by_its_sum(path: Path) -> None:
    content = bytearray(zipped(JSON, method=zipfile.ZIP_STORED))
    content[content.index(b'"b"') + 1] = ord("c")
    with pytest.raises(BadExtractFile, match="damaged"):
        rows(path, bytes(content))


def test_an_encrypted_zip_is_refused(path: Path) -> None:
    content = bytearray(zipped(JSON))
    # The flag of the member stands in the central directory, after the folder's.
    content[content.rindex(b"PK\x01\x02") + 8] |= 1
    with pytest.raises(BadExtractFile, match="encrypted"):
        rows(path, bytes(content))


@pytest.mark.parametrize(
    ("row", "flaw"),
    [
        ('{"ID": "a", "SUM": NaN}', "NaN"),
        ('{"ID": "a", "SUM": 1e400}', "range of a double"),
        ('{"ID": "a", "SUM": ' + "1" * 40 + "}", "38 digits"),
        ('{"ID": "a", "X": 1, "X": 2}', "occurs twice"),
        ('{"ID": "a", "X": ' + "[" * 70 + "]" * 70 + "}", "nested deeper"),
        ('{"ID": "a", "X": ' + "[" * 10_000 + "]" * 10_000 + "}", "nested deeper"),
    ],
)
def test_a_row_that_must_not_be_trusted_is_marked_and_the_next_is_read(
    path: Path, row: str, flaw: str
) -> None:
    bad, good = rows(path, f'[{row}, {{"ID": "b"}}]'.encode())
    assert flaw in (bad.flaw or "")
    assert good == ExtractRow({"ID": "b"})


def test_a_csv_row_with_another_number_of_cells_is_marked(path: Path) -> None:
    few, many = rows(path, b"ID,TEXT\na\nb,c,d\n")
    assert few == ExtractRow({"ID": "a"}, "1 cells under 2 columns")
    assert many.flaw == "3 cells under 2 columns"


def test_a_row_without_end_is_not_read_without_end(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extract_files, "MAX_ROW_CHARACTERS", 100_000)
    for content in (b'[{"ID": "' + b"a" * 300_000 + b'"}]', b"ID\n" + b"a" * 300_000):
        with pytest.raises(BadExtractFile, match="longer than"):
            rows(path, content)


def test_a_file_that_swells_when_it_is_unpacked_is_stopped(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extract_files, "MAX_UNPACKED_BYTES", 1_000_000)
    bomb = b"[" + b" " * 20_000_000 + b"]"
    for content in (gzip.compress(bomb, mtime=0), zipped(bomb)):
        assert len(content) < 100_000
        with pytest.raises(BadExtractFile, match="larger than"):
            rows(path, content)


def test_memory_does_not_grow_with_the_file(path: Path) -> None:
    with gzip.open(path, "wb") as file:
        file.write(b"[")
        for number in range(50_000):
            file.write(b"," * (number > 0) + b'{"ID": "%d", "TEXT": "%s"}' % (number, b"x" * 300))
        file.write(b"]")
    tracemalloc.start()
    try:
        assert sum(1 for _ in read_rows(path)) == 50_000
        assert tracemalloc.get_traced_memory()[1] < 3_000_000
    finally:
        tracemalloc.stop()


@given(
    st.lists(st.dictionaries(st.text(max_size=5), st.text(max_size=40), max_size=3), max_size=8),
    st.integers(min_value=1, max_value=9),
)
def test_where_a_piece_ends_makes_no_difference(
    tmp_path_factory: pytest.TempPathFactory, wanted: list[dict[str, str]], piece: int
) -> None:
    path = tmp_path_factory.mktemp("pieces") / "file"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(extract_files, "_PIECE", piece)
        for ascii_only in (True, False):
            content = json.dumps(wanted, ensure_ascii=ascii_only).encode()
            assert values(path, content) == [storable(dict(row)) for row in wanted]


def test_a_million_columns_are_refused_unread(path: Path) -> None:
    with pytest.raises(BadExtractFile, match="more than 2000 columns"):
        rows(path, b"a," * 300_000 + b"b\n")


def test_a_record_of_a_million_cells_is_not_read_without_end(path: Path) -> None:
    with pytest.raises(BadExtractFile, match="longer than"):
        rows(path, b"ID,TEXT\n" + b'"\n",' * 300_000)


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_packings_that_swell_unseen_are_refused(path: Path, method: int) -> None:
    with pytest.raises(BadExtractFile, match="another way than by deflate"):
        rows(path, zipped(JSON, method=method))


def test_gzip_files_one_after_the_other_are_one_file(path: Path) -> None:
    body = json.dumps(ROWS, ensure_ascii=False).encode()
    assert values(path, gzip.compress(body[:20]) + gzip.compress(body[20:])) == ROWS


def test_a_name_without_end_in_a_gzip_file_takes_no_time(path: Path) -> None:
    begun = time.process_time()
    with pytest.raises(BadExtractFile, match="ends early"):
        rows(path, b"\x1f\x8b\x08\x08" + b"\0" * 6 + b"n" * 3_000_000)
    assert time.process_time() - begun < 1


def test_more_rows_than_any_file_has_are_not_read(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extract_files, "MAX_ROWS", 2)
    path.write_bytes(b"ID\na\nb\nc\n")
    found = read_rows(path)
    assert [next(found).values, next(found).values] == [{"ID": "a"}, {"ID": "b"}]
    with pytest.raises(BadExtractFile, match="more than 2 rows"):
        next(found)
