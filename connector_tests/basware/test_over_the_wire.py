"""The client against the simulated Basware over real sockets: redirects, faults, the whole life of an invoice."""

import logging
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest
from pydantic import SecretStr

from connector_defs.basware.client import AckOutcome, BaswareClient
from connector_defs.basware.entities import (
    LanguageTranslation,
    PaymentResponse,
    TaxCode,
    TaxCodeCompany,
    TransferResponse,
    to_wire,
)
from connector_defs.basware.oauth import TokenSource
from connector_defs.basware.regions import SANDBOX, BaswareHosts
from connector_defs.basware.scopes import FLOW_SCOPES, scopes_of
from connector_defs.basware.transport import RetryPolicy
from connector_defs.basware.wire import encode
from connector_defs.domain import log_redaction
from connector_defs.domain.errors import OutcomeUnknown, RetryLater
from connector_defs.sandbox.basware import BaswareSandbox
from connector_defs.sandbox.faults import FAULTS, FaultPlan
from connector_defs.sandbox.loopback import LoopbackServer, Site
from connector_tests.internet import dripping, http, listening

WAITING = "WaitingForTransfer"
RESPONSE = TransferResponse(
    external_code="t-1", success=True, response_message="Posted", payment_block=False, voucher_number1="V-1"
)


@dataclass(frozen=True)
class Basware:
    sandbox: BaswareSandbox
    client: BaswareClient

    def strike(self, fault: str, times: int = 1, site: str | None = None) -> None:
        self.sandbox.faults.arm(fault, times=times, site=site, seconds=0.0)

    def waiting(self) -> list[str]:
        pages = self.client.documents("1000", WAITING, page_size=10)
        return [document.invoice_id for page in pages for document in page.documents]

    def status(self, invoice_id: str) -> str:
        return str(self.sandbox.documents[invoice_id]["processingStatus"])


@contextmanager
def basware(invoices: int = 1, **options: Any) -> Iterator[Basware]:
    documents = [
        {
            "invoiceId": f"inv-{number}",
            "companyCode": "1000",
            "supplierCode": "0001",
            "currencyCode": "EUR",
            "paymentBlock": False,
            "processingStatus": WAITING,
            "grossSum": Decimal("100.10"),
            "codingRows": [{"externalCode": f"row-{number}", "netTotal": Decimal("100.10")}],
        }
        for number in range(1, invoices + 1)
    ]
    sandbox = BaswareSandbox(
        documents, companies=("1000",), faults=FaultPlan(), processing_seconds=0, **options
    )
    server = LoopbackServer([Site(sandbox.app)])
    server.start()
    url = f"http://127.0.0.1:{server.ports[0]}"
    hosts = BaswareHosts(SANDBOX)
    tokens = TokenSource(
        f"{url}/v1/tokens",
        "sandbox-client",
        SecretStr("sandbox-client-secret"),
        scopes_of(FLOW_SCOPES),
        hosts=hosts,
        timeout=10,
    )
    try:
        with BaswareClient(
            url,
            tokens,
            hosts=hosts,
            timeout=10,
            retry=RetryPolicy(base_seconds=0, max_seconds=0, attempts=4),
            sleep=lambda _: None,
        ) as client:
            yield Basware(sandbox, client)
    finally:
        sandbox.close()
        server.stop()


def tax_codes(*codes: str, percentage: Decimal = Decimal("19.00")) -> list[bytes]:
    return [
        encode(
            to_wire(
                TaxCode(
                    external_code=f"tax-{code}",
                    tax_code=code,
                    tax_code_names=(LanguageTranslation(language="en-US", translation="Rate"),),
                    tax_percentage=percentage,
                    companies=(TaxCodeCompany(company_code="1000", inherit=False, active=True),),
                )
            )
        )
        for code in codes
    ]


