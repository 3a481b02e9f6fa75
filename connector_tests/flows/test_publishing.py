"""Master data and purchase orders from staged rows into P2P: sent once, confirmed one by one, never deleted."""

import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from connector_defs.basware.answers import ItemOutcome, Receipt, RequestOutcome
from connector_defs.domain.errors import RecordRefused, RetryLater
from connector_defs.flows import mapping, overview
from connector_defs.flows.entities import entity as entity_named
from connector_defs.flows.outcomes import follow_up
from connector_defs.flows.reports import PublishReport
from connector_defs.flows.resending import closed
from connector_defs.sandbox.world import WorldOptions
from connector_defs.sandbox.world.tables import Value
from connector_defs.store import audit, records
from connector_defs.store.records import Record
from connector_tests.flows.pair import EURO_SUPPLIER, SUPPLIER, TODAY, Pair, open_pair

ENDPOINTS = (
    "taxCodes",
    "accounts",
    "costCenters",
    "paymentTerms",
    "vendors",
    "matchingOrders",
    "matchingOrderLines",
)
TOMORROW = date(2026, 11, 21)
ORDER = "000000000010001"
ORDERLESS_SUPPLIER = "000000000000005"


@pytest.fixture
def pair(folder: Path) -> Iterator[Pair]:
    """A small company, nothing published yet."""
    with open_pair(folder) as opened:
        yield opened


@pytest.fixture
def published(pair: Pair) -> Pair:
    """The same after its first load."""
    pair.sync()
    return pair


def posts(pair: Pair) -> int:
    """POSTs of records so far."""
    return sum(pair.sandbox.basware.requests[f"POST {endpoint}"] for endpoint in ENDPOINTS)


def refresh(pair: Pair, *entities: str) -> dict[str, PublishReport]:
    """Stage what these entities are made of, and publish them alone."""
    reports = {}
    for name in entities:
        pair.stage(*entity_named(name).sources)
        reports |= pair.publish(name)
    return reports


def record(pair: Pair, entity: str, key: str) -> Record:
    """What we know of one published record."""
    with pair.connector.store.read() as connection:
        return records.by_keys(connection, entity, pair.company.syspro_company, [key])[key]


def in_target(pair: Pair, entity: str, key: str) -> dict[str, Any]:
    """The record as P2P holds it."""
    return pair.sandbox.basware.in_target[entity][record(pair, entity, key).external_code]


def assert_adds_up(report: PublishReport) -> None:
    """staged = unchanged + sent + quarantined + held; sent = confirmed + pending + failed."""
    sent = report.sent - report.deactivated
    assert report.staged == report.unchanged + sent + report.quarantined + report.held, report
    assert report.sent == report.confirmed + report.pending + report.failed, report


def test_the_first_load_is_confirmed_record_by_record(pair: Pair) -> None:
    reports = pair.sync()
    for name, report in reports.items():
        assert_adds_up(report)
        assert (
            report.confirmed
            == report.staged - report.quarantined
            == len(pair.sandbox.basware.in_target[name])
        )
    assert overview.status(pair.connector).records["vendors"] == {
        "published": 10,
        "pending": 0,
        "failed": 0,
        "quarantined": 2,
    }
    assert audit.verify(pair.connector.store).ok


def test_an_unchanged_night_sends_nothing(published: Pair) -> None:
    before = posts(published)
    reports = published.sync(day=TOMORROW)
    assert posts(published) == before
    assert {report.requests for report in reports.values()} == {0}
    for report in reports.values():
        assert_adds_up(report)


@pytest.mark.parametrize(
    ("table", "key", "change", "entity", "record_key"),
    [
        ("ApSupplier", (SUPPLIER,), {"SupplierName": "Summit Pallets Inc"}, "vendors", SUPPLIER),
        ("ApSupplierAddr", (SUPPLIER,), {"SupPostalCode": "49504"}, "vendors", SUPPLIER),
        ("GenMaster", ("M1", "00-6000"), {"Description": "Tooling and jigs"}, "accounts", "00-6000"),
        ("TblApTerms", ("30",), {"DueDays": Decimal(31)}, "paymentTerms", "30"),
        ("AdmTax", ("S",), {"CurTaxRate": Decimal("8.5")}, "taxCodes", "S  "),
        ("PorMasterHdr", (ORDER,), {"OrderDueDate": date(2026, 12, 1)}, "matchingOrders", ORDER),
    ],
)
def test_one_changed_row_is_one_record_in_one_request(
    published: Pair,
    table: str,
    key: tuple[Value, ...],
    change: dict[str, Value],
    entity: str,
    record_key: str,
) -> None:
    before, old = posts(published), in_target(published, entity, record_key)
    published.sandbox.world.tables[table].update(key, change)
    reports = refresh(published, entity)
    assert posts(published) == before + 1
    assert (reports[entity].sent, reports[entity].confirmed) == (1, 1)
    assert in_target(published, entity, record_key) != old


