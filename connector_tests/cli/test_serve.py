"""`connector serve`: what it starts with, and what it says."""

import inspect
import os
import re
import signal
from pathlib import Path

import pytest

from connector_defs.cli.serve import serve
from connector_defs.console import server
from connector_tests.cli.conftest import Command
from connector_tests.console.scene import environment


@pytest.fixture(autouse=True)
def site(own_place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in environment(own_place).items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def stopped_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is asked to stop as soon as it listens."""
    real = server.Server.startup

    async def startup(self: server.Server, sockets: object = None) -> None:
        await real(self, sockets)  # type: ignore[arg-type]
        os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(server.Server, "startup", startup)


@pytest.mark.usefixtures("stopped_at_once")
def test_without_a_secret_it_listens_and_says_what_that_means(
    connector: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    warning = "no webhook secret: every notification is refused until there is one"
    assert warning not in connector("serve", "--port", "0").err
    monkeypatch.delenv("BASWARE_WEBHOOK_SECRET")

    ended = connector("serve", "--port", "0")

    assert (ended.code, "Listening for notifications at http://" in ended.out) == (0, True)
    assert ended.err.count(warning) == 1


def test_the_page_about_the_proxy_passes_on_to_the_port_it_listens_at() -> None:
    port = inspect.signature(serve).parameters["port"].default
    page = Path(__file__).parents[2].joinpath("deploy", "reverse-proxy.md").read_text()

    assert set(re.findall(r"127\.0\.0\.1:(8\d+)", page)) == {str(port)}


def test_a_port_in_use_is_named_with_the_remedy(connector: Command) -> None:
    with server.listen("127.0.0.1", 0) as taken:
        ended = connector("serve", "--port", str(taken.getsockname()[1]))

    assert ended.code == 2
    assert "choose others with --host and --port" in ended.err


@pytest.mark.usefixtures("stopped_at_once")
@pytest.mark.parametrize(
    ("host", "warned"),
    [("localhost", False), ("127.0.0.1", False), ("0.0.0.0", True)],  # noqa: S104
)
def test_it_listens_until_it_is_asked_to_stop_and_warns_beyond_this_machine(
    connector: Command, host: str, warned: bool
) -> None:
    ended = connector("serve", "--host", host, "--port", "0")

    assert ended.code == 0
    assert "Listening for notifications at http://" in ended.out
    assert "/webhooks/basware" in ended.out
    assert ("let only a reverse proxy with TLS reach" in ended.err) is warned
