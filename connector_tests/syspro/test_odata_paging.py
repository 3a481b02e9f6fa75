"""Whatever a service does with pages, every row comes exactly once or the reading fails loudly."""

from datetime import date
from functools import partial
from itertools import chain
from urllib.parse import unquote

import httpx
import pytest

from connector_defs.domain.errors import Fatal, RetryLater
from connector_defs.syspro import odata_service, tables, transport
from connector_defs.syspro.conditions import eq, ge, ne, same_text
from connector_defs.syspro.odata import QueryRefused, TableMissing
from connector_defs.syspro.tables import GEN_MASTER, GRN_DETAILS, TBL_CURRENCY
from connector_tests.syspro.odata_service_double import ServiceDouble, client_of

ACCOUNTS = [
    {"Company": company.ljust(4), "GlCode": f"{code:02}-{quote}", "Description": "d"}
    for company in ("1", "10", "40")
    for code in range(5)
    for quote in ("A", "b'c")
]
CURRENCIES = [{"Currency": code.ljust(3), "Description": code} for code in ("", "$", "EUR", "R", "RX", "USD")]
RECEIPTS = [
    {
        "Supplier": supplier,
        "Grn": grn,
        "GrnSource": source,
        "Journal": journal,
        "JournalEntry": entry,
        "OrigReceiptDate": "2026-01-31",
    }
    for supplier in ("1", "2")
    for grn in ("G1", "G2")
    for source in (" ", "P")
    for journal in (1, 2)
    for entry in (1, 2)
]
TABLES = {"GenMaster": ACCOUNTS, "TblCurrency": CURRENCIES, "GrnDetails": RECEIPTS}

HABITS = {
    "plain": {},
    "caps pages below $top": {"cap": 3},
    "gives next links": {"next_links": True},
    "trims char columns": {"trims": True},
    "refuses the key filter": {"refuses_key_filter": True},
    "refuses it and caps": {"refuses_key_filter": True, "cap": 2},
    "refuses it and trims": {"refuses_key_filter": True, "trims": True},
    "knows few columns": {"strict_select": True},
    "knows few columns, refuses the key filter": {"strict_select": True, "refuses_key_filter": True},
}


@pytest.fixture(params=["rows", "batches"])
def read_all(request):
    """All rows of a table, read in either form of a page."""

    def read(client, table, **options):
        if request.param == "rows":
            return list(chain.from_iterable(client.pages(table, **options)))
        return [row for batch in client.batches(table, **options) for row in batch.to_pylist()]

    return read


@pytest.mark.parametrize("size", [1, 2, 3, 7, 5000])
@pytest.mark.parametrize("table", [GEN_MASTER, TBL_CURRENCY, GRN_DETAILS], ids=lambda table: table.name)
@pytest.mark.parametrize("habits", HABITS.values(), ids=HABITS)
def test_every_row_comes_exactly_once_in_key_order(read_all, habits, table, size):
    with client_of(ServiceDouble(TABLES, **habits)) as client:
        rows = read_all(client, table, page_size=size)
    keys = [tuple(str(part).rstrip() for part in table.key_of(row)) for row in rows]
    stored = [tuple(str(raw[name]).rstrip() for name in table.key) for raw in TABLES[table.name]]
    assert keys == sorted(stored)


@pytest.mark.parametrize(("table", "most"), [(GEN_MASTER, 250), (TBL_CURRENCY, 240), (GRN_DETAILS, 450)])
@pytest.mark.parametrize("habits", HABITS.values(), ids=HABITS)
def test_every_row_comes_exactly_once_where_larger_pages_cannot_be_read(
    read_all, habits, table, most, monkeypatch
):
    monkeypatch.setattr(odata_service, "exchange", partial(transport.exchange, max_bytes=most))
    with client_of(ServiceDouble(TABLES, **habits)) as client:
        rows = read_all(client, table)
    keys = [tuple(str(part).rstrip() for part in table.key_of(row)) for row in rows]
    stored = [tuple(str(raw[name]).rstrip() for name in table.key) for raw in TABLES[table.name]]
    assert keys == sorted(stored)