def test_balances_and_dates_of_last_use_are_no_change(published: Pair) -> None:
    before = posts(published)
    published.sandbox.world.tables["ApSupplier"].update((SUPPLIER,), {"CurrentBalance": Decimal("99.99")})
    published.sandbox.world.tables["GenMaster"].update(("M1", "00-6000"), {"CurrentBalance": Decimal("1.00")})
    published.sync()
    assert posts(published) == before


def test_what_cannot_be_translated_is_kept_back_with_its_reason_and_goes_once_it_can(pair: Pair) -> None:
    pair.sync()
    kept = {problem.key: problem.code for problem in overview.quarantined(pair.connector)}
    assert kept == {
        "00-6990-CONTRACT-LABOUR-PEAK": "CODE_TOO_LONG",
        "000000000000011": "NAME_TOO_SHORT",
        "000000000000012": "CURRENCY_UNMAPPED",
    }
    pair.sandbox.world.tables["ApSupplier"].update(("000000000000011",), {"SupplierName": "Xylem Ltd"})
    report = refresh(pair, "vendors")["vendors"]
    assert (report.sent, report.confirmed, report.quarantined) == (1, 1, 1)
    assert in_target(pair, "vendors", "000000000000011")["name"] == "Xylem Ltd"


def test_a_published_account_stands_for_itself_in_the_mapping(published: Pair) -> None:
    mapped = {rule.account_code: rule.gl_code for rule in mapping.rules(published.connector)}
    assert mapped["00-6000"] == "00-6000"
    assert "00-9000" not in mapped, "a statistical account takes no postings"


@pytest.mark.covers("F26")
def test_orders_wait_for_their_supplier_and_lines_for_their_order(pair: Pair) -> None:
    """F26: nothing is sent that P2P would refuse for what is missing there."""
    pair.stage()
    pair.publish("taxCodes", "accounts", "costCenters", "paymentTerms")
    pair.faults.arm("target_error", times=1, match="/vendors")
    reports = pair.publish("vendors", "matchingOrders", "matchingOrderLines")
    assert reports["vendors"].failed == reports["vendors"].sent == 10
    assert (reports["matchingOrders"].held, reports["matchingOrders"].sent) == (6, 0)
    assert (reports["matchingOrderLines"].held, reports["matchingOrderLines"].sent) == (16, 0)
    assert "vendors" in record(pair, "matchingOrders", ORDER).reason
    again = pair.publish("vendors", "matchingOrders", "matchingOrderLines")
    assert [report.confirmed for report in again.values()] == [10, 6, 16]
    for report in (*reports.values(), *again.values()):
        assert_adds_up(report)


@pytest.mark.covers("F23", "F24")
@pytest.mark.parametrize("entity", ENDPOINTS)
def test_a_record_that_p2p_refused_goes_again_touched_and_is_confirmed(pair: Pair, entity: str) -> None:
    """F23 and F24: Basware ignores an identical record, so the second one differs in a text."""
    pair.stage()
    for earlier in ENDPOINTS[: ENDPOINTS.index(entity)]:
        pair.publish(earlier)
    pair.faults.arm("target_error", match=f"/{entity}")
    refused = pair.publish(entity)[entity]
    assert refused.failed == refused.sent > 0
    assert {problem.entity for problem in overview.refused(pair.connector)} == {entity}
    again = pair.publish(entity)[entity]
    assert (again.sent, again.confirmed) == (refused.sent, refused.sent)
    assert overview.refused(pair.connector) == []
    before = posts(pair)
    pair.publish(entity)
    assert posts(pair) == before
    assert audit.verify(pair.connector.store).ok


