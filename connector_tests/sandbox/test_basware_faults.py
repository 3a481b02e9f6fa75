"""What each fault looks like on the wire of the simulated Basware, and whether the call took effect."""

import time
from collections.abc import Iterator

import httpx
import pytest

from connector_defs.sandbox.faults import FaultPlan
from connector_tests.sandbox.wire import CONTINUATION, Wire, invoice, served, tax_code, vendor

DOCUMENTS = "/v1/accountingDocuments"


@pytest.fixture
def faults() -> FaultPlan:
    return FaultPlan()


@pytest.fixture
def wire(faults: FaultPlan) -> Iterator[Wire]:
    with served(*(invoice(f"inv-{n}") for n in range(5)), faults=faults) as wire:
        yield wire


@pytest.mark.parametrize(("name", "effect"), [("reset_before", False), ("reset_after", True)])
def test_a_reset_cuts_the_connection_with_or_without_the_effect(
    wire: Wire, faults: FaultPlan, name: str, effect: bool, capfd: pytest.CaptureFixture[str]
) -> None:
    faults.arm(name, site="basware.entities.write")

    with pytest.raises(httpx.ReadError):
        wire.post("/v1/vendors", [vendor()])

    assert ("ven-0001" in wire.sandbox.entities["vendors"]) is effect
    assert wire.get("/v1/accounts").status_code == 404
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("name", "status", "effect"),
    [
        ("http_500", 500, False),
        ("http_502", 502, True),
        ("http_503", 503, False),
        ("rate_limited", 429, False),
    ],
)
def test_server_errors_say_whether_the_call_took_effect(
    wire: Wire, faults: FaultPlan, name: str, status: int, effect: bool
) -> None:
    faults.arm(name, site="basware.acknowledge")

    answer = wire.post(f"{DOCUMENTS}/inv-1/acknowledge")

    assert answer.status_code == status
    assert (wire.sandbox.documents["inv-1"]["processingStatus"] == "TransferInProgress") is effect
    assert wire.post(f"{DOCUMENTS}/inv-1/acknowledge").status_code == (405 if effect else 200)


def test_a_rate_limit_says_how_long_to_wait(wire: Wire, faults: FaultPlan) -> None:
    faults.arm("rate_limited", site="basware.token", seconds=3)

    assert wire.ask_token().headers["retry-after"] == "3"


def test_an_expired_token_is_dead_for_good(wire: Wire, faults: FaultPlan) -> None:
    faults.arm("expired_token")

    assert [wire.get("/v1/vendors").status_code for _ in range(2)] == [401, 401]
    wire.token = wire.ask_token().json()["access_token"]
    assert wire.get("/v1/vendors").status_code == 404


def test_latency_only_delays(wire: Wire, faults: FaultPlan) -> None:
    faults.arm("latency", seconds=0.05, site="basware.entities")
    started = time.monotonic()

    assert wire.post("/v1/vendors", [vendor()]).status_code == 200
    assert time.monotonic() - started >= 0.05


def test_a_late_commit_takes_effect_after_the_connection_is_gone(wire: Wire, faults: FaultPlan) -> None:
    faults.arm("late_commit", site="basware.entities.write", seconds=0.05)

    with pytest.raises(httpx.ReadError):
        wire.post("/v1/vendors", [vendor()])

    assert wire.sandbox.entities["vendors"] == {}
    deadline = time.monotonic() + 5
    while not wire.sandbox.entities["vendors"] and time.monotonic() < deadline:
        time.sleep(0.005)
    assert wire.sandbox.entities["vendors"].keys() == {"ven-0001"}


def test_a_cut_off_body_is_no_json_though_the_call_took_effect(wire: Wire, faults: FaultPlan) -> None:
    faults.arm("error_body", site="basware.entities.write")

    answer = wire.post("/v1/taxCodes", [tax_code()])

    assert answer.status_code == 200
    with pytest.raises(ValueError, match=r"Unterminated|Expecting"):
        answer.json()
    assert wire.sandbox.entities["taxCodes"].keys() == {"tax-V1"}


@pytest.mark.parametrize("site", ["basware.documents", "basware.link"])
def test_a_wrong_encoding_is_no_utf8_and_shows_behind_the_link(
    wire: Wire, faults: FaultPlan, site: str
) -> None:
    faults.arm("wrong_encoding", site=site)

    with pytest.raises(UnicodeDecodeError):
        wire.page(DOCUMENTS).content.decode("utf-8")


def test_a_short_page_still_has_a_continuation(wire: Wire, faults: FaultPlan) -> None:
    faults.arm("short_page", site="basware.documents")

    pages = list(wire.pages(DOCUMENTS, pageSize=4))

    assert [len(page.json()["accountingDocuments"]) for page in pages] == [2, 3]


@pytest.mark.parametrize("site", ["basware.documents", "basware.link"])
def test_a_lost_continuation_is_refused_with_410(wire: Wire, faults: FaultPlan, site: str) -> None:
    faults.arm("lost_continuation", site=site)

    token = wire.page(DOCUMENTS, pageSize=2).headers[CONTINUATION]

    assert wire.page(DOCUMENTS, token, pageSize=2).status_code == 410
    assert len(list(wire.pages(DOCUMENTS, pageSize=2))) == 3


def test_a_target_error_shows_in_request_status_only(wire: Wire, faults: FaultPlan) -> None:
    faults.arm("target_error")

    answer = wire.post("/v1/taxCodes", [tax_code()])

    assert answer.status_code == 200
    [item] = wire.outcome(answer)["items"]
    assert (item["status"], item["errors"][0]["category"]) == ("Error", "Technical")
    assert wire.item_status(wire.post("/v1/taxCodes", [tax_code(taxGroup="again")])) == {"tax-V1": "Success"}


def test_faults_are_armed_and_counted_by_control_routes(wire: Wire) -> None:
    wire.control("arm", {"name": "http_500", "times": 1, "site": "basware.entities.read"})

    assert wire.get("/v1/vendors").status_code == 500
    assert wire.control("faults")["drawn"] == {"http_500": 1}
    wire.control("arm", {"name": "http_500"})
    wire.control("disarm", {})
    assert wire.get("/v1/vendors").status_code == 404
    refused = wire.http.post("/_sandbox/basware/arm", json={"name": "flood"})
    assert (refused.status_code, "no such fault" in refused.json()["error"]) == (409, True)
