"""Reports of flows as tests need them: sensible defaults, and whatever a test cares about."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from connector_defs.flows.enrichment_reports import EnrichmentReport, SupplierUpdateReport
from connector_defs.flows.reports import (
    InvoiceRunReport,
    PaymentRunReport,
    Problem,
    PublishReport,
    QueueItem,
    StageReport,
    ToldPayment,
)

WHEN = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)


def problem(key: str = "000123", **changes: Any) -> Problem:
    usual = Problem(
        "M1", "vendors", key, "name_too_short", "the name has one character", "lengthen it in SYSPRO"
    )
    return replace(usual, **changes)


def staged(table: str = "suppliers", **changes: Any) -> StageReport:
    return replace(StageReport("M1", table, 200, 2, 0.5, Path("rows.parquet"), ()), **changes)


def published(entity: str = "vendors", **changes: Any) -> PublishReport:
    usual = PublishReport(
        company="M1",
        entity=entity,
        staged=200,
        unchanged=0,
        sent=199,
        requests=1,
        confirmed=199,
        pending=0,
        failed=0,
        quarantined=1,
        deactivated=0,
        held=0,
        seconds=1.25,
    )
    return replace(usual, **changes)


def invoice_run(**changes: Any) -> InvoiceRunReport:
    usual = InvoiceRunReport(
        company="M1",
        fetched=300,
        received=300,
        posted=280,
        responded=280,
        released=0,
        waiting=20,
        retrying=0,
        logons=6,
        basware_requests=900,
        syspro_requests=700,
        seconds=9.5,
    )
    return replace(usual, **changes)


def payment_run(told: int = 12, **changes: Any) -> PaymentRunReport:
    usual = PaymentRunReport(
        company="M1",
        rows=500,
        examined=30,
        changed=told,
        told=told,
        confirmed=told,
        pending=0,
        refused=0,
        unclear=0,
        basware_requests=3 * told,
        seconds=2.5,
        payments=tuple(told_payment(f"INV-{number:03d}") for number in range(told)),
    )
    return replace(usual, **changes)


def told_payment(number: str) -> ToldPayment:
    return ToldPayment(
        company="M1",
        supplier="000000000000123",
        invoice_number=number,
        invoice_id=f"id-{number}",
        paid_total=Decimal("617.25"),
        gross=Decimal("1234.50"),
        currency="USD",
        cash_discount=Decimal("0.00"),
        payment_date=WHEN.date(),
        generation=1,
    )


def compared(**changes: Any) -> EnrichmentReport:
    usual = EnrichmentReport(
        company="M1",
        dry_run=False,
        vendors=198,
        compared=190,
        proposed=0,
        approved=34,
        review=0,
        rejected=0,
        failed=0,
        superseded=0,
        basware_requests=1,
        seconds=0.5,
    )
    return replace(usual, **changes)


def supplier_update(**changes: Any) -> SupplierUpdateReport:
    usual = SupplierUpdateReport(
        company="M1",
        due=45,
        sent=34,
        applied=45,
        refused=0,
        failed=0,
        waiting=0,
        logons=1,
        seconds=1.5,
    )
    return replace(usual, **changes)


def queue_item(**changes: Any) -> QueueItem:
    usual = QueueItem(
        company="M1",
        invoice_id="7f3b1c2a-0000-4000-8000-000000000001",
        state="needs_mapping",
        code="unmapped_account",
        reason="account code 6400-LEGACY has no GL code",
        remedy="connector mapping set 6400-LEGACY GL_CODE",
        supplier="000000000000123",
        invoice_number="INV-2026-00042",
        gross=Decimal("1234.50"),
        currency="USD",
        attempts=0,
        received_at=WHEN,
        next_attempt_at=None,
    )
    return replace(usual, **changes)