def test_a_warning_counts_as_confirmed_and_is_kept(pair: Pair) -> None:
    pair.stage()
    pair.publish("taxCodes", "accounts", "vendors")
    kept = record(pair, "vendors", SUPPLIER)
    assert (kept.state, kept.code) == ("confirmed", "WARNING")
    assert "payment term" in kept.reason


@pytest.mark.covers("F23")
def test_an_outcome_that_is_not_known_yet_is_asked_for_later(folder: Path) -> None:
    """F23: hours later in life, two calls later here."""
    with open_pair(folder, processing_seconds=1000, timing={"confirm_wait_seconds": 0.0}) as pair:
        pair.stage()
        report = pair.publish("taxCodes")["taxCodes"]
        assert (report.sent, report.pending, report.confirmed) == (5, 5, 0)
        assert_adds_up(report)
        held = pair.publish("accounts")["accounts"]
        assert held.sent + held.quarantined + held.held == held.staged
        again = pair.publish("taxCodes")["taxCodes"]
        assert again.sent == 0, "what is on its way is not sent twice"
        pair.sandbox.basware.finish_processing()
        assert follow_up(pair.connector, pair.company, wait=False, entity="taxCodes").confirmed == 5


def test_a_record_overtaken_on_its_way_is_sent_again(folder: Path) -> None:
    """RecordExpired: another version came within a second."""
    with open_pair(folder, processing_seconds=1000, timing={"confirm_wait_seconds": 0.0}) as pair:
        pair.stage()
        pair.publish("taxCodes")
        key, client = "S  ", pair.connector.basware
        held = client.entity("taxCodes", record(pair, "taxCodes", key).external_code)
        assert held is not None
        other = {**held, "taxPercentage": 1}
        other.pop("lastUpdated", None)
        client.post("taxCodes", [json.dumps(other, default=str).encode()])
        pair.sandbox.basware.finish_processing()
        report = follow_up(pair.connector, pair.company, wait=False)
        assert (report.confirmed, report.failed) == (4, 1)
        assert record(pair, "taxCodes", key).code == "RecordExpired"
        pair.publish("taxCodes")
        pair.sandbox.basware.finish_processing()
        assert follow_up(pair.connector, pair.company, wait=False).confirmed == 1
        assert in_target(pair, "taxCodes", key)["taxPercentage"] == Decimal("8.25")


def _delete(pair: Pair, table: str, *key: Value) -> dict[str, Value]:
    row = pair.sandbox.world.tables[table].get(*key)
    assert row is not None
    assert pair.sandbox.world.tables[table].delete(key)
    return row


GONE = [
    ("ApSupplier", (ORDERLESS_SUPPLIER,), "vendors", ORDERLESS_SUPPLIER),
    ("GenMaster", ("M1", "00-6010"), "accounts", "00-6010"),
    ("TblApTerms", ("3D",), "paymentTerms", "3D"),
    ("AdmTax", ("B",), "taxCodes", "B  "),
    ("PorMasterHdr", (ORDER,), "matchingOrders", ORDER),
    ("PorMasterDetail", (ORDER, 1), "matchingOrderLines", f"{ORDER}/1"),
]


def is_gone(entity: str, held: dict[str, Any]) -> bool:
    """Whether P2P shows a record as no longer in use."""
    match entity:
        case "vendors":
            return held["processingStatus"]["active"] is False
        case "matchingOrders":
            return held["isClosed"] is True
        case "matchingOrderLines":
            return held["isClosed"] is True and held["isDeleted"] is True
        case _:
            return [company["active"] for company in held["companies"]] == [False]


@pytest.mark.covers("H17")
@pytest.mark.parametrize(("table", "key", "entity", "record_key"), GONE)
def test_what_is_gone_in_syspro_is_flagged_in_p2p_and_comes_back_when_it_does(
    published: Pair, table: str, key: tuple[Value, ...], entity: str, record_key: str
) -> None:
    assert not is_gone(entity, in_target(published, entity, record_key))
    row = _delete(published, table, *key)
    report = refresh(published, entity)[entity]
    assert (report.deactivated, report.sent, report.confirmed) == (1, 1, 1)
    assert is_gone(entity, in_target(published, entity, record_key))
    before = posts(published)
    refresh(published, entity)
    assert posts(published) == before, "told once"
    published.sandbox.world.tables[table].insert(row)
    refresh(published, entity)
    assert not is_gone(entity, in_target(published, entity, record_key))
    assert not [name for name in published.sandbox.basware.requests if name.startswith("DELETE")]
    assert audit.verify(published.connector.store).ok


