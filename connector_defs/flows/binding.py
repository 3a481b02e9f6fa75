"""A state store belongs to one Basware tenant, and in it each company to one partner.

What a store holds is true of the systems it was used with alone: with another region's API, another client or
another pair of companies it would take work for done that is not, and post invoices of one company in another.
So the first start binds the store, and a start with other settings is refused before anything is called. Not here:
whether settings agree among themselves (`basware.regions`, `settings`).
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import httpx
from sqlalchemy import Connection

from connector_defs.basware.regions import SANDBOX
from connector_defs.domain.errors import Fatal, RetryLater
from connector_defs.settings import Settings
from connector_defs.store import bindings, holds
from connector_defs.store.engine import Store
from connector_defs.store.invoices import SYSTEM


class StoreRefused(Fatal):
    """The state store was used with other systems or companies than the settings name."""


@dataclass(frozen=True)
class Binding:
    """What a store belongs to. `pairs` maps SYSPRO companies to Basware's, those that are configured no more included.

    `api_host` of a sandbox is always the same, for it has another port at each start.
    """

    region: str
    api_host: str
    client_id: str
    pairs: Mapping[str, str]

    @classmethod
    def of(cls, settings: Settings, api_url: str) -> "Binding":
        """What the settings say; `api_url` is the API that they come to."""
        chosen = settings.basware
        here = chosen.region == SANDBOX
        return cls(
            region=chosen.region,
            api_host="loopback" if here else httpx.URL(api_url).netloc.decode("ascii"),
            client_id=chosen.client_id,
            pairs={pair.syspro_company: pair.basware_company for pair in settings.companies},
        )

    @classmethod
    def read(cls, detail: Mapping[str, Any]) -> "Binding":
        """What the store says."""
        return cls(*(detail[name] for name in ("region", "api_host", "client_id", "pairs")))


def bind(store: Store, wanted: Binding, now: datetime) -> None:
    """Let the store belong to what the settings name. Raises StoreRefused, audited, where it belongs to something else.

    A store without any work of a company is free for other settings: nothing was exchanged yet.
    """
    with store.read() as connection:
        if _says(_latest(connection), wanted):
            return
    try:
        against = _bind(store, wanted, now)
    except RetryLater:
        # Another process bound it at the same moment: several start at once on a new store.
        against = _bind(store, wanted, now)
    if against:
        raise StoreRefused(
            "The state store (CONNECTOR_STATE_URL) was used with other systems than the settings name:\n"
            + "\n".join(f"  - {reason}" for reason in against)
            + "\nCorrect the settings, or name the store that belongs to them; a new one is made where there is none. "
            "Where it is the same tenant and company under another name: connector db rebind"
        )


def _bind(store: Store, wanted: Binding, now: datetime) -> list[str]:
    """Write what the store belongs to, or why it is refused; returns the reasons."""
    with store.write() as connection:
        bound = _latest(connection)
        if _says(bound, wanted):
            return []
        at_work = bindings.companies_at_work(connection)
        against = [] if bound is None else _objections(bound, wanted, at_work)
        if against:
            refused = {"wanted": asdict(wanted), "reasons": against}
            bindings.record(connection, "store refused", refused, now, actor=SYSTEM)
        else:
            joined = _joined(bound or wanted, wanted, at_work)
            bindings.record(connection, "bound", asdict(joined), now, actor=SYSTEM)
    return against


def objections(store: Store, wanted: Binding) -> list[str]:
    """Why a start with these settings would be refused, each as a sentence; changes nothing."""
    with store.read() as connection:
        bound = _latest(connection)
        return [] if bound is None else _objections(bound, wanted, bindings.companies_at_work(connection))


def rebind(store: Store, wanted: Binding, reason: str, now: datetime, *, actor: str) -> list[str]:
    """Let the store belong to what the settings name from now on; returns what that changes.

    Every company is put on hold: nothing is posted until what SYSPRO and Basware hold agrees with the store.
    """
    with store.write() as connection:
        bound = _latest(connection)
        changed = [] if bound is None else _differences(bound, wanted)
        if bound is not None and changed:
            joined = _joined(bound, wanted, bindings.companies_at_work(connection))
            told = {**asdict(joined), "reason": reason, "changes": changed}
            bindings.record(connection, "bound anew", told, now, actor=actor)
            for company in wanted.pairs:
                holds.place(
                    connection, company, f"the store was bound to other settings: {reason}", now, actor=actor
                )
    return changed


def _latest(connection: Connection) -> Binding | None:
    detail = bindings.latest(connection)
    return None if detail is None else Binding.read(detail)


def _says(bound: Binding | None, wanted: Binding) -> bool:
    """Whether the store belongs to just these settings already."""
    return bound is not None and not _differences(bound, wanted) and set(wanted.pairs) <= set(bound.pairs)


def _differences(bound: Binding, wanted: Binding) -> list[str]:
    """What the settings say otherwise than the store, each as a sentence."""
    told = [
        f"{what} was {before}, the settings say {now}"
        for what, before, now in (
            ("the Basware region", bound.region, wanted.region),
            ("the Basware API", bound.api_host, wanted.api_host),
            ("the Basware client", bound.client_id, wanted.client_id),
        )
        if before != now
    ]
    return told + [text for _, text in _other_pairs(bound, wanted)]


def _other_pairs(bound: Binding, wanted: Binding) -> list[tuple[str, str]]:
    """Pairs that do not agree, by the SYSPRO company the store may hold work of."""
    found = []
    for syspro, basware in bound.pairs.items():
        if wanted.pairs.get(syspro, basware) != basware:
            found.append(
                (
                    syspro,
                    f"SYSPRO company {syspro} belonged to Basware company {basware}, now to {wanted.pairs[syspro]}",
                )
            )
        for other, code in wanted.pairs.items():
            if code == basware and other != syspro:
                text = (
                    f"Basware company {basware} belonged to SYSPRO company {syspro}, the settings say {other}"
                )
                found.append((syspro, text))
    return found


def _objections(bound: Binding, wanted: Binding, at_work: frozenset[str]) -> list[str]:
    """Differences that matter: those of a company with work in the store; those of the tenant where any has."""
    if not at_work:
        return []
    harmless = {text for syspro, text in _other_pairs(bound, wanted) if syspro not in at_work}
    return [text for text in _differences(bound, wanted) if text not in harmless]


def _joined(bound: Binding, wanted: Binding, at_work: frozenset[str]) -> Binding:
    """The settings' binding, with the pairs of companies that have work here and are not configured at present."""
    taken = set(wanted.pairs.values())
    kept = {syspro: code for syspro, code in bound.pairs.items() if syspro in at_work and code not in taken}
    return Binding(wanted.region, wanted.api_host, wanted.client_id, {**kept, **wanted.pairs})
