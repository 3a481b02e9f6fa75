"""The crash harness: a real worker killed at every named point, with every kind of invoice on its way.

One scenario is one kind and one point. Invoices of the kind are approved, with a few plain ones beside them; a
worker is killed with SIGKILL at the point; the books are judged as the dead worker left them; further workers
are started until nothing is left to do; the books are judged again. All scenarios of a kind happen on one site,
so that whatever one of them left wrong is found by all that follow.
"""

import ast
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path

import connector_defs
from connector_defs.points import POINTS
from connector_tests.proof.kinds import ACCOUNTS, KINDS, PLAIN, UNMAPPED, Kind
from connector_tests.proof.long_orders import POINTS_OF_ORDERS
from connector_tests.proof.other_flows import OtherFlow, flow_of
from connector_tests.proof.site import NeverAtRest, ProofSite, dice, open_site
from connector_tests.proof.tally import Tally
from connector_tests.proof.workers import WorkerFailed

# A point that only a successor comes to -> where its predecessor must have died.
DIED_BEFORE: Mapping[str, tuple[str, ...]] = {
    "acknowledge.compared": ("acknowledge.answered",),
    "recovery.found": ("posting.intent_written", "posting.answered"),
    "recovery.moved": ("posting.intent_written", "posting.answered"),
    "uncertain.looked_up": ("posting.intent_written", "posting.answered"),
    "uncertain.settled": ("posting.intent_written", "posting.answered"),
}
# Reached once for every invoice, so that the dice choose which; all others once or twice in a run.
_FOR_EVERY_INVOICE = frozenset(
    {
        "acknowledge.answered",
        "posting.intent_written",
        "posting.answered",
        "posting.confirmed",
        "response.answered",
        "response.stored",
        "response.seen",
        "response.confirmed",
    }
)
_PLAIN_BESIDE = 3
_UNMAPPED_BESIDE = 2
_RUNS_OF_OTHER_FLOWS = 2
_NEVER_REACHED = "no worker ever came to this point"


@cache
def points_in_code() -> frozenset[str]:
    """The points that some line of the connector really comes to."""
    root = Path(connector_defs.__file__).parent
    texts = (file.read_text(encoding="utf-8") for file in root.rglob("*.py") if "sandbox" not in file.parts)
    return frozenset(
        node.args[0].value
        for text in texts
        # To parse them all takes half a second, in each worker of the tests.
        if "reach(" in text
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "reach"
        and node.args
        and isinstance(node.args[0], ast.Constant)
        and isinstance(node.args[0].value, str)
    )


def of_the_invoices() -> list[str]:
    """The points that a run over the invoices may come to."""
    return sorted(point for point in points_in_code().intersection(applicable()) if flow_of(point) is None)


def applicable(points: Iterable[str] = POINTS) -> Iterator[str]:
    """The points of the flows that this build has. Those of orders have a proof of their own (`long_orders`)."""
    for point in points:
        if point in POINTS_OF_ORDERS:
            continue
        flow = flow_of(point)
        if flow is None or flow.is_built:
            yield point


def crash(kind: Kind, points: Sequence[str], seed: int) -> Tally:
    """Every point in turn with invoices of `kind`, on one site."""
    tally = Tally("crash harness")
    operators = 1 + KINDS.index(kind) % 2
    name = f"K{KINDS.index(kind):02d}"
    with open_site(name, seed, two_operators=operators == 2) as site:
        _leave_unmapped(site, "NEW-000")
        tally.runs += site.drain()
        for point in points:
            _Scenario(site, kind, point, seed, tally).play()
        site.map(site.desk.account_to_map)
        scenario = f"{kind.name}, the end, seed {seed}"
        try:
            tally.runs += site.drain()
        except (NeverAtRest, WorkerFailed) as trouble:
            tally.fail(scenario, str(trouble))
        tally.judge(site.verdict(), scenario)
        tally.invoices += site.approved
    return tally


