"""Many workers at once under random kills: the soak on SQLite, and four workers with two operators on PostgreSQL.

Invoices arrive while the workers run; faults strike by rate and seed; every so often the dice kill a worker, and
another takes its place. In the end the faults are switched off, the workers finish, and the judge compares.
"""

import itertools
import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from connector_defs.sandbox.faults import FAULTS, FaultPlan
from connector_tests.proof.kinds import KINDS, UNMAPPED, Bill
from connector_tests.proof.site import NeverAtRest, ProofSite, dice, open_site
from connector_tests.proof.tally import Tally
from connector_tests.proof.workers import Worker, WorkerFailed

# Of a flow's calls so many per cent meet a fault, whichever; every kind of fault has the same part in them.
FAULT_SHARE = 0.05
# Struck by these, an answer is only late or repeated to nobody here: notifications have no subscriber.
_NOT_OF_THIS_FLOW = frozenset(
    {name for name, kind in FAULTS.items() if kind.sites == ("basware.notification",)} | {"target_error"}
)
_LATE_SECONDS = 0.5
_STILL_GROWING_KB = 24_000


@dataclass(frozen=True)
class Crowd:
    """How many invoices, how many workers, and how often one of them dies."""

    name: str
    invoices: int
    workers: int
    kill_every: float
    faults: bool
    two_operators: bool = False
    state_url: str = ""
    at_a_time: int = 100


SOAK = Crowd("soak", invoices=5_000, workers=2, kill_every=4.0, faults=True)
ON_POSTGRES = Crowd("postgres", invoices=5_000, workers=4, kill_every=4.0, faults=False, two_operators=True)


