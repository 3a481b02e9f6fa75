"""Asking SYSPRO without posting: what proves that a document only asks, and what its reply says."""

from datetime import date
from decimal import Decimal

import pytest

from connector_defs.domain.errors import OutcomeUnknown
from connector_defs.syspro.documents import apstin, gentjl
from connector_defs.syspro.documents.outcome import FieldError, Rejection
from connector_defs.syspro.documents.validation import Validated, validates_only

INVOICE = apstin.ApInvoice(
    supplier="0001",
    transaction_code="I",
    branch=None,
    invoice="A",
    value=Decimal("1.00"),
    notation="",
    reference="R",
    invoice_date=date(2026, 1, 31),
    due_date=None,
    exchange_rate=None,
    tax_basis="E",
    tax_code=None,
    tax_value=None,
    ledger_lines=(apstin.LedgerLine("00-1000", Decimal("1.00")),),
)
JOURNAL = gentjl.LedgerJournal(
    date(2026, 1, 31),
    "R",
    "",
    (gentjl.JournalEntry("00-1000", Decimal("1.00")), gentjl.JournalEntry("00-2000", Decimal("-1.00"))),
)
ASKING = "<PostApInvoice><Parameters><ValidateOnly>Y</ValidateOnly></Parameters></PostApInvoice>"
ERROR = (
    "<Invoice><Value>A</Value><ErrorNumber>1</ErrorNumber><ErrorDescription>dup</ErrorDescription></Invoice>"
)
AP_KEY = "<Key><TrnYear>2026</TrnYear><TrnMonth>01</TrnMonth><Journal>00017</Journal><EntryNumber>001</EntryNumber></Key>"
GL_KEY = "<Key><GlYear>2026</GlYear><GlPeriod>01</GlPeriod><GlJournal>00017</GlJournal></Key>"
STATUS = "<StatusOfItems><ItemsProcessed>00001</ItemsProcessed><ItemsInvalid/></StatusOfItems>"


def test_documents_made_to_ask_are_known_to_and_no_others() -> None:
    assert validates_only(apstin.build(INVOICE, apstin.ApOptions(validate_only="Y"))[0])
    assert validates_only(gentjl.build(JOURNAL, gentjl.JournalOptions(validate_only="Y"))[0])
    assert not validates_only(apstin.build(INVOICE, apstin.ApOptions())[0])
    assert not validates_only(gentjl.build(JOURNAL, gentjl.JournalOptions())[0])


@pytest.mark.parametrize(
    "parameters",
    [
        "",
        "<Parameters/>",
        "not XML",
        ASKING.replace("ValidateOnly", "validateonly"),
        ASKING.replace(">Y<", ">y<"),
        ASKING.replace(">Y<", "> Y <"),
        ASKING.replace(">Y<", "><"),
        ASKING.replace("Parameters", "Parameter"),
        ASKING.replace("</Parameters>", "<ValidateOnly>N</ValidateOnly></Parameters>"),
        ASKING.replace("</Parameters>", "<validateonly>N</validateonly></Parameters>"),
        ASKING.replace("</Parameters>", "<ValidateOnly>Y</ValidateOnly></Parameters>"),
        ASKING.replace("<ValidateOnly>Y</ValidateOnly>", "<Inner><ValidateOnly>Y</ValidateOnly></Inner>"),
        f"<!DOCTYPE PostApInvoice []>{ASKING}",
    ],
)
def test_what_might_post_does_not_count_as_asking(parameters: str) -> None:
    assert validates_only(ASKING)
    assert not validates_only(parameters)


@pytest.mark.parametrize(
    ("inner", "said"),
    [
        (f"<Item><ItemNumber>00001</ItemNumber></Item>{STATUS}", Validated(())),
        (STATUS, Validated(())),
        ("<Item/>", Validated(())),
        (f"<Item><WarningMessages>late</WarningMessages></Item>{STATUS}", Validated(("late",))),
        (f"<Item>{AP_KEY}</Item>{STATUS}", Validated((), "journal 17 of 1/2026")),
        (f"<Item>{ERROR}</Item>", Rejection((FieldError("Invoice", "A", "1", "dup"),))),
        (
            "<StatusOfItems><ItemsInvalid>00001</ItemsInvalid></StatusOfItems>",
            Rejection((FieldError("ItemsInvalid", "", None, "refused without a reason"),)),
        ),
    ],
)
def test_a_reply_without_complaint_means_that_syspro_would_take_the_invoice(
    inner: str, said: Validated | Rejection
) -> None:
    assert apstin.read_validation(f"<postapinvoice>{inner}</postapinvoice>") == said


@pytest.mark.parametrize(
    ("inner", "said"),
    [
        (
            "<Item/><StatusOfItems><JournalsProcessed>00000</JournalsProcessed>"
            "<JournalsInvalid>00000</JournalsInvalid></StatusOfItems>",
            Validated(()),
        ),
        (f"<Item><Transaction>{GL_KEY}</Transaction></Item>", Validated((), "journal 17 of 1/2026")),
        (f"<Item>{ERROR}</Item>", Rejection((FieldError("Invoice", "A", "1", "dup"),))),
    ],
)
def test_a_journal_is_asked_about_in_the_same_way(inner: str, said: Validated | Rejection) -> None:
    assert gentjl.read_validation(f"<postgljournal>{inner}</postgljournal>") == said


@pytest.mark.parametrize(
    "reply",
    [
        "",
        "<postapinvoice/>",
        "<html><body>Service</body></html>",
        "<postgljournal><Item/></postgljournal>",
        f"<postapinvoice><Item>{AP_KEY}{ERROR}</Item></postapinvoice>",
    ],
)
def test_what_is_no_clear_answer_is_not_taken_for_one(reply: str) -> None:
    with pytest.raises(OutcomeUnknown, match="APSTIN"):
        apstin.read_validation(reply)
