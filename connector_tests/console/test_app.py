"""The app under another server than ours, as `uvicorn --factory connector_defs.console.app:create_app` starts it."""

import asyncio
import json
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any

import pytest

from connector_defs.console.app import WEBHOOK, Patience, create_app
from connector_defs.settings import SettingsError
from connector_tests.console.notifications import HEADER, body_of, sign
from connector_tests.console.scene import SITE, environment, inbox, settings

Message = MutableMapping[str, Any]


async def started(app: Any, *calls: tuple[str, list[Message], dict[str, str]]) -> list[tuple[int, bytes]]:
    """Start the app, make the calls, stop it: (path, what arrives, headers) -> (status, body)."""
    to_app: asyncio.Queue[Message] = asyncio.Queue()
    from_app: asyncio.Queue[Message] = asyncio.Queue()
    life = asyncio.create_task(app({"type": "lifespan", "state": {}}, to_app.get, from_app.put))
    await to_app.put({"type": "lifespan.startup"})
    first = await from_app.get()
    if first["type"] == "lifespan.startup.failed":
        await asyncio.wait([life])
        raise life.exception() or AssertionError(first)
    answers = [await _call(app, *call) for call in calls]
    await to_app.put({"type": "lifespan.shutdown"})
    assert (await from_app.get())["type"] == "lifespan.shutdown.complete"
    await life
    return answers


async def _call(app: Any, path: str, arriving: list[Message], headers: dict[str, str]) -> tuple[int, bytes]:
    sent: list[Message] = []

    async def receive() -> Message:
        if arriving:
            return arriving.pop(0)
        await asyncio.sleep(60)
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST" if path == WEBHOOK else "GET",
        "path": path,
        "query_string": b"",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        "client": ("203.0.113.9", 4711),
    }
    try:
        await app(scope, receive, send)
    except RuntimeError:
        # Starlette raises what it has answered with 500 once more, for the server's log.
        assert sent
    return sent[0]["status"], b"".join(message.get("body", b"") for message in sent[1:])


def arriving(body: bytes, *, whole: bool = True) -> list[Message]:
    return [{"type": "http.request", "body": body, "more_body": not whole}]


def headers(body: bytes) -> dict[str, str]:
    return {"content-type": "application/json", HEADER: sign(body)}


def test_it_needs_the_environment_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name, value in environment(tmp_path).items():
        monkeypatch.setenv(name, value)
    body = body_of()

    answers = asyncio.run(
        started(
            create_app(),
            (WEBHOOK, arriving(body), headers(body)),
            ("/metrics", [], {}),
            ("/health/ready", [], {}),
        )
    )

    assert [status for status, _ in answers] == [200, 404, 200]
    assert inbox(tmp_path / "state.db") == [json.loads(body)["taskId"]]


def test_with_settings_that_are_wrong_it_refuses_to_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, value in environment(tmp_path).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("BASWARE_REGION", "MOON")

    with pytest.raises(SettingsError, match=r"basware\.region is wrong"):
        asyncio.run(started(create_app()))


def test_a_body_that_never_comes_and_a_caller_who_leaves_are_given_up(tmp_path: Path) -> None:
    body = body_of()
    app = create_app(lambda: settings(tmp_path), Patience(body=0.02))
    slow = (WEBHOOK, arriving(body[:5], whole=False), headers(body))
    gone = (WEBHOOK, [*arriving(body[:5], whole=False), {"type": "http.disconnect"}], headers(body))

    assert [status for status, _ in asyncio.run(started(app, slow, gone))] == [408, 400]


def test_a_length_of_no_digits_is_refused_where_the_server_lets_it_pass(tmp_path: Path) -> None:
    body = body_of()
    odd = {**headers(body), "content-length": "many"}
    app = create_app(lambda: settings(tmp_path))

    assert asyncio.run(started(app, (WEBHOOK, arriving(body), odd))) == [(400, b'{"status":"refused"}')]


def test_a_fault_of_ours_tells_nothing_of_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError(SITE["BASWARE_WEBHOOK_SECRET"])

    monkeypatch.setattr("connector_defs.console.receiver.check_announcement", broken)
    app = create_app(lambda: settings(tmp_path))

    assert asyncio.run(started(app, (WEBHOOK, arriving(b""), {}))) == [(500, b'{"status":"failed"}')]
