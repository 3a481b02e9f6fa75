"""Cost centres from a CSV file: the source of sites that keep them in no table of SYSPRO.

A file with a mistake is refused as a whole, since every cost centre that it fails to name would be made inactive in
Basware; what was published before stays. Names that Basware does not take are told record by record later.
"""

import csv
import io
from pathlib import Path

from connector_defs.domain.errors import Fatal
from connector_defs.settings import CostCenterSettings

# Mistakes beyond these are counted only.
_SHOWN = 10


def cost_centers_of_file(chosen: CostCenterSettings) -> list[tuple[str, str]]:
    """(code, description) of every cost centre of the file, in its order; Fatal names the file and the rows."""
    path = chosen.file
    if path is None:
        raise Fatal("companies.cost_centers.source is csv: set companies.cost_centers.file")
    rows = csv.reader(io.StringIO(_text(path), newline=""), delimiter=chosen.delimiter, strict=True)
    found: dict[str, str] = {}
    mistakes: list[str] = []
    code_at = name_at = width = -1
    try:
        for row in rows:
            if not any(cell.strip() for cell in row):
                continue
            if width < 0:
                code_at, name_at, width = *_places(path, row, chosen), len(row)
                continue
            code = row[code_at].strip() if len(row) == width else ""
            if len(row) != width:
                mistakes.append(f"line {rows.line_num} has {len(row)} cells, the heading has {width}")
            elif not code:
                mistakes.append(f"line {rows.line_num} has no {chosen.code_column}")
            elif code in found:
                mistakes.append(f"line {rows.line_num}: {chosen.code_column} {code!r} stands there twice")
            else:
                found[code] = row[name_at].strip()
    except csv.Error as error:
        raise _refused(path, [f"line {rows.line_num}: {error}"]) from None
    if mistakes:
        raise _refused(path, mistakes)
    if not found:
        raise _refused(path, ["it holds no cost centre"])
    return list(found.items())


def _text(path: Path) -> str:
    """The file's text; Excel writes UTF-8 with a mark in front, or Windows-1252."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise Fatal(
            f"the file of cost centres {path} cannot be read ({error.strerror}): "
            "correct companies.cost_centers.file"
        ) from None
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
