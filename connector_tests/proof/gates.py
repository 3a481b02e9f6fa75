"""Every place where bytes from outside become values: how to hand it bytes, and what honest ones look like.

Belongs here: the list of parsers, each reached the way a flow reaches it, and samples. Not here: what is done to
the bytes (`bombs`, `fuzz`). A parser that reads what another machine or a person's file says, and is missing here,
is a hole in both.
"""

import base64
import gzip
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx
from pydantic import SecretStr

from connector_defs.basware.client import BaswareClient
from connector_defs.basware.extract_files import BadExtractFile, read_rows
from connector_defs.basware.oauth import TokenSource
from connector_defs.console.notice import Unreadable, read_notice
from connector_defs.domain.errors import ConnectorError
from connector_defs.flows.cost_center_file import cost_centers_of_file
from connector_defs.flows.mapping_files import read_lines
from connector_defs.settings import CostCenterSettings
from connector_defs.settings_reading import load_settings
from connector_defs.syspro import tables
from connector_defs.syspro.documents import apsssp, apstin, comfnd, gentjl
from connector_defs.syspro.enet import EnetClient
from connector_defs.syspro.odata import ODataClient, RetryPolicy
from connector_tests.basware.builders import client, token_answer, tokens
from connector_tests.proof import samples
from connector_tests.proof.samples import as_json, zipped

# What a parser may say to bytes it does not take. The reader of an extract's file leaves the name of the extract and
# the remedy to the flow.
REFUSALS = (ConnectorError, BadExtractFile, Unreadable)

_CHUNK = 1 << 16
_TOML = Path(__file__).parents[2] / "connector.example.toml"
# What the example of connector.toml leaves to the environment.
_SECRETS = {
    "SYSPRO_ODATA_PASSWORD": "word",
    "SYSPRO_OPERATOR_PASSWORD": "word",
    "SYSPRO_COMPANY_PASSWORD": "word",
    "BASWARE_CLIENT_SECRET": "word",
    "BASWARE_WEBHOOK_SECRET": "word",
}


