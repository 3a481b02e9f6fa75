"""What P2P makes of a record once it reaches it: success, warning or error (wire notes 2.26 and section 5).

A record is judged against what is in P2P when its request arrives: whoever sends a line before its order has
been confirmed gets the error a real tenant would give. Schema checks are not made here (`schema`).
"""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from typing import Any

from connector_defs.sandbox.basware.processing import Finding
from connector_defs.sandbox.basware.schema import Record

ACTIVE_CURRENCIES = frozenset(
    {"USD", "EUR", "GBP", "ZAR", "AUD", "CAD", "CHF", "DKK", "JPY", "NOK", "NZD", "PLN", "SEK", "SGD"}
)

# What makes a record the same business object, whatever its externalCode (wire notes 2.19).
CODE_FIELDS: dict[str, tuple[str, ...]] = {
    "vendors": ("vendorCode", "sourceSystem"),
    "accounts": ("accountCode",),
    "costCenters": ("costCenterCode",),
    "paymentTerms": ("paymentTermCode",),
    "taxCodes": ("taxCode",),
    "matchingOrders": ("orderNumber", "sourceSystem", "companyCode", "organizationElementCode"),
    "matchingOrderLines": ("orderExternalCode", "lineNumber"),
}


@dataclass(slots=True)
class TargetSystem:
    """The records that have taken effect in P2P, per endpoint and externalCode, and their codes."""

    companies: Collection[str]
    currencies: Collection[str] = ACTIVE_CURRENCIES
    records: dict[str, dict[str, Record]] = field(default_factory=dict)
    _codes: dict[str, dict[tuple[str, ...], str]] = field(default_factory=dict)
    _first_codes: dict[str, dict[str, int]] = field(default_factory=dict)

    def save(self, endpoint: str, record: Record) -> None:
        """A record takes effect."""
        known = self.records.setdefault(endpoint, {})
        external_code = record["externalCode"]
        if external_code in known:
            self._forget(endpoint, known[external_code])
        known[external_code] = record
        for identity in _identities(endpoint, record):
            self._codes.setdefault(endpoint, {})[identity] = external_code
        if endpoint in CODE_FIELDS:
            counts = self._first_codes.setdefault(endpoint, {})
            code = record[CODE_FIELDS[endpoint][0]]
            counts[code] = counts.get(code, 0) + 1

    def _forget(self, endpoint: str, record: Record) -> None:
        for identity in _identities(endpoint, record):
            self._codes[endpoint].pop(identity, None)
        if endpoint in CODE_FIELDS:
            self._first_codes[endpoint][record[CODE_FIELDS[endpoint][0]]] -= 1

    def has(self, endpoint: str, external_code: str) -> bool:
        """Whether a record of this externalCode has taken effect."""
        return external_code in self.records.get(endpoint, {})

    def has_code(self, endpoint: str, code: str) -> bool:
        """Whether a record of this business code (vendorCode, taxCode, ...) has taken effect."""
        return self._first_codes.get(endpoint, {}).get(code, 0) > 0

    def holder(self, endpoint: str, record: Record) -> str | None:
        """externalCode of another record that already stands for the same business object."""
        codes = self._codes.get(endpoint, {})
        for identity in _identities(endpoint, record):
            if codes.get(identity, record["externalCode"]) != record["externalCode"]:
                return codes[identity]
        return None


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a record will end, why, and what of it P2P keeps."""

    outcome: str
    findings: tuple[Finding, ...]
    saved: Record


def judge(endpoint: str, record: Record, target: TargetSystem) -> Verdict:
    """Apply the endpoint's rules; an error wins over warnings, a warning drops the fields it names."""
    findings: list[Finding] = []
    dropped: set[str] = set()
    holder = target.holder(endpoint, record)
    if holder:
        findings.append(Finding(f"code is already used by record {holder}"))
    for rule in RULES.get(endpoint, ()):
        for finding, fields in rule(record, target):
            findings.append(finding)
            dropped.update(fields)
    if any(finding.type == "Error" for finding in findings):
        return Verdict("Error", tuple(findings), {})
    saved = {name: value for name, value in record.items() if name not in dropped}
    return Verdict("Warning" if findings else "Success", tuple(findings), saved)


Found = Iterator[tuple[Finding, tuple[str, ...]]]
Rule = Callable[[Record, TargetSystem], Found]


def _error(message: str) -> tuple[Finding, tuple[str, ...]]:
    return Finding(message), ()


def _warning(message: str, *dropped: str) -> tuple[Finding, tuple[str, ...]]:
    return Finding(message, "Warning"), dropped


def _companies_exist(record: Record, target: TargetSystem) -> Found:
    unknown = [
        c["companyCode"] for c in record.get("companies", ()) if c["companyCode"] not in target.companies
    ]
    if unknown:
        yield _error(f"unknown company {', '.join(unknown)}")


