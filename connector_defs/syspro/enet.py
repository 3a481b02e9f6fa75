"""SYSPRO's e.net REST service: one call each, and what its answer means.

Belongs here: URLs, the form for large documents, and the tables that turn texts and statuses into errors.
Not here: when to log on (`session`), what is inside the XML (`documents`).
Source: SYSPRO wire notes 1, above all 1.9 "classification order".
"""

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from types import TracebackType
from typing import Literal, Self
from urllib.parse import quote
from xml.sax.saxutils import escape  # writes, and reads nothing  # nosec B406

import httpx
from pydantic import SecretStr

from connector_defs.domain.errors import (
    ConnectorError,
    Fatal,
    LaneBlocked,
    OutcomeUnknown,
    RecordRefused,
    RetryLater,
)
from connector_defs.domain.known_secrets import know_for_now
from connector_defs.syspro import xml
from connector_defs.syspro.addresses import Trust
from connector_defs.syspro.documents.outcome import names_closed_period
from connector_defs.syspro.transport import Answer, Failure, exchange, new_client, plain_text, retry_after

SetupAction = Literal["Add", "Update", "Delete"]

GET_LIMIT_BYTES = 8000
# http.sys takes 16 kB of request line and headers; calls without a POST form may go nearly that far.
_ABSOLUTE_LIMIT_BYTES = 15_000
_MAX_SESSION_ID = 256
# A whole answer may take so many times the time-out: less than the lease of the lane, which lasts twice as long.
_PATIENCE = 1.5
_LD_NAMESPACE = "http://SYSPROWcfService"

_log = logging.getLogger(__name__)


class SessionLost(RetryLater):
    """e.net does not know the session id: expired, or evicted by another logon of the same operator."""


class LogonRefused(Fatal):
    """SYSPRO does not accept operator, password or company: nobody is logged on."""


class SystemRefused(LaneBlocked):
    """e.net itself answered `ERROR: ...`: the business object did not run. `text` is the answer as it came."""

    def __init__(self, message: str, *, text: str) -> None:
        super().__init__(message)
        self.text = text


class PeriodRefused(OutcomeUnknown):
    """A text in place of a reply says that the posting period is closed; most likely nothing was posted."""


@dataclass(frozen=True)
class Reply:
    """A well-formed XML reply, unwrapped. Whether it says success or rejection is for `documents` to read."""

    business_object: str
    text: str


class _Call(Enum):
    """What a call may have done when its answer is lost."""

    LOGON = "logon"
    READ = "read"
    CHANGE = "change"


class _Meaning(Enum):
    LOST = "session lost"
    LANE = "lane blocked"
    SETTINGS = "settings"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class _TextRule:
    pattern: re.Pattern[str]
    calls: frozenset[_Call]
    meaning: _Meaning


_ANY = frozenset(_Call)


def _rule(pattern: str, calls: frozenset[_Call], meaning: _Meaning) -> _TextRule:
    return _TextRule(re.compile(pattern, re.IGNORECASE | re.DOTALL), calls, meaning)


# Texts of `ERROR:` answers, first match wins. Texts of full licences and blocked companies are not public
# (wire notes 6), hence words and not sentences; what no row names may have posted and is looked up.
_TEXTS: tuple[_TextRule, ...] = (
    _rule(r"supplied user\s?id is invalid", _ANY - {_Call.LOGON}, _Meaning.LOST),
    _rule(r"e\.net exception|licen[cs]|not installed", _ANY, _Meaning.LANE),
    _rule(
        r"\bseats?\b|concurrent|maximum|blocked|month.?end|already (?:logged|in use)|\bbusy\b",
        frozenset({_Call.LOGON}),
        _Meaning.LANE,
    ),
    _rule(r"password|operator|compan(?:y|ies)", frozenset({_Call.LOGON}), _Meaning.SETTINGS),
    _rule(r"", frozenset({_Call.LOGON, _Call.READ}), _Meaning.LANE),
    _rule(r"", frozenset({_Call.CHANGE}), _Meaning.UNKNOWN),
)


