"""Journals, supplier changes and look-ups through e.net."""

from datetime import date
from decimal import Decimal

import pytest

from connector_defs.domain.errors import OutcomeUnknown, RetryLater
from connector_defs.syspro import xml
from connector_defs.syspro.documents import apsssp, comfnd, gentjl
from connector_defs.syspro.documents.outcome import FieldError, Rejection


def leaves(text):
    return [(xml.name_of(each), each.text) for each in xml.parse(text).iter() if len(each) == 0]


def journal(**changes):
    plain = {
        "journal_date": date(2026, 1, 31),
        "reference": "BW-1",
        "notation": "",
        "entries": (
            gentjl.JournalEntry("10", Decimal(5)),
            gentjl.JournalEntry("20", Decimal(-5), "own", "c"),
        ),
    }
    return gentjl.LedgerJournal(**{**plain, **changes})


def test_a_journal_is_written_in_schema_order_with_its_reference_on_every_line():
    parameters, document = gentjl.build(
        journal(period=7, year=2026, notation="n", source_code="JE", currency="$"), gentjl.JournalOptions()
    )
    assert leaves(parameters) == [
        ("IgnoreWarnings", "N"),
        ("ApplyIfEntireDocumentValid", "Y"),
        ("ValidateOnly", "N"),
        ("ActionType", "A"),
    ]
    assert leaves(document) == [
        ("JournalType", "N"),
        ("PostJournal", "Y"),
        ("JournalDate", "2026-01-31"),
        ("JournalReference", "BW-1"),
        ("Notation", "n"),
        ("PostingPeriod", "7"),
        ("PostingYear", "2026"),
        ("SourceCode", "JE"),
        ("Currency", "$"),
        ("LedgerCode", "10"),
        ("Reference", "BW-1"),
        ("EntryAmount", "5.00"),
        ("LedgerCode", "20"),
        ("Reference", "own"),
        ("EntryAmount", "-5.00"),
        ("Comment", "c"),
    ]


def test_a_journal_without_period_goes_to_the_current_one():
    names = [name for name, _ in leaves(gentjl.build(journal(), gentjl.JournalOptions())[1])]
    assert not {"PostingPeriod", "PostingYear", "Notation"} & set(names)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"entries": (gentjl.JournalEntry("1", Decimal(1)),)}, "off balance by 1"),
        ({"entries": ()}, "empty"),
        ({"reference": ""}, "JournalReference is blank"),
    ],
)
def test_a_journal_nobody_could_post_is_refused(changes, text):
    with pytest.raises(ValueError, match=text):
        gentjl.build(journal(**changes), gentjl.JournalOptions())


GL_KEY = "<Key><GlYear>2026</GlYear><GlPeriod>07</GlPeriod><GlJournal>00042</GlJournal></Key>"


@pytest.mark.parametrize(
    ("status", "posted"), [("P", True), ("p", True), ("N", False), ("H", False), ("", False)]
)
def test_a_stored_journal_is_posted_only_with_status_p(status, posted):
    reply = gentjl.read(
        f"<postgljournal><Item><Transaction>{GL_KEY}<Jnlstatus>{status}</Jnlstatus></Transaction></Item>"
        "<StatusOfItems><JournalsInvalid>0</JournalsInvalid></StatusOfItems></postgljournal>"
    )
    assert isinstance(reply, gentjl.JournalPosting)
    assert (reply.gl_year, reply.gl_period, reply.journal, reply.posted) == (2026, 7, 42, posted)


def test_a_refused_journal_is_a_rejection():
    reply = gentjl.read(
        "<postgljournal><StatusOfItems><JournalsInvalid>1</JournalsInvalid></StatusOfItems></postgljournal>"
    )
    assert reply == Rejection((FieldError("JournalsInvalid", "", None, "refused without a reason"),))


@pytest.mark.parametrize(
    "text",
    [
        "<postgljournal/>",
        "<postgljournal><Key><GlYear>2026</GlYear></Key></postgljournal>",
        f"<postgljournal>{GL_KEY}<ErrorMessage>no</ErrorMessage></postgljournal>",
    ],
)
def test_a_journal_reply_that_proves_nothing_leaves_the_outcome_unknown(text):
    with pytest.raises(OutcomeUnknown, match="GENTJL"):
        gentjl.read(text)