def _leave_unmapped(site: ProofSite, account: str) -> None:
    """Invoices that wait for a mapping, which the next scenario sets."""
    site.desk.account_to_map = account
    site.approve(
        [bill for _ in range(_UNMAPPED_BESIDE) for bill in UNMAPPED.write(site.desk)], unmapped=account
    )


class _Scenario:
    def __init__(self, site: ProofSite, kind: Kind, point: str, seed: int, tally: Tally) -> None:
        self._site, self._kind, self._point, self._tally = site, kind, point, tally
        self._dice = dice(seed, kind.name, point)
        self._flow = flow_of(point)
        self._name = f"{kind.name} at {point}, seed {seed}"

    def play(self) -> None:
        site, tally = self._site, self._tally
        tally.scenarios += 1
        due = site.desk.account_to_map
        _leave_unmapped(site, f"NEW-{tally.scenarios:03d}")
        self._approve()
        try:
            if self._point != "mapping.released":
                site.map(due)
            if self._flow is not None:
                self._play_other(self._flow)
            else:
                self._play_invoices(due)
            self._die_again()
            tally.runs += site.drain()
        except (NeverAtRest, WorkerFailed) as trouble:
            tally.fail(self._name, str(trouble))
        tally.judge(site.verdict(), self._name)

    def _play_invoices(self, due: str) -> None:
        if self._point in DIED_BEFORE:
            self._die_at(self._dice.choice(DIED_BEFORE[self._point]))
        if not self._reach(due):
            self._tally.fail(self._name, _NEVER_REACHED)

    def _play_other(self, flow: OtherFlow) -> None:
        """Die in another flow, then let it come to its end."""
        site = self._site
        bills = [bill for _ in range(_PLAIN_BESIDE) for bill in PLAIN.write(site.desk)]
        site.approve(bills)
        flow.prepare(site, bills)
        if not self._die_at(self._point, job=flow.job):
            self._tally.fail(self._name, _NEVER_REACHED)
        for _ in range(_RUNS_OF_OTHER_FLOWS):
            self._tally.runs += 1
            site.work(job=flow.job)
        for flaw in flow.flaws(site):
            self._tally.fail(self._name, flaw)

    def _approve(self) -> None:
        site, kind = self._site, self._kind
        unmapped = site.desk.account_to_map if kind == UNMAPPED else ""
        site.approve([bill for _ in range(kind.number) for bill in kind.write(site.desk)], unmapped=unmapped)
        site.approve([bill for _ in range(_PLAIN_BESIDE) for bill in PLAIN.write(site.desk)])
        kind.trouble(site.sandbox)

    def _reach(self, account: str) -> bool:
        """Die at the point: where the dice say, or at the first arrival where no run comes there so often."""
        if self._point == "mapping.released":
            job = {"account": account, "gl_code": ACCOUNTS[0]}
            died = self._die_at(self._point, job="mapping", arguments=job)
            self._site.mapped(account)
            return died
        arrivals = self._dice.randint(1, 5) if self._point in _FOR_EVERY_INVOICE else 1
        return self._die_at(self._point, arrivals=arrivals) or (arrivals > 1 and self._once_more())

    def _once_more(self) -> bool:
        self._approve()
        return self._die_at(self._point)

    def _die_again(self) -> None:
        """Some successors die as well, at a point of the dice's choice, whether they come to it or not."""
        if self._dice.random() < 0.25:
            self._die_at(self._dice.choice(of_the_invoices()))

    def _die_at(self, point: str, **order: object) -> bool:
        """A worker armed for `point`; True where it died there. The books are judged as it left them."""
        self._tally.runs += 1
        killed = self._site.work(die_at=point, **order)
        if killed:
            self._tally.kills[point] += 1
            self._tally.judge(self._site.judge.at_any_time(), f"{self._name}, just killed at {point}")
        return killed
