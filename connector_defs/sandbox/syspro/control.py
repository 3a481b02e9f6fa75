"""Control routes of the SYSPRO simulator under `/_sandbox/syspro/`: what a test or demo may see and turn.

Plain JSON both ways; amounts are JSON numbers, dates CCYY-MM-DD. A wrong request is 400 or 404 with `error`.
"""

import json
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from connector_defs.sandbox.syspro.ledger import Ledger
from connector_defs.sandbox.syspro.periods import RELATIVE, Periods
from connector_defs.sandbox.syspro.sessions import Sessions
from connector_defs.sandbox.world.schema import Kind
from connector_defs.sandbox.world.tables import TableStore, Value

BASE = "/_sandbox/syspro"
_ENCODER = msgspec.json.Encoder(decimal_format="number")
Body = dict[str, Any]


@dataclass(frozen=True, slots=True)
class ControlDesk:
    """The routes over one simulator's state; every one holds its lock."""

    ledger: Ledger
    sessions: Sessions
    periods: Periods
    requests: Counter[str]
    lock: threading.RLock

    def routes(self) -> list[Route]:
        table = f"{BASE}/tables/{{table}}"
        return [
            self._route(f"{BASE}/ledger", "GET", lambda _: self.ledger.as_json()),
            self._route(f"{BASE}/sessions", "GET", self._sessions),
            self._route(f"{BASE}/sessions/evict", "POST", self._evict),
            self._route(f"{BASE}/operators/password", "POST", self._change_password),
            self._route(f"{BASE}/counters", "GET", lambda _: self._counters()),
            self._route(f"{BASE}/periods", "GET", lambda _: self._periods()),
            self._route(f"{BASE}/periods", "POST", self._set_period),
            self._route(f"{BASE}/payments", "POST", self._pay),
            self._route(f"{BASE}/payments/reverse", "POST", self._take_back),
            self._route(f"{BASE}/payments/adjust", "POST", self._adjust),
            self._route(f"{BASE}/gl-integration", "POST", self._fail_gl),
            self._route(f"{BASE}/tables", "GET", lambda _: self._sizes()),
            self._route(table, "GET", self._rows),
            self._route(table, "POST", self._insert),
            self._route(table, "PATCH", self._update),
            self._route(table, "DELETE", self._delete),
        ]

    def _route(self, path: str, method: str, action: Callable[[Body], object]) -> Route:
        async def endpoint(request: Request) -> Response:
            sent = await request.body()
            try:
                body = json.loads(sent, parse_float=Decimal) if sent else {}
                with self.lock:
                    shown = action({**request.query_params, **body, **request.path_params})
                    return _json(200, shown)
            except KeyError as error:
                return _json(404, {"error": f"not found or not given: {error.args[0]}"})
            except (ValueError, TypeError) as error:
                return _json(400, {"error": str(error)})

        return Route(path, endpoint, methods=[method])

    def _sessions(self, _body: Body) -> object:
        return {
            "open": [
                {"operator": each.operator, "company": each.company, "opened": each.opened, "used": each.used}
                for each in self.sessions.open
            ],
            "counts": self.sessions.counts,
        }

    def _evict(self, body: Body) -> object:
        """`{"operator": …}`: end this operator's sessions as a human logon would."""
        return {"evicted": self.sessions.evict_operator(str(body["operator"]))}

    def _change_password(self, body: Body) -> object:
        """`{"operator": …, "password": …}`: from the next logon on; open sessions live on."""
        self.sessions.change_password(str(body["operator"]), str(body["password"]))
        return {"operator": body["operator"]}

    def _counters(self) -> object:
        return {"requests": self.requests, "sessions": self.sessions.counts}

    def _periods(self) -> object:
        found = {code: self.periods.relative(code) for code in RELATIVE}
        return {
            code: {"year": period[0], "month": period[1], "open": self.periods.is_open(period)}
            for code, period in found.items()
            if period
        }

    def _set_period(self, body: Body) -> object:
        """`{"period": "C", "open": false}`, or `year` and `month` in place of the relative letter."""
        period = self.periods.relative(str(body["period"])) if "period" in body else None
        period = period or (int(body["year"]), int(body["month"]))
        self.periods.set_open(period, is_open=bool(body["open"]))
        return self._periods()

    def _pay(self, body: Body) -> object:
        """`{"supplier": …, "invoice": …}`: pay an invoice, all that is open or `value` of it.

        Beside `value` may stand `discount`, `cheque` (a manual cheque's number), `kind` (the row's letter), `day`.
        """
        value = body.get("value")
        self.ledger.pay(
            *_owner(body),
            None if value is None else Decimal(str(value)),
            discount=Decimal(str(body.get("discount", 0))),
            cheque=str(body.get("cheque", "")),
            kind=str(body.get("kind", "P")),
            day=_day(body),
        )
        return self._invoice(body)

    def _take_back(self, body: Body) -> object:
        """`{"supplier": …, "invoice": …}`: reverse the last payment of an invoice."""
        self.ledger.take_back(*_owner(body), day=_day(body))
        return self._invoice(body)

    def _adjust(self, body: Body) -> object:
        """`{"supplier": …, "invoice": …, "value": …}`: change what is open without money, by a row of `kind` (A)."""
        value, kind = Decimal(str(body["value"])), str(body.get("kind", "A"))
        self.ledger.adjust(*_owner(body), value, kind=kind, day=_day(body))
        return self._invoice(body)

    def _invoice(self, body: Body) -> object:
        return self.ledger.tables["ApInvoice"].get(*_owner(body))

    def _fail_gl(self, body: Body) -> object:
        """`{"fail": n}`: the next n AP postings stand, but their GL integration fails."""
        self.ledger.gl_failures_due = int(body["fail"])
        return {"fail": self.ledger.gl_failures_due}

    def _sizes(self) -> object:
        return {name: len(table) for name, table in self.ledger.tables.items()}

    def _rows(self, body: Body) -> object:
        """Rows whose columns equal the query parameters, at most `limit` (100) of them."""
        table = self._table(body)
        limit = int(body.get("limit", 100))
        wanted = _values(table, {name: text for name, text in body.items() if name not in ("limit", "table")})
        found: list[dict[str, Value]] = []
        for row in table:
            if len(found) == limit:
                break
            if all(_equal(row[name], value) for name, value in wanted.items()):
                found.append(row)
        return found

    def _insert(self, body: Body) -> object:
        """`{"row": {column: value}}`: add a row."""
        table = self._table(body)
        table.insert(_values(table, body["row"]))
        return {"rows": len(table)}

    def _update(self, body: Body) -> object:
        """`{"key": [...], "changes": {column: value}}`: change a row, for example put a supplier on hold."""
        table = self._table(body)
        return table.update(self._key(table, body), _values(table, body["changes"]))

    def _delete(self, body: Body) -> object:
        """`{"key": [...]}`: remove a row."""
        table = self._table(body)
        return {"deleted": table.delete(self._key(table, body))}

    def _table(self, body: Body) -> TableStore:
        return self.ledger.tables[str(body["table"])]

    def _key(self, table: TableStore, body: Body) -> list[Value]:
        parts = body["key"]
        if not isinstance(parts, list) or len(parts) != len(table.schema.key):
            raise ValueError(f"key must be a list of {', '.join(table.schema.key)}")
        return list(_values(table, dict(zip(table.schema.key, parts, strict=True))).values())


def _owner(body: Body) -> tuple[str, str]:
    return str(body["supplier"]), str(body["invoice"])


def _day(body: Body) -> date | None:
    return date.fromisoformat(str(body["day"])) if "day" in body else None


def _values(table: TableStore, sent: Mapping[str, Any]) -> dict[str, Value]:
    """JSON values as this table's columns hold them; KeyError for an unknown column."""
    values: dict[str, Value] = {}
    for name, value in sent.items():
        kind = table.schema.columns[table.position[name]].kind
        if kind is Kind.DATETIME:
            values[name] = None if value is None else date.fromisoformat(str(value)[:10])
        elif kind is Kind.DECIMAL:
            values[name] = Decimal(str(value))
        else:
            values[name] = str(value)
    return values


def _equal(held: Value, wanted: Value) -> bool:
    if isinstance(held, str) and isinstance(wanted, str):
        return held.rstrip(" ") == wanted.rstrip(" ")
    return held == wanted


def _json(status: int, shown: object) -> Response:
    return Response(_ENCODER.encode(shown), status, media_type="application/json")