@dataclass
class _Memory:
    """Resident memory of one worker over its life, in kB."""

    samples: list[int] = field(default_factory=list)

    @property
    def growth(self) -> int:
        """From when it had done its first round of everything to the end."""
        return max(self.samples[len(self.samples) // 2 :]) - max(self.samples[: len(self.samples) // 2])


def rates() -> dict[str, float]:
    """A rate for every kind of fault, so that together they strike the share of calls that was asked for."""
    kinds = [name for name in FAULTS if name not in _NOT_OF_THIS_FLOW]
    at_a_site = max(
        sum(site in FAULTS[name].sites for name in kinds) for name in kinds for site in FAULTS[name].sites
    )
    return dict.fromkeys(kinds, FAULT_SHARE / at_a_site)


def bills(site: ProofSite, number: int) -> Iterator[Bill]:
    """Invoices of every kind in turn; their troubles are left to the rates."""
    kinds = [kind for kind in KINDS if kind != UNMAPPED]
    written = itertools.chain.from_iterable(kind.write(site.desk) for kind in itertools.cycle(kinds))
    return itertools.islice(written, number)


def rush_on_postgres(crowd: Crowd, seed: int) -> Tally:
    """The same, with the store in a PostgreSQL server of its own."""
    with postgres() as state_url:
        return rush(replace(crowd, state_url=state_url), seed)


def rush(crowd: Crowd, seed: int) -> Tally:
    """All of it, from the first invoice to the verdict."""
    tally = Tally(crowd.name, scenarios=1)
    faults = FaultPlan(seed, rates() if crowd.faults else {}, latency=(0.002, 0.02))
    with open_site(
        crowd.name[:1].upper(),
        seed,
        faults=faults,
        state_url=crowd.state_url,
        two_operators=crowd.two_operators,
        timing={"uncertain_quarantine_seconds": 3 * _LATE_SECONDS, "linger_seconds": 3},
    ) as site:
        scenario = f"{crowd.name}, seed {seed}"
        try:
            _Rush(crowd, site, seed, tally).run()
        except (NeverAtRest, WorkerFailed) as trouble:
            tally.fail(scenario, str(trouble))
        faults.disarm()
        try:
            tally.runs += site.drain()
        except (NeverAtRest, WorkerFailed) as trouble:
            tally.fail(scenario, str(trouble))
        tally.judge(site.verdict(), scenario)
        tally.invoices += site.approved
        if crowd.faults:
            drawn = ", ".join(f"{name} {number}" for name, number in sorted(faults.drawn.items()))
            tally.notes.append(f"{crowd.name}: faults that struck: {drawn}")
            unseen = rates().keys() - faults.drawn.keys()
            if crowd.invoices >= 1000 and unseen - _RARE:
                tally.fail(scenario, f"these faults never struck: {', '.join(sorted(unseen - _RARE))}")
    return tally


# Their sites see few calls: whether the dice strike there is a matter of length.
_RARE = frozenset({"refuse_logon", "lost_continuation", "expired_token"})


class _Rush:
    def __init__(self, crowd: Crowd, site: ProofSite, seed: int, tally: Tally) -> None:
        self._crowd, self._site, self._tally = crowd, site, tally
        self._dice = dice(seed, crowd.name)
        self._enough = site.folder / "enough"
        self._workers: list[Worker] = []
        self._memory: dict[int, _Memory] = {}

    def run(self) -> None:
        """Until every invoice was approved and is at rest."""
        arriving = bills(self._site, self._crowd.invoices)
        next_kill = time.monotonic() + self._crowd.kill_every
        deadline = time.monotonic() + 60 + self._crowd.invoices * 0.4
        with self._crew():
            while True:
                self._replace_the_dead()
                if self._backlog < self._crowd.at_a_time:
                    batch = list(itertools.islice(arriving, self._crowd.at_a_time))
                    if not batch and self._site.at_rest:
                        break
                    self._site.approve(batch)
                if time.monotonic() >= next_kill:
                    self._kill_one()
                    next_kill = time.monotonic() + self._crowd.kill_every * self._dice.uniform(0.3, 1.7)
                if time.monotonic() > deadline:
                    raise NeverAtRest(f"{self._backlog} invoices are still under way after the time given")
                self._sample()
                time.sleep(0.05)
        self._judge_memory()

    @property
    def _backlog(self) -> int:
        counts = self._site.counts()
        open_states = ("received", "ready", "acknowledged", "posting", "uncertain")
        return self._site.approved - sum(counts.values()) + sum(counts[state] for state in open_states)

    @contextmanager
    def _crew(self) -> Iterator[None]:
        try:
            yield
            self._enough.touch()
            while self._workers:
                self._workers.pop().end()
        finally:
            for worker in self._workers:
                worker.kill()

    def _replace_the_dead(self) -> None:
        for worker in [worker for worker in self._workers if not worker.running]:
            self._workers.remove(worker)
            self._bury(worker)
        while len(self._workers) < self._crowd.workers:
            self._tally.runs += 1
            self._workers.append(Worker(self._site.order(until=str(self._enough))))

    def _bury(self, worker: Worker) -> None:
        worker.end()
        self._tally.kills["at a random moment"] += 1

    def _kill_one(self) -> None:
        """Not the oldest one in a soak, whose memory is watched until the end."""
        killable: Sequence[Worker] = self._workers[1:] if self._dice.random() < 0.5 else self._workers
        self._dice.choice(killable or self._workers).kill()

    def _sample(self) -> None:
        for worker in self._workers:
            # It may end, or be reaped, at the very moment it is looked at.
            with suppress(ProcessLookupError, FileNotFoundError):
                if worker.running:
                    self._memory.setdefault(worker.pid, _Memory()).samples.append(worker.memory())

    def _judge_memory(self) -> None:
        watched = max(self._memory.values(), key=lambda memory: len(memory.samples))
        if len(watched.samples) < 8:
            return
        told = f"memory of the worker that lived longest: {max(watched.samples) // 1024} MB at most"
        self._tally.notes.append(f"{self._crowd.name}: {told}, grown by {watched.growth / 1024:.1f} MB")
        if watched.growth > _STILL_GROWING_KB:
            self._tally.fail(self._crowd.name, f"{told}, and it grew by {watched.growth} kB")


@contextmanager
def postgres() -> Iterator[str]:
    """URL of a place in a PostgreSQL server of its own, which is gone at the end."""
    with tempfile.TemporaryDirectory(prefix="connector-proof-pg-") as place:
        runtime = Path(place, "run")
        runtime.mkdir(mode=0o700)
        # pgserver asks for it when it is imported, and warns where there is none.
        os.environ.setdefault("XDG_RUNTIME_DIR", str(runtime))
        from connector_tests.postgres import Postgres

        with Postgres.running(Path(place, "data")) as server:
            yield server.database()
