"""Protections of the connector that the proof switches off, one at a time: a proof that cannot fail is none.

Belongs here: what is replaced, by name. Each patch is applied inside a worker and nowhere else; a name that is
gone fails there loudly. Which scenario exposes a missing protection, and which invariant must then be named, is
in `exposure`.
"""

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from connector_defs.flows import intake
from connector_defs.flows.lookup import Found, Verdict
from connector_defs.points import reach
from connector_defs.settings import Settings
from connector_defs.store import invoices

Replacement = Callable[..., Any]


def _intend_without_trace(_original: Replacement) -> Replacement:
    def _intend(_lane: Any, prepared: Any, intent: Any) -> Any:
        """The attempt lives in memory alone."""
        stored, posting = prepared.stored, prepared.posting
        return replace(
            stored,
            attempts=stored.attempts + 1,
            fingerprint=posting.fingerprint,
            reference=posting.reference,
            intent=intent.text,
        )

    return _intend


def _see_nothing(_original: Replacement) -> Replacement:
    return lambda _look_up, wanted, **_: {one.invoice_id: Found(None) for one in wanted}


def _no_difference(_original: Replacement) -> Replacement:
    return lambda *_, **__: []


def _ours_whatever_it_is(_original: Replacement) -> Replacement:
    return lambda *_, **__: (Verdict.OURS, [])


def _check_nothing(_original: Replacement) -> Replacement:
    return lambda *_: None


def _always(_original: Replacement) -> Replacement:
    return lambda *_, **__: True


def _move_whatever_stands_there(original: Replacement) -> Replacement:
    def move(connection: Any, current: Any, *arguments: Any, **named: Any) -> Any:
        """Write as if nobody else had written meanwhile."""
        now = invoices.get(connection, current.company, current.invoice_id)
        assert now is not None
        return original(connection, replace(current, version=now.version), *arguments, **named)

    return move


def _acknowledge_before_storing(original: Replacement) -> Replacement:
    def take_in(connector: Any, connection: Any, company: Any, documents: Any, *others: Any) -> Any:
        documents = list(documents)
        for document in documents:
            if document.processing_status == intake.WAITING:
                connector.basware.acknowledge(document.invoice_id)
                reach("acknowledge.answered")
        return original(connector, connection, company, documents, *others)

    return take_in


@dataclass(frozen=True)
class Mutation:
    """One protection switched off: what it is, and the names that are replaced."""

    meaning: str
    patches: Mapping[str, Callable[[Replacement], Replacement]]
    timing: Mapping[str, float] | None = None


# name -> "module:qualified name" -> what makes its replacement. The names must exist, or the worker fails.
MUTATIONS: Mapping[str, Mutation] = {
    "intent": Mutation(
        "no intent is written before the post",
        {"connector_defs.flows.posting:Lane._intend": _intend_without_trace},
    ),
    "look-up": Mutation(
        "nothing is looked up in SYSPRO, neither before a post nor after a lost answer",
        {"connector_defs.flows.lookup:LookUp.find": _see_nothing},
    ),
    "fencing": Mutation(
        "a worker that lost its lane, or its race for an invoice, writes on",
        {
            "connector_defs.store.invoices:renew": _check_nothing,
            "connector_defs.store.claims:renew": _check_nothing,
            "connector_defs.store.leases:renew": _check_nothing,
            "connector_defs.store.leases:Leases._keep": _always,
            "connector_defs.store.invoices:move": _move_whatever_stands_there,
        },
    ),
    "store": Mutation(
        "an invoice is acknowledged before its payload is durable",
        {"connector_defs.flows.intake:take_in_documents": _acknowledge_before_storing},
    ),
    "quarantine": Mutation(
        "a lost answer is looked up at once",
        {},
        {"uncertain_quarantine_seconds": 0.0},
    ),
    "fingerprint": Mutation(
        "whatever stands under our supplier and number counts as our posting",
        {
            "connector_defs.flows.moves:judge": _ours_whatever_it_is,
            "connector_defs.domain.intents:Intent.differences": _no_difference,
        },
    ),
}


def apply(name: str) -> None:
    """Switch the protection off in this process. Raises LookupError where something to replace is gone."""
    if not name:
        return
    for target, replacement in MUTATIONS[name].patches.items():
        owner, attribute = _place(target)
        setattr(owner, attribute, replacement(getattr(owner, attribute)))


def _place(target: str) -> tuple[Any, str]:
    module, _, path = target.partition(":")
    *outer, attribute = path.split(".")
    owner: Any = importlib.import_module(module)
    for name in outer:
        owner = getattr(owner, name, None)
    if not hasattr(owner, attribute):
        raise LookupError(f"mutation: {target} is gone; point it to what protects in its place")
    return owner, attribute


def settings(name: str, chosen: Settings) -> Settings:
    """The settings under this mutation."""
    timing = MUTATIONS[name].timing if name else None
    if not timing:
        return chosen
    tree = chosen.model_dump()
    if not timing.keys() <= tree["timing"].keys():
        raise LookupError(f"mutation: {', '.join(timing)} are no timings any more")
    tree["timing"].update(timing)
    return Settings.model_validate(tree)
