"""AP invoices are written in schema order and their replies read for what they prove."""

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector_defs.domain.errors import OutcomeUnknown
from connector_defs.syspro import xml
from connector_defs.syspro.documents.apstin import (
    ApInvoice,
    ApOptions,
    ApPosting,
    FieldError,
    GlJournal,
    GrnLine,
    LedgerLine,
    Rejection,
    build,
    read,
)


def invoice(**changes):
    plain = {
        "supplier": "000000000000001",
        "transaction_code": "I",
        "branch": None,
        "invoice": "INV-1",
        "value": Decimal(121),
        "notation": "",
        "reference": "",
        "invoice_date": date(2026, 1, 31),
        "due_date": None,
        "exchange_rate": None,
        "tax_basis": "E",
        "tax_code": None,
        "tax_value": None,
        "ledger_lines": (LedgerLine("10-100", Decimal("100.5")),),
        "grn_lines": (),
    }
    return ApInvoice(**{**plain, **changes})


def written(**changes):
    """(name, text) of every leaf of the document, in order."""
    root = xml.parse(build(invoice(**changes), ApOptions())[1])
    return [(xml.name_of(each), each.text) for each in root.iter() if len(each) == 0]


def test_the_parameters_stand_in_schema_order_with_careful_defaults():
    text = build(invoice(), ApOptions())[0]
    root = xml.parse(text)
    assert text.startswith('<?xml version="1.0" encoding="Windows-1252"?>')
    assert [(each.tag, each.text) for each in root[0]] == [
        ("PostingPeriod", "C"),
        ("IgnoreWarnings", "N"),
        ("ApplyIfEntireDocumentValid", "Y"),
        ("ValidateOnly", "N"),
        ("LedgerDistributionCurrency", "L"),
        ("AutomaticTaxCalculation", "N"),
        ("PermissibleTaxVariance", "0.00"),
    ]
    assert root.tag == "PostApInvoice"
    assert list(root.attrib.values()) == ["APSTIN.XSD"]


def test_blank_optional_elements_are_left_out():
    assert written() == [
        ("Supplier", "000000000000001"),
        ("TransactionCode", "I"),
        ("Invoice", "INV-1"),
        ("TransactionValue", "121.00"),
        ("InvoiceDate", "2026-01-31"),
        ("TaxBasis", "E"),
        ("LedgerCode", "10-100"),
        ("LedgerValue", "100.50"),
        ("TaxOnlyLine", "N"),
    ]