def test_all_waiting_invoices_come_through_redirects_and_pages() -> None:
    with basware(25) as there:
        assert sorted(there.waiting()) == sorted(f"inv-{number}" for number in range(1, 26))
        assert there.client.calls == {"GET accountingDocuments": 3, "GET accountingDocuments (redirect)": 3}
        assert there.client.tokens.missing == frozenset()


def test_an_invoice_goes_from_waiting_to_paid() -> None:
    with basware() as there:
        assert there.client.acknowledge("inv-1") is AckOutcome.ACKNOWLEDGED
        assert there.waiting() == []
        assert there.client.acknowledge("inv-1") is AckOutcome.ALREADY
        assert there.client.acknowledge("no-such") is AckOutcome.MISSING
        receipt = there.client.respond_transfer("inv-1", RESPONSE)
        assert receipt.accepted
        assert receipt.request_id
        document = there.client.document("inv-1")
        assert document is not None
        assert document.processing_status == "Transferred"
        assert [given.voucher_number1 for given in document.transfer_responses] == ["V-1"]
        paid = PaymentResponse(
            external_code="p-1", success=True, payment_block=False, paid_total=Decimal("100.10")
        )
        assert there.client.respond_payment("inv-1", paid).accepted
        assert there.client.document("no-such") is None


def test_the_transfer_leaves_the_digest_as_it_was() -> None:
    with basware() as there:
        before = there.client.document("inv-1")
        there.client.acknowledge("inv-1")
        there.client.respond_transfer("inv-1", RESPONSE)
        after = there.client.document("inv-1")
        assert before is not None
        assert after is not None
        assert before.digest == after.digest
        assert before.processing_status != after.processing_status


def test_records_are_imported_and_their_outcome_is_read_by_code() -> None:
    with basware() as there:
        receipt = there.client.post("taxCodes", tax_codes("A", "B"))
        assert receipt.accepted
        assert receipt.request_id
        there.sandbox.finish_processing()
        outcome = there.client.request_status(receipt.request_id)
        assert outcome is not None
        assert outcome.done
        assert {code: item.status for code, item in outcome.items.items()} == {
            "tax-A": "Success",
            "tax-B": "Success",
        }
        assert there.client.request_status("no-such") is None
        record = there.client.entity("taxCodes", "tax-A")
        assert record is not None
        assert str(record["taxPercentage"]) == "19.00"
        pages = list(there.client.list_entities("taxCodes", company_code="1000", page_size=1))
        assert [record["externalCode"] for page in pages for record in page] == ["tax-A", "tax-B"]


def test_a_record_against_the_schema_comes_back_as_an_error_of_that_record() -> None:
    with basware() as there:
        bad = b'{"externalCode": "tax-X", "taxCode": "' + b"X" * 26 + b'"}'
        receipt = there.client.post("taxCodes", [bad])
        assert not receipt.accepted
        assert receipt.http_status == 400
        assert receipt.errors


READ_FAULTS = [
    name
    for name in (
        "reset_before",
        "reset_after",
        "http_500",
        "http_502",
        "http_503",
        "rate_limited",
        "error_body",
    )
    if name in FAULTS
]


@pytest.mark.parametrize("site", ["basware.documents", "basware.link"])
@pytest.mark.parametrize("fault", [*READ_FAULTS, "wrong_encoding", "short_page"])
def test_a_list_survives_a_fault_without_losing_or_doubling_an_invoice(fault: str, site: str) -> None:
    with basware(25) as there:
        there.strike(fault, site=site)
        assert Counter(there.waiting()) == Counter(f"inv-{number}" for number in range(1, 26))


def test_a_lost_continuation_is_reported_and_the_next_list_is_whole() -> None:
    with basware(25) as there:
        there.strike("lost_continuation", times=2, site="basware.documents")
        with pytest.raises(RetryLater, match="start it again"):
            there.waiting()
        there.sandbox.faults.disarm()
        assert len(there.waiting()) == 25