class Served(httpx.SyncByteStream):
    """A body that comes in pieces, as from a socket."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def __iter__(self) -> Iterator[bytes]:
        view = memoryview(self._body)
        for start in range(0, len(view), _CHUNK):
            yield bytes(view[start : start + _CHUNK])


Answering = Callable[[httpx.Request], httpx.Response]


def always(body: bytes, status: int = 200, headers: Mapping[str, str] | None = None) -> Answering:
    """Answers every request so, tokens aside."""

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/v1/tokens"):
            return token_answer()
        return httpx.Response(status, headers=headers, stream=Served(body))

    return answer


def enet(answering: Answering) -> EnetClient:
    """A client of e.net that is answered so."""
    return EnetClient("https://erp.example/Rest", timeout=5, transport=httpx.MockTransport(answering))


def odata(answering: Answering) -> ODataClient:
    """A client of OData that is answered so."""
    return ODataClient(
        "https://erp.example/odata",
        "M1",
        "ODATA",
        SecretStr("word"),
        timeout=5,
        transport=httpx.MockTransport(answering),
        retry=RetryPolicy(attempts=1, base_seconds=0, max_seconds=0),
        sleep=lambda _: None,
    )


def basware(answering: Answering) -> BaswareClient:
    """A client of Basware that is answered so."""
    return client(answering)


def _logon(body: bytes) -> object:
    with enet(always(body)) as service:
        return service.logon("OP", SecretStr("word"), "M1", SecretStr("word"))


def _look_up(body: bytes) -> object:
    with enet(always(body)) as service:
        return comfnd.read(service.query("s", "COMFND", "<q/>").text)


def _post(body: bytes) -> object:
    with enet(always(body)) as service:
        reply = service.post("s", "APSTIN", "<p/>", "<d/>").text
    return apstin.read(reply)


def _validate(body: bytes) -> object:
    with enet(always(body)) as service:
        reply = service.post("s", "APSTIN", "<p/>", "<d/>").text
    return apstin.read_validation(reply)


def _journal(body: bytes) -> object:
    with enet(always(body)) as service:
        reply = service.post("s", "GENTJL", "<p/>", "<d/>").text
    return gentjl.read(reply)


def _supplier(body: bytes) -> object:
    with enet(always(body)) as service:
        reply = service.setup("s", "Update", "APSSSP", "<p/>", "<d/>").text
    return apsssp.read(reply)


def _profile(body: bytes) -> object:
    with enet(always(body)) as service:
        return service.profile("s")


def _enet_error(body: bytes) -> object:
    with enet(always(body, 500)) as service:
        return service.query("s", "COMFND", "<q/>")


def _rows(body: bytes) -> object:
    with odata(always(body)) as service:
        return next(service.pages(tables.AP_SUPPLIER), None)


def _batches(body: bytes) -> object:
    with odata(always(body)) as service:
        return next(service.batches(tables.POR_MASTER_HDR), None)


def _count(body: bytes) -> object:
    with odata(always(body)) as service:
        return service.count(tables.AP_SUPPLIER)


def _odata_error(body: bytes) -> object:
    with odata(always(body, 403)) as service:
        return next(service.pages(tables.AP_SUPPLIER), None)


def _documents(body: bytes) -> object:
    with basware(always(body)) as api:
        return [(page, [one.digest for one in page.documents]) for page in api.documents("1000", "Waiting")]


def _document(body: bytes) -> object:
    with basware(always(body)) as api:
        return api.document("inv-1")


def _statuses(body: bytes) -> object:
    with basware(always(body)) as api:
        return list(api.request_statuses("vendors")) if len(body) % 2 else api.request_status("r-1")


def _subscriptions(body: bytes) -> object:
    with basware(always(body)) as api:
        return api.subscriptions()


def _tasks(body: bytes) -> object:
    with basware(always(body)) as api:
        return list(api.tasks("New"))


def _receipt(body: bytes) -> object:
    with basware(always(body, 400)) as api:
        return api.post("vendors", [b"{}"])


def _vendors(body: bytes) -> object:
    flaws: list[str] = []
    with basware(always(body)) as api:
        if len(body) % 2:
            return api.entity("vendors", "v-1")
        return list(api.list_entities("vendors", on_flaw=flaws.append))


def _extract_lists(body: bytes) -> object:
    with basware(always(body)) as api:
        match len(body) % 3:
            case 0:
                return api.extracts("WaitingForExport")
            case 1:
                return api.extract_files("e-1")
            case _:
                return api.table_definitions()


def _token(body: bytes) -> object:
    return _source(body).token()


def _source(body: bytes) -> TokenSource:
    return tokens(lambda _: httpx.Response(200, stream=Served(body)))


def _token_claims(body: bytes) -> object:
    claims = base64.urlsafe_b64encode(body[:10_000]).decode().rstrip("=")
    answer = json.dumps({"access_token": f"a.{claims}.b", "expires_in": 3600})
    return _source(answer.encode()).token()


def _token_refusal(body: bytes) -> object:
    return tokens(lambda _: httpx.Response(400, stream=Served(body))).token()


def _headers(body: bytes) -> object:
    """The dates and numbers of an answer's header."""
    value = _header(body)
    answer = httpx.Response(429, headers=[(b"Retry-After", value), (b"Date", value)])  # type: ignore[list-item]
    found: list[object] = []
    for call in (
        lambda: next(odata(lambda _: answer).pages(tables.AP_SUPPLIER), None),
        lambda: tokens(lambda _: answer).token(),
        lambda: basware(
            always(b"[]", 200, {"Date": value.decode("latin-1").encode("ascii", "ignore").decode()})
        ).post("vendors", [b"{}"]),
    ):
        try:
            found.append(call())
        except ConnectorError as refusal:
            found.append(refusal)
    raise next(one for one in found if isinstance(one, ConnectorError))


def _header(body: bytes) -> bytes:
    """As much of it as HTTP takes for the value of a header."""
    return bytes(sign for sign in body[:2_000] if sign not in b"\r\n\0")


