"""A small OData service in memory that evaluates real queries, with the habits different servers may have."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote

import httpx
from pydantic import SecretStr

from connector_defs.syspro.odata import ODataClient, RetryPolicy

RawRow = Mapping[str, object]

_TOKEN = re.compile(r"\s*(\(|\)|'(?:[^']|'')*'|[^\s()']+)")
_COMPARE: Mapping[str, Callable[[object, object], bool]] = {
    "eq": lambda a, b: a == b,
    "ne": lambda a, b: a != b,
    "gt": lambda a, b: a > b,  # type: ignore[operator]
    "ge": lambda a, b: a >= b,  # type: ignore[operator]
    "lt": lambda a, b: a < b,  # type: ignore[operator]
    "le": lambda a, b: a <= b,  # type: ignore[operator]
}


def matches(filter_text: str, row: RawRow) -> bool:
    """Evaluate a `$filter` of comparisons, and, or and brackets over one row."""
    tokens = _TOKEN.findall(filter_text)
    position = 0

    def take() -> str:
        nonlocal position
        position += 1
        return tokens[position - 1]

    def peek() -> str | None:
        return tokens[position] if position < len(tokens) else None

    def term() -> bool:
        if peek() == "(":
            take()
            value = either()
            assert take() == ")"
            return value
        column, operator, wanted = take(), take(), _value(take())
        return _COMPARE[operator](row[column], wanted)

    def both() -> bool:
        value = term()
        while peek() == "and":
            take()
            value = term() and value
        return value

    def either() -> bool:
        value = both()
        while peek() == "or":
            take()
            value = both() or value
        return value

    result = either()
    assert peek() is None
    return result


def _value(token: str) -> object:
    if token.startswith("'"):
        return token[1:-1].replace("''", "'")
    return int(token) if token.isdigit() else token


@dataclass
class ServiceDouble:
    """Rows of tables, and what this service does differently from the plainest one."""

    tables: dict[str, list[RawRow]]
    cap: int = 5000
    trims: bool = False
    next_links: bool = False
    refuses_key_filter: bool = False
    ignores_filter: bool = False
    ignores_skip: bool = False
    strict_select: bool = False
    max_filter: int = 100_000
    accepts: Callable[[str], bool] = lambda _: True
    answers: list[httpx.Response | Exception] = field(default_factory=list)
    queries: list[dict[str, str]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    requests: list[httpx.Request] = field(default_factory=list)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        query = dict(parse_qsl(request.url.query.decode(), keep_blank_values=True))
        self.requests.append(request)
        self.queries.append(query)
        self.paths.append(request.url.raw_path.decode().split("?")[0])
        if self.answers:
            answer = self.answers.pop(0)
            if isinstance(answer, Exception):
                raise answer
            return answer
        name = unquote(self.paths[-1].rsplit("/", 1)[1])
        if name not in self.tables:
            return httpx.Response(404, json={"error": {"code": "", "message": f"no {name}"}})
        return self._rows(self.tables[name], query)

    def _rows(self, rows: Sequence[RawRow], query: Mapping[str, str]) -> httpx.Response:
        wanted = query.get("$filter", "")
        selected = query["$select"].split(",") if "$select" in query else None
        if self.strict_select and selected and rows and not set(selected) <= set(rows[0]):
            return httpx.Response(400, json={"error": {"message": "unknown property in $select"}})
        if (self.refuses_key_filter and " gt " in wanted) or len(wanted) > self.max_filter:
            return httpx.Response(400, text="<html><body><h2>Bad Request</h2></body></html>")
        if not self.accepts(wanted):
            return httpx.Response(400, json={"error": {"message": "literal not understood"}})
        if wanted and not self.ignores_filter:
            rows = [row for row in rows if matches(wanted, row)]
        order = query.get("$orderby", "").split(",")
        rows = sorted(rows, key=lambda row: tuple(row[name] for name in order if name))  # type: ignore[type-var]
        skip = 0 if self.ignores_skip else int(query.get("$skip", 0))
        page = rows[skip : skip + min(int(query.get("$top", 5000)), self.cap)]
        value = [self._shown(row, selected) for row in page]
        reply: dict[str, object] = {"@odata.context": "x", "value": value}
        if self.next_links:
            reply["@odata.nextLink"] = "https://elsewhere.example/next"
        return httpx.Response(200, content=json.dumps(reply).encode())

    def _shown(self, row: RawRow, selected: Sequence[str] | None) -> dict[str, object]:
        return {
            name: value.rstrip() if self.trims and isinstance(value, str) else value
            for name, value in row.items()
            if selected is None or name in selected
        }


def client_of(double: Callable[[httpx.Request], httpx.Response], **options: object) -> ODataClient:
    """A client of the double that never really sleeps."""
    return ODataClient(
        "https://erp.example/odata/",
        "M1",
        "ODATA",
        SecretStr("odata-secret"),
        timeout=5,
        transport=httpx.MockTransport(double),
        retry=RetryPolicy(attempts=3, base_seconds=0.01, max_seconds=5),
        sleep=options.get("sleep", lambda _: None),  # type: ignore[arg-type]
    )
