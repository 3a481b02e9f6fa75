"""Master data and orders: POST, PATCH, GET of every import endpoint (wire notes 2.3, 2.4, 2.10 to 2.19).

The API layer's own copy of each record lives here, P2P's in `target_rules`: a record may stand here and be
refused there, and sending it again unchanged does nothing.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from connector_defs.sandbox.basware.answer import (
    REQUEST_ID,
    Answer,
    BadRequest,
    Call,
    Problem,
    instant,
    ok,
    parse_instant,
    refuse,
)
from connector_defs.sandbox.basware.endings import Endings, Refusal
from connector_defs.sandbox.basware.paging import Pages
from connector_defs.sandbox.basware.processing import Finding, Item, Processing
from connector_defs.sandbox.basware.schema import NotJson, Record, Violation, check_list, check_one
from connector_defs.sandbox.basware.target_rules import TargetSystem, judge

MAX_BODY_BYTES = 6 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Limits and names of one import endpoint."""

    name: str
    shape: str
    entity_type: str
    wrapper: str
    batch_limit: int = 500
    page_default: int = 500
    page_limit: int = 500


ENDPOINTS: dict[str, Endpoint] = {
    endpoint.name: endpoint
    for endpoint in (
        Endpoint("vendors", "VendorEntity", "Vendor", "vendorEntities", 200, 100, 500),
        Endpoint("accounts", "AccountEntity", "Account", "accounts"),
        Endpoint("costCenters", "CostCenterEntity", "CostCenter", "costCenters"),
        Endpoint("paymentTerms", "PaymentTermEntity", "PaymentTerm", "paymentTerms"),
        Endpoint("taxCodes", "TaxCodeEntity", "TaxCode", "taxCodes"),
        Endpoint("lists", "GenericListEntity", "GenericList", "listItems"),
        Endpoint("matchingOrders", "OrderEntity", "MatchingOrder", "matchingOrders"),
        Endpoint(
            "matchingOrderLines", "OrderLineEntity", "MatchingOrderLine", "matchingOrderLines", 100, 100, 100
        ),
    )
}

# Text columns of a generic list and their length, by the number of its key (wire notes 5).
_LIST_WIDTHS: tuple[tuple[str, int, int, int, int], ...] = (
    ("ACC_LIST_", 1, 10, 5, 250),
    ("ACC_LIST_", 11, 20, 5, 50),
    ("ACC_LIST_", 21, 30, 10, 250),
    ("ACC_LIST_", 31, 35, 25, 250),
    ("INV_LIST_", 1, 10, 5, 250),
    ("INV_LIST_", 11, 20, 10, 250),
    ("CUST_RESOLVER_", 1, 5, 15, 250),
)


