"""A plain client of the simulated Basware, and builders of the records the tests send."""

import json
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Self

import httpx
import msgspec

from connector_defs.sandbox.basware import BaswareSandbox
from connector_defs.sandbox.basware.tokens import ALL_SCOPES
from connector_defs.sandbox.loopback import LoopbackServer, Site

CONTINUATION = "x-amz-meta-continuationtoken"
COMPANY = "1000"
_encoder = msgspec.json.Encoder(decimal_format="number")


class Clock:
    """Wall time and elapsed time that only move when told to."""

    def __init__(self) -> None:
        self.now = datetime(2026, 3, 2, 8, tzinfo=UTC)
        self.elapsed = 100.0

    def __call__(self) -> datetime:
        return self.now

    def monotonic(self) -> float:
        return self.elapsed

    def advance(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)
        self.elapsed += seconds


class Wire:
    """HTTP calls with a bearer token, to a sandbox over a real socket."""

    def __init__(self, sandbox: BaswareSandbox, base_url: str) -> None:
        self.sandbox = sandbox
        # Loopback is plain http: an empty trust store saves reading the machine's (20 ms a client).
        no_tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self.http = httpx.Client(base_url=base_url, trust_env=False, verify=no_tls, timeout=10)
        self.token = ""

    def __enter__(self) -> Self:
        self.token = self.ask_token().json()["access_token"]
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()

    def ask_token(self, scope: str = " ".join(sorted(ALL_SCOPES)), **changed: Any) -> httpx.Response:
        form = {"grant_type": "client_credentials", "scope": scope}
        call: dict[str, Any] = {"auth": ("sandbox-client", "sandbox-client-secret"), "data": form}
        return self.http.post("/v1/tokens", **(call | changed))

    def get(self, path: str, token: str | None = None, **query: Any) -> httpx.Response:
        return self.http.get(path, params=query or None, headers=self._headers(token))

    def post(self, path: str, body: Any = None) -> httpx.Response:
        content = body if isinstance(body, bytes) else _encoder.encode(body) if body is not None else b""
        return self.http.post(path, content=content, headers=self._headers())

    def patch(self, path: str, body: Any) -> httpx.Response:
        return self.http.patch(path, content=_encoder.encode(body), headers=self._headers())

    def delete(self, path: str, **query: Any) -> httpx.Response:
        return self.http.delete(path, params=query, headers=self._headers())

    def page(self, path: str, token: str | None = None, **query: Any) -> httpx.Response:
        """A list that redirects: the answer behind the link."""
        redirect = self.get(path, token, **query)
        return self.http.get(redirect.headers["location"]) if redirect.status_code == 302 else redirect

    def pages(self, path: str, **query: Any) -> Iterator[httpx.Response]:
        """Every page of a list."""
        token: str | None = None
        while True:
            page = self.page(path, token, **query)
            yield page
            token = page.headers.get(CONTINUATION)
            if token is None:
                return

    def outcome(self, answer: httpx.Response) -> dict[str, Any]:
        """What requestStatus tells of a POST, once it has taken effect: the one system's view."""
        self.sandbox.finish_processing()
        status = self.get(f"/v1/requestStatus/{answer.headers['x-amzn-RequestId']}")
        found: dict[str, Any] = json.loads(status.content)["requestStatus"][0]["systems"][0]
        return found

    def item_status(self, answer: httpx.Response) -> dict[str, str]:
        """externalCode -> status of each item of a POST."""
        return {item["externalCode"]: item["status"] for item in self.outcome(answer)["items"]}

    def control(self, name: str, body: Mapping[str, Any] | None = None) -> Any:
        """A control route: GET without a body, POST with one."""
        path = f"/_sandbox/basware/{name}"
        answer = self.http.get(path) if body is None else self.http.post(path, content=_encoder.encode(body))
        assert answer.status_code == 200, answer.text
        return answer.json()

    def _headers(self, continuation: str | None = None) -> dict[str, str]:
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        return headers | ({CONTINUATION: continuation} if continuation else {})