# How `Logoff` words that there is no such session (any more); the second is recorded for a session logged off before.
_GONE = re.compile(r"supplied user\s?id is invalid|BaseDir8", re.IGNORECASE)


class _Status(Enum):
    BODY = "body"
    TOO_LARGE = "too large"
    SETTINGS = "settings"
    PERHAPS = "perhaps"


# 400 is not among the sure ones: WCF answers it for an exception inside the operation as well.
_STATUSES: Mapping[int, _Status] = {
    200: _Status.BODY,
    401: _Status.SETTINGS,
    403: _Status.SETTINGS,
    404: _Status.SETTINGS,
    405: _Status.SETTINGS,
    413: _Status.TOO_LARGE,
    414: _Status.TOO_LARGE,
    415: _Status.SETTINGS,
    431: _Status.TOO_LARGE,
}
# How http.sys words the refusal of a request it never handed on.
_KERNEL_REFUSAL = re.compile(r"HTTP Error 400|too long|too large|request url|invalid url", re.IGNORECASE)


class EnetClient:
    """Calls of one e.net service over one connection. Holds no session; see `session.EnetSession`.

    Every method raises RetryLater or LaneBlocked where nothing took effect, Fatal for settings, and, for
    calls that change SYSPRO, OutcomeUnknown wherever the request was sent and no plain verdict came back.
    """

    def __init__(
        self,
        base_url: str,
        *,
        timeout: float,
        trust: Trust = Trust(),  # noqa: B008 - immutable
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._base = base_url.rstrip("/")
        self._post_limit = GET_LIMIT_BYTES
        self._longest = _PATIENCE * timeout
        self._http = new_client(base_url, trust, timeout=timeout, max_connections=1, transport=transport)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    def logon(
        self, operator: str, operator_password: SecretStr, company: str, company_password: SecretStr
    ) -> str:
        """A new session id, opaque, blanks stripped. Ends any other session of the same operator.

        LogonRefused where operator, password or company are wrong; LaneBlocked where SYSPRO lets nobody in now.
        """
        what = f"Logon of operator {operator} to company {company}"
        url = self._url(
            "Logon",
            {
                "Operator": operator,
                "OperatorPassword": operator_password.get_secret_value(),
                "CompanyId": company,
                "CompanyPassword": company_password.get_secret_value(),
            },
        )
        secrets = (operator_password.get_secret_value(), company_password.get_secret_value())
        text = self._text(self._get(url, what, _Call.LOGON), what, _Call.LOGON, secrets)
        if not text or len(text) > _MAX_SESSION_ID or re.search(r"[\s<>]", text):
            raise RetryLater(
                f"{what}: e.net gave no session id back. Check SYSPRO_ENET_URL if this persists."
            )
        know_for_now(text)
        return text

    def logoff(self, session: str) -> None:
        """End a session. One that e.net does not know is gone already.

        RetryLater for any other error text: the session may still be open, and holds a licence seat.
        """
        what = "Logoff"
        know_for_now(session)
        answer = self._get(self._url("Logoff", {"UserId": session}), what, _Call.READ)
        text = xml.unwrap(xml.decode(answer.body))
        if text == "0":
            return
        said = plain_text(text.replace(session, "***"))
        if re.match(r"error\b", text, re.IGNORECASE) and not _GONE.search(text):
            raise RetryLater(f"{what}: {said}. The session may still be open.")
        _log.info("e.net Logoff answered %s", said)

    def profile(self, session: str) -> dict[str, str]:
        """`GetLogonProfile`: element names as they come (CompanyName, OperatorCode ...) and their texts."""
        what = "GetLogonProfile"
        url = self._url(what, {"UserId": session})
        text = self._text(self._get(url, what, _Call.READ), what, _Call.READ, (session,))
        root = self._root(text, what, _Call.READ)
        return {xml.name_of(element): xml.text_of(element) for element in root}

    def query(self, session: str, business_object: str, xml_in: str) -> Reply:
        """`Query/Query`; changes nothing, may be repeated."""
        what = f"Query of {business_object}"
        url = self._url(
            "Query/Query", {"UserId": session, "BusinessObject": business_object, "XmlIn": xml_in}
        )
        self._within(url, what)
        return self._reply(self._get(url, what, _Call.READ), business_object, what, _Call.READ, session)

    def setup(
        self, session: str, action: SetupAction, business_object: str, xml_parameters: str, xml_in: str
    ) -> Reply:
        """`Setup/Add`, `Setup/Update` or `Setup/Delete`; there is no form for large documents."""
        what = f"Setup/{action} by {business_object}"
        url = self._url(f"Setup/{action}", _document(session, business_object, xml_parameters, xml_in))
        self._within(url, what)
        return self._reply(self._get(url, what, _Call.CHANGE), business_object, what, _Call.CHANGE, session)

    def post(self, session: str, business_object: str, xml_parameters: str, xml_in: str) -> Reply:
        """`Transaction/Post` by GET while the URL is short, else `Transaction/PostLD`.

        There is no idempotency key: after OutcomeUnknown, look the record up before anything else.
        """
        what = f"Post by {business_object}"
        url = self._url("Transaction/Post", _document(session, business_object, xml_parameters, xml_in))
        answer: Answer | None = None
        if len(url) <= self._post_limit:
            answer = self._get(url, what, _Call.CHANGE, tolerated=_Status.TOO_LARGE)
            if _kernel_refused(answer):
                # Never reached SYSPRO, so the large form may follow at once.
                self._post_limit = len(url) - 1
                answer = None
        if answer is None:
            answer = self._post_large(session, business_object, xml_parameters, xml_in, what)
        return self._reply(answer, business_object, what, _Call.CHANGE, session)

    def _post_large(
        self, session: str, business_object: str, xml_parameters: str, xml_in: str, what: str
    ) -> Answer:
        body = (
            f'<TransactionPostLD xmlns="{_LD_NAMESPACE}"><UserId>{escape(session)}</UserId>'
            f"<BusinessObject>{escape(business_object)}</BusinessObject>"
            f"<XmlParameters>{_cdata(xml_parameters)}</XmlParameters><XmlIn>{_cdata(xml_in)}</XmlIn>"
            "</TransactionPostLD>"
        )
        outcome = exchange(
            self._http,
            "POST",
            f"{self._base}/Transaction/PostLD",
            headers={"Content-Type": "application/xml"},
            content=body.encode(),
            max_bytes=xml.MAX_CHARACTERS,
            longest=self._longest,
        )
        if isinstance(outcome, Answer) and outcome.status in {404, 405}:
            raise RecordRefused(
                f"{what}: the document is too large for a URL, and this SYSPRO release has no PostLD "
                f"(HTTP {outcome.status}). Split the document or post it by hand.",
                code="document_too_large",
            )
        return self._answered(outcome, what, _Call.CHANGE)

    def _url(self, path: str, parameters: Mapping[str, str]) -> str:
        query = "&".join(f"{name}={quote(value, safe='')}" for name, value in parameters.items())
        return f"{self._base}/{path}?{query}"

    def _within(self, url: str, what: str) -> None:
        if len(url) > _ABSOLUTE_LIMIT_BYTES:
            raise RecordRefused(
                f"{what}: the request takes {len(url)} bytes in a URL and SYSPRO has no other form for it.",
                code="document_too_large",
            )

    def _get(self, url: str, what: str, call: _Call, tolerated: _Status | None = None) -> Answer:
        outcome = exchange(self._http, "GET", url, max_bytes=xml.MAX_CHARACTERS, longest=self._longest)
        if tolerated is not None and isinstance(outcome, Answer) and _kernel_refused(outcome):
            return outcome
        return self._answered(outcome, what, call)

    def _answered(self, outcome: Answer | Failure, what: str, call: _Call) -> Answer:
        """The answer if it is one of e.net's; otherwise the error that says what to do next."""
        if isinstance(outcome, Failure):
            raise _broken(outcome, what, call)
        status = _STATUSES.get(outcome.status, _Status.PERHAPS)
        if status is _Status.BODY:
            return outcome
        said = f"HTTP {outcome.status} {plain_text(xml.decode(outcome.body))}".rstrip()
        if status is _Status.TOO_LARGE:
            raise RecordRefused(f"{what}: the document is too large ({said}).", code="document_too_large")
        if status is _Status.SETTINGS or outcome.status // 100 == 3:
            raise Fatal(f"{what}: SYSPRO did not take the request ({said}). Check SYSPRO_ENET_URL.")
        if call is _Call.CHANGE:
            raise OutcomeUnknown(f"{what}: {said}. Look the record up before anything is repeated.")
        away = outcome.status // 100 == 5 or outcome.status == 429
        raise (LaneBlocked if away else RetryLater)(
            f"{what}: {said}. It changes nothing; try again later.", retry_after=retry_after(outcome)
        )

    def _text(self, answer: Answer, what: str, call: _Call, secrets: tuple[str, ...]) -> str:
        """The unwrapped text of an answer, unless it is an error text. `secrets` never enter the message."""
        text = xml.unwrap(xml.decode(answer.body))
        if not re.match(r"error\b|the supplied user\s?id is invalid", text, re.IGNORECASE):
            return text
        shown = text
        for secret in filter(None, secrets):
            shown = shown.replace(secret, "***")
        raise _refusal(plain_text(shown), what, call)

    def _reply(self, answer: Answer, business_object: str, what: str, call: _Call, session: str) -> Reply:
        text = self._text(answer, what, call, (session,))
        self._root(text, what, call)
        return Reply(business_object, text)

    def _root(self, text: str, what: str, call: _Call) -> xml.Element:
        try:
            return xml.parse(text)
        except xml.UnreadableXml as error:
            reason = str(error) if text else "an empty reply"
        if call is _Call.CHANGE:
            raise OutcomeUnknown(f"{what}: {reason}. Look the record up before anything is repeated.")
        raise RetryLater(f"{what}: {reason}. Reading changes nothing; try again later.")


def _document(session: str, business_object: str, xml_parameters: str, xml_in: str) -> dict[str, str]:
    return {
        "UserId": session,
        "BusinessObject": business_object,
        "XmlParameters": xml_parameters,
        "XmlIn": xml_in,
    }


def _cdata(text: str) -> str:
    return f"<![CDATA[{text.replace(']]>', ']]]]><![CDATA[>')}]]>"


def _kernel_refused(answer: Answer) -> bool:
    """Whether the request was refused for its size before any SYSPRO code saw it."""
    if _STATUSES.get(answer.status) is _Status.TOO_LARGE:
        return True
    return answer.status == 400 and bool(_KERNEL_REFUSAL.search(xml.decode(answer.body)))


def _broken(failure: Failure, what: str, call: _Call) -> ConnectorError:
    if not failure.sent:
        if failure.retryable:
            return LaneBlocked(f"{what}: {failure.reason}. Nothing was sent; try again later.")
        return Fatal(f"{what}: {failure.reason}. Nothing was sent; check SYSPRO_ENET_URL.")
    if call is _Call.CHANGE:
        return OutcomeUnknown(f"{what}: {failure.reason}. Look the record up before anything is repeated.")
    return RetryLater(f"{what}: {failure.reason}. It changes nothing; try again later.")


def _refusal(text: str, what: str, call: _Call) -> ConnectorError:
    rule = next(rule for rule in _TEXTS if call in rule.calls and rule.pattern.search(text))
    match rule.meaning:
        case _Meaning.UNKNOWN if names_closed_period(text):
            return PeriodRefused(f"{what}: {text}")
        case _Meaning.LOST:
            return SessionLost(f"{what}: {text}")
        case _Meaning.SETTINGS:
            return LogonRefused(
                f"{what} was refused: {text}. Correct the credentials; trying again cannot help."
            )
        case _Meaning.UNKNOWN:
            return OutcomeUnknown(f"{what}: {text}. Look the record up before anything is repeated.")
        case _:
            return SystemRefused(f"{what}: SYSPRO refuses for now: {text}", text=text)
