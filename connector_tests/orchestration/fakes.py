"""A site of two companies whose flows answer at once and can be told to fail."""

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from connector_defs.flows import (
    aftercare,
    control_totals,
    enrichment,
    enrichment_decisions,
    extraction,
    extracts,
    hints,
    intake,
    invoices,
    overview,
    pace,
    payments,
    preview,
    publishing,
    push_watch,
    queue,
    reconciliation,
    record_reconciliation,
    supplier_updates,
)
from connector_defs.flows.enrichment_reports import (
    EnrichmentReport,
    SupplierChange,
    SupplierUpdateReport,
)
from connector_defs.flows.push_reports import HintReport, PushStatus
from connector_defs.flows.record_reports import (
    ControlTotals,
    IncompleteOrder,
    RecordAge,
    RecordComparison,
    RecordDifference,
    RecordsReport,
)
from connector_defs.flows.reports import (
    DateWindow,
    Difference,
    ExtractReport,
    FollowUpReport,
    InvoiceRunReport,
    LedgerTotal,
    PaymentRunReport,
    Preview,
    Problem,
    PublishNote,
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
    "invoices", "payments", "compare", "update", "peek" or "due", or "reconcile", which is not by company.
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
    compared: list[tuple[str, date | None]] = field(default_factory=list)
    differences_of_suppliers: list[SupplierChange] = field(default_factory=list)
    update_outages: tuple[Problem, ...] = ()
    reconciled: list[date | None] = field(default_factory=list)
    missing_columns: tuple[str, ...] = ()
    changed_columns: tuple[str, ...] = ()
    new_columns: tuple[str, ...] = ()
    totals: list[ControlTotals] = field(default_factory=list)
    ages: tuple[RecordAge, ...] = ()
    incomplete: list[IncompleteOrder] = field(default_factory=list)
    duplicates: list[Problem] = field(default_factory=list)
    record_differences: tuple[RecordDifference, ...] = ()
    comparison_outage: str = ""
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
    outcomes_due: dict[str, list[str]] = field(default_factory=dict)
    hint: str | None = None
    request_hint: str | None = None
    settled_requests: int = 0
    push: PushStatus | None = None
    until_poll: dict[str, int] = field(default_factory=dict)
    polled: list[tuple[str, bool]] = field(default_factory=list)
    push_looks: int = 0
    looked: int = 0
    open_now: int = 0

    def install(self, monkeypatch: pytest.MonkeyPatch) -> "FakeSite":
        """Put this site in the place of the real flows and of the real connector."""
        monkeypatch.setattr(resources, "settings_in_force", lambda: self.settings)
        monkeypatch.setattr(resources, "open_connector", self._open)
        monkeypatch.setattr(extraction, "stage", self._stage)
        monkeypatch.setattr(publishing, "publish", self._publish)
        monkeypatch.setattr(aftercare, "due", self._outcomes_due)
        monkeypatch.setattr(aftercare, "look", self._look_at_outcomes)
        monkeypatch.setattr(invoices, "run_invoices", self._run_invoices)
        monkeypatch.setattr(invoices, "peek", self._peek)
        monkeypatch.setattr(invoices, "due", self._due)
        monkeypatch.setattr(payments, "run_payments", self._run_payments)
        monkeypatch.setattr(enrichment, "compare", self._compare)
        monkeypatch.setattr(supplier_updates, "update_suppliers", self._update_suppliers)
        monkeypatch.setattr(enrichment_decisions, "listed", self._listed)
        monkeypatch.setattr(overview, "refused_payments", lambda _: self.refused_payments)
        monkeypatch.setattr(overview, "unclear_payments", lambda _: self.unclear_payments)
        monkeypatch.setattr(intake, "full_list_due", lambda *_: self.whole_lists_due)
        monkeypatch.setattr(extracts, "extracts_due", lambda _: self.extracts_due)
        monkeypatch.setattr(extracts, "refused_extracts", lambda _: self.refused_extracts)
        monkeypatch.setattr(extracts, "take_in_extracts", lambda _: self.extracts_report)
        monkeypatch.setattr(hints, "waiting", lambda _: self.hint)
        monkeypatch.setattr(hints, "requests_waiting", lambda _: self.request_hint)
        monkeypatch.setattr(hints, "requests_told", lambda _: [])
        monkeypatch.setattr(hints, "settle_requests", self._settle_requests)
        monkeypatch.setattr(hints, "take_in_hints", lambda _: HintReport(3, 2, 1, 2, "away"))
        monkeypatch.setattr(
            pace, "until_poll", lambda _, company: self.until_poll.get(company.syspro_company, 0)
        )
        monkeypatch.setattr(pace, "polled", self._polled)
        monkeypatch.setattr(push_watch, "look", self._look_at_push)
        monkeypatch.setattr(push_watch, "status", lambda _: self.push)
        monkeypatch.setattr(reconciliation, "reconcile", self._reconcile)
        monkeypatch.setattr(overview, "unmapped_accounts", lambda _: self.unmapped)
        monkeypatch.setattr(overview, "quarantined", lambda _: self.quarantined)
        monkeypatch.setattr(overview, "refused", lambda _: self.refused)
        monkeypatch.setattr(overview, "review_items", self._review_items)
        monkeypatch.setattr(queue, "gl_problems", lambda _: self.gl_problems)
        monkeypatch.setattr(preview, "preview_waiting", self._preview)
        monkeypatch.setattr(overview, "status", self._status)
        monkeypatch.setattr(overview, "incomplete_orders", lambda _: self.incomplete)
        monkeypatch.setattr(overview, "duplicate_suppliers", lambda _: self.duplicates)
        monkeypatch.setattr(control_totals, "with_totals", lambda *given, first=None: given[2])
        monkeypatch.setattr(control_totals, "latest", lambda _: self.totals)
        monkeypatch.setattr(record_reconciliation, "reconcile_records", lambda _: self._compared())
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
            changed_columns=self.changed_columns,
            new_columns=self.new_columns,
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
            notes=(PublishNote(name, entity, "TEXT_CUT", "a text is cut", "shorten it", 3, "0000002"),),
        )

    def _outcomes_due(self, _: object, company: CompanySettings) -> list[str]:
        return self.outcomes_due.get(self._meet("outcomes due", company), [])

    def _look_at_outcomes(self, _: object, company: CompanySettings) -> FollowUpReport:
        name = self._meet("request_outcomes", company)
        return FollowUpReport(2, 7, 1, 3, (problem(name, "vendors"),))

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

    def _compare(
        self, _: object, company: CompanySettings, *, updated_from: date | None = None
    ) -> EnrichmentReport:
        name = self._meet("compare", company)
        self.compared.append((name, updated_from))
        return EnrichmentReport(
            company=name,
            dry_run=False,
            vendors=20,
            compared=18,
            proposed=1,
            approved=0,
            review=1,
            rejected=0,
            failed=0,
            superseded=0,
            basware_requests=1,
            seconds=0.5,
            changes=(supplier_change(company=name),),
            notes=(problem(name, "supplier_enrichment"),),
        )

    def _update_suppliers(self, _: object, company: CompanySettings) -> SupplierUpdateReport:
        return SupplierUpdateReport(
            company=self._meet("update", company),
            due=2,
            sent=1,
            applied=2,
            refused=0,
            failed=0,
            waiting=0,
            logons=1,
            seconds=0.25,
            changes=(supplier_change(state="applied"),),
            outages=self.update_outages,
        )

    def _listed(self, _: object, *, states: tuple[str, ...]) -> list[SupplierChange]:
        return [one for one in self.differences_of_suppliers if one.state in states]

    def _peek(self, _: object, company: CompanySettings) -> list[tuple[str, str]]:
        self.looked += 1
        return self.peeked.get(self._meet("peek", company), [])

    def _polled(self, _: object, company: CompanySettings, *, left: bool) -> None:
        self.polled.append((company.syspro_company, left))

    def _look_at_push(self, _: object) -> None:
        self.push_looks += 1

    def _settle_requests(self, *_: object) -> None:
        self.settled_requests += 1

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

    def _status(self, _: object) -> Status:
        return Status({"responded": 3}, {}, self.oldest_open_minutes, unconfirmed=self.ages)

    def _compared(self) -> RecordsReport:
        compared = RecordComparison(
            company="M1",
            entity="vendors",
            staged_on=date(2026, 11, 20),
            syspro=10,
            ours=10,
            basware=10,
            compared=9,
            matched=9 - len(self.record_differences),
            waiting=1,
            not_compared=0,
            differing=len(self.record_differences),
            differences=self.record_differences,
            outage=self.comparison_outage,
        )
        return RecordsReport((compared,))

    def _preview(self, _: object) -> Preview:
        self.previews += 1
        return self.preview

    def _review_items(self, _: object, code_prefix: str | None = None) -> list[QueueItem]:
        return [item for item in self.reviews if item.code.startswith(code_prefix or "")]


def supplier_change(**changes: Any) -> SupplierChange:
    usual = SupplierChange(
        company="M1",
        supplier="0000001",
        field="payment_terms",
        syspro="30",
        basware="60",
        state="proposed",
        outcome="waits for approval",
    )
    return replace(usual, **changes)


def problem(company: str = "M1", entity: str = "vendors") -> Problem:
    return Problem(
        company, entity, "0000001", "NAME_TOO_SHORT", "one character", "correct the name in SYSPRO"
    )


def control_total(**changes: object) -> ControlTotals:
    usual = ControlTotals(
        company="M1",
        entity="vendors",
        day=date(2026, 11, 20),
        made_at=datetime(2026, 11, 20, 5, tzinfo=UTC),
        rows=10,
        counted=10,
        left_out=0,
        staged=10,
        unchanged=6,
        sent=3,
        carried=0,
        confirmed=3,
        pending=0,
        held=0,
        refused=0,
        quarantined=1,
        in_flight=0,
        closed=0,
    )
    return replace(usual, **changes)  # type: ignore[arg-type]


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
