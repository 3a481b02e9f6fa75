"""OAuth2 client credentials: `POST /v1/tokens` and the check of bearer tokens (wire notes 1.6 to 1.14)."""

import base64
import binascii
import hashlib
import hmac
import secrets
import threading
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import parse_qs

from connector_defs.sandbox.basware.answer import Answer, ok
from connector_defs.sandbox.basware.schema import encode

_READ_WRITE = (
    "accountingDocuments",
    "vendors",
    "accounts",
    "costCenters",
    "paymentTerms",
    "taxCodes",
    "lists",
    "matchingOrders",
    "matchingOrderLines",
    "requestStatus",
    "subscriptions",
)
ALL_SCOPES = frozenset(
    [f"{endpoint}.{right}" for endpoint in _READ_WRITE for right in ("read", "write")]
    + ["errorFeedbacks.read", "subscriptions.delete", "tasks.read", "dataExtracts.read", "dataExtracts.write"]
)


@dataclass(frozen=True, slots=True)
class _Granted:
    scopes: frozenset[str]
    expires: float


class TokenDesk:
    """Issues and checks tokens. Scopes granted are those asked for that the client is allowed."""

    def __init__(
        self,
        client_id: str,
        client_secret: str,
        *,
        clock: Callable[[], datetime],
        seconds: int = 3600,
        scopes: Collection[str] = ALL_SCOPES,
        tenant: str = "SANDBOX",
    ) -> None:
        self._client_id = client_id
        self._secrets = {client_secret}
        self._clock = clock
        self.seconds = seconds
        self.scopes = frozenset(scopes)
        self._tenant = tenant
        self._key = secrets.token_bytes(32)
        self._granted: dict[str, _Granted] = {}
        self._lock = threading.Lock()

    def issue(self, headers: Mapping[str, str], body: bytes) -> Answer:
        """The answer to a token call: 200, 400 for the grant or scope, 401 for the client, 422 for the form."""
        if not headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
            return _unprocessable("grant_type", "scope")
        form = {name: values[0] for name, values in parse_qs(body.decode("utf-8", "replace")).items()}
        missing = [name for name in ("grant_type", "scope") if name not in form]
        if missing:
            return _unprocessable(*missing)
        if not self._is_client(headers.get("authorization", "")):
            return Answer(401, encode({"error": "invalid_client"}))
        if form["grant_type"] != "client_credentials":
            return _refuse("unsupported_grant_type", "only client_credentials is supported")
        granted = self.scopes.intersection(form["scope"].split())
        if not granted:
            return _refuse("invalid_scope", "none of the scopes asked for is open to this client")
        return ok(
            {
                "access_token": self._sign(granted),
                "scope": " ".join(scope for scope in form["scope"].split() if scope in granted),
                "expires_in": self.seconds,
                "token_type": "Bearer",
            }
        )

    def admits(self, authorization: str, scope: str) -> bool:
        """Whether the header holds a live token with this scope."""
        kind, _, token = authorization.partition(" ")
        granted = self._granted.get(token.strip())
        return (
            kind.lower() == "bearer"
            and granted is not None
            and granted.expires > self._clock().timestamp()
            and scope in granted.scopes
        )

    def change_secret(self, new: str = "", retire: str = "") -> int:
        """Add a secret of the client, take one away, or both; how many it has. Tokens live on until they run out."""
        with self._lock:
            self._secrets = (self._secrets | {new} if new else self._secrets) - {retire}
            return len(self._secrets)

    def revoke(self, authorization: str = "") -> None:
        """End the token of this header before its time, or every token."""
        with self._lock:
            if authorization:
                self._granted.pop(authorization.partition(" ")[2].strip(), None)
            else:
                self._granted.clear()

    def _is_client(self, authorization: str) -> bool:
        kind, _, encoded = authorization.partition(" ")
        try:
            sent = base64.b64decode(encoded, validate=True)
        except (binascii.Error, ValueError):
            return False
        known = [f"{self._client_id}:{secret}".encode() for secret in self._secrets]
        return kind.lower() == "basic" and any(hmac.compare_digest(sent, each) for each in known)

    def _sign(self, scopes: frozenset[str]) -> str:
        now = int(self._clock().timestamp())
        claims = {
            "sub": self._client_id,
            "scope": sorted(scopes),
            "iss": "basware-sandbox",
            "aud": "OpenAPI",
            "iat": now,
            "auth_time": now,
            "exp": now + self.seconds,
            "jti": secrets.token_hex(8),
            "bwcid": self._tenant,
        }
        unsigned = ".".join(_segment(encode(part)) for part in ({"alg": "HS256", "typ": "at+jwt"}, claims))
        token = f"{unsigned}.{_segment(hmac.digest(self._key, unsigned.encode(), hashlib.sha256))}"
        with self._lock:
            self._granted[token] = _Granted(scopes, now + self.seconds)
        return token


def _segment(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _refuse(error: str, description: str) -> Answer:
    return Answer(400, encode({"error": error, "error_description": description}))


def _unprocessable(*fields: str) -> Answer:
    detail = [
        {"loc": ["body", name], "msg": "field required", "type": "value_error.missing"} for name in fields
    ]
    return Answer(422, encode({"detail": detail}))
