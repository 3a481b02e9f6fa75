"""Scopes: what each flow needs, and that nothing is called without."""

import re

import httpx
import pytest

from connector_defs.basware.entities import ENDPOINTS
from connector_defs.basware.scopes import FLOW_SCOPES, judge, scope_of, scopes_of
from connector_defs.domain.errors import Fatal
from connector_tests.basware.builders import Script, client, tokens


def test_a_scope_is_an_endpoint_and_a_right() -> None:
    for scopes in FLOW_SCOPES.values():
        assert all(re.fullmatch(r"[a-zA-Z]+\.(read|write|delete)", scope) for scope in scopes)


def test_no_flow_may_delete_an_entity() -> None:
    deleting = {scope for scope in scopes_of(FLOW_SCOPES) if scope.endswith(".delete")}
    assert deleting == {"subscriptions.delete"}


def test_every_endpoint_that_is_published_to_belongs_to_a_flow() -> None:
    publishing = set(scopes_of(["master_data", "purchase_orders"]))
    assert publishing == {f"{name}.{right}" for name in ENDPOINTS for right in ("read", "write")} | {
        "requestStatus.read"
    }


def test_fewer_flows_ask_for_less() -> None:
    assert scopes_of(["enrichment"]) == ("vendors.read",)
    assert scopes_of(["invoices", "enrichment"]) == (
        "accountingDocuments.read",
        "accountingDocuments.write",
        "requestStatus.read",
        "vendors.read",
    )
    assert "tasks.read" not in scopes_of(["invoices"])


@pytest.mark.parametrize(
    ("method", "scope"),
    [("GET", "x.read"), ("POST", "x.write"), ("PATCH", "x.write"), ("DELETE", "x.delete")],
)
def test_a_call_needs_the_right_of_its_method(method: str, scope: str) -> None:
    assert scope_of(method, "x") == scope


def test_what_was_granted_is_measured_by_flow() -> None:
    granted = frozenset({"vendors.read", "accounts.read", "vendors.delete"}) | FLOW_SCOPES["invoices"]
    found = judge(["invoices", "enrichment", "data_extracts"], granted)
    assert found.missing == {"data_extracts": ("dataExtracts.read", "dataExtracts.write")}
    assert found.surplus == ("accounts.read", "vendors.delete")
    assert found.deleting == ("vendors.delete",)


def test_a_call_whose_scope_no_flow_asks_for_is_not_sent() -> None:
    script = Script()
    api = client(script, scopes=scopes_of(["enrichment"]))
    with pytest.raises(Fatal, match=r"needs the scope accountingDocuments\.read.*schedules\.flows"):
        list(api.documents("1000", "WaitingForTransfer"))
    with pytest.raises(Fatal, match=r"vendors\.write"):
        api.post("vendors", [b"{}"])
    assert (script.requests, script.token_requests) == ([], [])


@pytest.mark.parametrize(
    ("status", "told"), [(401, "granted the scope"), (403, "grant this client the scope")]
)
def test_a_call_that_basware_refuses_names_the_scope(status: int, told: str) -> None:
    script = Script(httpx.Response(status), httpx.Response(status))
    with pytest.raises(Fatal, match=rf"{told} accountingDocuments\.read"):
        list(client(script).documents("1000", "WaitingForTransfer"))


def test_only_what_is_needed_is_asked_for() -> None:
    asked: list[bytes] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.read())
        return httpx.Response(200, json={"access_token": "t", "expires_in": 60})

    tokens(answer, scopes=scopes_of(["enrichment"])).token()
    assert asked == [b"grant_type=client_credentials&scope=vendors.read"]
