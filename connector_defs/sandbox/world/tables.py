"""One table in memory, kept in primary-key order as a clustered index would keep it.

Rows are tuples in column order, which keeps 100,000 order lines near 100 MB and a page a slice.
What a filter means is not known here.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache
from operator import itemgetter

from connector_defs.sandbox.world.schema import Column, Kind, TableSchema

Value = str | int | Decimal | date | None
Row = tuple[Value, ...]
Key = tuple[Value, ...]
Fit = Callable[[Value], Value]


class TableStore:
    """Rows of one table, unique by primary key and always in its binary order.

    Values are normalised to the declared type: `char` padded, decimals at their scale. A value that does
    not fit its column raises ValueError. Not thread-safe: the owner holds a lock.
    """

    def __init__(self, schema: TableSchema) -> None:
        self.schema = schema
        self.position = {column.name: index for index, column in enumerate(schema.columns)}
        self._key_positions = tuple(self.position[name] for name in schema.key)
        self._blanks = tuple(column.blank for column in schema.columns)
        self._fitters = tuple(_fitter(column) for column in schema.columns)
        self._rows: list[Row] = []
        self._keys: list[Key] = []

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[dict[str, Value]]:
        return (self.as_dict(row) for row in self._rows)

    @property
    def name(self) -> str:
        return self.schema.name

    @property
    def rows(self) -> list[Row]:
        """All rows in key order; not to be changed by the reader."""
        return self._rows

    def key_of(self, row: Row) -> Key:
        return tuple(row[index] for index in self._key_positions)

    def as_dict(self, row: Row) -> dict[str, Value]:
        return dict(zip(self.position, row, strict=True))

    def row(self, values: Mapping[str, Value]) -> Row:
        """A full row of this table; columns left out are blank. Unknown columns raise KeyError."""
        cells: list[Value] = list(self._blanks)
        for name, value in values.items():
            index = self.position[name]
            cells[index] = self._fitters[index](value)
        return tuple(cells)

    def load(self, records: Iterable[Mapping[str, Value]]) -> None:
        """Add many rows at once, sorting once. A repeated key raises ValueError."""
        self._rows.extend(self.row(record) for record in records)
        self._rows.sort(key=itemgetter(*self._key_positions))
        self._keys = [self.key_of(row) for row in self._rows]
        for earlier, later in zip(self._keys, self._keys[1:], strict=False):
            if earlier == later:
                raise ValueError(f"{self.name}: key {later} twice")

    def get(self, *key: Value) -> dict[str, Value] | None:
        """The row with this full key (char columns compare without trailing blanks)."""
        index = self._index(key)
        return None if index is None else self.as_dict(self._rows[index])

    def insert(self, values: Mapping[str, Value]) -> None:
        """Add one row; an existing key raises ValueError."""
        row = self.row(values)
        key = self.key_of(row)
        index = bisect_left(self._keys, key)
        if index < len(self._keys) and self._keys[index] == key:
            raise ValueError(f"{self.name}: key {key} exists")
        self._rows.insert(index, row)
        self._keys.insert(index, key)

    def update(self, key: Iterable[Value], changes: Mapping[str, Value]) -> dict[str, Value]:
        """Change columns of one row and return it; a missing row or a key column raises KeyError."""
        index = self._index(tuple(key))
        if index is None:
            raise KeyError(f"{self.name}: no row {key}")
        touched = set(changes) & set(self.schema.key)
        if touched:
            raise KeyError(f"{self.name}: {', '.join(sorted(touched))} is part of the key")
        self._rows[index] = self.row({**self.as_dict(self._rows[index]), **changes})
        return self.as_dict(self._rows[index])

    def delete(self, key: Iterable[Value]) -> bool:
        """Remove one row; False when there is none."""
        index = self._index(tuple(key))
        if index is None:
            return False
        del self._rows[index], self._keys[index]
        return True

    def span(self, prefix: Key) -> tuple[int, int]:
        """Positions of the rows whose leading key columns equal `prefix`."""
        prefix = self.fitted_key(prefix)
        return bisect_left(self._keys, prefix), bisect_right(
            self._keys, prefix, key=lambda key: key[: len(prefix)]
        )

    def first_from(self, prefix: Key) -> int:
        """Position of the first row whose leading key columns are not below `prefix`."""
        return bisect_left(self._keys, self.fitted_key(prefix))

    def fitted_key(self, key: Key) -> Key:
        return tuple(
            self._fitters[index](value) for index, value in zip(self._key_positions, key, strict=False)
        )

    def _index(self, key: Key) -> int | None:
        key = self.fitted_key(key)
        index = bisect_left(self._keys, key)
        return index if index < len(self._keys) and self._keys[index] == key else None


def _fitter(column: Column) -> Fit:
    """A function that brings a value to the form this column stores; ValueError when it cannot."""
    name, size = column.name, column.size

    def day(value: Value) -> Value:
        if value is not None and not isinstance(value, date):
            raise ValueError(f"{name} wants a date")
        return value

    def whole(value: Value) -> Value:
        if not isinstance(value, int | Decimal):
            raise ValueError(f"{name} wants a number")  # noqa: TRY004 - one refusal for type and length
        return int(value)

    unit = Decimal(1).scaleb(-column.scale)

    # Prices differ, but rates, discounts and quantities repeat: one object each saves 50 MB in 100,000 lines.
    @lru_cache(maxsize=512)
    def number(value: Value) -> Value:
        if not isinstance(value, int | Decimal):
            raise ValueError(f"{name} wants a number")  # noqa: TRY004 - as above
        return Decimal(value).quantize(unit, ROUND_HALF_UP)

    def text(value: Value) -> Value:
        if not isinstance(value, str) or len(value) > size:
            raise ValueError(f"{name} wants a text of at most {size} characters")
        return value

    def padded(value: Value) -> Value:
        return str(text(value)).ljust(size)

    if column.kind is Kind.DECIMAL:
        return number if column.scale else whole
    return {Kind.DATETIME: day, Kind.CHAR: padded, Kind.VARCHAR: text}[column.kind]
