"""Requests that somebody else than Basware may send, one by one, byte by byte, over a real socket.

None of them may reach the inbox, be answered by a fault of ours, or get back anything that it brought along.
"""

import base64
import gzip
import hashlib
import hmac
import json
import socket
import time
from collections.abc import Iterator

import pytest

from connector_defs.console.server import PatientProtocol
from connector_tests.console.notifications import HEADER, SECRET, body_of, chunked, notice, post, sign
from connector_tests.console.scene import Running, answer_on, receiving

MARK = "reflect-me"
GENUINE = body_of(documentId=MARK)
GOOD = sign(GENUINE)
DIGEST = bytes.fromhex(GOOD)


def signed(text: str | bytes) -> bytes:
    """A body that is signed all the same: whoever made it has the key, or Basware has gone wrong."""
    return post(text if isinstance(text, bytes) else text.encode())


def altered(**fields: object) -> bytes:
    return signed(json.dumps({**notice(documentId=MARK), **fields}))


def without_length(*lines: str, body: bytes) -> bytes:
    return post(GENUINE, length=None, lines=lines)[: -len(GENUINE)] + body


ENDLESS = b"2000\r\n" + b"a" * 0x2000 + b"\r\n"

# name -> the request, and the status of its answer (0: the connection ends without one)
HOSTILE: dict[str, tuple[bytes, int]] = {
    # Whose it is cannot be told.
    "no signature": (post(GENUINE, ""), 401),
    "empty signature": (post(GENUINE, "", lines=(f"{HEADER}: ",)), 401),
    "signature of another body": (post(GENUINE, sign(GENUINE + b" ")), 401),
    "signature by another secret": (post(GENUINE, sign(GENUINE, "guessed")), 401),
    "signature by an empty secret": (post(GENUINE, sign(GENUINE, "")), 401),
    "signature in base64 by another secret": (
        post(GENUINE, base64.b64encode(bytes.fromhex(sign(GENUINE, "guessed"))).decode()),
        401,
    ),
    "digest without a secret": (post(GENUINE, hashlib.sha256(GENUINE).hexdigest()), 401),
    "SHA-1 in place of SHA-256": (
        post(GENUINE, "sha1=" + hmac.new(SECRET.encode(), GENUINE, "sha1").hexdigest()),
        401,
    ),
    "re-serialised body": (post(json.dumps(json.loads(GENUINE), indent=1).encode(), GOOD), 401),
    "truncated body": (post(GENUINE[:-10], GOOD), 401),
    "one byte more": (post(GENUINE + b"\n", GOOD), 401),
    "empty body, signature of another": (post(b"", GOOD), 401),
    "truncated signature": (post(GENUINE, GOOD[:-1]), 401),
    "signature with a digit more": (post(GENUINE, GOOD + "0"), 401),
    "signature in url-safe base64 without its end": (
        post(GENUINE, base64.urlsafe_b64encode(DIGEST).decode().rstrip("=")),
        401,
    ),
    "signature twice in one header": (post(GENUINE, f"{GOOD}, {GOOD}"), 401),
    "two signature headers, one of them right": (post(GENUINE, lines=(f"{HEADER}: {'0' * 64}",)), 401),
    "two signature headers, the right one last": (
        post(GENUINE, "", lines=(f"{HEADER}: {'0' * 64}", f"{HEADER}: {GOOD}")),
        401,
    ),
    "signature under another name": (post(GENUINE, "", lines=(f"x-hub-signature-256: {GOOD}",)), 401),
    "signature in the body": (post(json.dumps({**notice(), HEADER: GOOD}).encode(), ""), 401),
    "signature in the query": (post(GENUINE, "", target=f"/webhooks/basware?{HEADER}={GOOD}"), 400),
    "secret in the query": (post(GENUINE, "", target=f"/webhooks/basware?token={SECRET}"), 400),
    "folded signature": (post(GENUINE, "", lines=(f"{HEADER}: {GOOD[:32]}\r\n {GOOD[32:]}",)), 401),
    "a websocket in place of a request": (
        post(GENUINE, "", lines=("Connection: Upgrade", "Upgrade: websocket")),
        401,
    ),
    "a ConnectionTest as long as a book": (
        post(json.dumps({**notice(taskType="ConnectionTest"), "note": "x" * 5000}).encode(), ""),
        401,
    ),
    "something that begins like a ConnectionTest": (post(body_of(taskType="ConnectionTests"), ""), 401),
    # Too much, too long, or not what it says.
    "10 MB": (post(b"a" * 10_000_000), 413),
    "10 MB announced and never sent": (post(b"", GOOD, length="10000000"), 413),
    "10 MB after a polite question": (
        post(b"", GOOD, length="10000000", lines=("Expect: 100-continue",)),
        413,
    ),
    "a length of eighteen digits": (post(b"", GOOD, length="9" * 18), 413),
    "a length of thirty digits": (post(b"", GOOD, length="9" * 30), 400),
    "a negative length": (post(b"", GOOD, length="-1"), 400),
    "a length in hex": (post(GENUINE, length="0x10"), 400),
    "chunks without end": (without_length("Transfer-Encoding: chunked", body=ENDLESS * 20), 413),
    "64 KiB and a byte in chunks": (
        without_length("Transfer-Encoding: chunked", body=chunked(b"a" * (64 * 1024 + 1))),
        413,
    ),
    "headers of 20 KB": (post(GENUINE, "", lines=(f"x-long: {'a' * 20_000}",)), 413),
    "gzip bomb": (
        post(gzip.compress(b"0" * 40_000_000, 1)[:60_000], lines=("Content-Encoding: gzip",)),
        415,
    ),
    "gzip bomb behind two encodings": (
        post(gzip.compress(GENUINE), lines=("Content-Encoding: identity", "Content-Encoding: br")),
        415,
    ),
    "gzip that does not say so": (signed(gzip.compress(GENUINE)), 422),
    "a form": (post(GENUINE, content_type="application/x-www-form-urlencoded"), 415),
    "plain text": (post(GENUINE, content_type="text/plain"), 415),
    "no content type": (post(GENUINE, content_type=None), 415),
    "two content types": (post(GENUINE, lines=("Content-Type: text/html",)), 415),
    "another charset": (post(GENUINE, content_type="application/json; charset=utf-16"), 415),
    # Where it ends is told in two ways.
    "two lengths": (post(GENUINE, lines=(f"Content-Length: {len(GENUINE) + 1}",)), 400),
    "length and chunks": (
        post(GENUINE, lines=("Transfer-Encoding: chunked",))[: -len(GENUINE)] + chunked(GENUINE),
        400,
    ),
    "chunks under a disguise": (without_length("Transfer-Encoding: xchunked", body=chunked(GENUINE)), 400),
    "chunks twice": (
        without_length("Transfer-Encoding: chunked", "Transfer-Encoding: identity", body=chunked(GENUINE)),
        400,
    ),
    "a blank before the colon": (without_length("Transfer-Encoding : chunked", body=chunked(GENUINE)), 400),
    "chunks of no size": (without_length("Transfer-Encoding: chunked", body=b"zz\r\n"), 400),
    "a NUL in a header": (post(GENUINE, "", lines=("x-odd: a\0b",)), 400),
    "a header without a name": (post(GENUINE, "", lines=(": value",)), 400),
    "HEAD with chunks of no size": (
        b"HEAD /webhooks/basware HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\naa",
        400,
    ),
    "bytes that are no HTTP": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 20 + b"\r\n\r\n", 400),
    "HTTP/2 without asking": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 404),
    # Signed, and yet no notification.
    "an empty body": (signed(b""), 422),
    "no JSON": (signed(f"taskId={MARK}"), 422),
    "a list": (signed(json.dumps([notice()])), 422),
    "a text": (signed(f'"{MARK}"'), 422),
    "text after the JSON": (signed(GENUINE + b"{}"), 422),
    "JSON that ends too soon": (signed(GENUINE[:-1]), 422),
    "a key twice": (signed('{"taskId":"' + MARK + '",' + GENUINE.decode()[1:]), 422),
    "NaN": (altered(taskStatus=float("nan")), 422),
    "a number beyond a double": (signed(GENUINE[:-1] + b',"n":1e400}'), 422),
    "a number of a million digits": (signed(GENUINE[:-1] + b',"n":' + b"9" * 60_000 + b"}"), 422),
    "ten thousand levels": (signed(b'{"taskId":' + b"[" * 10_000 + b"]" * 10_000 + b"}"), 422),
    "a byte order mark": (signed(b"\xef\xbb\xbf" + GENUINE), 422),
    "UTF-16": (signed(GENUINE.decode().encode("utf-16")), 422),
    "bytes that are no UTF-8": (signed(GENUINE.replace(MARK.encode(), b"\xff\xfe")), 422),
    "a NUL in the body": (signed(GENUINE.replace(MARK.encode(), b"a\0b")), 422),
    "a NUL in a text": (altered(documentId="a\0b"), 422),
    "a line break in a text": (altered(taskId="a\r\nx-injected: 1"), 422),
    "half a character": (altered(documentId="\ud800"), 422),
    "a mark of direction": (altered(documentId="a\u202eb"), 422),
    "a task id of ten thousand characters": (altered(taskId="a" * 10_000), 422),
    "a number as task id": (altered(taskId=7), 422),
    "an object as document id": (altered(documentId={"$ne": None}), 422),
    "no task id": (altered(taskId=None), 422),
    "an empty task type": (altered(taskType=""), 422),
    # The wrong door.
    "GET": (post(GENUINE, method="GET"), 405),
    "PUT": (post(GENUINE, method="PUT"), 405),
    "DELETE": (post(GENUINE, method="DELETE"), 405),
    "TRACE": (post(GENUINE, method="TRACE"), 405),
    "a method in lower case": (post(GENUINE, method="post"), 405),
    "a slash too many": (post(GENUINE, target="/webhooks/basware/"), 404),
    "a slash twice": (post(GENUINE, target="/webhooks//basware"), 404),
    "dots": (post(GENUINE, target="/health/../webhooks/basware"), 404),
    "dots in disguise": (post(GENUINE, target="/webhooks/%2e%2e/%2e%2e/etc/passwd"), 404),
    "a NUL in the path": (post(GENUINE, target="/webhooks/basware%00"), 404),
    "capitals": (post(GENUINE, target="/WEBHOOKS/BASWARE"), 404),
    "another host's door": (post(GENUINE, target=f"http://{MARK}.test/webhooks/basware"), 404),
    "the console that is not there": (post(GENUINE, target="/admin"), 404),
}


