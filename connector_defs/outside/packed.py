"""What is packed by gzip, zlib or zip: unpacked piece by piece, and stopped where it swells beyond measure.

The packing of a whole gigabyte of zeros is a megabyte. So nothing is unpacked in one go, and what grows more than
any honest text does is taken for what it is.
"""

import io
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from typing import IO, Final

# Rows of a table as text shrink to a tenth or a thirtieth; deflate cannot do better than 1 : 1032.
MAX_RATIO: Final = 250
# Up to this many bytes nothing is said of the ratio.
FREE_BYTES: Final = 16_000_000

_PIECE: Final = 1 << 16
# zlib finds out by itself whether the data has gzip's header or its own.
_EITHER_HEADER: Final = 47
_MOST_PARTS: Final = 1_000
# 2 MB of a zip's list of contents name some 25,000 members.
_MOST_AT_ONCE: Final = 2_000_000
_ENCRYPTED: Final = 0x1
_KNOWN_METHODS: Final = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})


class BadPacking(ValueError):
    """The data cannot be unpacked, or unpacks to more than is taken; the message says which."""


class TooLarge(BadPacking):
    """It unpacks to more than is taken."""


def unpacked(pieces: Iterable[bytes], most: int) -> Iterator[bytes]:
    """What gzip or zlib packed, piece by piece, at most `most` bytes of it. BadPacking where it ends early, too."""
    packing = zlib.decompressobj(_EITHER_HEADER)
    taken = given = 0
    parts = 1
    for piece in pieces:
        taken += len(piece)
        rest = piece
        while rest:
            if packing.eof:
                if not rest.strip(b"\0"):
                    break
                parts += 1
                packing = zlib.decompressobj(_EITHER_HEADER)
            plain = _step(packing, rest)
            rest = packing.unused_data or packing.unconsumed_tail
            given += len(plain)
            _measure(taken, given, parts, most)
            if plain:
                yield plain
    while not packing.eof and (plain := _step(packing, b"")):
        given += len(plain)
        _measure(taken, given, parts, most)
        yield plain
    if taken and not packing.eof:
        raise BadPacking("ends early")


def _step(packing: "zlib._Decompress", piece: bytes) -> bytes:
    try:
        return packing.decompress(piece, _PIECE)
    except zlib.error:
        raise BadPacking("is not packed as it says") from None


def _measure(taken: int, given: int, parts: int, most: int) -> None:
    if given > most:
        raise TooLarge(f"is larger than {most} bytes when it is unpacked")
    if given > FREE_BYTES and given > taken * MAX_RATIO:
        raise TooLarge(f"swells more than {MAX_RATIO}-fold when it is unpacked")
    if parts > _MOST_PARTS:
        raise BadPacking("is packed in too many parts")


class _Measured(io.RawIOBase):
    """A file of which nobody reads much at once: a zip's list of contents is read in one go."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        if whence == io.SEEK_SET and offset < 0:
            raise BadPacking("points to a place outside of itself")
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def read(self, size: int | None = -1) -> bytes:
        wanted = _MOST_AT_ONCE + 1 if size is None or not 0 <= size <= _MOST_AT_ONCE else size
        piece = self._file.read(wanted)
        if len(piece) > _MOST_AT_ONCE:
            raise BadPacking("holds a list of contents too long to be honest")
        return piece


def open_zip(file: IO[bytes], most: int) -> zipfile.ZipFile:
    """A zip whose members come to `most` bytes at most, by its own word: no member gives more than it says.

    BadPacking where it is encrypted, swells, or is packed in a way that cannot be measured while it is read. What
    else is wrong with it shows as one of zipfile's own errors.
    """
    length = file.seek(0, io.SEEK_END)
    file.seek(0)
    archive = zipfile.ZipFile(_Measured(file))
    members = archive.infolist()
    if any(member.flag_bits & _ENCRYPTED for member in members):
        raise BadPacking("is encrypted")
    if any(member.compress_type not in _KNOWN_METHODS for member in members):
        raise BadPacking("is packed in another way than by deflate")
    whole = sum(member.file_size for member in members)
    if whole > most:
        raise TooLarge(f"is larger than {most} bytes when it is unpacked")
    if whole > FREE_BYTES and whole > length * MAX_RATIO:
        raise TooLarge(f"swells more than {MAX_RATIO}-fold when it is unpacked")
    if sum(member.compress_size for member in members) > length:
        raise BadPacking("holds members that overlap")
    return archive
