"""Batches are read ahead, and whatever is read ahead in vain changes nothing."""

import json
import threading

import httpx
import pytest

from connector_defs.domain.errors import Fatal, RetryLater
from connector_defs.syspro import tables
from connector_defs.syspro.pages import last_key
from connector_defs.syspro.tables import GEN_MASTER
from connector_tests.syspro.odata_service_double import ServiceDouble, client_of
from connector_tests.syspro.test_odata_paging import ACCOUNTS, TABLES

SUPPLIER = tables.AP_SUPPLIER.narrowed(["SupplierName"])


def names(client, **options):
    """Supplier names, read as batches."""
    batches = client.batches(SUPPLIER, **options)
    return [name for batch in batches for name in batch.column("SupplierName").to_pylist()]


def test_a_batch_is_in_use_while_the_next_one_is_read():
    double = ServiceDouble(TABLES)
    asked = threading.Semaphore(0)

    def service(request):
        answer = double(request)
        asked.release()
        return answer

    batches = client_of(service).batches(GEN_MASTER, page_size=10)
    first = next(batches)
    assert all(asked.acquire(timeout=5) for _ in range(2))
    assert len(double.queries) == 2
    assert [first.num_rows, *(batch.num_rows for batch in batches)] == [10, 10, 10]
    assert len(double.queries) == 4


def test_a_reading_that_is_given_up_leaves_no_thread_behind():
    double = ServiceDouble(TABLES)
    batches = client_of(double).batches(GEN_MASTER, page_size=10)
    next(batches)
    batches.close()
    assert not [one for one in threading.enumerate() if one.name.startswith("syspro-odata")]
    assert len(double.queries) <= 2


def test_a_page_that_fails_is_an_error_once_the_ones_before_it_are_used():
    double = ServiceDouble(TABLES)
    batches = client_of(double).batches(GEN_MASTER, page_size=10)
    double.tables = {"GenMaster": ACCOUNTS}
    double.accepts = lambda text: not text
    double.ignores_skip = True
    assert next(batches).num_rows == 10
    with pytest.raises(Fatal, match="same page"):
        next(batches)


def test_a_page_only_the_strict_reading_understands_is_a_batch_like_the_others():
    rows = [{"SUPPLIER": f"{number}", "SupplierName": number} for number in range(4)]
    body = json.dumps({"value": rows}).encode()
    double = ServiceDouble(
        {}, answers=[httpx.Response(200, content=body), httpx.Response(200, text='{"value":[]}')]
    )
    (batch,) = client_of(double).batches(tables.AP_SUPPLIER, columns=["SupplierName"])
    assert batch.to_pylist() == [{"Supplier": f"{n}", "SupplierName": f"{n}"} for n in range(4)]


@pytest.mark.parametrize(
    "name", ["{", 'x{"', "{}", '{"Supplier": "0"}', '{"Supplier": "9", "SupplierName": "y"}', "}]}", "\0"]
)
def test_a_text_that_looks_like_a_row_misleads_nobody(name):
    rows = [{"Supplier": f"{number}", "SupplierName": name} for number in range(5)]
    double = ServiceDouble({"ApSupplier": rows})
    assert names(client_of(double), page_size=2) == [name] * 5


def test_a_wrong_guess_costs_one_request_and_no_row():
    rows = [{"Supplier": f"{number}", "SupplierName": "n"} for number in range(4)]

    def with_a_second_list(request):
        answer = double(request)
        return httpx.Response(200, content=answer.content[:-1] + b',"more":[{"Supplier":"0"}]}')

    double = ServiceDouble({"ApSupplier": rows})
    assert names(client_of(with_a_second_list), page_size=2) == ["n"] * 4


def test_a_guess_needs_a_row_with_a_key():
    assert last_key(SUPPLIER, b'{"value":[{"Supplier":"1"},{"SUPPLIER":"2"}]}') == ("2",)
    for body in (
        b"",
        b"<html>",
        b'{"value":[]}',
        b'{"value":[{"SupplierName":"x"}]}',
        b'{"Supplier":1e99999999999999999999}',
    ):
        assert last_key(SUPPLIER, body) is None
    assert last_key(SUPPLIER, b'{"Supplier":' + b"[" * 200_000) is None


@pytest.mark.parametrize("body", ["<html>Back soon</html>", '{"value": [{"Supplier": "1'])
def test_a_reply_that_is_no_json_is_asked_for_again(body):
    rows = [{"Supplier": "1", "SupplierName": "n"}]
    double = ServiceDouble({"ApSupplier": rows}, answers=[httpx.Response(200, text=body)])
    assert names(client_of(double)) == ["n"]
    double.answers = [httpx.Response(200, text=body) for _ in range(9)]
    with pytest.raises(RetryLater, match="no JSON came back"):
        names(client_of(double))


def test_an_error_reading_ahead_does_not_outrun_the_page_before_it():
    rows = [{"Supplier": f"{number}", "SupplierName": "n"} for number in range(4)]
    double = ServiceDouble({"ApSupplier": rows})

    def once(request):
        return httpx.Response(403) if double.queries else double(request)

    batches = client_of(once).batches(SUPPLIER, page_size=2)
    assert next(batches).num_rows == 2
    with pytest.raises(Fatal, match="does not let operator"):
        next(batches)


def test_a_table_paged_by_position_is_read_without_a_guess():
    double = ServiceDouble(TABLES, refuses_key_filter=True)
    client = client_of(double)
    assert sum(batch.num_rows for batch in client.batches(GEN_MASTER, page_size=7)) == 30
    double.queries.clear()
    assert sum(batch.num_rows for batch in client.batches(GEN_MASTER, page_size=7)) == 30
    assert not [query for query in double.queries if "$filter" in query]


def test_a_value_that_does_not_fit_is_named_with_its_row():
    rates = [{"Currency": "EUR", "BuyExchangeRate": 1}, {"Currency": "USD", "BuyExchangeRate": 1.0000001}]
    double = ServiceDouble({"TblCurrency": rates})
    with pytest.raises(Fatal, match="TblCurrency, row Currency='USD': column BuyExchangeRate does not fit"):
        list(client_of(double).batches(tables.TBL_CURRENCY, columns=["BuyExchangeRate"]))


def test_a_row_without_its_key_is_refused():
    double = ServiceDouble({}, answers=[httpx.Response(200, json={"value": [{"SupplierName": "n"}]})])
    with pytest.raises(Fatal, match="without key column Supplier"):
        names(client_of(double))