def test_a_full_document_stands_in_schema_order():
    assert written(
        branch="TR",
        notation="n",
        reference="r",
        due_date=date(2026, 2, 28),
        exchange_rate=Decimal("1.1"),
        tax_basis="I",
        tax_code="A",
        tax_value=Decimal(21),
        ledger_lines=(LedgerLine("10", Decimal(1), "t", "B", tax_only=True),),
        grn_lines=(
            GrnLine(" 1", "G1", "P", 7, 1),
            GrnLine("1", "G2", " ", 7, 2, "U", Decimal(5)),
            GrnLine("1", "G3", "P", 7, 3, "P", Decimal(5), Decimal("0.5")),
        ),
        freight=Decimal("7.5"),
        journal_notation="j",
    ) == [
        ("Supplier", "000000000000001"),
        ("TransactionCode", "I"),
        ("Branch", "TR"),
        ("Invoice", "INV-1"),
        ("TransactionValue", "121.00"),
        ("FreightCharge", "7.50"),
        ("Notation", "n"),
        ("TransactionReference", "r"),
        ("JournalNotation", "j"),
        ("InvoiceDate", "2026-01-31"),
        ("DueDate", "2026-02-28"),
        ("ExchRateAtEntry", "1.100000"),
        ("TaxBasis", "I"),
        ("TaxCode", "A"),
        ("TaxValue", "21.00"),
        ("GrnSupplier", " 1"),
        ("GrnGrn", "G1"),
        ("GrnFlag", "P"),
        ("GrnJournal", "7"),
        ("GrnEntry", "1"),
        ("GrnMatchType", "O"),
        ("GrnSupplier", "1"),
        ("GrnGrn", "G2"),
        ("GrnJournal", "7"),
        ("GrnEntry", "2"),
        ("GrnMatchType", "U"),
        ("GrnMatchValue", "5.00"),
        ("GrnSupplier", "1"),
        ("GrnGrn", "G3"),
        ("GrnFlag", "P"),
        ("GrnJournal", "7"),
        ("GrnEntry", "3"),
        ("GrnMatchType", "P"),
        ("GrnMatchValue", "5.00"),
        ("GrnPartialMatchQuantity", "0.500000"),
        ("LedgerCode", "10"),
        ("LedgerTaxCode", "B"),
        ("LedgerNotation", "t"),
        ("LedgerValue", "1.00"),
        ("TaxOnlyLine", "Y"),
    ]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"supplier": " "}, "Supplier is blank"),
        ({"supplier": "1" * 16}, "Supplier .* longer than the 15"),
        ({"invoice": "1" * 21}, "Invoice .* longer than the 20"),
        ({"invoice": ""}, "Invoice is blank"),
        ({"reference": "1" * 31}, "TransactionReference .* longer than the 30"),
        ({"notation": "Łódź"}, "Notation holds"),
        ({"value": Decimal("1.005")}, "TransactionValue 1.005"),
        ({"tax_value": Decimal("0.001")}, "TaxValue"),
        ({"exchange_rate": Decimal("1.1234567")}, "ExchRateAtEntry"),
        ({"ledger_lines": (LedgerLine("", Decimal(1)),)}, "LedgerCode is blank"),
        ({"ledger_lines": (LedgerLine("1", Decimal(1), "x\x0b"),)}, "LedgerNotation holds"),
        ({"grn_lines": (GrnLine("1", "G", "P", 1, 1, "O", Decimal(1)),)}, "GrnMatchType O of GRN G"),
        ({"grn_lines": (GrnLine("1", "G", "P", 1, 1, "P", Decimal(1)),)}, "GrnMatchType P of GRN G"),
        ({"grn_lines": (GrnLine("1", "G", "P", 1, 1, "U"),)}, "GrnMatchType U of GRN G"),
    ],
)
def test_what_syspro_would_refuse_cut_or_round_is_refused_by_name(changes, field):
    with pytest.raises(ValueError, match=field):
        build(invoice(**changes), ApOptions())


TEXT = st.text(st.characters(codec="cp1252", exclude_categories=("Cc",)), max_size=30).filter(str.strip)
MONEY = st.decimals(allow_nan=False, places=2, min_value=-(10**11), max_value=10**11)


@given(TEXT, TEXT, MONEY, st.lists(st.tuples(TEXT, MONEY), max_size=4))
def test_texts_and_amounts_come_back_from_the_document(notation, reference, value, lines):
    leaves = written(
        notation=notation,
        reference=reference,
        value=value,
        ledger_lines=tuple(LedgerLine("1", amount, text) for text, amount in lines),
    )
    assert ("Notation", notation) in leaves
    assert ("TransactionReference", reference) in leaves
    assert [Decimal(text) for name, text in leaves if name == "TransactionValue"] == [value]
    assert [Decimal(text) for name, text in leaves if name == "LedgerValue"] == [m for _, m in lines]
    assert [text for name, text in leaves if name == "LedgerNotation"] == [text for text, _ in lines]


KEY = (
    "<Key><TrnYear>2026</TrnYear><TrnMonth>01</TrnMonth><Journal>00017</Journal>"
    "<EntryNumber>001</EntryNumber></Key>"
)
ITEM = f"<Item><Transaction>{KEY}<Supplier>0001</Supplier><Invoice>INV-1</Invoice></Transaction></Item>"
GL = (
    "<GlJournal><GlYear>2026</GlYear><GlPeriod>02</GlPeriod><GlJournal>00268</GlJournal>"
    "<GlJournalError>{error}</GlJournalError><GlJournalMessage>{message}</GlJournalMessage></GlJournal>"
)


def reply(inner, root="postapinvoice"):
    return (
        f"<?xml version=\"1.0\" encoding=\"Windows-1252\"?>\n<{root} Language='05' DecFormat='1'>\n"
        f"{inner}\n</{root}>\n "
    )


def posted(gl=None, warnings=()):
    return ApPosting(2026, 1, 17, 1, "0001", "INV-1", gl, warnings)