def test_a_key_at_the_root_is_a_key():
    assert gentjl.read(GL_KEY).journal == 42


def test_a_supplier_change_holds_only_what_changes():
    parameters, document = apsssp.build("0001", {"TaxRegnNum": "DE1", "TermsCode": "30"})
    assert leaves(parameters)[0] == ("IgnoreWarnings", "N")
    assert leaves(document) == [("Supplier", "0001"), ("TermsCode", "30"), ("TaxRegnNum", "DE1")]


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({}, "nothing to change"),
        ({"BankAccount": "1"}, "BankAccount of supplier 0001 is not the connector's to change"),
        ({"TermsCode": ""}, "TermsCode is blank"),
        ({"TermsCode": "300"}, "TermsCode .* longer than the 2"),
    ],
)
def test_a_supplier_change_out_of_bounds_is_refused(changes, text):
    with pytest.raises(ValueError, match=text):
        apsssp.build("0001", changes)


SUPPLIER_KEY = "<item><key><supplier>0001</supplier></key>{}</item>"


def test_a_saved_supplier_is_named():
    inner = (
        SUPPLIER_KEY.format("")
        + "<StatusOfItems><RecordsRead>1</RecordsRead><RecordsInvalid>0</RecordsInvalid></StatusOfItems>"
    )
    assert apsssp.read(f"<setupapsupplier>{inner}</setupapsupplier>") == apsssp.SupplierSaved("0001", ())


def test_an_error_outweighs_the_key_in_a_setup_reply():
    error = (
        "<termscode><Value>99</Value><ErrorDescription>Terms '99' not found</ErrorDescription></termscode>"
    )
    assert apsssp.read(f"<setupapsupplier>{SUPPLIER_KEY.format(error)}</setupapsupplier>") == Rejection(
        (FieldError("termscode", "99", None, "Terms '99' not found"),)
    )


@pytest.mark.parametrize("inner", ["", "<item><key><supplier/></key></item>"])
def test_a_setup_reply_that_proves_nothing_leaves_the_outcome_unknown(inner):
    with pytest.raises(OutcomeUnknown, match="APSSSP"):
        apsssp.read(f"<setupapsupplier>{inner}</setupapsupplier>")


def test_a_look_up_uses_only_the_proven_condition():
    query = comfnd.TableQuery("ApInvoice", ("Journal",), (("Supplier", "1"), ("Invoice", "A&B")), "Invoice")
    assert leaves(comfnd.build(query)) == [
        ("TableName", "ApInvoice"),
        ("ReturnRows", "1000"),
        ("AllColumns", "N"),
        ("Column", "Journal"),
        ("OpenBracket", "("),
        ("Column", "Supplier"),
        ("Condition", "EQ"),
        ("Value", "1"),
        ("CloseBracket", ")"),
        ("AndOr", "And"),
        ("OpenBracket", "("),
        ("Column", "Invoice"),
        ("Condition", "EQ"),
        ("Value", "A&B"),
        ("CloseBracket", ")"),
        ("Column", "Invoice"),
    ]


def test_rows_of_a_look_up_are_read():
    text = (
        "<ApInvoice><HeaderDetails><TableName>ApInvoice</TableName></HeaderDetails>"
        "<Row><Journal>     17</Journal></Row><Row><Journal/></Row><RowsReturned>       2</RowsReturned></ApInvoice>"
    )
    assert comfnd.read(text) == [{"Journal": "17"}, {"Journal": ""}]


def test_no_match_is_told_by_the_reply_alone():
    assert comfnd.read("<ApInvoice><RowsReturned>       0</RowsReturned></ApInvoice>") == []


@pytest.mark.parametrize(
    "text",
    [
        "",
        "<html/>",
        "<ApInvoice/>",
        "<ApInvoice><RowsReturned>2</RowsReturned><Row/></ApInvoice>",
        "<ApInvoice><RowsReturned>0</RowsReturned><ErrorMessage>no table</ErrorMessage></ApInvoice>",
    ],
)
def test_absence_is_never_read_into_a_reply_that_does_not_say_it(text):
    with pytest.raises(RetryLater, match="COMFND"):
        comfnd.read(text)
