"""What is packed comes out piece by piece, whole or not at all, and never without measure."""

import gzip
import io
import struct
import zipfile
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector_defs.outside import packed
from connector_defs.outside.packed import BadPacking, TooLarge, open_zip, unpacked

MOST = 10_000_000


def cut(body: bytes, size: int) -> list[bytes]:
    return [body[at : at + size] for at in range(0, len(body), size)]


def plain(body: bytes, size: int = 1_000, most: int = MOST) -> bytes:
    return b"".join(unpacked(cut(body, size), most))


@given(st.binary(max_size=3_000), st.integers(1, 900), st.sampled_from([gzip.compress, zlib.compress]))
def test_what_was_packed_comes_back_wherever_the_pieces_end(body: bytes, size: int, pack: object) -> None:
    assert plain(pack(body), size) == body  # type: ignore[operator]


def test_no_piece_is_large_though_all_of_it_came_at_once() -> None:
    sizes = [len(piece) for piece in unpacked([gzip.compress(b"a" * 5_000_000, mtime=0)], MOST)]
    assert sum(sizes) == 5_000_000
    assert max(sizes) <= 1 << 16


def test_parts_after_one_another_are_one_and_zeros_behind_them_nothing() -> None:
    assert plain(gzip.compress(b"ab", mtime=0) + gzip.compress(b"c") + b"\0" * 3_000) == b"abc"


def test_nothing_packed_is_nothing() -> None:
    assert plain(b"") == b""


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (gzip.compress(b"abc" * 900, mtime=0)[:-9], "ends early"),
        (gzip.compress(b"abc" * 900, mtime=0)[:12], "ends early"),
        (gzip.compress(b"abc", mtime=0)[:-4] + b"\0\0\0\0", "not packed as it says"),
        (b"plain text", "not packed as it says"),
        (gzip.compress(b"abc", mtime=0) + b"more", "not packed as it says"),
        (gzip.compress(b"", mtime=0) * 1_001, "too many parts"),
    ],
)
def test_what_is_not_whole_is_refused(body: bytes, said: str) -> None:
    with pytest.raises(BadPacking, match=said):
        plain(body)


def test_more_than_is_taken_is_refused_before_it_is_unpacked() -> None:
    given_out: list[bytes] = []
    with pytest.raises(TooLarge, match="larger than 100000 bytes"):
        given_out.extend(unpacked([gzip.compress(b"a" * 9_000_000, mtime=0)], 100_000))
    assert sum(map(len, given_out)) <= 100_000


def test_what_swells_more_than_any_text_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packed, "FREE_BYTES", 1_000_000)
    with pytest.raises(TooLarge, match="swells more than 250-fold"):
        plain(gzip.compress(b" " * 9_000_000, mtime=0))
    rows = b"".join(b'{"ID": "%d", "TEXT": "%d"}' % (number, number * number) for number in range(90_000))
    assert plain(gzip.compress(rows, mtime=0)) == rows


def zipped(*members: bytes, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", method) as archive:
        for number, member in enumerate(members):
            archive.writestr(f"{number}", member)
    return content.getvalue()


def opened(body: bytes, most: int = MOST) -> list[bytes]:
    with open_zip(io.BytesIO(body), most) as archive:
        return [archive.read(name) for name in archive.namelist()]


def test_an_honest_zip_is_opened() -> None:
    assert opened(zipped(b"a", b"bc" * 900)) == [b"a", b"bc" * 900]
    assert opened(zipped(b"a", method=zipfile.ZIP_STORED)) == [b"a"]


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_packings_that_cannot_be_measured_while_they_are_read_are_refused(method: int) -> None:
    with pytest.raises(BadPacking, match="another way than by deflate"):
        opened(zipped(b"a" * 100, method=method))


def test_a_zip_that_says_itself_that_it_is_too_large_is_refused() -> None:
    with pytest.raises(TooLarge, match="larger than 1000 bytes"):
        opened(zipped(b"a" * 600, b"b" * 600), most=1_000)


def test_a_zip_that_swells_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packed, "FREE_BYTES", 100_000)
    with pytest.raises(TooLarge, match="swells"):
        opened(zipped(b"a" * 2_000_000))


def test_members_that_lie_over_one_another_are_refused() -> None:
    body = zipped(bytes(range(256)) * 40, method=zipfile.ZIP_STORED)
    start, end = body.index(b"PK\x01\x02"), body.index(b"PK\x05\x06")
    entry = body[start:end]
    listing = entry + entry[:-1] + b"1"
    ending = body[end : end + 8] + struct.pack("<HHII", 2, 2, len(listing), start) + b"\0\0"
    with pytest.raises(BadPacking, match="overlap"):
        opened(body[:start] + listing + ending)


def test_a_list_of_contents_without_end_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packed, "_MOST_AT_ONCE", 70_000)
    with pytest.raises(BadPacking, match="list of contents"):
        opened(zipped(*[b""] * 2_000))


def test_a_list_of_contents_that_points_before_the_file_is_refused() -> None:
    body = zipped(b"a")
    # As if a part before the file were missing.
    with pytest.raises(BadPacking, match="outside of itself"):
        opened(body[:-6] + struct.pack("<I", len(body)) + body[-2:])


def test_an_encrypted_zip_is_refused() -> None:
    body = bytearray(zipped(b"a"))
    body[body.index(b"PK\x01\x02") + 8] |= 1
    with pytest.raises(BadPacking, match="encrypted"):
        opened(bytes(body))