def test_a_page_too_large_to_be_read_is_asked_for_with_fewer_rows_once(read_all, monkeypatch, caplog):
    monkeypatch.setattr(odata_service, "exchange", partial(transport.exchange, max_bytes=1_000))
    double = ServiceDouble(TABLES)
    with client_of(double) as client:
        assert len(read_all(client, GEN_MASTER, page_size=40)) == len(ACCOUNTS)
    assert [query["$top"] for query in double.queries] == ["40", "10", "10", "10", "10"]
    assert "larger than 1000 bytes. It is asked for again, 10 rows at a time" in caplog.text


def test_a_service_that_ignores_how_many_rows_are_wanted_is_named(read_all, monkeypatch):
    monkeypatch.setattr(odata_service, "exchange", partial(transport.exchange, max_bytes=60))
    double = ServiceDouble(TABLES)
    with client_of(double) as client, pytest.raises(Fatal, match=r"2 rows were asked for: .* ignores \$top"):
        read_all(client, GEN_MASTER)
    assert len(double.queries) == 7


def test_pages_are_streamed_one_request_at_a_time():
    double = ServiceDouble(TABLES)
    pages = client_of(double).pages(GEN_MASTER, page_size=10)
    next(pages)
    assert len(double.queries) == 1
    assert [len(page) for page in pages] == [10, 10]
    assert len(double.queries) == 4


def test_a_query_names_its_columns_its_order_and_never_more_than_the_cap(read_all):
    double = ServiceDouble(TABLES)
    read_all(client_of(double), GEN_MASTER, columns=["Description"], page_size=90_000)
    assert double.queries[0] == {
        "$select": "Company,GlCode,Description",
        "$orderby": "Company,GlCode",
        "$top": "5000",
    }
    assert double.paths[0] == "/odata/M1/GenMaster"


def test_a_name_with_a_plus_sign_is_encoded(read_all):
    double = ServiceDouble({})
    table = tables.Table("ApSupplier+", ("Supplier",), (tables.Column("Supplier"),))
    with pytest.raises(TableMissing):
        read_all(client_of(double), table)
    assert double.paths == ["/odata/M1/ApSupplier%2B"]


@pytest.mark.parametrize("habits", HABITS.values(), ids=HABITS)
def test_a_condition_holds_on_every_page(read_all, habits):
    double = ServiceDouble(TABLES, **habits)
    rows = read_all(client_of(double), GRN_DETAILS, where=eq("Supplier", "2"), page_size=2)
    assert len(rows) == 16
    assert {row["Supplier"] for row in rows} == {"2"}


@pytest.mark.parametrize("size", [1, 4])
def test_a_service_that_repeats_its_page_is_named(read_all, size):
    with pytest.raises(Fatal, match="same page of table GenMaster again"):
        read_all(client_of(ServiceDouble(TABLES, ignores_filter=True)), GEN_MASTER, page_size=size)


def test_a_service_that_goes_round_in_circles_is_named(read_all):
    circle = [httpx.Response(200, json={"value": ACCOUNTS[at : at + 2]}) for at in (0, 2) * 3]
    with pytest.raises(Fatal, match="same page of table GenMaster again"):
        read_all(client_of(ServiceDouble(TABLES, answers=circle)), GEN_MASTER, page_size=2)


def test_a_service_that_ignores_skip_is_named(read_all):
    double = ServiceDouble(TABLES, refuses_key_filter=True, ignores_skip=True)
    with pytest.raises(Fatal, match="same page of table GenMaster again"):
        read_all(client_of(double), GEN_MASTER, page_size=4)


def test_a_refused_key_filter_is_remembered_for_the_table(read_all):
    double = ServiceDouble(TABLES, refuses_key_filter=True)
    client = client_of(double)
    read_all(client, GEN_MASTER)
    double.queries.clear()
    read_all(client, GEN_MASTER)
    assert not [query for query in double.queries if "$filter" in query]