def _places(body: bytes) -> object:
    """Where an answer says to go on: a redirect, the next page, a request to ask for. None is ever followed twice."""
    value = _header(body)
    away = httpx.Response(302, headers=[(b"Location", value)])  # type: ignore[list-item]
    names = (b"x-amz-meta-continuationtoken", b"x-amzn-RequestId")
    page = httpx.Response(200, headers=[(name, value) for name in names], content=b"[]")  # type: ignore[misc]
    calls: tuple[Callable[[], object], ...] = (
        lambda: tokens(lambda _: away).token(),
        lambda: enet(lambda _: away).post("session", "APSTIN", "<a/>", "<b/>"),
        lambda: next(odata(lambda _: away).pages(tables.AP_SUPPLIER)),
        lambda: basware(_beside_tokens(away)).acknowledge("inv-1"),
        lambda: basware(_beside_tokens(away)).document("inv-1"),
        lambda: list(basware(_beside_tokens(page)).documents("1000", "Waiting")) if value.strip() else None,
    )
    refused: list[ConnectorError] = []
    for call in calls:
        try:
            call()
        except ConnectorError as refusal:
            refused.append(refusal)
    if len(refused) < len(calls) - (not value.strip()):
        raise AssertionError(f"{value!r} was followed")
    raise refused[-1]


def _beside_tokens(answer: httpx.Response) -> Answering:
    return lambda request: token_answer() if request.url.path.endswith("/v1/tokens") else answer


def _texts(body: bytes) -> object:
    """Dates, amounts and codes in one field of a row, and numbers as SYSPRO prints them."""
    text = body[:100_000].decode("utf-8", "replace")
    row = dict.fromkeys(tables.POR_MASTER_HDR.column_names, text)
    found: list[object] = []
    for column in tables.POR_MASTER_HDR.columns:
        try:
            found.append(tables.POR_MASTER_HDR.parse_row({**dict.fromkeys(row), column.name: text}))
        except ConnectorError as refusal:
            found.append(refusal)
    number = text.replace("&", "").replace("<", "")
    printed = f"<R><Row><Key><TrnYear>{number}</TrnYear></Key></Row><RowsReturned>{number}</RowsReturned></R>"
    try:
        found.append(_look_up(printed.encode()))
    except ConnectorError as refusal:
        found.append(refusal)
    return found


class _File:
    """A parser of a file, in a folder of its own."""

    def __init__(self, name: str, read: Callable[[Path], object]) -> None:
        self._name = name
        self._read = read

    def __call__(self, body: bytes, folder: Path) -> object:
        path = folder / self._name
        path.write_bytes(body)
        return self._read(path)


def _cost_centers(path: Path) -> object:
    return cost_centers_of_file(CostCenterSettings(source="csv", file=path))


def _settings(path: Path) -> object:
    return load_settings(path, _SECRETS)


def _extract(path: Path) -> object:
    count = flawed = 0
    for row in read_rows(path):
        count += 1
        flawed += row.flaw is not None
    return count, flawed


@dataclass(frozen=True)
class Gate:
    """A parser: `kind` is what it reads, `feed` takes bytes and a folder, `samples` it takes without complaint.

    `around` is what stands before and after a value where this parser looks for one. `lenient`: whatever it cannot
    read means nothing to it, and is no refusal.
    """

    name: str
    kind: str
    feed: Callable[[bytes, Path], object]
    samples: tuple[bytes, ...]
    around: tuple[bytes, bytes] = (b"", b"")
    lenient: bool = False


def _plain(feed: Callable[[bytes], object]) -> Callable[[bytes, Path], object]:
    return lambda body, _: feed(body)


