"""Fault switches of the sandbox: which faults exist, where they can strike, and when one is drawn.

What a fault does to an answer belongs to the simulated system that draws it; nothing here speaks HTTP.
A plan is repeatable: the same seed and the same sequence of calls at one site draw the same faults there,
whatever happens at other sites.
"""

import random
import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

SITES: Mapping[str, str] = {
    "syspro.logon": "e.net logon",
    "syspro.logoff": "e.net logoff",
    "syspro.profile": "e.net profile of a session",
    "syspro.transaction": "business objects that post",
    "syspro.query": "business objects that read",
    "syspro.setup": "business objects that change static records",
    "syspro.odata": "one page of an OData table",
    "basware.token": "OAuth2 token",
    "basware.documents": "list or single read of accounting documents",
    "basware.link": "the signed link behind a redirect",
    "basware.acknowledge": "acknowledge of an accounting document",
    "basware.responses": "transfer, prebook and payment responses",
    "basware.entities.read": "list or single read of an entity",
    "basware.entities.write": "POST or PATCH of entities",
    "basware.status": "requestStatus and errorFeedbacks",
    "basware.push": "subscriptions, tasks",
    "basware.notification": "a notification on its way to the subscriber",
    "basware.extracts": "data extracts",
}

_ENET = (
    "syspro.logon",
    "syspro.logoff",
    "syspro.profile",
    "syspro.transaction",
    "syspro.query",
    "syspro.setup",
)
_ENET_CALLS = ("syspro.profile", "syspro.transaction", "syspro.query", "syspro.setup")
_SYSPRO = (*_ENET, "syspro.odata")
_BASWARE_CALLS = (
    "basware.documents",
    "basware.acknowledge",
    "basware.responses",
    "basware.entities.read",
    "basware.entities.write",
    "basware.status",
    "basware.push",
    "basware.extracts",
)
_BASWARE = ("basware.token", *_BASWARE_CALLS, "basware.link")
_LISTS = ("basware.documents", "basware.link", "basware.entities.read")


@dataclass(frozen=True, slots=True)
class FaultKind:
    """What a fault name means, the sites it can strike, and its usual length in seconds."""

    meaning: str
    sites: tuple[str, ...]
    seconds: float = 0.0


FAULTS: Mapping[str, FaultKind] = {
    "latency": FaultKind(
        "the answer comes `seconds` late, with its usual effect",
        (*_SYSPRO, *_BASWARE, "basware.notification"),
    ),
    "reset_before": FaultKind("the connection is cut and the call had no effect", (*_SYSPRO, *_BASWARE)),
    "reset_after": FaultKind(
        "the call takes effect, then the connection is cut without an answer", (*_SYSPRO, *_BASWARE)
    ),
    "http_500": FaultKind("500, no effect", (*_SYSPRO, *_BASWARE)),
    "http_502": FaultKind("502 of a proxy in between, with the effect", (*_SYSPRO, *_BASWARE)),
    "http_503": FaultKind("503, no effect", (*_SYSPRO, *_BASWARE)),
    "rate_limited": FaultKind("429 with Retry-After `seconds`, no effect", ("syspro.odata", *_BASWARE), 1.0),
    "evict_session": FaultKind("the operator's session is ended before the call is looked at", _ENET_CALLS),
    "refuse_logon": FaultKind("logon answers that no licence seat is free", ("syspro.logon",)),
    "system_error": FaultKind("200 with an `ERROR:` text instead of a document, no effect", _ENET),
    "late_commit": FaultKind(
        "the connection is cut and the effect appears `seconds` later",
        ("syspro.transaction", "basware.entities.write", "basware.acknowledge", "basware.responses"),
        0.5,
    ),
    "wrong_encoding": FaultKind(
        "the answer's bytes are not in the encoding it declares", (*_SYSPRO, *_BASWARE)
    ),
    "error_body": FaultKind(
        "200 with a body that is cut off in the middle, with the effect", (*_SYSPRO, *_BASWARE)
    ),
    "short_page": FaultKind(
        "a page holds fewer records than asked although more exist", ("syspro.odata", *_LISTS)
    ),
    "doubled_row": FaultKind(
        "a page shows its first row twice, as a read does that meets a row on the move", ("syspro.odata",)
    ),
    "lost_continuation": FaultKind("a continuation token is refused with 410", _LISTS),
    "expired_token": FaultKind("401: the bearer token has run out early", _BASWARE_CALLS),
    "target_error": FaultKind(
        "200, but every record of the request ends in Error of category Technical",
        ("basware.entities.write",),
    ),
    "lost_notification": FaultKind("a notification is never sent, and stays New", ("basware.notification",)),
    "failed_notification": FaultKind(
        "a notification is never sent, and its task ends as Failed", ("basware.notification",)
    ),
    "late_notification": FaultKind(
        "a notification waits until those that wait are released, the newest first", ("basware.notification",)
    ),
    "double_notification": FaultKind("a notification is sent twice", ("basware.notification",)),
    "forged_notification": FaultKind(
        "beside a notification goes the same under another task, signed with another secret",
        ("basware.notification",),
    ),
    "foreign_notification": FaultKind(
        "beside a notification goes one that is signed as it should be and names a document of another tenant",
        ("basware.notification",),
    ),
}