@pytest.mark.parametrize("fault", READ_FAULTS)
def test_an_import_survives_a_fault_and_ends_in_one_record(fault: str) -> None:
    with basware() as there:
        there.strike(fault, site="basware.entities.write")
        assert there.client.post("taxCodes", tax_codes("A")).accepted
        assert list(there.sandbox.entities["taxCodes"]) == ["tax-A"]


@pytest.mark.parametrize(
    ("fault", "took_effect"),
    [("reset_before", False), ("reset_after", True), ("http_500", False), ("http_502", True)],
)
def test_an_acknowledge_without_an_answer_is_unknown_and_the_invoice_tells(
    fault: str, took_effect: bool
) -> None:
    with basware() as there:
        there.strike(fault, site="basware.acknowledge")
        with pytest.raises(OutcomeUnknown):
            there.client.acknowledge("inv-1")
        document = there.client.document("inv-1")
        assert document is not None
        assert document.processing_status == ("TransferInProgress" if took_effect else WAITING)
        assert there.client.calls["POST accountingDocuments/acknowledge"] == 1


@pytest.mark.parametrize("fault", ["http_503", "rate_limited"])
def test_a_refused_moment_is_waited_out_even_for_a_response(fault: str) -> None:
    with basware() as there:
        there.client.acknowledge("inv-1")
        there.strike(fault, site="basware.responses")
        assert there.client.respond_transfer("inv-1", RESPONSE).accepted
        assert there.status("inv-1") == "Transferred"


@pytest.mark.covers("F29")
def test_an_expired_token_is_replaced_in_the_middle_of_a_list() -> None:
    with basware(25) as there:
        pages = there.client.documents("1000", WAITING, page_size=10)
        next(pages)
        there.strike("expired_token", site="basware.documents")
        assert sum(len(page.documents) for page in pages) == 15
        assert there.sandbox.requests


def test_every_token_ending_at_once_costs_one_refresh() -> None:
    with basware() as there:
        there.waiting()
        there.sandbox.tokens.revoke()
        assert there.waiting() == ["inv-1"]


def test_no_signed_link_no_token_and_no_secret_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    log_redaction.install()
    caplog.set_level(logging.DEBUG)
    with basware() as there:
        there.waiting()
        token = there.client.tokens.token()
    assert "/_storage/" in caplog.text
    assert "X-Amz-Signature" not in caplog.text
    assert token not in caplog.text
    assert "sandbox-client-secret" not in caplog.text


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda api: list(api.documents("1000", "WaitingForTransfer")), RetryLater),
        (lambda api: api.acknowledge("inv-1"), OutcomeUnknown),
    ],
)
def test_an_answer_that_drips_is_given_up_as_a_whole(
    call: Callable[[BaswareClient], object], error: type[Exception]
) -> None:
    hosts = BaswareHosts(SANDBOX)
    once = RetryPolicy(base_seconds=0, max_seconds=0, attempts=1)
    token = b'{"access_token": "t", "expires_in": 3600}'
    with listening(lambda _: http(200, token)) as desk, dripping() as port:
        tokens = TokenSource(
            f"http://127.0.0.1:{desk.port}/v1/tokens",
            "client",
            SecretStr("secret"),
            scopes_of(["invoices"]),
            hosts=hosts,
        )
        url = f"http://127.0.0.1:{port}"
        with (
            BaswareClient(url, tokens, hosts=hosts, timeout=0.05, retry=once) as api,
            pytest.raises(error, match="ReadTimeout"),
        ):
            call(api)


def test_a_token_that_drips_is_given_up_as_a_whole() -> None:
    with dripping() as port:
        tokens = TokenSource(
            f"http://127.0.0.1:{port}/v1/tokens",
            "client",
            SecretStr("secret"),
            scopes_of(["invoices"]),
            hosts=BaswareHosts(SANDBOX),
            timeout=0.05,
        )
        with pytest.raises(RetryLater, match="ReadTimeout"):
            tokens.token()
        tokens.close()
