"""Notifications to send to a receiver, signed or not, byte by byte."""

import hashlib
import hmac
import json
import uuid
from typing import Any

from connector_defs.console.app import WEBHOOK

HEADER = "x-bwapi-signature-256"
SECRET = "the-key-that-basware-was-given"


def notice(**fields: Any) -> dict[str, Any]:
    """A notification as Basware sends it; each has a task of its own."""
    return {
        "taskId": str(uuid.uuid4()),
        "taskStatus": "New",
        "taskType": "AccoutingDocuments",
        "taskSubType": "WaitingForTransfer",
        "documentId": "0e984725-c51c-4bf4-9960-e1c80e27aba0",
        "expirationTime": "2026-12-31T00:00:00Z",
        **fields,
    }


def body_of(**fields: Any) -> bytes:
    """Its bytes."""
    return json.dumps(notice(**fields)).encode()


def sign(body: bytes, secret: str = SECRET) -> str:
    """The signature of a body, in hex."""
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def post(
    body: bytes,
    signature: str | None = None,
    *,
    target: str = WEBHOOK,
    method: str = "POST",
    content_type: str | None = "application/json",
    length: str | None = "",
    lines: tuple[str, ...] = (),
) -> bytes:
    """A request byte by byte, signed unless `signature` says otherwise ("" for none). `length` None leaves it out."""
    signature = sign(body) if signature is None else signature
    head = [f"{method} {target} HTTP/1.1", "Host: 127.0.0.1"]
    head += [f"Content-Type: {content_type}"] if content_type else []
    head += [f"{HEADER}: {signature}"] if signature else []
    head += [f"Content-Length: {length or len(body)}"] if length is not None else []
    return "\r\n".join([*head, *lines, "", ""]).encode("latin-1") + body


def chunked(body: bytes) -> bytes:
    """A body in chunks, with its end."""
    return b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