@pytest.mark.parametrize("change", ["inserted", "deleted", "emptied"])
def test_rows_that_move_during_skip_paging_are_never_lost(change):
    rows = [dict(row) for row in ACCOUNTS]
    double = ServiceDouble({"GenMaster": rows}, refuses_key_filter=True)
    pages = client_of(double).pages(GEN_MASTER, page_size=10)
    first = next(pages)
    if change == "inserted":
        rows.insert(0, {"Company": "0   ", "GlCode": "00", "Description": ""})
        rest = list(chain.from_iterable(pages))
        assert len({GEN_MASTER.key_of(row) for row in [*first, *rest]}) == 30
        return
    del rows[: 1 if change == "deleted" else 30]
    with pytest.raises(RetryLater, match="rows moved"):
        list(pages)


def test_an_empty_table_ends_at_once(read_all):
    double = ServiceDouble({"TblCurrency": []})
    assert read_all(client_of(double), TBL_CURRENCY) == []
    assert len(double.queries) == 1


def test_a_refused_empty_table_is_read_without_a_selection(read_all):
    double = ServiceDouble({"TblCurrency": []}, answers=[httpx.Response(400, text="no")])
    assert read_all(client_of(double), TBL_CURRENCY) == []
    assert [sorted(query) for query in double.queries] == [
        ["$orderby", "$select", "$top"],
        ["$top"],
        ["$orderby", "$top"],
    ]


def test_columns_an_older_release_lacks_are_absent(read_all):
    double = ServiceDouble(TABLES, strict_select=True)
    rows = read_all(client_of(double), TBL_CURRENCY)
    assert rows[1]["Description"] == "$"
    assert rows[1]["BuyExchangeRate"] is None


def test_only_a_table_with_rows_is_said_to_lack_columns(read_all, caplog):
    refusal = httpx.Response(400, json={"error": {"message": "no"}})
    for rows, told in (([], False), (TABLES["TblCurrency"], True)):
        caplog.clear()
        read_all(client_of(ServiceDouble({"TblCurrency": rows}, answers=[refusal])), TBL_CURRENCY)
        assert ("has no column" in caplog.text) is told


@pytest.mark.parametrize(
    ("accepted", "tries"),
    [("2026-01-30T00:00:00Z", 1), ("2026-01-30T00:00:00", 2), ("2026-01-30", 3)],
)
def test_the_date_form_a_service_understands_is_found_and_remembered(accepted, tries):
    double = ServiceDouble(TABLES, accepts=lambda text: not text or text.endswith(f"ge {accepted}"))
    client = client_of(double)
    where = ge("OrigReceiptDate", date(2026, 1, 30))
    next(client.pages(GRN_DETAILS, where=where))
    asked = [query["$filter"].split()[2] for query in double.queries if "$filter" in query]
    assert list(dict.fromkeys(asked)) == ["2026-01-30T00:00:00Z", "2026-01-30T00:00:00", "2026-01-30"][:tries]
    double.queries.clear()
    next(client.pages(GRN_DETAILS, where=where))
    assert [query["$filter"].split()[2] for query in double.queries] == [accepted]


def test_a_filter_no_form_helps_is_refused_with_the_services_text(read_all):
    double = ServiceDouble(TABLES, accepts=lambda text: not text)
    with pytest.raises(QueryRefused, match="literal not understood"):
        read_all(client_of(double), GRN_DETAILS, where=ge("OrigReceiptDate", date(2026, 1, 30)))


def test_a_probe_names_the_columns_served():
    client = client_of(ServiceDouble(TABLES))
    assert client.probe(GEN_MASTER) == {"Company", "GlCode", "Description"}
    assert client_of(ServiceDouble({"GenMaster": []})).probe(GEN_MASTER) == set()
    with pytest.raises(TableMissing, match="ApControl of company M1"):
        client.probe(tables.AP_CONTROL)


@pytest.mark.parametrize("habits", HABITS.values(), ids=HABITS)
def test_rows_are_found_by_their_keys(habits):
    client = client_of(ServiceDouble(TABLES, **habits))
    keys = [("1", "00-A"), ("1   ", "01-b'c"), ("40", "99"), ("1", "00-A")]
    rows = client.by_keys(GEN_MASTER, ["Company", "GlCode"], keys, select=["Description"])
    assert sorted(str(row["GlCode"]) for row in rows) == ["00-A", "01-b'c"]
    assert set(rows[0]) == {"Company", "GlCode", "Description"}