@pytest.fixture(scope="module", autouse=True)
def nobody_is_waited_for_long() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PatientProtocol, "header_seconds", 0.3)
        yield


def test_there_are_forty_of_them_and_more() -> None:
    assert len(HOSTILE) >= 40


@pytest.mark.covers("F21", "H21", "H6", "H7")
@pytest.mark.parametrize("name", HOSTILE)
def test_it_is_refused_and_leaves_no_trace(running: Running, name: str) -> None:
    request, status = HOSTILE[name]
    before = running.inbox()

    answer = running.send(request)

    assert answer.status == status
    assert running.inbox() == before
    told = answer.body.decode() + str(answer.headers)
    assert MARK not in told
    assert GOOD not in told
    assert SECRET not in told
    assert "server" not in answer.headers
    assert "location" not in answer.headers
    assert "traceback" not in told.lower()


@pytest.mark.covers("F21")
def test_every_forgery_gets_the_same_answer(running: Running) -> None:
    forged = [running.send(request) for request, status in HOSTILE.values() if status == 401]

    assert len(forged) > 20
    assert len({(answer.status, answer.body, frozenset(answer.headers) - {"date"}) for answer in forged}) == 1


@pytest.mark.covers("F21")
def test_what_follows_a_body_of_two_ends_is_not_listened_to(running: Running) -> None:
    smuggled = body_of()
    request, _ = HOSTILE["length and chunks"]
    with running.connect() as connection:
        connection.sendall(request + post(smuggled))
        assert answer_on(connection).status == 400
        assert connection.recv(1) == b""
    assert json.loads(smuggled)["taskId"] not in running.inbox()


