"""A site of two companies whose flows answer at once and can be told to fail."""

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from pydantic import SecretStr

from connector_defs.flows import (
    extraction,
    extracts,
    intake,
    invoices,
    overview,
    payments,
    preview,
    publishing,
    queue,
    reconciliation,
)
from connector_defs.flows.reports import (
    DateWindow,
    Difference,
    ExtractReport,
    InvoiceRunReport,
    LedgerTotal,
    PaymentRunReport,
    Preview,
    Problem,
    PublishReport,
    QueueItem,
    ReconcileReport,
    StageReport,
    Status,
    ToldPayment,
    UnmappedAccount,
)
from connector_defs.orchestration import resources
from connector_defs.settings import BaswareSettings, CompanySettings, Settings, SysproSettings
from connector_defs.store.extracts import StoredExtract

SECRET = "hunter2-never-shown"


def company(name: str) -> CompanySettings:
    return CompanySettings(
        syspro_company=name, basware_company=f"B{name}", operator="INTEG", operator_password=SecretStr(SECRET)
    )


def settings(*companies: CompanySettings) -> Settings:
    return Settings(
        syspro=SysproSettings(
            enet_url="http://127.0.0.1:1/SYSPROWCFService/Rest",
            odata_url="http://127.0.0.1:1/odata",
            odata_username="reader",
            odata_password=SecretStr(SECRET),
        ),
        basware=BaswareSettings(region="SANDBOX", client_id="client", client_secret=SecretStr(SECRET)),
        companies=companies,
    )


@dataclass
class FakeConnector:
    """Stands for the open connector; only the fake flows look into it."""

    settings: Settings

    @property
    def companies(self) -> tuple[CompanySettings, ...]:
        return self.settings.companies