@pytest.mark.parametrize(("table", "key", "entity", "record_key"), GONE[:1] + GONE[4:5])
def test_a_farewell_that_p2p_refused_is_said_again(
    published: Pair, table: str, key: tuple[Value, ...], entity: str, record_key: str
) -> None:
    _delete(published, table, *key)
    published.faults.arm("target_error", match=f"/{entity}")
    assert refresh(published, entity)[entity].failed == 1
    refresh(published, entity)
    assert is_gone(entity, in_target(published, entity, record_key))
    assert record(published, entity, record_key).state == "confirmed"


def test_a_refused_change_of_a_record_that_is_then_gone_is_followed_by_its_farewell(published: Pair) -> None:
    table = published.sandbox.world.tables["ApSupplier"]
    table.update((ORDERLESS_SUPPLIER,), {"SupplierName": "Renamed Ltd"})
    published.faults.arm("target_error", match="/vendors")
    refresh(published, "vendors")
    assert record(published, "vendors", ORDERLESS_SUPPLIER).state == "failed"
    _delete(published, "ApSupplier", ORDERLESS_SUPPLIER)
    refresh(published, "vendors")
    assert is_gone("vendors", in_target(published, "vendors", ORDERLESS_SUPPLIER))


def _empty(pair: Pair, table: str, *, but: int = 0) -> None:
    store = pair.sandbox.world.tables[table]
    for row in list(store)[but:]:
        assert store.delete(tuple(row[name] for name in store.schema.key))


def _active_vendors(pair: Pair) -> int:
    held = pair.sandbox.basware.in_target["vendors"].values()
    return sum(not is_gone("vendors", vendor) for vendor in held)


MANY = WorldOptions(suppliers=60, accounts=20, cost_centers=4, orders=0, lines=0, invoices=0, today=TODAY)


@pytest.mark.parametrize("left", [0, 12], ids=["none left", "a fifth left"])
def test_suppliers_that_vanish_in_masses_stay_active_and_a_person_is_told(folder: Path, left: int) -> None:
    with open_pair(folder, MANY) as pair:
        refresh(pair, "vendors")
        active = _active_vendors(pair)
        _empty(pair, "ApSupplier", but=left)
        report = refresh(pair, "vendors")["vendors"]
        assert (report.sent, report.deactivated) == (0, 0)
        (problem,) = [one for one in report.problems if one.code == "GONE_TOO_MANY"]
        assert f"shows {left} records and lacks {60 - left} known" in problem.reason
        assert "publishing.deactivate_at_most" in problem.remedy
        assert _active_vendors(pair) == active
        assert_adds_up(report)


def test_an_empty_table_of_few_records_closes_nothing(published: Pair) -> None:
    _empty(published, "TblApTerms")
    report = refresh(published, "paymentTerms")["paymentTerms"]
    assert (report.deactivated, [problem.code for problem in report.problems]) == (0, ["GONE_TOO_MANY"])


def test_masses_are_closed_where_the_settings_say_that_it_is_meant(folder: Path) -> None:
    with open_pair(folder, MANY, publishing={"deactivate_at_most": 1.0}) as pair:
        refresh(pair, "vendors")
        active = _active_vendors(pair)
        _empty(pair, "ApSupplier")
        assert refresh(pair, "vendors")["vendors"].deactivated >= active > 20
        assert _active_vendors(pair) == 0


@pytest.mark.parametrize("end", [{"OrderStatus": "*", "CancelledFlag": "Y"}, {"OrderStatus": "9"}])
def test_an_order_that_ends_closes_its_open_lines_with_it(published: Pair, end: dict[str, Value]) -> None:
    assert in_target(published, "matchingOrderLines", f"{ORDER}/1")["isClosed"] is False
    published.sandbox.world.tables["PorMasterHdr"].update((ORDER,), end)
    refresh(published, "matchingOrders", "matchingOrderLines")
    assert in_target(published, "matchingOrders", ORDER)["isClosed"] is True
    assert in_target(published, "matchingOrderLines", f"{ORDER}/1")["isClosed"] is True


