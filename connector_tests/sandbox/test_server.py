"""The whole sandbox on real ports: both systems up, settings that fit, ports freed at the end."""

from collections.abc import Iterator
from datetime import date

import httpx
import pytest

from connector_defs.sandbox.faults import FaultPlan
from connector_defs.sandbox.server import Sandbox
from connector_defs.sandbox.world import WorldOptions

SMALL = WorldOptions(
    suppliers=20, accounts=40, cost_centers=5, orders=10, lines=30, invoices=20, today=date(2026, 3, 31)
)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(SMALL) as sandbox:
        yield sandbox


def test_the_environment_names_every_setting_of_both_systems(sandbox: Sandbox) -> None:
    environment = sandbox.environment()

    assert environment["BASWARE_REGION"] == "SANDBOX"
    assert environment["SYSPRO_ENET_URL"].endswith("/SYSPROWCFService/Rest")
    assert set(environment) == {
        *("SYSPRO_ENET_URL", "SYSPRO_ODATA_URL", "SYSPRO_OPERATOR", "SYSPRO_OPERATOR_PASSWORD"),
        *("SYSPRO_COMPANY_ID", "SYSPRO_COMPANY_PASSWORD", "SYSPRO_ODATA_USERNAME", "SYSPRO_ODATA_PASSWORD"),
        *("BASWARE_REGION", "BASWARE_API_URL", "BASWARE_TOKEN_URL", "BASWARE_COMPANY_CODE"),
        *("BASWARE_CLIENT_ID", "BASWARE_CLIENT_SECRET", "BASWARE_WEBHOOK_SECRET"),
    }


def test_both_systems_answer_under_those_settings(sandbox: Sandbox) -> None:
    settings = sandbox.environment()
    logon = {
        "Operator": settings["SYSPRO_OPERATOR"],
        "OperatorPassword": settings["SYSPRO_OPERATOR_PASSWORD"],
        "CompanyId": settings["SYSPRO_COMPANY_ID"],
        "CompanyPassword": settings["SYSPRO_COMPANY_PASSWORD"],
    }
    odata_user = settings["SYSPRO_ODATA_USERNAME"], settings["SYSPRO_ODATA_PASSWORD"]
    table = f"{settings['SYSPRO_ODATA_URL']}/{settings['SYSPRO_COMPANY_ID']}/ApSupplier"
    with httpx.Client(trust_env=False) as http:
        session = http.get(f"{settings['SYSPRO_ENET_URL']}/Logon", params=logon)
        suppliers = http.get(table, params={"$top": 3}, auth=odata_user)
        token = http.post(
            settings["BASWARE_TOKEN_URL"],
            data={"grant_type": "client_credentials", "scope": "accountingDocuments.read"},
            auth=(settings["BASWARE_CLIENT_ID"], settings["BASWARE_CLIENT_SECRET"]),
        )

    assert session.status_code == 200
    assert not session.text.startswith("ERROR")
    assert session.headers["server"] == "Microsoft-HTTPAPI/2.0"
    assert len(suppliers.json()["value"]) == 3
    assert token.status_code == 200
    assert "server" not in token.headers


def test_the_invoices_of_the_world_wait_in_basware(sandbox: Sandbox) -> None:
    assert len(sandbox.basware.documents) == SMALL.invoices
    assert {each["companyCode"] for each in sandbox.basware.documents.values()} == {"1000"}


def test_a_reset_of_syspro_is_a_real_one(capfd: pytest.CaptureFixture[str]) -> None:
    faults = FaultPlan()
    faults.arm("reset_before", site="syspro.odata")
    with Sandbox(SMALL, faults=faults) as sandbox:
        settings = sandbox.environment()
        table = f"{settings['SYSPRO_ODATA_URL']}/{settings['SYSPRO_COMPANY_ID']}/ApSupplier"
        user = settings["SYSPRO_ODATA_USERNAME"], settings["SYSPRO_ODATA_PASSWORD"]
        with httpx.Client(trust_env=False) as http:
            with pytest.raises(httpx.ReadError):
                http.get(table, auth=user)
            assert http.get(table, auth=user).status_code == 200
    assert capfd.readouterr() == ("", "")


def test_stopping_frees_the_ports(sandbox: Sandbox) -> None:
    with Sandbox(SMALL) as first:
        ports = {"syspro_port": first.syspro_port, "basware_port": first.basware_port}

    with Sandbox(SMALL, **ports) as second:
        assert second.basware_url == first.basware_url


def test_a_taken_port_is_an_error_at_once(sandbox: Sandbox) -> None:
    with pytest.raises(OSError, match="in use"):
        Sandbox(SMALL, basware_port=sandbox.basware_port)