@dataclass
class FakeSite:
    """What the fake flows found, did and are told to raise.

    `errors` maps (step, company) to the exception raised there; a step is a staged table, an entity,
    "invoices", "payments", "peek" or "due", or "reconcile", which is not by company.
    """

    settings: Settings = field(default_factory=lambda: settings(company("M1"), company("M2")))
    opened_with: list[Settings] = field(default_factory=list)
    opening: Exception | None = None
    errors: dict[tuple[str, str], Exception] = field(default_factory=dict)
    windows: dict[str, list[DateWindow]] = field(default_factory=lambda: defaultdict(list))
    published: list[tuple[str, str, date]] = field(default_factory=list)
    published_from: list[date] = field(default_factory=list)
    reread: list[date | None] = field(default_factory=list)
    paid: list[tuple[str, date, bool]] = field(default_factory=list)
    refused_payments: list[Problem] = field(default_factory=list)
    unclear_payments: list[Problem] = field(default_factory=list)
    payment_outages: tuple[Problem, ...] = ()
    reconciled: list[date | None] = field(default_factory=list)
    missing_columns: tuple[str, ...] = ()
    unmapped: list[UnmappedAccount] = field(default_factory=list)
    reviews: list[QueueItem] = field(default_factory=list)
    gl_problems: list[QueueItem] = field(default_factory=list)
    preview: Preview = field(default_factory=lambda: Preview(()))
    previews: int = 0
    quarantined: list[Problem] = field(default_factory=list)
    refused: list[Problem] = field(default_factory=list)
    differences: tuple[Difference, ...] = ()
    oldest_open_minutes: int = 0
    peeked: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    due: dict[str, list[str]] = field(default_factory=dict)
    whole_lists_due: str | None = None
    extracts_due: bool = False
    refused_extracts: list[StoredExtract] = field(default_factory=list)
    extracts_report: ExtractReport = field(
        default_factory=lambda: ExtractReport(1, 20, 3, 2, ("TAX_SUM",), 0.5)
    )
    looked: int = 0
    open_now: int = 0

    def install(self, monkeypatch: pytest.MonkeyPatch) -> "FakeSite":
        """Put this site in the place of the real flows and of the real connector."""
        monkeypatch.setattr(resources, "load_settings", lambda: self.settings)
        monkeypatch.setattr(resources, "open_connector", self._open)
        monkeypatch.setattr(extraction, "stage", self._stage)
        monkeypatch.setattr(publishing, "publish", self._publish)
        monkeypatch.setattr(invoices, "run_invoices", self._run_invoices)
        monkeypatch.setattr(invoices, "peek", self._peek)
        monkeypatch.setattr(invoices, "due", self._due)
        monkeypatch.setattr(payments, "run_payments", self._run_payments)
        monkeypatch.setattr(overview, "refused_payments", lambda _: self.refused_payments)
        monkeypatch.setattr(overview, "unclear_payments", lambda _: self.unclear_payments)
        monkeypatch.setattr(intake, "full_list_due", lambda *_: self.whole_lists_due)
        monkeypatch.setattr(extracts, "extracts_due", lambda _: self.extracts_due)
        monkeypatch.setattr(extracts, "refused_extracts", lambda _: self.refused_extracts)
        monkeypatch.setattr(extracts, "take_in_extracts", lambda _: self.extracts_report)
        monkeypatch.setattr(reconciliation, "reconcile", self._reconcile)
        monkeypatch.setattr(overview, "unmapped_accounts", lambda _: self.unmapped)
        monkeypatch.setattr(overview, "quarantined", lambda _: self.quarantined)
        monkeypatch.setattr(overview, "refused", lambda _: self.refused)
        monkeypatch.setattr(overview, "review_items", self._review_items)
        monkeypatch.setattr(queue, "gl_problems", lambda _: self.gl_problems)
        monkeypatch.setattr(preview, "preview_waiting", self._preview)
        monkeypatch.setattr(
            overview, "status", lambda _: Status({"responded": 3}, {}, self.oldest_open_minutes)
        )
        return self

    @contextmanager
    def _open(self, settings: Settings) -> Iterator[FakeConnector]:
        self.opened_with.append(settings)
        if self.opening is not None:
            raise self.opening
        self.open_now += 1
        try:
            yield FakeConnector(settings)
        finally:
            self.open_now -= 1

    def _meet(self, step: str, company: CompanySettings) -> str:
        error = self.errors.get((step, company.syspro_company))
        if error is not None:
            raise error
        return company.syspro_company

    def _stage(self, _: object, company: CompanySettings, name: str, window: DateWindow) -> StageReport:
        self.windows[name].append(window)
        return StageReport(
            company=self._meet(name, company),
            table=name,
            rows=10,
            pages=2,
            seconds=0.5,
            path=Path(f"staging/{name}/{window.last}.parquet"),
            columns=(("Supplier", "string"), ("Balance", "decimal128(14, 2)")),
            missing_columns=self.missing_columns,
        )

    def _publish(
        self, _: object, company: CompanySettings, entity: str, partition: date, *, first: date
    ) -> PublishReport:
        name = self._meet(entity, company)
        self.published.append((entity, name, partition))
        self.published_from.append(first)
        return PublishReport(
            company=name,
            entity=entity,
            staged=10,
            unchanged=6,
            sent=3,
            requests=1,
            confirmed=3,
            pending=0,
            failed=0,
            quarantined=1,
            deactivated=0,
            held=0,
            seconds=0.25,
            problems=(problem(name, entity),),
        )

    def _run_invoices(
        self, _: object, company: CompanySettings, *, updated_from: date | None = None
    ) -> InvoiceRunReport:
        self.reread.append(updated_from)
        return InvoiceRunReport(
            company=self._meet("invoices", company),
            fetched=4,
            received=3,
            posted=2,
            responded=2,
            released=0,
            waiting=1,
            retrying=0,
            logons=1,
            basware_requests=7,
            syspro_requests=5,
            seconds=1.5,
            states={"responded": 2, "needs_mapping": 1},
        )

    def _run_payments(
        self, _: object, company: CompanySettings, window: DateWindow, *, again: bool = False
    ) -> PaymentRunReport:
        name = self._meet("payments", company)
        self.paid.append((name, window.last, again))
        told = ToldPayment(
            company=name,
            supplier="0000001",
            invoice_number="INV-1",
            invoice_id="i-1",
            paid_total=Decimal("50.00"),
            gross=Decimal("108.25"),
            currency="EUR",
            cash_discount=Decimal("0.00"),
            payment_date=window.last,
            generation=1,
        )
        return PaymentRunReport(
            company=name,
            rows=10,
            examined=4,
            changed=1,
            told=1,
            confirmed=3,
            pending=0,
            refused=0,
            unclear=0,
            basware_requests=3,
            seconds=0.5,
            payments=(told,),
            outages=self.payment_outages,
        )

    def _peek(self, _: object, company: CompanySettings) -> list[tuple[str, str]]:
        self.looked += 1
        return self.peeked.get(self._meet("peek", company), [])

    def _due(self, _: object, company: CompanySettings) -> list[str]:
        self.looked += 1
        return self.due.get(self._meet("due", company), [])

    def _reconcile(self, _: object, day: date | None = None) -> ReconcileReport:
        self.reconciled.append(day)
        if ("reconcile", "") in self.errors:
            raise self.errors["reconcile", ""]
        amount = Decimal("1234.50")
        return ReconcileReport(
            day, 3, 3, (LedgerTotal("M1", "EUR", 3, amount, amount, amount),), self.differences
        )

    def _preview(self, _: object) -> Preview:
        self.previews += 1
        return self.preview

    def _review_items(self, _: object, code_prefix: str | None = None) -> list[QueueItem]:
        return [item for item in self.reviews if item.code.startswith(code_prefix or "")]


def problem(company: str = "M1", entity: str = "vendors") -> Problem:
    return Problem(
        company, entity, "0000001", "NAME_TOO_SHORT", "one character", "correct the name in SYSPRO"
    )


def unmapped_account() -> UnmappedAccount:
    return UnmappedAccount(
        company="M1",
        account_code="9-4711",
        account_name="Sundries",
        cost_center="CC10",
        invoices=2,
        total=Decimal("99.95"),
        oldest=datetime(2026, 11, 20, 8, 30, tzinfo=UTC),
        suppliers=("0000001", "0000007"),
    )


def review_item(code: str) -> QueueItem:
    return QueueItem(
        company="M1",
        invoice_id="4f0c1a5e-0000-4000-8000-000000000001",
        state="needs_review",
        code=code,
        reason="reason",
        remedy="remedy",
        supplier="0000001",
        invoice_number="INV-1",
        gross=Decimal("10.00"),
        currency="EUR",
        attempts=0,
        received_at=datetime(2026, 11, 20, tzinfo=UTC),
        next_attempt_at=None,
    )