@contextmanager
def served(*documents: Mapping[str, Any], **options: Any) -> Iterator[Wire]:
    """A Basware sandbox on a free port, and a client that holds a token."""
    sandbox = BaswareSandbox(documents, companies=(COMPANY,), **options)
    server = LoopbackServer([Site(sandbox.app)])
    server.start()
    try:
        with Wire(sandbox, f"http://127.0.0.1:{server.ports[0]}") as wire:
            yield wire
    finally:
        sandbox.close()
        server.stop()


def invoice(invoice_id: str = "inv-1", **fields: Any) -> dict[str, Any]:
    """An approved invoice of one coding row."""
    row = {
        "externalCode": f"{invoice_id}-1",
        "rowIndex": 1,
        "accountCode": "5000",
        "netTotal": Decimal("100.10"),
    }
    return {
        "invoiceId": invoice_id,
        "invoiceNumber": f"N-{invoice_id}",
        "companyCode": COMPANY,
        "supplierCode": "0001",
        "currencyCode": "USD",
        "paymentBlock": False,
        "processingStatus": "WaitingForTransfer",
        "invoiceDate": "2026-02-27",
        "grossSum": Decimal("100.10"),
        "netSum": Decimal("100.10"),
        "codingRows": [row],
    } | fields


def names(text: str) -> list[dict[str, str]]:
    return [{"language": "en-US", "translation": text}]


def tax_code(code: str = "V1", **fields: Any) -> dict[str, Any]:
    company = {"companyCode": COMPANY, "inherit": True, "active": True}
    return {
        "externalCode": f"tax-{code}",
        "taxCode": code,
        "taxCodeNames": names("Standard rate"),
        "taxPercentage": Decimal("15.00"),
        "companies": [company],
    } | fields


def account(code: str = "5000", **fields: Any) -> dict[str, Any]:
    company = {"companyCode": COMPANY, "inherit": True, "active": True}
    return {
        "externalCode": f"acc-{code}",
        "accountCode": code,
        "accountNames": names("Office supplies"),
        "companies": [company],
    } | fields


def cost_center(code: str = "CC1", **fields: Any) -> dict[str, Any]:
    return {
        "externalCode": f"cc-{code}",
        "costCenterCode": code,
        "costCenterNames": names("Warehouse"),
        "companies": [{"companyCode": COMPANY, "active": True}],
    } | fields


def payment_term(code: str = "30", **fields: Any) -> dict[str, Any]:
    return {
        "externalCode": f"term-{code}",
        "paymentTermCode": code,
        "paymentTermNames": names("30 days"),
        "validFrom": "2020-01-01",
        "validTo": "2099-12-31",
        "dueDateCalc": 1,
        "dueDateDays": 30,
        "companies": [{"companyCode": COMPANY, "inherit": True, "active": True}],
    } | fields


def vendor(code: str = "0001", **fields: Any) -> dict[str, Any]:
    return {
        "externalCode": f"ven-{code}",
        "vendorCode": code,
        "name": "Bolts & Nuts",
        "companies": [{"companyCode": COMPANY, "inheritToChildUnits": True}],
        "processingStatus": {"active": True},
    } | fields


def order(number: str = "PO1", **fields: Any) -> dict[str, Any]:
    return {
        "externalCode": f"ord-{number}",
        "orderNumber": number,
        "sourceSystem": "SYSPRO",
        "companyCode": COMPANY,
        "organizationElementCode": COMPANY,
        "supplierCode": "0001",
        "currencyCode": "USD",
    } | fields


def line(order_number: str = "PO1", number: int = 1, **fields: Any) -> dict[str, Any]:
    receipt = {
        "externalCode": f"grn-{order_number}-{number}",
        "goodsReceiptNumber": "G1",
        "quantity": Decimal(2),
    }
    return {
        "externalCode": f"line-{order_number}-{number}",
        "orderExternalCode": f"ord-{order_number}",
        "lineNumber": str(number),
        "quantity": Decimal("12.345678"),
        "matchingMode": "Standard",
        "netSum": Decimal("10.00"),
        "isDeleted": False,
        "goodsReceipts": [receipt],
    } | fields