def test_a_body_that_stops_half_way_is_given_up(running: Running) -> None:
    with running.connect() as connection:
        connection.sendall(post(GENUINE)[:-10])
        assert answer_on(connection).status == 408
    with running.connect() as connection:
        connection.sendall(post(GENUINE)[:-10])
        connection.shutdown(socket.SHUT_WR)
        assert answer_on(connection).status in (0, 400)


def test_headers_that_never_end_are_cut_off(running: Running) -> None:
    """A byte now and then, which uvicorn alone would wait for for ever."""
    with running.connect() as connection:
        begun = time.monotonic()
        connection.settimeout(0.02)
        while not _is_cut(connection, b"a"):
            assert time.monotonic() - begun < 30
        assert time.monotonic() - begun > 0.2


def test_a_caller_who_says_nothing_is_cut_off(running: Running) -> None:
    with running.connect() as connection:
        assert _ends(connection)


def test_a_caller_who_begins_a_second_request_and_waits_is_cut_off(running: Running) -> None:
    with running.connect() as connection:
        connection.sendall(post(GENUINE, ""))
        assert answer_on(connection).status == 401
        connection.sendall(b"POST /webhooks")
        assert _ends(connection)


def test_a_refused_body_is_not_read_for_ever(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connector_defs.console.server._MOST_DISCARDED", 200_000)
    with running.connect() as connection:
        connection.sendall(HOSTILE["chunks without end"][0])
        assert answer_on(connection).status == 413
        connection.settimeout(0.02)
        assert any(_is_cut(connection, ENDLESS * 30) for _ in range(8))


def test_rubbish_after_a_refusal_ends_the_connection_and_nothing_else(
    running: Running, caplog: pytest.LogCaptureFixture
) -> None:
    with running.connect() as connection:
        connection.sendall(HOSTILE["chunks without end"][0])
        assert answer_on(connection).status == 413
        connection.sendall(b"no size of a chunk\r\n")
        assert _ends(connection)
    assert caplog.text.count("Traceback") == 0
    assert running.hook(body_of()) == 200


def test_whoever_is_refused_too_often_is_not_heard_until_later_unless_it_is_basware(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Both may come from one address, that of a proxy which nobody told the connector of."""
    with receiving(tmp_path_factory.mktemp("limited"), refused_per_minute=3) as limited:
        forged = [limited.hook(GENUINE, "0" * 64) for _ in range(5)]
        assert forged == [401, 401, 401, 429, 429]
        for body, signature in (
            (GENUINE, ""),
            (b"a" * 5000, None),
            (body_of(taskType="ConnectionTest"), "0" * 64),
        ):
            assert limited.hook(body, signature) == 429
        assert limited.inbox() == []
        assert limited.hook(GENUINE) == 200


def _ends(connection: socket.socket) -> bool:
    try:
        return connection.recv(1) == b""
    except ConnectionResetError:
        return True


def _is_cut(connection: socket.socket, sent: bytes) -> bool:
    """Send something; True where the other end has gone."""
    try:
        connection.sendall(sent)
        return connection.recv(1) == b""
    except TimeoutError:
        return False
    except OSError:
        return True
