"""For every protection the scenario that needs it: sound with the protection, and caught by the judge without.

Belongs here: which scenario that is, and which invariant the judge must then name. What is switched off, and how,
is in `mutations`. Each scenario is played twice, first whole, which must be clean, then with the protection off.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from connector_defs.sandbox.syspro.ledger import ApEntry, Distribution
from connector_tests.proof.kinds import ACCOUNTS, PLAIN, Bill, held
from connector_tests.proof.mutations import MUTATIONS
from connector_tests.proof.site import NeverAtRest, ProofSite, open_site, wait_until
from connector_tests.proof.tally import Tally
from connector_tests.proof.workers import Worker, WorkerFailed

_POSTS = "Transaction/Post APSTIN"
_BILLS = 6
# As many as the first batch of a run takes: then nothing is being prepared beside the post.
_ONE_BATCH = 5
# How long SYSPRO takes over a post where that matters: long enough for a successor to start and look. The
# quarantine outlasts it, as it must.
_SLOW_SECONDS = 3.0
_QUARANTINE_SECONDS = 5.0
# A lease lasts two time-outs, so short only here: a suspended worker loses it while the proof waits.
_LEASE_SECONDS = 2.0


def _bills(site: ProofSite, number: int = _BILLS) -> list[Bill]:
    return [bill for _ in range(number) for bill in PLAIN.write(site.desk)]


def _drain(site: ProofSite, mutation: str) -> None:
    """A few runs under the mutation; what it leaves undone is for the judge."""
    for _ in range(4):
        site.work(mutation=mutation)
        if site.at_rest:
            return


def _killed_on_the_wire(site: ProofSite, mutation: str, tally: Tally) -> None:
    """A worker dies while its first post is under way, which takes effect after the next worker began."""
    site.approve(_bills(site))
    site.sandbox.faults.arm("latency", site="syspro.transaction", seconds=_SLOW_SECONDS)
    worker = Worker(site.order(mutation=mutation))
    wait_until(lambda: site.sandbox.syspro.requests[_POSTS] > 0 or not worker.running)
    begun = time.monotonic()
    worker.kill()
    tally.kills["post on the wire"] += worker.end()
    _drain(site, mutation)
    wait_until(lambda: time.monotonic() > begun + _SLOW_SECONDS + 0.2)


def _reply_lost(site: ProofSite, mutation: str, _tally: Tally) -> None:
    """SYSPRO posts, and its reply is lost."""
    site.approve(_bills(site))
    site.sandbox.faults.arm("reset_after", site="syspro.transaction")
    _drain(site, mutation)


def _commits_late(site: ProofSite, mutation: str, _tally: Tally) -> None:
    """The connection is cut, and SYSPRO posts a moment later."""
    site.approve(_bills(site))
    site.sandbox.faults.arm("late_commit", site="syspro.transaction", seconds=_SLOW_SECONDS)
    _drain(site, mutation)


def _suspended(site: ProofSite, mutation: str, _tally: Tally) -> None:
    """A worker stops just before its first intent, loses its lane to another one, and then goes on."""
    site.approve(_bills(site, _ONE_BATCH))
    order = {"mutation": mutation, "lease_seconds": _LEASE_SECONDS}
    sleeper = Worker(site.order(die_at="posting.looked_up", stop_there=True, **order))
    wait_until(sleeper.is_stopped)
    try:
        site.work(**order)
    finally:
        sleeper.resume()
        sleeper.end()
    _drain(site, mutation)


def _killed_between_acknowledge_and_store(site: ProofSite, mutation: str, tally: Tally) -> None:
    """A worker dies when Basware has just taken its first acknowledge."""
    site.approve(_bills(site))
    tally.kills["acknowledge.answered"] += site.work(mutation=mutation, die_at="acknowledge.answered")
    tally.judge(site.judge.at_any_time(), "just killed")
    _drain(site, mutation)


def _keyed_by_hand(site: ProofSite, mutation: str, _tally: Tally) -> None:
    """Somebody has entered the same supplier and number in SYSPRO, over another amount."""
    bills = _bills(site)
    site.approve([*bills[1:], held(bills[0])])
    document = bills[0].document
    amount = document["grossSum"] + Decimal("17.20")
    entry = ApEntry(
        supplier=document["supplierCode"],
        invoice=document["invoiceNumber"],
        transaction_code="I",
        value=amount,
        currency="$  ",
        rate=Decimal(1),
        multiply_or_divide="M",
        branch="",
        reference="keyed by hand",
        notation="",
        invoice_date=date(2026, 11, 2),
        due_date=None,
        discount_date=None,
        tax_code="",
        distributions=(Distribution(ACCOUNTS[0], amount, amount, "expense"),),
        receipts=(),
    )
    syspro = site.sandbox.syspro
    with syspro.lock:
        period = syspro.periods.relative("C")
        assert period is not None
        syspro.ledger.post_ap([entry], period, "CLERK", to_gl=True)
    _drain(site, mutation)


@dataclass(frozen=True)
class Exposure:
    """The scenario, and the invariant that breaks in it without the protection."""

    invariant: str
    play: Callable[[ProofSite, str, Tally], None]
    timing: Mapping[str, float] = field(default_factory=dict)


_PATIENT = {"uncertain_quarantine_seconds": _QUARANTINE_SECONDS}
EXPOSURES: Mapping[str, Exposure] = {
    "intent": Exposure("I1", _killed_on_the_wire, _PATIENT),
    "look-up": Exposure("I1", _reply_lost, {"linger_seconds": 1.0}),
    "fencing": Exposure("I1", _suspended, {"http_timeout_seconds": _LEASE_SECONDS / 2}),
    "store": Exposure("I3", _killed_between_acknowledge_and_store),
    "quarantine": Exposure("I1", _commits_late, _PATIENT),
    "fingerprint": Exposure("I2", _keyed_by_hand),
}


def play(protection: str, seed: int, *, switched_off: bool) -> Tally:
    """One protection's scenario, whole or with the protection off."""
    tally = Tally("mutations", scenarios=1)
    mutation = protection if switched_off else ""
    exposure = EXPOSURES[protection]
    with open_site("M", seed, timing=exposure.timing) as site:
        try:
            exposure.play(site, mutation, tally)
        except (NeverAtRest, WorkerFailed) as trouble:
            tally.fail(protection, str(trouble))
        tally.judge(site.verdict(), "at the end")
        tally.invoices += site.approved
    return tally


def named_in(tally: Tally) -> set[str]:
    """The invariants that the flaws name."""
    return {word for flaw in tally.flaws for word in flaw.replace(":", " ").split() if word in _NAMES}


_NAMES = {f"I{number}" for number in range(1, 11)}


def check(protection: str, seed: int) -> Tally:
    """A clean count where the scenario is sound with the protection and caught without it."""
    result = play(protection, seed, switched_off=False)
    result.flaws = [f"{protection}, nothing switched off, seed {seed}: {flaw}" for flaw in result.flaws]
    without = play(protection, seed, switched_off=True)
    wanted, named = EXPOSURES[protection].invariant, named_in(without)
    result.scenarios += without.scenarios
    result.invoices += without.invoices
    result.kills += without.kills
    if wanted not in named:
        told = "; ".join(without.flaws) or "nothing"
        result.fail(f"{protection} switched off, seed {seed}", f"the proof names not {wanted} but {told}")
    first = next((flaw for flaw in without.flaws if f"{wanted} broken" in flaw), "")
    result.notes.append(f"{protection} | {MUTATIONS[protection].meaning} | {wanted} | {first}")
    return result