def test_rows_are_found_by_part_of_their_key_over_several_pages():
    client = client_of(ServiceDouble(TABLES, cap=3))
    assert len(client.by_keys(GRN_DETAILS, ["Supplier", "Journal"], [("1", "1"), ("2", "2")])) == 16


def test_a_single_key_costs_one_request_whether_found_or_not():
    double = ServiceDouble(TABLES)
    client = client_of(double)
    assert len(client.by_keys(TBL_CURRENCY, ["Currency"], [("EUR",)])) == 1
    assert client.by_keys(TBL_CURRENCY, ["Currency"], [("XXX",)]) == []
    assert len(double.queries) == 2


def test_no_keys_cost_no_request():
    double = ServiceDouble(TABLES)
    assert client_of(double).by_keys(TBL_CURRENCY, ["Currency"], []) == []
    assert double.queries == []


MANY = [{"Supplier": f"{number:015}", "SupplierName": "n"} for number in range(120)]


def test_many_keys_are_asked_fifty_at_a_time():
    double = ServiceDouble({"ApSupplier": MANY})
    keys = [(str(row["Supplier"]),) for row in MANY]
    assert len(client_of(double).by_keys(tables.AP_SUPPLIER, ["Supplier"], keys)) == 120
    assert [query["$filter"].count(" eq ") for query in double.queries] == [50, 50, 20]


def test_rows_nobody_asked_for_are_not_taken_for_the_absence_of_a_key():
    double = ServiceDouble({"ApSupplier": MANY}, ignores_filter=True, cap=50)
    with pytest.raises(Fatal, match="ApSupplier"):
        client_of(double).by_keys(tables.AP_SUPPLIER, ["Supplier"], [("000000000000119",)])


def test_a_row_shown_twice_does_not_stand_for_another_key():
    doubled = httpx.Response(200, json={"value": [MANY[0], MANY[0]]})
    double = ServiceDouble({"ApSupplier": MANY}, answers=[doubled])
    keys = [(MANY[0]["Supplier"],), (MANY[1]["Supplier"],)]
    rows = client_of(double).by_keys(tables.AP_SUPPLIER, ["Supplier"], keys)
    assert sorted(row["Supplier"] for row in rows) == [key for (key,) in keys]


def test_two_rows_of_one_key_that_differ_both_come():
    moved = httpx.Response(200, json={"value": [MANY[0], MANY[0] | {"SupplierName": "moved"}]})
    double = ServiceDouble({"ApSupplier": MANY}, answers=[moved])
    rows = client_of(double).by_keys(tables.AP_SUPPLIER, ["Supplier"], [(MANY[0]["Supplier"],)])
    assert [row["SupplierName"] for row in rows] == ["n", "moved"]


def test_long_keys_are_asked_in_urls_of_bounded_length():
    double = ServiceDouble({"ApSupplier": []})
    client_of(double).by_keys(tables.AP_SUPPLIER, ["SupplierName"], [(f"{n}" + "ü" * 50,) for n in range(50)])
    assert len(double.requests) > 1
    assert max(len(str(request.url)) for request in double.requests) < 8000


@pytest.mark.parametrize("status", [400, 404, 414])
def test_a_refused_list_of_keys_is_asked_in_smaller_parts(status):
    double = ServiceDouble({"ApSupplier": MANY})

    def small_only(request):
        response = double(request)
        too_long = double.queries[-1].get("$filter", "").count(" eq ") > 20
        return httpx.Response(status, text="<h1>too much</h1>") if too_long else response

    keys = [(str(row["Supplier"]),) for row in MANY]
    rows = client_of(small_only).by_keys(tables.AP_SUPPLIER, ["Supplier"], keys)
    assert len({row["Supplier"] for row in rows}) == len(rows) == 120


def test_a_key_refused_alone_is_an_error():
    double = ServiceDouble(TABLES, accepts=lambda text: not text)
    with pytest.raises(QueryRefused):
        client_of(double).by_keys(TBL_CURRENCY, ["Currency"], [("EUR",), ("USD",)])