def gates() -> tuple[Gate, ...]:
    """All parsers."""
    return (
        Gate("e.net: session id", "text", _plain(_logon), (b"3EA613166FE4BF47925DF1CEA14E9101  ",)),
        Gate("e.net: look-up", "xml", _plain(_look_up), (samples.FOUND,)),
        Gate("e.net: AP invoice", "xml", _plain(_post), (samples.POSTED, samples.REFUSED, samples.WRAPPED)),
        Gate("e.net: validation", "xml", _plain(_validate), (samples.POSTED, samples.REFUSED)),
        Gate("e.net: journal", "xml", _plain(_journal), (samples.JOURNAL,)),
        Gate("e.net: supplier", "xml", _plain(_supplier), (samples.SAVED,)),
        Gate("e.net: profile", "xml", _plain(_profile), (samples.PROFILE,), lenient=True),
        Gate(
            "e.net: error page",
            "page",
            _plain(_enet_error),
            (samples.HTML, b"ERROR: The supplied UserID is invalid."),
        ),
        Gate(
            "OData: rows", "json", _plain(_rows), (samples.page(samples.SUPPLIER),), (b'{"value": [', b"]}")
        ),
        Gate(
            "OData: batches",
            "json",
            _plain(_batches),
            (samples.page(samples.ORDER),),
            (b'{"value": [', b"]}"),
        ),
        Gate(
            "OData: count",
            "json",
            _plain(_count),
            (as_json({"@odata.count": 12, "value": []}),),
            (b'{"@odata.count": ', b"}"),
            lenient=True,
        ),
        Gate(
            "OData: error page",
            "page",
            _plain(_odata_error),
            (samples.HTML, as_json({"error": {"message": "no"}})),
        ),
        Gate(
            "Basware: invoices",
            "json",
            _plain(_documents),
            (as_json({"accountingDocuments": [samples.INVOICE] * 2}),),
            (b'{"accountingDocuments": [', b"]}"),
            lenient=True,
        ),
        Gate(
            "Basware: one invoice",
            "json",
            _plain(_document),
            (as_json({"accountingDocuments": [samples.INVOICE]}),),
            (b'{"accountingDocuments": [', b"]}"),
            lenient=True,
        ),
        Gate(
            "Basware: request status",
            "json",
            _plain(_statuses),
            (as_json(samples.STATUS),),
            (b'{"requestStatus": [', b"]}"),
            lenient=True,
        ),
        Gate(
            "Basware: receipt",
            "json",
            _plain(_receipt),
            (as_json(samples.RECEIPT),),
            (b'{"errors": [', b"]}"),
            lenient=True,
        ),
        Gate(
            "Basware: vendors",
            "json",
            _plain(_vendors),
            (as_json(samples.VENDORS),),
            (b'{"vendorEntities": [', b"]}"),
            lenient=True,
        ),
        Gate(
            "Basware: lists of extracts",
            "json",
            _plain(_extract_lists),
            (as_json(samples.EXTRACTS),),
            (b"[", b"]"),
        ),
        Gate(
            "Basware: subscriptions",
            "json",
            _plain(_subscriptions),
            (as_json({"subscriptions": [samples.SUBSCRIPTION]}),),
            (b'{"subscriptions": [', b"]}"),
            lenient=True,
        ),
        Gate(
            "Basware: tasks",
            "json",
            _plain(_tasks),
            (as_json({"taskStatus": [samples.TASK]}),),
            (b'{"taskStatus": [', b"]}"),
            lenient=True,
        ),
        Gate(
            "webhook: notification",
            "json",
            _plain(read_notice),
            (as_json(samples.TASK),),
            (b'{"taskId": ', b"}"),
        ),
        Gate(
            "Basware: token",
            "json",
            _plain(_token),
            (as_json(samples.TOKEN),),
            (b'{"access_token": ', b"}"),
        ),
        Gate(
            "Basware: claims of a token",
            "json",
            _plain(_token_claims),
            (as_json({"exp": 1_790_000_000}),),
            (b'{"exp": ', b"}"),
            lenient=True,
        ),
        Gate(
            "Basware: refusal of a token",
            "json",
            _plain(_token_refusal),
            (as_json({"error": "invalid_scope"}),),
            (b'{"error": ', b"}"),
        ),
        Gate(
            "Basware: file of an extract",
            "file",
            _File("extract", _extract),
            (
                as_json(samples.ROWS),
                samples.CSV,
                gzip.compress(as_json(samples.ROWS), mtime=0),
                zipped({"a.json": as_json(samples.ROWS)}),
            ),
            (b"[", b"]"),
            lenient=True,
        ),
        Gate("places", "text", _plain(_places), (b"https://bucket.s3.amazonaws.com/k?sig=1",), lenient=True),
        Gate("headers", "text", _plain(_headers), (b"120", b"Thu, 26 Nov 2026 12:00:00 GMT"), lenient=True),
        Gate(
            "dates and amounts",
            "text",
            _plain(_texts),
            (b"1,234.50-", b"2026-01-31T00:00:00Z", b"  00017 ", b"-12.345"),
            lenient=True,
        ),
        Gate(
            "mapping rules: CSV", "csv", _File("rules.csv", read_lines), (samples.RULES.encode("utf-8-sig"),)
        ),
        Gate("mapping rules: Excel", "xlsx", _File("rules.xlsx", read_lines), (samples.workbook(),)),
        Gate(
            "cost centres", "csv", _File("centres.csv", _cost_centers), (samples.CENTERS.encode("utf-8-sig"),)
        ),
        Gate("connector.toml", "toml", _File("connector.toml", _settings), (_TOML.read_bytes(),)),
    )
