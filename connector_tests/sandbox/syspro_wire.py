"""A plain client of the simulated SYSPRO, and builders of the documents its tests send."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from xml.sax.saxutils import escape

import httpx
from lxml import etree

from connector_defs.sandbox.credentials import SandboxCredentials
from connector_defs.sandbox.faults import FaultPlan
from connector_defs.sandbox.loopback import LoopbackServer, Site
from connector_defs.sandbox.syspro import SysproOptions, SysproSandbox
from connector_defs.sandbox.world import World, WorldOptions, build_world

TODAY = date(2026, 3, 17)
LOGON = SandboxCredentials(company_password="company", operator_password="op & pass")
SMALL = WorldOptions(
    suppliers=40, accounts=60, cost_centers=6, orders=40, lines=200, invoices=40, today=TODAY
)


class Clock:
    """Wall time that only moves when told to."""

    def __init__(self) -> None:
        self.now = datetime(2026, 3, 17, 9, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def advance(self, minutes: float) -> None:
        self.now += timedelta(minutes=minutes)


class Wire:
    """HTTP calls to a simulated SYSPRO, and its state at hand."""

    def __init__(self, sandbox: SysproSandbox, http: httpx.Client, clock: Clock, faults: FaultPlan) -> None:
        self.sandbox = sandbox
        self.clock = clock
        self.faults = faults
        self.http = http
        self.session = ""

    @property
    def world(self) -> World:
        return self.sandbox.world

    def call(self, operation: str, **values: str) -> httpx.Response:
        return self.http.get(f"/SYSPROWCFService/Rest/{operation}", params=values)

    def text(self, operation: str, **values: str) -> str:
        """The answer text of a call, which must be status 200 with an octet stream."""
        response = self.call(operation, **values)
        assert response.status_code == 200, response.text
        assert response.headers["content-type"] == "application/octet-stream"
        return response.content.decode("cp1252")

    def logon(self, **changed: str) -> str:
        values = {
            "Operator": LOGON.operator,
            "OperatorPassword": LOGON.operator_password,
            "CompanyId": "M1",
            "CompanyPassword": LOGON.company_password,
        }
        self.session = self.text("Logon", **(values | changed))
        return self.session

    def post(self, business_object: str, xml_in: str, xml_parameters: str = "") -> etree._Element:
        """Post a document and parse the answer."""
        return parsed(self.post_text(business_object, xml_in, xml_parameters))

    def post_text(self, business_object: str, xml_in: str, xml_parameters: str = "") -> str:
        return self.text(
            "Transaction/Post",
            UserId=self.session,
            BusinessObject=business_object,
            XmlParameters=xml_parameters,
            XmlIn=xml_in,
        )

    def odata(self, table: str, auth: tuple[str, str] | None = None, **query: str) -> httpx.Response:
        login = auth or (LOGON.odata_username, LOGON.odata_password)
        return self.http.get(
            f"/SYSPRO8Odata/SYSPROOData/M1/{table}",
            params={f"${name}": text for name, text in query.items()},
            auth=login,
        )

    def rows(self, table: str, **query: str) -> list[dict[str, Any]]:
        response = self.odata(table, **query)
        assert response.status_code == 200, response.text
        found: list[dict[str, Any]] = response.json()["value"]
        return found

    def control(self, method: str, path: str, **body: Any) -> Any:
        response = self.http.request(method, f"/_sandbox/syspro/{path}", json=body or None)
        assert response.status_code == 200, response.text
        return response.json()


@contextmanager
def running(
    options: SysproOptions | None = None, *, faults: FaultPlan | None = None, served: bool = False
) -> Iterator[Wire]:
    """A small SYSPRO with a session open; `served` puts it on a real port, so that connections can break."""
    clock, plan = Clock(), faults or FaultPlan()
    sandbox = SysproSandbox(build_world(SMALL), plan, credentials=LOGON, clock=clock, options=options)
    with _client(sandbox, served=served) as http:
        wire = Wire(sandbox, http, clock, plan)
        wire.logon()
        yield wire
        sandbox.settle()


@contextmanager
def _client(sandbox: SysproSandbox, *, served: bool) -> Iterator[httpx.Client]:
    if not served:
        with httpx.Client(base_url="http://syspro", transport=_InProcess(sandbox.app)) as http:
            yield http
        return
    server = LoopbackServer([Site(sandbox.app)])
    server.start()
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{server.ports[0]}", trust_env=False, timeout=5) as http:
            yield http
    finally:
        server.stop()


class _InProcess(httpx.BaseTransport):
    """Calls an ASGI app without a socket, which spares each test a tenth of a second."""

    def __init__(self, app: Any) -> None:
        self._transport = httpx.ASGITransport(app)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        return asyncio.run(self._call(request))

    async def _call(self, request: httpx.Request) -> httpx.Response:
        answer = await self._transport.handle_async_request(request)
        return httpx.Response(answer.status_code, headers=answer.headers, content=await answer.aread())


def parsed(text: str) -> etree._Element:
    assert not text.startswith("ERROR:"), text
    return etree.fromstring(text.strip().encode("cp1252"))


def errors_of(answer: etree._Element) -> dict[str, str]:
    """Error text by the element that carries it."""
    return {
        parent.tag: str(parent.findtext("ErrorDescription"))
        for parent in answer.iter()
        if isinstance(parent.tag, str) and parent.find("ErrorDescription") is not None
    }


def a_supplier(world: World, *, currency: str = "$", **wanted: str) -> str:
    """Key of a supplier who may be posted to without goods receipts, or as `wanted`."""
    columns = {"OnHold": "N", "GrnMatchReqd": "N", "Currency": currency.ljust(3), **wanted}
    return next(
        str(row["Supplier"])
        for row in world.tables["ApSupplier"]
        if all(row[name] == value for name, value in columns.items())
    )


def an_account(world: World, **wanted: str) -> str:
    columns = {"AccountType": "E", "AccOnHldFlag": "N", "ControlAccFlag": "N", **wanted}
    return next(
        str(row["GlCode"])
        for row in world.tables["GenMaster"]
        if all(row[name] == value for name, value in columns.items())
    )


def element(name: str, content: str | Mapping[str, Any] | Sequence[Any]) -> str:
    """XML of an element; a mapping gives children, a list repeats the element."""
    if isinstance(content, str):
        return f"<{name}>{escape(content)}</{name}>"
    if isinstance(content, Mapping):
        inner = "".join(element(child, value) for child, value in content.items())
        return f"<{name}>{inner}</{name}>"
    return "".join(element(name, each) for each in content)


def ap_item(world: World, **changed: Any) -> dict[str, Any]:
    """An invoice of 100.00 net, 20.00 tax on a tax-only line; a change to None leaves an element out."""
    item: dict[str, Any] = {
        "Supplier": a_supplier(world),
        "TransactionCode": "I",
        "Invoice": "INV-1",
        "TransactionValue": "120.00",
        "Notation": "Tools",
        "TransactionReference": "bw-1",
        "InvoiceDate": "2026-03-10",
        "TaxBasis": "E",
        "LedgerDistribution": [
            {"LedgerCode": an_account(world), "LedgerNotation": "Row 1", "LedgerValue": "100.00"},
            {"LedgerCode": "00-2310", "LedgerValue": "20.00", "TaxOnlyLine": "Y"},
        ],
    }
    return {name: value for name, value in (item | changed).items() if value is not None}


def ap_document(*items: Mapping[str, Any]) -> str:
    return element("PostApInvoice", {"Item": list(items)})


def ap_parameters(**values: str) -> str:
    return element("PostApInvoice", {"Parameters": values})


def open_receipt(world: World, *, grn_match_required: str | None = None) -> dict[str, Any]:
    """A goods receipt of a local supplier, of which nothing is matched yet."""
    suppliers = world.tables["ApSupplier"]
    for row in world.tables["GrnDetails"]:
        supplier = suppliers.get(row["Supplier"])
        assert supplier
        if row["MatchedValue"] or supplier["OnHold"] == "Y" or supplier["Currency"] != "$  ":
            continue
        if grn_match_required in (None, supplier["GrnMatchReqd"]):
            return row
    raise AssertionError("no open receipt in this world")


def grn_details(receipt: Mapping[str, Any], **changed: str) -> dict[str, str]:
    return {
        "GrnSupplier": str(receipt["Supplier"]),
        "GrnGrn": str(receipt["Grn"]),
        "GrnFlag": str(receipt["GrnSource"]),
        "GrnJournal": str(receipt["Journal"]),
        "GrnEntry": str(receipt["JournalEntry"]),
        "GrnMatchType": "O",
        **changed,
    }


def matched_item(
    world: World, receipt: Mapping[str, Any], details: Mapping[str, str], value: Decimal
) -> dict[str, Any]:
    """An invoice over one goods receipt, without tax."""
    return ap_item(
        world,
        Supplier=str(receipt["Supplier"]),
        TransactionValue=str(value),
        GrnDetails=[details],
        LedgerDistribution=None,
    )