def test_a_missing_table_is_missing_by_key_as_well():
    double = ServiceDouble({})
    with pytest.raises(TableMissing):
        client_of(double).by_keys(TBL_CURRENCY, ["Currency"], [("EUR",), ("USD",)])
    assert len(double.queries) == 1


def test_a_blank_number_in_a_key_is_refused():
    with pytest.raises(ValueError, match="blank value for key column Line"):
        client_of(ServiceDouble({})).by_keys(tables.POR_MASTER_DETAIL, ["Line"], [("",)])


def test_a_condition_on_status_leaves_out_what_it_names(read_all):
    rows = read_all(client_of(ServiceDouble(TABLES)), TBL_CURRENCY, where=ne("Currency", "EUR"))
    assert len(rows) == 5


@pytest.mark.parametrize("size", [2, 5])
def test_a_text_key_answered_without_its_last_blank_neither_repeats_nor_loops(read_all, size):
    rows = [{"Supplier": code, "SupplierName": "n"} for code in ("A", "B ", "C", "D ")]
    client = client_of(ServiceDouble({"ApSupplier": rows}, trims=True))
    read = [row["Supplier"] for row in read_all(client, tables.AP_SUPPLIER, page_size=size)]
    assert read == ["A", "B", "C", "D"]


def test_a_table_emptied_since_its_filter_was_refused_reads_as_empty(read_all):
    double = ServiceDouble({"TblCurrency": CURRENCIES[:2]}, refuses_key_filter=True)
    client = client_of(double)
    read_all(client, TBL_CURRENCY)
    double.tables["TblCurrency"] = []
    assert read_all(client, TBL_CURRENCY) == []


def test_a_row_inserted_just_before_the_end_is_stepped_over():
    rows = [dict(row) for row in ACCOUNTS[:4]]
    double = ServiceDouble({"GenMaster": rows}, refuses_key_filter=True)
    pages = client_of(double).pages(GEN_MASTER)
    first = next(pages)
    rows.insert(0, {"Company": "0   ", "GlCode": "00", "Description": ""})
    assert [len(first), list(pages)] == [4, []]


def test_columns_come_with_the_kind_of_value_each_holds():
    row = {"Company": "M1", "GlCode": "1", "Number": 1, "Amount": 1.5, "Held": True, "Empty": None}
    client = client_of(ServiceDouble({"GenMaster": [row]}))
    assert client.columns(GEN_MASTER) == {
        "Company": "text",
        "GlCode": "text",
        "Number": "number",
        "Amount": "number",
        "Held": "truth",
        "Empty": "",
    }


@pytest.mark.parametrize(
    ("status", "body", "number"),
    [
        (200, b'{"@odata.count": 12, "value": []}', 12),
        (200, b'\xef\xbb\xbf{"@odata.count": "12", "value": []}', 12),
        (200, b'{"value": []}', None),
        (200, b'{"@odata.count": null, "value": []}', None),
        (200, b'{"@odata.count": 1.5, "value": []}', None),
        (200, b'{"@odata.count": -1, "value": []}', None),
        (200, b'{"@odata.count": true, "value": []}', None),
        (200, b"[12]", None),
        (200, b"<html>", None),
        (200, b"\xff", None),
        (400, b'{"error": {"message": "not supported"}}', None),
        (503, b"", None),
    ],
)
def test_the_services_own_count_is_taken_where_there_is_one(status, body, number):
    asked = []

    def answer(request):
        asked.append(unquote(request.url.query.decode()))
        return httpx.Response(status, content=body)

    client = client_of(answer)
    assert client.count(GEN_MASTER, same_text("Company", "M1", 4)) == number
    assert len(asked) == 1, "one attempt: nothing rests on it"
    assert asked[0].startswith("$count=true&$filter=Company ge 'M1'")
    assert client.count(GEN_MASTER) == number
    assert "$filter" not in asked[1]


def test_no_count_where_the_service_cannot_be_reached():
    def away(request):
        raise httpx.ConnectError("away", request=request)

    assert client_of(away).count(GEN_MASTER) is None