POSTED = {
    "vendor sample": (
        ITEM
        + f"<StatusOfItems>{GL.format(error='', message='')}<ItemsProcessed>1</ItemsProcessed>"
        + "<ItemsInvalid/></StatusOfItems>",
        posted(GlJournal(2026, 2, 268, "", "")),
    ),
    "no status of items": (ITEM, posted()),
    "no gl journal": (ITEM + "<StatusOfItems><ItemsInvalid/></StatusOfItems>", posted()),
    "small of": (ITEM + "<StatusofItems><ItemsInvalid>00000</ItemsInvalid></StatusofItems>", posted()),
    "padded": (ITEM.replace("00017", "     17").replace("2026", " 2,026 "), posted()),
    "lower case": (ITEM.lower().replace("inv-1", "INV-1"), posted()),
    "upper case": (ITEM.upper(), posted()),
    "counters absent but texts blank": (
        ITEM + "<Supplier><Value/><ErrorNumber/><ErrorDescription> </ErrorDescription></Supplier>",
        posted(),
    ),
    "zero error number": (ITEM + "<Supplier><ErrorNumber>000000</ErrorNumber></Supplier>", posted()),
    "flat gl journal": (
        ITEM
        + "<StatusOfItems><GlYear>2026</GlYear><GlPeriod>02</GlPeriod><GlJournal>9</GlJournal></StatusOfItems>",
        posted(GlJournal(2026, 2, 9, "", "")),
    ),
    "empty gl journal": (ITEM + "<StatusOfItems><GlJournal/></StatusOfItems>", posted()),
    "warnings": (
        ITEM
        + "<Supplier><WarningNumber>7</WarningNumber><WarningDescription>on hold</WarningDescription></Supplier>"
        + "<WarningMessages><WarningDescription>late</WarningDescription></WarningMessages>"
        + "<WarningMessages>short</WarningMessages>"
        + "<StatusOfItems><ItemsProcessedWithWarnings>1</ItemsProcessedWithWarnings></StatusOfItems>",
        posted(warnings=("7 on hold", "late", "short")),
    ),
    "zero key before the real one": (
        "<Item><Key><TrnYear>0000</TrnYear><Journal>00000</Journal></Key></Item>" + ITEM,
        posted(),
    ),
}


@pytest.mark.parametrize(("inner", "expected"), POSTED.values(), ids=POSTED)
def test_a_key_proves_the_posting(inner, expected):
    assert read(reply(inner)) == expected


@pytest.mark.parametrize(
    "wrapped",
    [
        '"' + reply(ITEM).strip().replace('"', '\\"').replace("\n", "\\n") + '"',
        "<string xmlns='u'>" + reply(ITEM).replace("&", "&amp;").replace("<", "&lt;") + "</string>",
    ],
    ids=["json", "string"],
)
def test_a_wrapped_reply_reads_the_same(wrapped):
    assert read(wrapped) == posted()


@pytest.mark.parametrize(
    ("error", "message", "failed"),
    [("", "", False), ("0", "", False), ("N", "", False), ("100000", "no period", True), ("Y", "", True)],
)
def test_a_gl_failure_is_told_while_the_ap_posting_stands(error, message, failed):
    posting = read(reply(ITEM + f"<StatusOfItems>{GL.format(error=error, message=message)}</StatusOfItems>"))
    assert isinstance(posting, ApPosting)
    assert posting.gl_journal is not None
    assert posting.gl_journal.failed is failed
    assert posting.gl_journal.message == message


def test_a_gl_message_without_a_journal_number_is_a_failure():
    assert GlJournal(None, None, None, "", "period closed").failed
    assert not GlJournal(None, None, None, "", "").failed


def triple(element, value, number, text):
    return (
        f"<{element}><Value>{value}</Value><ErrorNumber>{number}</ErrorNumber>"
        f"<ErrorDescription>{text}</ErrorDescription></{element}>"
    )


