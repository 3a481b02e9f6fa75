"""A sandbox beside a command: what it is started with, what it counts, and what it never mixes with."""

import os
from decimal import Decimal
from pathlib import Path

import pytest

from connector_defs.cli.sandbox_process import SandboxProcess, enter, running_sandbox
from connector_defs.cli.ui import newly_approved
from connector_defs.domain.errors import RetryLater
from connector_defs.sandbox.server import Sandbox
from connector_defs.sandbox.world import WorldOptions
from connector_defs.settings_reading import load_settings

SMALL = {"suppliers": 3, "accounts": 20, "cost-centers": 2, "orders": 2, "lines": 4, "invoices": 3}


def test_it_answers_while_the_block_lasts_and_is_gone_after_it(own_place: Path) -> None:
    with running_sandbox(own_place, SMALL) as sandbox:
        assert sandbox.writes() == 0
        assert sandbox.open_sessions() == 0
        assert len(sandbox.documents()) == 3
    with pytest.raises(Exception, match=r"refused|reset|closed"):
        sandbox.writes()


def test_a_sandbox_that_does_not_start_says_why(own_place: Path) -> None:
    with pytest.raises(RetryLater, match="suppliers"), running_sandbox(own_place, {"suppliers": -1}):
        pass


def test_a_newly_approved_invoice_waits_beside_its_model() -> None:
    with Sandbox(
        WorldOptions(suppliers=3, accounts=20, cost_centers=2, orders=2, lines=4, invoices=3)
    ) as real:
        sandbox = SandboxProcess(real.environment())
        model = sandbox.documents()[0]
        sandbox.approve(newly_approved({**model, "processingStatus": "Transferred"}, 1))

        added = sandbox.documents()[-1]
    assert added["invoiceNumber"] == "LIVE-00001"
    assert added["processingStatus"] == "WaitingForTransfer"
    assert added["invoiceId"] != model["invoiceId"]
    assert isinstance(added["grossSum"], Decimal)
    assert added["grossSum"] == model["grossSum"]


def test_settings_of_the_working_folder_do_not_mix_with_a_sandbox(
    own_place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (own_place / "connector.toml").write_text("[posting]\nmax_attempts = 3\n", encoding="utf-8")
    (own_place / "home").mkdir()
    monkeypatch.setenv("BASWARE_WEBHOOK_SECRET", "of production")
    with Sandbox(
        WorldOptions(suppliers=1, accounts=20, cost_centers=1, orders=0, lines=0, invoices=0)
    ) as real:
        environment = real.environment()
    del environment["BASWARE_WEBHOOK_SECRET"]
    enter(environment, own_place / "home", schedules={"invoice_poll_seconds": "5"})
    settings = load_settings()

    assert settings.posting.max_attempts == 10
    assert settings.schedules.invoice_poll_seconds == 5
    assert settings.basware.webhook_secret is None
    assert "BASWARE_WEBHOOK_SECRET" not in os.environ
