"""The judge finds what is planted, and names the invariant: otherwise its silence would mean nothing."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal

import pytest
from sqlalchemy import update

from connector_defs.flows.invoices import run_invoices
from connector_defs.sandbox.syspro.ledger import PostedInvoice
from connector_defs.store.tables import audit_event, invoice
from connector_tests.proof.kinds import PLAIN
from connector_tests.proof.site import ProofSite, open_site


@pytest.fixture
def site() -> Iterator[ProofSite]:
    """Three invoices, posted and answered."""
    with open_site("J", 1) as opened:
        opened.approve([bill for _ in range(3) for bill in PLAIN.write(opened.desk)])
        run_invoices(opened.connector, opened.connector.companies[0])
        assert opened.at_rest
        yield opened


def _postings(site: ProofSite) -> list[PostedInvoice]:
    return site.sandbox.syspro.ledger.invoices


def _alter(site: ProofSite, **fields: object) -> None:
    first = _postings(site)[0]
    _postings(site)[0] = replace(first, entry=replace(first.entry, **fields))  # type: ignore[arg-type]


def _write(site: ProofSite, **values: object) -> None:
    with site.connector.store.write() as connection:
        connection.execute(
            update(invoice).where(invoice.c.invoice_id == site.expected[0].invoice_id).values(**values)
        )


def _document(site: ProofSite) -> dict[str, object]:
    return site.sandbox.basware.accounting.records[site.expected[0].invoice_id]


def post_twice(site: ProofSite) -> None:
    _postings(site).append(replace(_postings(site)[0], journal=99))


def post_under_another_number(site: ProofSite) -> None:
    first = _postings(site)[0]
    _postings(site).append(replace(first, journal=99, entry=replace(first.entry, invoice="OTHER")))


def post_in_other_letters(site: ProofSite) -> None:
    first = _postings(site)[0]
    entry = replace(first.entry, invoice=first.entry.invoice.lower(), reference="")
    _postings(site).append(replace(first, journal=99, entry=entry))


def spread_a_cent_too_much(site: ProofSite) -> None:
    part, *others = _postings(site)[0].entry.distributions
    _alter(site, distributions=(replace(part, value=part.value + Decimal("0.01")), *others))


def post_to_another_account(site: ProofSite) -> None:
    part, *others = _postings(site)[0].entry.distributions
    _alter(site, distributions=(replace(part, gl_code="00-7900"), *others))


def post_another_amount(site: ProofSite) -> None:
    part, *others = _postings(site)[0].entry.distributions
    more = part.value + 5
    _alter(
        site,
        value=_postings(site)[0].entry.value + 5,
        distributions=(replace(part, value=more), *others),
    )


def lose_the_posting(site: ProofSite) -> None:
    _postings(site).pop(0)


def tell_another_voucher(site: ProofSite) -> None:
    _document(site)["voucherNumber1"] = "202611-99999-0001"


def acknowledge_what_nobody_has(site: ProofSite) -> None:
    (bill,) = PLAIN.write(site.desk)
    site.sandbox.basware.approve(bill.document)
    site.sandbox.basware.change(bill.expected.invoice_id, {"processingStatus": "TransferInProgress"})


def forget_to_answer(site: ProofSite) -> None:
    _document(site)["processingStatus"] = "TransferInProgress"


def never_take_one_in(site: ProofSite) -> None:
    site.approve(PLAIN.write(site.desk))


def leave_a_session(site: ProofSite) -> None:
    credentials, sessions = site.sandbox.credentials, site.sandbox.syspro.session_book
    sessions.logon(credentials.operator, credentials.operator_password, "M1", credentials.company_password)


def change_a_row_behind_the_trail(site: ProofSite) -> None:
    _write(site, attempts=7)


def change_an_event(site: ProofSite) -> None:
    with site.connector.store.write() as connection:
        connection.execute(update(audit_event).where(audit_event.c.id == 3).values(actor="nobody"))


def move_without_an_event(site: ProofSite) -> None:
    _write(site, state="needs_review")


def post_for_another_company(site: ProofSite) -> None:
    _document(site)["companyCode"] = "2000"


def spoil_the_file(site: ProofSite) -> None:
    with site.connector.store.read() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        page_size = connection.exec_driver_sql("PRAGMA page_size").scalar_one()
        page = connection.exec_driver_sql(
            "SELECT rootpage FROM sqlite_master WHERE name = 'poll'"
        ).scalar_one()
    # Another process, since SQLite's locks go where this one closes the file.
    spoil = "import sys; file = open(sys.argv[1], 'r+b'); file.seek(int(sys.argv[2])); file.write(b'spoilt')"
    file = site.connector.settings.storage.state_url.removeprefix("sqlite:///")
    subprocess.run([sys.executable, "-c", spoil, file, str((page - 1) * page_size)], check=True)


@pytest.mark.parametrize(
    ("plant", "invariant"),
    [
        (post_twice, "I1"),
        (post_under_another_number, "I1"),
        (post_in_other_letters, "I1"),
        (spread_a_cent_too_much, "I2"),
        (post_to_another_account, "I2"),
        (post_another_amount, "I2"),
        (acknowledge_what_nobody_has, "I3"),
        (lose_the_posting, "I4"),
        (tell_another_voucher, "I4"),
        (forget_to_answer, "I5"),
        (never_take_one_in, "I5"),
        (leave_a_session, "I6"),
        (change_a_row_behind_the_trail, "I7"),
        (change_an_event, "I7"),
        (move_without_an_event, "I7"),
        (spoil_the_file, "I7"),
        (post_for_another_company, "I9"),
    ],
)
def test_what_is_planted_is_found_and_named(
    site: ProofSite, plant: Callable[[ProofSite], None], invariant: str
) -> None:
    assert site.verdict().clean
    plant(site)
    verdict = site.verdict()
    assert invariant in verdict.broken, str(verdict)
    assert f"{invariant} broken" in str(verdict)


@pytest.mark.parametrize(
    ("plant", "invariant"),
    [
        (post_twice, "I1"),
        (spread_a_cent_too_much, "I2"),
        (acknowledge_what_nobody_has, "I3"),
        (lose_the_posting, "I4"),
        (tell_another_voucher, "I4"),
    ],
)
def test_the_judge_need_not_wait_for_the_end(
    site: ProofSite, plant: Callable[[ProofSite], None], invariant: str
) -> None:
    assert site.judge.at_any_time().clean
    plant(site)
    assert invariant in site.judge.at_any_time().broken