INVALID = (
    "<StatusOfItems><ItemsProcessed>00000</ItemsProcessed><ItemsInvalid>00001</ItemsInvalid></StatusOfItems>"
)
REJECTED = {
    "field error": (
        f"<Item>{triple('Supplier', '0009', '210001', 'Supplier not found')}<ItemNumber>00001</ItemNumber></Item>"
        + INVALID,
        [FieldError("Supplier", "0009", "210001", "Supplier not found")],
    ),
    "several": (
        f"<Item>{triple('Invoice', 'A', '1', 'dup')}<LedgerDistribution>{triple('LedgerCode', 'B', '2', 'bad')}"
        f"{triple('LedgerCode', 'C', '3', 'held')}</LedgerDistribution></Item>",
        [
            FieldError("Invoice", "A", "1", "dup"),
            FieldError("LedgerCode", "B", "2", "bad"),
            FieldError("LedgerCode", "C", "3", "held"),
        ],
    ),
    "counts say otherwise": (
        f"<Item>{triple('Invoice', '', '', 'dup')}</Item>"
        "<StatusOfItems><ItemsProcessed>1</ItemsProcessed><ItemsInvalid>0</ItemsInvalid></StatusOfItems>",
        [FieldError("Invoice", "", None, "dup")],
    ),
    "number without text": (
        "<Item><Invoice><ErrorNumber>100030</ErrorNumber></Invoice></Item>",
        [FieldError("Invoice", "", "100030", "no text")],
    ),
    "document-wide": (
        triple("ErrorMessage", "", "100000", "SQL error"),
        [FieldError("ErrorMessage", "", "100000", "SQL error")],
    ),
    "plain error message": (
        "<ErrorMessage>posting period closed</ErrorMessage>",
        [FieldError("ErrorMessage", "", None, "posting period closed")],
    ),
    "invalid rtf": ("<Item><InvalidRtf>bad</InvalidRtf></Item>", [FieldError("InvalidRtf", "", None, "bad")]),
    "count only": (INVALID, [FieldError("ItemsInvalid", "", None, "refused without a reason")]),
    "padded count": (
        "<StatusofItems><ItemsInvalid>     1</ItemsInvalid></StatusofItems>",
        [FieldError("ItemsInvalid", "", None, "refused without a reason")],
    ),
    "warning rejects": (
        "<Item><Supplier><Value>0001</Value><WarningNumber>7</WarningNumber>"
        "<WarningDescription>on hold</WarningDescription></Supplier></Item>"
        "<StatusOfItems><ItemsRejectedWithWarnings>1</ItemsRejectedWithWarnings></StatusOfItems>",
        [FieldError("Supplier", "0001", "7", "on hold", warning=True)],
    ),
    "not processed": (
        "<Item><Processed>N</Processed><WarningMessages>held</WarningMessages></Item>",
        [FieldError("WarningMessages", "", None, "held", warning=True)],
    ),
    "key of zeros": (
        ITEM.replace("00017", "00000") + triple("Invoice", "A", "1", "dup"),
        [FieldError("Invoice", "A", "1", "dup")],
    ),
}


@pytest.mark.parametrize(("inner", "errors"), REJECTED.values(), ids=REJECTED)
def test_a_rejection_carries_every_complaint(inner, errors):
    assert read(reply(inner)) == Rejection(tuple(errors))


def test_a_rejection_reads_as_one_line():
    refused = Rejection((FieldError("Invoice", "A", "1", "dup"), FieldError("Supplier", "", None, "held")))
    assert str(refused) == "Invoice [1]: dup; Supplier: held"


UNPROVEN = {
    "empty": "",
    "text": "ERROR: something",
    "cut": reply(ITEM)[:80],
    "no key": reply("<StatusOfItems><ItemsProcessed>1</ItemsProcessed><ItemsInvalid/></StatusOfItems>"),
    "half a key": reply("<Item><Key><TrnYear>2026</TrnYear><TrnMonth>1</TrnMonth></Key></Item>"),
    "html": "<html><body>Service</body></html>",
    "key and error": reply(ITEM + triple("Invoice", "A", "1", "dup")),
    "key and invalid count": reply(ITEM + INVALID),
}


@pytest.mark.parametrize("text", UNPROVEN.values(), ids=UNPROVEN)
def test_what_proves_nothing_leaves_the_outcome_unknown(text):
    with pytest.raises(OutcomeUnknown, match=r"APSTIN: .*[Ll]ook the record up"):
        read(text)


@pytest.mark.parametrize(
    ("error", "of_period"),
    [
        (FieldError("PostingPeriod", "C", None, "not open"), True),
        (FieldError("ErrorMessage", "", "100000", "AP posting period closed"), True),
        (FieldError("InvoiceDate", "", None, "Period of the order; the order is closed"), False),
        (FieldError("LedgerCode", "1", None, "Ledger code '1' not found"), False),
    ],
)
def test_a_refused_period_is_known_by_its_element_or_its_text(error, of_period):
    assert error.of_period is of_period