def test_lines_of_an_order_of_which_none_was_read_stay_as_they_are(published: Pair) -> None:
    table = published.sandbox.world.tables["PorMasterDetail"]
    for row in [row for row in table if row["PurchaseOrder"] == ORDER]:
        table.delete((ORDER, row["Line"]))
    assert refresh(published, "matchingOrderLines")["matchingOrderLines"].deactivated == 0
    assert not is_gone("matchingOrderLines", in_target(published, "matchingOrderLines", f"{ORDER}/1"))


@pytest.mark.parametrize("refused", [False, True], ids=["taken", "refused at first"])
def test_a_line_that_can_no_longer_be_told_is_withdrawn_until_it_can(published: Pair, refused: bool) -> None:
    table, key = published.sandbox.world.tables["PorMasterDetail"], f"{ORDER}/1"
    table.update((ORDER, 1), {"MDiscValFlag": "X", "MDiscValue": Decimal("2.50")})
    if refused:
        published.faults.arm("target_error", match="/matchingOrderLines")
    report = refresh(published, "matchingOrderLines")["matchingOrderLines"]
    assert (report.quarantined, report.deactivated) == (1, 1)
    assert "VALUE_DISCOUNT" in {problem.code for problem in report.problems}
    assert_adds_up(report)
    for _ in range(2):
        refresh(published, "matchingOrderLines")
        assert is_gone("matchingOrderLines", in_target(published, "matchingOrderLines", key))
    before = posts(published)
    refresh(published, "matchingOrderLines")
    assert posts(published) == before
    assert [problem.code for problem in overview.quarantined(published.connector) if problem.key == key]
    table.update((ORDER, 1), {"MDiscValFlag": " ", "MDiscValue": Decimal(0)})
    refresh(published, "matchingOrderLines")
    assert not is_gone("matchingOrderLines", in_target(published, "matchingOrderLines", key))


def test_lines_kept_back_in_masses_stay_until_a_person_lifts_the_guard(folder: Path) -> None:
    with open_pair(folder) as pair:
        _grow_order(pair, 30)
        pair.sync()
        table = pair.sandbox.world.tables["PorMasterDetail"]
        for number in range(100, 130):
            table.update((ORDER, number), {"MOrderQty": Decimal(0)})
        for _ in range(2):
            report = refresh(pair, "matchingOrderLines")["matchingOrderLines"]
            assert (report.quarantined, report.deactivated) == (30, 0)
            assert "GONE_TOO_MANY" in {problem.code for problem in report.problems}
        pair.connector.settings.publishing.__dict__["deactivate_at_most"] = 1.0
        assert refresh(pair, "matchingOrderLines")["matchingOrderLines"].deactivated == 30
        for number in range(100, 130):
            key = f"{ORDER}/{number}"
            assert is_gone("matchingOrderLines", in_target(pair, "matchingOrderLines", key))


@pytest.mark.parametrize("there", [True, False])
def test_a_receipt_without_a_request_id_is_followed_by_a_look(
    pair: Pair, monkeypatch: pytest.MonkeyPatch, there: bool
) -> None:
    post = pair.connector.basware.post

    def nameless(endpoint: str, payload: Sequence[bytes]) -> Receipt:
        return replace(post(endpoint, payload), request_id=None) if there else Receipt(None, 200, (), "ours")

    monkeypatch.setattr(pair.connector.basware, "post", nameless)
    report = refresh(pair, "taxCodes")["taxCodes"]
    assert (report.sent, report.confirmed, report.failed) == ((5, 5, 0) if there else (5, 0, 5))
    assert_adds_up(report)
    assert record(pair, "taxCodes", "S  ").code == ("" if there else "NO_REQUEST_ID")


