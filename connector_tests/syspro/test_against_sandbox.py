"""The clients over real HTTP against the simulated SYSPRO, in each of its habits."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from decimal import Decimal
from itertools import chain

import pyarrow as pa
import pytest
from pydantic import SecretStr

from connector_defs.domain.errors import Fatal, OutcomeUnknown
from connector_defs.sandbox.server import Sandbox
from connector_defs.sandbox.syspro.options import SysproOptions
from connector_defs.sandbox.world import WorldOptions
from connector_defs.syspro import tables
from connector_defs.syspro.conditions import all_of, eq, ge, ne
from connector_defs.syspro.documents import apstin, comfnd
from connector_defs.syspro.enet import EnetClient
from connector_defs.syspro.odata import ODataClient, RetryPolicy
from connector_defs.syspro.session import EnetCredentials, EnetSession
from connector_tests.syspro.test_session import Lease

WORLD = WorldOptions(suppliers=30, accounts=40, cost_centers=5, orders=20, lines=60, invoices=20)
HABITS = {
    "plain": SysproOptions(),
    "another column": SysproOptions(
        session_shape="v7",
        strict_schema=True,
        reply_wrapper="json",
        gl_integration="batch",
        max_url_bytes=1_500,
        row_cap=7,
        next_link=True,
        decimals_as_strings=True,
        trimmed_chars=True,
        date_literal="date",
        date_values="local",
        context=False,
        html_errors=True,
        compound_filter=False,
        absent_columns=frozenset({"ApSupplier.PoEmail", "ApSupplier.PrimarySupplier"}),
    ),
    "wrapped": SysproOptions(reply_wrapper="string", row_cap=11, date_literal="local", trimmed_chars=True),
}


@pytest.fixture(scope="module", params=HABITS.values(), ids=HABITS)
def sandbox(request) -> Iterator[Sandbox]:
    with Sandbox(WORLD, syspro_options=request.param) as running:
        yield running


@pytest.fixture
def odata(sandbox) -> Iterator[ODataClient]:
    settings = sandbox.environment()
    with ODataClient(
        settings["SYSPRO_ODATA_URL"],
        settings["SYSPRO_COMPANY_ID"],
        settings["SYSPRO_ODATA_USERNAME"],
        SecretStr(settings["SYSPRO_ODATA_PASSWORD"]),
        timeout=10,
        retry=RetryPolicy(base_seconds=0.01, max_seconds=0.05),
    ) as client:
        yield client


@pytest.fixture
def session(sandbox) -> Iterator[EnetSession]:
    settings = sandbox.environment()
    credentials = EnetCredentials(
        settings["SYSPRO_OPERATOR"],
        SecretStr(settings["SYSPRO_OPERATOR_PASSWORD"]),
        settings["SYSPRO_COMPANY_ID"],
        SecretStr(settings["SYSPRO_COMPANY_PASSWORD"]),
    )
    with (
        EnetClient(settings["SYSPRO_ENET_URL"], timeout=10) as client,
        EnetSession(client, credentials, Lease()) as opened,
    ):
        yield opened


def everything(odata, table, **options):
    return list(chain.from_iterable(odata.pages(table, **options)))


@pytest.mark.parametrize("table", tables.TABLES, ids=lambda table: table.name)
def test_every_table_is_read_whole_and_in_order(sandbox, odata, table):
    rows = everything(odata, table, page_size=13)
    keys = [tuple(str(part).rstrip() for part in table.key_of(row)) for row in rows]
    stored = sandbox.world.tables[table.name]
    assert len(set(keys)) == len(keys) == len(stored)
    batches = list(odata.batches(table, page_size=13))
    assert pa.Table.from_batches(batches, table.arrow_schema).equals(
        pa.Table.from_batches([table.record_batch(rows)]).combine_chunks()
    )


def test_a_window_of_dates_is_read_in_the_form_the_site_takes(sandbox, odata):
    day = sandbox.options.today.replace(day=1)
    window = everything(odata, tables.POR_MASTER_HDR, where=ge("OrderEntryDate", day))
    rows = everything(odata, tables.POR_MASTER_HDR)
    assert {row["PurchaseOrder"] for row in window} == {
        row["PurchaseOrder"]
        for row in rows
        if isinstance(row["OrderEntryDate"], date) and row["OrderEntryDate"] >= day
    }


def test_rows_are_found_by_key(odata):
    rows = everything(odata, tables.GEN_MASTER, columns=["Description"])
    keys = [tuple(str(part) for part in tables.GEN_MASTER.key_of(row)) for row in rows[:15]]
    found = odata.by_keys(tables.GEN_MASTER, ("Company", "GlCode"), [*keys, ("X", "none")])
    assert {row["GlCode"] for row in found} == {key[1] for key in keys}


def an_invoice(odata, number, lines=1):
    where = all_of([ne("OnHold", "Y"), ne("GrnMatchReqd", "Y"), eq("Currency", "$")])
    supplier = next(odata.pages(tables.AP_SUPPLIER, where=where))[0]
    account = next(
        row
        for row in everything(odata, tables.GEN_MASTER)
        if row["AccountType"] == "E" and row["AccOnHldFlag"] != "Y" and row["ControlAccFlag"] != "Y"
    )
    line = apstin.LedgerLine(str(account["GlCode"]), Decimal("10.50"), "Zoë & Søn")
    return apstin.ApInvoice(
        supplier=str(supplier["Supplier"]),
        transaction_code="I",
        branch=None,
        invoice=number,
        value=Decimal("10.50") * lines,
        notation="",
        reference=f"BW {number}",
        invoice_date=date(2026, 1, 31),
        due_date=None,
        exchange_rate=None,
        tax_basis="E",
        tax_code=None,
        tax_value=None,
        ledger_lines=(line,) * lines,
    )


def posted_as(odata, invoice):
    rows = odata.by_keys(tables.AP_INVOICE, ("Supplier", "Invoice"), [(invoice.supplier, invoice.invoice)])
    return [(row["Journal"], row["OrigInvValue"], row["Reference"]) for row in rows]


@pytest.mark.parametrize("lines", [1, 60])
def test_an_invoice_posts_by_url_or_in_the_large_form_and_is_found_again(sandbox, odata, session, lines):
    invoice = an_invoice(odata, f"LINES-{lines}", lines)
    posting = apstin.read(session.post("APSTIN", *apstin.build(invoice, apstin.ApOptions())).text)
    assert isinstance(posting, apstin.ApPosting), posting
    assert posting.supplier.strip() == invoice.supplier.strip()
    assert posted_as(odata, invoice) == [(posting.journal, invoice.value, f"BW LINES-{lines}")]


def test_a_second_posting_of_the_number_is_rejected_by_field(odata, session):
    invoice = an_invoice(odata, "TWICE")
    assert isinstance(
        apstin.read(session.post("APSTIN", *apstin.build(invoice, apstin.ApOptions())).text), apstin.ApPosting
    )
    refused = apstin.read(session.post("APSTIN", *apstin.build(invoice, apstin.ApOptions())).text)
    assert isinstance(refused, apstin.Rejection)
    assert [error.element for error in refused.errors] == ["Invoice"]


def test_every_fault_of_a_document_is_told(odata, session):
    invoice = an_invoice(odata, "WRONG")
    wrong = replace(
        invoice, supplier="NOBODY", ledger_lines=(replace(invoice.ledger_lines[0], ledger_code="NO-SUCH"),)
    )
    refused = apstin.read(session.post("APSTIN", *apstin.build(wrong, apstin.ApOptions())).text)
    assert isinstance(refused, apstin.Rejection)
    assert {error.element for error in refused.errors} >= {"Supplier", "LedgerCode"}
    assert posted_as(odata, wrong) == []


def test_a_look_up_through_enet_agrees_with_odata(odata, session):
    invoice = an_invoice(odata, "LOOKED-UP")
    equal = (("Supplier", invoice.supplier), ("Invoice", invoice.invoice))
    query = comfnd.build(comfnd.TableQuery("ApInvoice", ("Journal",), equal, "Invoice"))
    assert comfnd.read(session.query("COMFND", query).text) == []
    session.post("APSTIN", *apstin.build(invoice, apstin.ApOptions()))
    journals = [int(row["Journal"]) for row in comfnd.read(session.query("COMFND", query).text)]
    assert journals == [journal for journal, _, _ in posted_as(odata, invoice)]


def test_an_evicted_session_posts_once_all_the_same(sandbox, odata, session):
    invoice = an_invoice(odata, "EVICTED")
    sandbox.faults.arm("evict_session", site="syspro.transaction")
    posting = apstin.read(session.post("APSTIN", *apstin.build(invoice, apstin.ApOptions())).text)
    assert isinstance(posting, apstin.ApPosting)
    assert (session.logons, session.evictions) == (2, 1)
    assert len(posted_as(odata, invoice)) == 1


@pytest.mark.parametrize(
    ("fault", "entries"),
    [
        ("reset_before", 0),
        ("reset_after", 1),
        ("http_500", 0),
        ("http_503", 0),
        ("http_502", 1),
        ("error_body", 1),
    ],
)
def test_a_lost_answer_is_never_taken_for_a_verdict(sandbox, odata, session, fault, entries):
    invoice = an_invoice(odata, f"LOST-{fault}"[:20])
    session.profile()
    sandbox.faults.arm(fault, site="syspro.transaction")
    with pytest.raises(OutcomeUnknown):
        apstin.read(session.post("APSTIN", *apstin.build(invoice, apstin.ApOptions())).text)
    assert len(posted_as(odata, invoice)) == entries


PASSING = ["reset_before", "reset_after", "http_500", "http_502", "http_503", "error_body", "wrong_encoding"]


@pytest.mark.parametrize("fault", PASSING)
def test_a_page_that_is_lost_is_read_again(sandbox, odata, fault):
    sandbox.faults.arm(fault, site="syspro.odata")
    assert len(everything(odata, tables.TBL_CURRENCY)) == len(sandbox.world.tables["TblCurrency"])


def test_a_reply_in_another_encoding_than_declared_is_still_read(sandbox, odata, session):
    invoice = an_invoice(odata, "ENCODED")
    sandbox.faults.arm("wrong_encoding", site="syspro.transaction")
    assert isinstance(
        apstin.read(session.post("APSTIN", *apstin.build(invoice, apstin.ApOptions())).text), apstin.ApPosting
    )


@pytest.mark.parametrize("fault", ["rate_limited", "short_page"])
def test_a_slowed_or_short_page_loses_no_row(sandbox, odata, fault):
    sandbox.faults.arm(fault, site="syspro.odata", seconds=0.01)
    assert len(everything(odata, tables.TBL_CURRENCY)) == len(sandbox.world.tables["TblCurrency"])


def test_no_session_is_left_open(sandbox, session):
    session.profile()
    assert len(sandbox.syspro.sessions) == 1
    session.close()
    assert not sandbox.syspro.sessions


def test_wrong_passwords_need_a_person(sandbox):
    settings = sandbox.environment()
    with EnetClient(settings["SYSPRO_ENET_URL"], timeout=10) as client, pytest.raises(Fatal, match="INTEG"):
        client.logon("INTEG", SecretStr("wrong"), settings["SYSPRO_COMPANY_ID"], SecretStr(""))
    with (
        ODataClient(settings["SYSPRO_ODATA_URL"], "M1", "odata", SecretStr("wrong"), timeout=10) as odata,
        pytest.raises(Fatal, match="OData credentials of operator odata"),
    ):
        odata.probe(tables.AP_SUPPLIER)