class Entities:
    """The import endpoints over one store of records. Not thread-safe: the caller holds the sandbox's lock."""

    def __init__(
        self, target: TargetSystem, processing: Processing, pages: Pages, clock: Callable[[], datetime]
    ) -> None:
        self.records: dict[str, dict[str, Record]] = {name: {} for name in ENDPOINTS if name != "lists"}
        self._lines_of: dict[str, dict[str, int]] = defaultdict(dict)
        self._target = target
        self._processing = processing
        self._pages = pages
        self._clock = clock
        self.endings = Endings()

    def post(self, call: Call, endpoint: Endpoint) -> Answer:
        """Upsert a batch: 200 with the records, 400 for the schema, 409 when a record occurs twice in it."""
        try:
            records, violations = check_list(endpoint.shape, call.body)
        except NotJson as error:
            return _schema_refusal(call, [Violation(None, str(error))])
        if endpoint.name == "lists":
            violations = violations or [v for r in records for v in _list_violations(call, r)]
        if violations:
            return _schema_refusal(call, violations)
        if not 1 <= len(records) <= endpoint.batch_limit:
            raise BadRequest(f"a request takes 1 to {endpoint.batch_limit} records of {endpoint.name}")
        codes = [record["externalCode"] for record in records]
        doubled = (
            sorted({code for code in codes if codes.count(code) > 1}) if len(set(codes)) < len(codes) else []
        )
        if doubled:
            message = "the record occurs more than once in the request"
            return refuse(409, call, [Problem("CONFLICT_IN_POST", message, code) for code in doubled])
        refusal = self.endings.refusal(endpoint.name, codes)
        if refusal and not refusal.stored:
            return _planned(call, refusal)
        self._processing.advance()
        stamp = instant(self._clock())
        stored = [self._accept(call, endpoint, record, stamp) for record in records]
        if refusal:
            return _planned(call, refusal)
        self._receive(call, endpoint, "POST", [item for _, item in stored])
        return ok([record for record, _ in stored], **{REQUEST_ID: call.request_id})

    def patch(self, call: Call, endpoint: Endpoint) -> Answer:
        """Change what is given and keep the rest; null changes nothing. 404 for an unknown record."""
        code = call.params["externalCode"]
        known = self._store(call, endpoint).get(code)
        if known is None:
            return Answer(404)
        try:
            change, violations = check_one(endpoint.shape, call.body)
        except NotJson as error:
            return _schema_refusal(call, [Violation(code, str(error))])
        if violations:
            return _schema_refusal(call, violations)
        if change["externalCode"] != code:
            message = "externalCode of the body differs from the path"
            return refuse(400, call, [Problem("EXTERNAL_CODE_MISMATCH", message, code)])
        self._processing.advance()
        merged = known | {name: value for name, value in change.items() if value is not None}
        record, item = self._accept(call, endpoint, merged, instant(self._clock()))
        self._receive(call, endpoint, "PATCH", [item])
        return ok(record, **{REQUEST_ID: call.request_id})

    def edit(self, endpoint: str, external_code: str, fields: Mapping[str, Any]) -> Record:
        """A user of P2P changes a record; None clears a field. Raises KeyError when unknown."""
        merged = {**self.records[endpoint][external_code], **fields, "lastUpdated": instant(self._clock())}
        record = {name: value for name, value in merged.items() if value is not None}
        self.records[endpoint][external_code] = record
        self._target.save(endpoint, {name: value for name, value in record.items() if name != "lastUpdated"})
        return record

    def list(self, call: Call, endpoint: Endpoint) -> Answer:
        """One page of records; 404 when there is none."""
        size = call.page_size(endpoint.page_default, endpoint.page_limit)
        page, headers = self._pages.cut(call, self._matching(call, endpoint), size)
        if not page:
            return Answer(404)
        return ok({endpoint.wrapper: page}, **headers)

    def get(self, call: Call, endpoint: Endpoint) -> Answer:
        """The bare record, or 404."""
        record = self._store(call, endpoint).get(call.params["externalCode"])
        return Answer(404) if record is None else ok(record)

    def _accept(self, call: Call, endpoint: Endpoint, sent: Record, stamp: str) -> tuple[Record, Item]:
        code = sent["externalCode"]
        content = {name: value for name, value in sent.items() if value is not None and name != "lastUpdated"}
        store = self._store(call, endpoint)
        before = store.get(code)
        unchanged = before is not None and _content(before) == content
        record = content | {"lastUpdated": stamp}
        store[code] = record
        if endpoint.name == "matchingOrderLines" and before is None:
            self._lines_of[record["orderExternalCode"]][code] = len(store)
        if unchanged:
            return record, Item(code, "NotProcessed")
        verdict = judge(endpoint.name, content, self._target)
        return record, Item(code, verdict.outcome, verdict.findings, None, record, verdict.saved)

    def _receive(self, call: Call, endpoint: Endpoint, operation: str, items: Sequence[Item]) -> None:
        if call.struck == "target_error":
            for item in items:
                item.outcome = "Error"
                item.findings = (Finding("the record could not be saved", category="Technical"),)
        self._processing.receive(
            call.request_id,
            endpoint.entity_type,
            _store_name(call, endpoint),
            operation=operation,
            items=items,
            list_key=call.params.get("listKey"),
            known=self.endings.meet(endpoint.name, items),
        )

    def _store(self, call: Call, endpoint: Endpoint) -> dict[str, Record]:
        return self.records.setdefault(_store_name(call, endpoint), {})

    def _matching(self, call: Call, endpoint: Endpoint) -> Iterator[tuple[int, Record]]:
        after, company = call.updated_after(), call.query.get("companyCode")
        for position, record in self._candidates(call, endpoint):
            if after and parse_instant(record["lastUpdated"]) <= after:
                continue
            if company and not _of_company(record, company):
                continue
            yield position, record

    def _candidates(self, call: Call, endpoint: Endpoint) -> Iterable[tuple[int, Record]]:
        store = self._store(call, endpoint)
        if endpoint.name != "matchingOrderLines":
            return enumerate(store.values())
        order = call.query.get("orderExternalCode")
        if not order:
            raise BadRequest("orderExternalCode is required")
        return ((position, store[code]) for code, position in self._lines_of.get(order, {}).items())


def _store_name(call: Call, endpoint: Endpoint) -> str:
    return f"lists/{call.params['listKey']}" if endpoint.name == "lists" else endpoint.name


def _content(record: Record) -> Record:
    return {name: value for name, value in record.items() if name != "lastUpdated"}


def _of_company(record: Record, company: str) -> bool:
    return record.get("companyCode") == company or any(
        each["companyCode"] == company for each in record.get("companies", ())
    )


def list_exists(key: str) -> bool:
    """Whether Basware has a generic list of this key."""
    return _list_width(key) is not None


def _list_width(key: str) -> tuple[int, int] | None:
    for prefix, first, last, columns, length in _LIST_WIDTHS:
        number = key.removeprefix(prefix)
        if key.startswith(prefix) and number.isdigit() and first <= int(number) <= last:
            return columns, length
    return None


def _list_violations(call: Call, record: dict[str, Any]) -> Iterator[Violation]:
    width = _list_width(call.params.get("listKey", ""))
    if width is None:
        return
    for name, value in record.items():
        if name.startswith("text_") and isinstance(value, str):
            if int(name.removeprefix("text_")) > width[0]:
                yield Violation(record["externalCode"], f"{name} does not exist in this list")
            elif len(value) > width[1]:
                yield Violation(record["externalCode"], f"{name} is longer than {width[1]}")


def _planned(call: Call, refusal: Refusal) -> Answer:
    named = refusal.external_code if refusal.names_it else ""
    problem = Problem(refusal.code, refusal.message, named or None, refusal.type)
    return refuse(refusal.status, call, [problem])


def _schema_refusal(call: Call, violations: Iterable[Violation]) -> Answer:
    problems = [Problem("SCHEMA_VALIDATION_ERROR", v.message, v.external_code) for v in violations]
    return refuse(400, call, problems)
