"""Tokens of the simulated Basware: who gets one, what it opens, how it ends."""

import base64
import json
from collections.abc import Iterator

import pytest

from connector_tests.sandbox.wire import Clock, Wire, invoice, served


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def wire(clock: Clock) -> Iterator[Wire]:
    with served(
        invoice(), clock=clock, token_seconds=600, scopes=["vendors.read", "accountingDocuments.read"]
    ) as wire:
        yield wire


def test_the_token_is_a_jwt_whose_expiry_agrees_with_expires_in(wire: Wire, clock: Clock) -> None:
    granted = wire.ask_token("vendors.read").json()

    claims = granted["access_token"].split(".")[1]
    exp = json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))["exp"]
    assert granted["token_type"] == "Bearer"
    assert granted["expires_in"] == 600
    assert exp == clock.now.timestamp() + 600


def test_scopes_the_client_may_not_have_are_left_out(wire: Wire) -> None:
    assert wire.ask_token("vendors.write vendors.read").json()["scope"] == "vendors.read"


def test_a_call_needs_the_scope_of_its_endpoint(wire: Wire) -> None:
    wire.token = wire.ask_token("vendors.read").json()["access_token"]

    assert wire.get("/v1/vendors").status_code == 404
    assert wire.get("/v1/accountingDocuments").status_code == 401


def test_a_call_without_a_live_token_gets_401_without_a_body(wire: Wire, clock: Clock) -> None:
    clock.advance(601)

    answer = wire.get("/v1/accountingDocuments")

    assert (answer.status_code, answer.content) == (401, b"")


@pytest.mark.parametrize(
    ("changed", "status", "error"),
    [
        ({"auth": ("sandbox-client", "wrong")}, 401, "invalid_client"),
        ({"auth": None}, 401, "invalid_client"),
        ({"data": {"grant_type": "password", "scope": "vendors.read"}}, 400, "unsupported_grant_type"),
        ({"data": {"grant_type": "client_credentials", "scope": "vendors.delete"}}, 400, "invalid_scope"),
    ],
)
def test_a_wrong_client_or_grant_is_refused(
    wire: Wire, changed: dict[str, object], status: int, error: str
) -> None:
    answer = wire.ask_token(**changed)

    assert (answer.status_code, answer.json()["error"]) == (status, error)


@pytest.mark.parametrize(
    "changed",
    [
        {"data": {"grant_type": "client_credentials"}},
        {"data": None, "json": {"grant_type": "client_credentials", "scope": "vendors.read"}},
    ],
)
def test_a_form_without_both_fields_and_a_json_body_are_unprocessable(
    wire: Wire, changed: dict[str, object]
) -> None:
    answer = wire.ask_token(**changed)

    assert answer.status_code == 422
    assert {"loc", "msg", "type"} <= answer.json()["detail"][0].keys()


def test_a_client_may_have_two_secrets_for_a_while(wire: Wire) -> None:
    control = "/_sandbox/basware/client_secret"
    assert wire.http.post(control, json={"new": "second"}).json() == {"secrets": 2}
    for secret in ("sandbox-client-secret", "second"):
        assert wire.ask_token("vendors.read", auth=("sandbox-client", secret)).status_code == 200
    assert wire.http.post(control, json={"retire": "sandbox-client-secret"}).json() == {"secrets": 1}
    assert wire.ask_token("vendors.read").status_code == 401
    assert wire.ask_token("vendors.read", auth=("sandbox-client", "second")).status_code == 200