class ConnectionReset(Exception):
    """Raised by a handler to have the server cut the TCP connection without any answer."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault that strikes now; `seconds` is its delay, or the wait it asks for."""

    name: str
    seconds: float = 0.0


@dataclass(slots=True)
class _Armed:
    name: str
    times: int
    site: str | None
    match: str | None
    seconds: float | None

    def fits(self, site: str, detail: str) -> bool:
        return _within(site, self.site) and site in FAULTS[self.name].sites and (self.match or "") in detail


def _within(site: str, part: str | None) -> bool:
    return part is None or site == part or site.startswith(part + ".")


class FaultPlan:
    """Decides at each site whether a fault strikes: armed ones first, then by seeded rate.

    `rates` gives a probability per fault name and call; `latency` the range in seconds that a drawn
    latency takes. Thread-safe. Unknown names and sites raise ValueError.
    """

    def __init__(
        self,
        seed: int = 0,
        rates: Mapping[str, float] | None = None,
        *,
        latency: tuple[float, float] = (0.02, 0.2),
    ) -> None:
        self.seed = seed
        self.rates = dict(rates or {})
        for name in self.rates:
            _known(name)
        self.latency = latency
        self.drawn: Counter[str] = Counter()
        self._armed: list[_Armed] = []
        self._dice: dict[str, random.Random] = {}
        self._lock = threading.Lock()

    def arm(
        self,
        name: str,
        times: int = 1,
        site: str | None = None,
        match: str | None = None,
        seconds: float | None = None,
    ) -> None:
        """Let the next `times` fitting calls meet this fault.

        `site` is a site or its leading part ("basware", "basware.entities"); `match` a text that the
        call's detail must hold; `seconds` overrides the fault's usual length.
        """
        kind = _known(name)
        if site is not None and not any(_within(each, site) for each in kind.sites):
            raise ValueError(f"fault {name} cannot strike at {site}; it can at {', '.join(kind.sites)}")
        with self._lock:
            self._armed.append(_Armed(name, times, site, match, seconds))

    def disarm(self) -> None:
        """Forget every armed fault and every rate: from here on both systems behave."""
        with self._lock:
            self._armed.clear()
            self.rates.clear()

    def draw(self, site: str, detail: str = "") -> Fault | None:
        """The fault that strikes this call, if any; `detail` is what `match` looks into."""
        if site not in SITES:
            raise ValueError(f"no such site: {site}")
        with self._lock:
            fault = self._draw_armed(site, detail) or self._draw_by_rate(site)
            if fault:
                self.drawn[fault.name] += 1
            return fault

    def _draw_armed(self, site: str, detail: str) -> Fault | None:
        for armed in self._armed:
            if armed.fits(site, detail):
                armed.times -= 1
                if armed.times <= 0:
                    self._armed.remove(armed)
                return Fault(
                    armed.name, self._seconds(armed.name, site) if armed.seconds is None else armed.seconds
                )
        return None

    def _draw_by_rate(self, site: str) -> Fault | None:
        for name, rate in self.rates.items():
            if site in FAULTS[name].sites and self._die(site).random() < rate:
                return Fault(name, self._seconds(name, site))
        return None

    def _seconds(self, name: str, site: str) -> float:
        return self._die(site).uniform(*self.latency) if name == "latency" else FAULTS[name].seconds

    def _die(self, site: str) -> random.Random:
        return self._dice.setdefault(site, random.Random(f"{self.seed}:{site}"))


def _known(name: str) -> FaultKind:
    kind = FAULTS.get(name)
    if kind is None:
        raise ValueError(f"no such fault: {name}; known are {', '.join(FAULTS)}")
    return kind
