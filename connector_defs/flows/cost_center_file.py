"""Cost centres from a CSV file: the source of sites that keep them in no table of SYSPRO.

A file with a mistake is refused as a whole, since every cost centre that it fails to name would be made inactive in
Basware; what was published before stays. Names that Basware does not take are told record by record later.
"""

import io
from pathlib import Path

from connector_defs.domain.errors import Fatal
from connector_defs.outside.csv_text import BadCsv, records
from connector_defs.settings import CostCenterSettings

# Mistakes beyond these are not told, and from the last of them on the file is read no further.
_SHOWN = 10
_MOST_MISTAKES = 1_000
# Far above the cost centres of any company.
_MOST_BYTES = 10_000_000


def cost_centers_of_file(chosen: CostCenterSettings) -> list[tuple[str, str]]:
    """(code, description) of every cost centre of the file, in its order; Fatal names the file and the rows."""
    path = chosen.file
    if path is None:
        raise Fatal("companies.cost_centers.source is csv: set companies.cost_centers.file")
    found: dict[str, str] = {}
    mistakes: list[str] = []
    code_at = name_at = width = -1
    try:
        for line, row in records(io.StringIO(_text(path), newline=""), chosen.delimiter):
            if not any(cell.strip() for cell in row):
                continue
            if width < 0:
                code_at, name_at, width = *_places(path, row, chosen), len(row)
                continue
            code = row[code_at].strip() if len(row) == width else ""
            if len(row) != width:
                mistakes.append(f"line {line} has {len(row)} cells, the heading has {width}")
            elif not code:
                mistakes.append(f"line {line} has no {chosen.code_column}")
            elif code in found:
                mistakes.append(f"line {line}: {chosen.code_column} {code!r} stands there twice")
            else:
                found[code] = row[name_at].strip()
            if len(mistakes) == _MOST_MISTAKES:
                break
    except BadCsv as error:
        raise _refused(path, [f"line {error.line}: {error}"]) from None
    if mistakes:
        raise _refused(path, mistakes)
    if not found:
        raise _refused(path, ["it holds no cost centre"])
    return list(found.items())


def _text(path: Path) -> str:
    """The file's text; Excel writes UTF-8 with a mark in front, or Windows-1252."""
    try:
        with path.open("rb") as file:
            raw = file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise Fatal(
            f"the file of cost centres {path} cannot be read ({error.strerror}): "
            "correct companies.cost_centers.file"
        ) from None
    if len(raw) > _MOST_BYTES:
        raise _refused(path, [f"it is larger than {_MOST_BYTES // 1_000_000} MB"])
    if b"\0" in raw:
        raise _refused(path, ["it is no text, or one in UTF-16: save it as `CSV UTF-8`"])
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        try:
            return raw.decode("cp1252")
        except UnicodeDecodeError:
            raise _refused(path, ["it is neither UTF-8 nor Windows-1252"]) from None


def _places(path: Path, heading: list[str], chosen: CostCenterSettings) -> tuple[int, int]:
    names = [cell.strip().casefold() for cell in heading]
    wanted = [chosen.code_column, chosen.name_column]
    missing = [name for name in wanted if name.casefold() not in names]
    if missing:
        raise _refused(
            path, [f"the heading has no column {', '.join(missing)}; it has {', '.join(heading)[:200]}"]
        )
    return names.index(wanted[0].casefold()), names.index(wanted[1].casefold())


def _refused(path: Path, mistakes: list[str]) -> Fatal:
    more = f"; and {len(mistakes) - _SHOWN} more" if len(mistakes) > _SHOWN else ""
    return Fatal(
        f"the file of cost centres {path} is refused, and cost centres stay as they are: "
        f"{'; '.join(mistakes[:_SHOWN])}{more}. Correct the file, or companies.cost_centers in connector.toml"
    )