def test_an_error_that_names_no_record_fails_those_that_are_not_listed(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask = pair.connector.basware.request_status
    error = ItemOutcome("Error", ("no such company",), None, None)

    def one_listed(request_id: str) -> RequestOutcome | None:
        outcome = ask(request_id)
        assert outcome
        listed = record(pair, "taxCodes", "S  ").external_code
        return replace(outcome, items={listed: outcome.items[listed]}, unnamed=(error,))

    monkeypatch.setattr(pair.connector.basware, "request_status", one_listed)
    report = refresh(pair, "taxCodes")["taxCodes"]
    assert (report.confirmed, report.failed) == (1, 4)
    assert {problem.reason for problem in report.problems} == {"no such company"}


def test_a_request_id_that_basware_does_not_take_is_asked_for_later(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: str) -> RequestOutcome | None:
        raise RecordRefused("no such key", code="key_refused")

    monkeypatch.setattr(pair.connector.basware, "request_status", refuse)
    report = refresh(pair, "taxCodes")["taxCodes"]
    assert (report.pending, report.failed) == (5, 0)


def test_a_farewell_holds_nothing_that_basware_shows_and_does_not_take() -> None:
    told = closed(
        "vendors",
        {
            "vendorCode": "4711",
            "buvid": "1",
            "distributionStatus": "Done",
            "name": None,
            "processingStatus": {"active": True, "comment": None},
            "addresses": [{"name": "Ann", "postalZone": None}],
        },
    )
    assert told == {
        "vendorCode": "4711",
        "processingStatus": {"active": False},
        "addresses": [{"name": "Ann"}],
    }


def test_suppliers_go_where_the_site_serves_no_addresses(pair: Pair) -> None:
    del pair.sandbox.world.tables["ApSupplierAddr"]
    assert refresh(pair, "vendors")["vendors"].confirmed == 10


def test_a_supplier_on_hold_is_blocked_in_p2p_until_it_is_released(published: Pair) -> None:
    suppliers = published.sandbox.world.tables["ApSupplier"]
    for on_hold in ("Y", "N"):
        suppliers.update((EURO_SUPPLIER,), {"OnHold": on_hold})
        refresh(published, "vendors")
        status = in_target(published, "vendors", EURO_SUPPLIER)["processingStatus"]
        assert (status["paymentDenied"], status["active"]) == (on_hold == "Y", on_hold == "N")


def test_one_bad_record_in_a_batch_does_not_stop_the_others(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    """400 for the whole request: the record that is named fails, the rest goes again without it."""
    post = pair.connector.basware.post

    def spoil_one(endpoint: str, payload: Sequence[bytes]) -> Receipt:
        spoilt = [
            body.replace(SUPPLIER.encode(), b"", 1) if endpoint == "vendors" else body for body in payload
        ]
        return post(endpoint, spoilt)

    monkeypatch.setattr(pair.connector.basware, "post", spoil_one)
    report = refresh(pair, "vendors")["vendors"]
    assert (report.confirmed, report.failed) == (9, 1)
    assert_adds_up(report)
    failed = record(pair, "vendors", SUPPLIER)
    assert (failed.state, failed.code) == ("failed", "HTTP_400")
    monkeypatch.undo()
    assert refresh(pair, "vendors")["vendors"].confirmed == 1
    assert in_target(pair, "vendors", SUPPLIER)["name"] == "Summit Pallets LLC"


@pytest.mark.parametrize(
    ("site", "fault"),
    [
        ("basware.entities.write", "reset_before"),
        ("basware.entities.write", "reset_after"),
        ("basware.entities.write", "http_500"),
        ("basware.entities.write", "http_502"),
        ("basware.entities.write", "http_503"),
        ("basware.entities.write", "rate_limited"),
        ("basware.entities.write", "expired_token"),
        ("basware.entities.write", "error_body"),
        ("basware.entities.write", "wrong_encoding"),
        ("basware.status", "http_503"),
        ("basware.status", "rate_limited"),
        ("basware.status", "error_body"),
        ("basware.status", "reset_after"),
        ("syspro.odata", "http_503"),
        ("syspro.odata", "short_page"),
        ("syspro.odata", "error_body"),
    ],
)
def test_faults_on_the_way_leave_p2p_complete(pair: Pair, site: str, fault: str) -> None:
    times = 1 if fault == "expired_token" else 2
    pair.faults.arm(fault, times=times, site=site, seconds=0)
    for _ in range(3):
        with suppress(RetryLater):
            refresh(pair, "taxCodes", "vendors")
    assert pair.faults.drawn[fault] == times
    states = overview.status(pair.connector).records
    for name, published in (("taxCodes", 5), ("vendors", 10)):
        assert (states[name]["published"], states[name]["pending"], states[name]["failed"]) == (
            published,
            0,
            0,
        )
        assert len(pair.sandbox.basware.in_target[name]) == published


def test_a_crash_between_the_post_and_its_request_id_is_made_good_by_the_next_run(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Basware calls the repeat NotProcessed, which says that it has the record."""
    pair.stage()

    def crash(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(records, "open_request", crash)
    with pytest.raises(KeyboardInterrupt):
        pair.publish("taxCodes")
    monkeypatch.undo()
    report = pair.publish("taxCodes")["taxCodes"]
    assert (report.sent, report.confirmed) == (5, 5)
    assert pair.sandbox.basware.requests["POST taxCodes"] == 2


def test_an_outage_amid_the_batches_loses_no_request_that_got_through(folder: Path) -> None:
    """Two requests at once: one is received, the other finds Basware down. The first one's id is kept."""
    with open_pair(folder) as pair:
        _grow_order(pair, 150)
        pair.stage()
        pair.publish(*ENDPOINTS[:-1])
        pair.faults.arm("latency", site="basware.entities.write", seconds=0.3)
        pair.faults.arm("http_503", times=1000, site="basware.entities.write")
        with pytest.raises(RetryLater):
            pair.publish("matchingOrderLines")
        pair.faults.disarm()
        with pair.connector.store.read() as connection:
            known = records.counts(connection)["matchingOrderLines"]
            assert records.incomplete_orders(connection, "M1")
        assert known["sent"] == 100
        report = pair.publish("matchingOrderLines")["matchingOrderLines"]
        assert report.confirmed == report.sent == len(_published_lines(pair)) - 100
        with pair.connector.store.read() as connection:
            assert records.incomplete_orders(connection, "M1") == []
        assert len(pair.sandbox.basware.in_target["matchingOrderLines"]) == report.staged


def _published_lines(pair: Pair) -> list[str]:
    with pair.connector.store.read() as connection:
        return [row.key for part in records.known(connection, "matchingOrderLines", "M1") for row in part]


def _grow_order(pair: Pair, lines: int) -> None:
    """Give one open order many more lines."""
    table = pair.sandbox.world.tables["PorMasterDetail"]
    model = table.get(ORDER, 1)
    assert model is not None
    for number in range(100, 100 + lines):
        table.insert({**model, "Line": number})


@pytest.mark.covers("F25")
def test_an_order_of_many_slices_is_marked_incomplete_until_the_last_has_gone(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    """F25: a crash between its slices of 100 lines."""
    _grow_order(pair, 150)
    pair.stage()
    pair.publish(*ENDPOINTS[:-1])
    post, calls = pair.connector.basware.post, []

    def crash_at_the_second(endpoint: str, payload: Sequence[bytes]) -> Receipt:
        calls.append(endpoint)
        if len(calls) > 1:
            raise KeyboardInterrupt
        return post(endpoint, payload)

    monkeypatch.setattr(pair.connector.basware, "post", crash_at_the_second)
    with pytest.raises(KeyboardInterrupt):
        pair.publish("matchingOrderLines")
    monkeypatch.undo()
    seen = pair.sandbox.basware.visible_orders().get(record(pair, "matchingOrders", ORDER).external_code, 0)
    with pair.connector.store.read() as connection:
        marked = records.incomplete_orders(connection, "M1")
    assert ORDER in marked or seen == 0
    pair.publish("matchingOrderLines")
    with pair.connector.store.read() as connection:
        assert records.incomplete_orders(connection, "M1") == []
    visible = pair.sandbox.basware.visible_orders()[record(pair, "matchingOrders", ORDER).external_code]
    assert visible == len([key for key in _published_lines(pair) if key.startswith(f"{ORDER}/")])


def test_a_request_without_an_outcome_for_a_day_is_taken_for_lost_and_its_records_go_again(
    pair: Pair,
) -> None:
    pair.stage("payment_terms")
    pair.connector.basware.request_status = lambda request_id: None  # type: ignore[method-assign]
    pair.connector.settings.timing.__dict__["confirm_wait_seconds"] = 0.0
    pair.publish("paymentTerms")
    assert not follow_up(pair.connector, pair.company, wait=False).failed
    pair.connector.clock.wait(25 * 3600)
    lost = follow_up(pair.connector, pair.company, wait=False)
    assert lost.failed == lost.confirmed + lost.failed > 0
    assert {problem.code for problem in lost.problems} == {"NO_OUTCOME"}
    del pair.connector.basware.request_status
    pair.connector.settings.timing.__dict__["confirm_wait_seconds"] = 3.0
    report = pair.publish("paymentTerms")["paymentTerms"]
    assert report.confirmed == lost.failed