def _vendor_companies_exist(record: Record, target: TargetSystem) -> Found:
    if any(company["companyCode"] not in target.companies for company in record["companies"]):
        yield _warning("unknown company: the vendor was put on ROOT level", "companies")


def _tax_code_exists(record: Record, target: TargetSystem) -> Found:
    code = record.get("taxCode")
    if code and not target.has_code("taxCodes", code):
        yield _error(f"tax code {code} does not exist")


def _payment_term_exists(record: Record, target: TargetSystem) -> Found:
    code = (record.get("paymentTerms") or {}).get("paymentTermCode")
    if code and not target.has_code("paymentTerms", code):
        yield _warning(f"payment term {code} does not exist and was skipped", "paymentTerms")


def _vendor_currency_active(record: Record, target: TargetSystem) -> Found:
    for mean in record.get("paymentMeans") or ():
        code = mean.get("currencyCode")
        if code and code not in target.currencies:
            yield _warning(f"currency {code} is not active and was skipped", "paymentMeans")


def _bank_accounts_differ(record: Record, _target: TargetSystem) -> Found:
    seen: set[tuple[Any, Any]] = set()
    for mean in record.get("paymentMeans") or ():
        for account in mean.get("financialAccounts") or ():
            for identifier in account.get("financialAccountIdentifiers") or ():
                key = identifier["schemeId"], identifier.get("id")
                if key in seen:
                    yield _error(f"bank account {key[0]} occurs twice")
                seen.add(key)


def _order_company_exists(record: Record, target: TargetSystem) -> Found:
    if record["companyCode"] not in target.companies:
        yield _error(f"unknown company {record['companyCode']}")


def _order_vendor_exists(record: Record, target: TargetSystem) -> Found:
    if not target.has_code("vendors", record["supplierCode"]):
        yield _error(f"supplier {record['supplierCode']} does not exist")


def _order_currency_active(record: Record, target: TargetSystem) -> Found:
    if record["currencyCode"] not in target.currencies:
        yield _error(f"currency {record['currencyCode']} is not active")


def _line_header_exists(record: Record, target: TargetSystem) -> Found:
    if not target.has("matchingOrders", record["orderExternalCode"]):
        yield _error(f"order {record['orderExternalCode']} does not exist")


def _line_quantity_fits_mode(record: Record, _target: TargetSystem) -> Found:
    mode, quantity = record["matchingMode"], record["quantity"]
    if quantity <= 0:
        yield _error("quantity must be greater than 0")
    elif mode in ("Blanket", "Service") and quantity != 1:
        yield _error(f"quantity of a {mode} line must be 1")
    elif mode == "Return" and (record.get("netPrice") or 0) >= 0:
        yield _error("the price of a Return line must be negative")


def _line_receipt_flags_fit_mode(record: Record, _target: TargetSystem) -> Found:
    required, based = bool(record.get("isReceiptRequired")), bool(record.get("isReceiptBasedMatching"))
    if record["matchingMode"] == "Service" and not (required and based):
        yield _error("a Service line needs isReceiptRequired and isReceiptBasedMatching")
    if record["matchingMode"] == "Blanket" and required:
        yield _error("a Blanket line cannot require receipts")


def _line_has_sums(record: Record, _target: TargetSystem) -> Found:
    if all(record.get(name) is None for name in ("netSum", "grossSum", "netPrice", "grossPrice")):
        yield _error("neither net nor gross sums are given")


def _line_deletion_is_said(record: Record, _target: TargetSystem) -> Found:
    if record.get("isDeleted") is None:
        yield _warning("isDeleted is not given: best-fit matching will not see the line")


def _discount_rules_fit(record: Record, _target: TargetSystem) -> Found:
    if (record.get("cashDueDateCalc") == 2) != bool(record.get("paymentTermDiscountRules")):
        yield _error("paymentTermDiscountRules go with cashDueDateCalc 2, and only with it")


RULES: dict[str, tuple[Rule, ...]] = {
    "vendors": (
        _vendor_companies_exist,
        _payment_term_exists,
        _vendor_currency_active,
        _bank_accounts_differ,
    ),
    "accounts": (_companies_exist, _tax_code_exists),
    "costCenters": (_companies_exist,),
    "paymentTerms": (_companies_exist, _discount_rules_fit),
    "taxCodes": (_companies_exist,),
    "lists": (_companies_exist,),
    "matchingOrders": (_order_company_exists, _order_vendor_exists, _order_currency_active),
    "matchingOrderLines": (
        _line_header_exists,
        _line_quantity_fits_mode,
        _line_receipt_flags_fit_mode,
        _line_has_sums,
        _line_deletion_is_said,
    ),
}


def _identities(endpoint: str, record: Record) -> list[tuple[str, ...]]:
    """Business keys of a record: one per company for master data, else one."""
    fields = CODE_FIELDS.get(endpoint)
    if fields is None:
        return []
    key = tuple(str(record.get(name) or "") for name in fields)
    if "companies" not in record:
        return [key]
    return [(company["companyCode"], *key) for company in record["companies"]]
