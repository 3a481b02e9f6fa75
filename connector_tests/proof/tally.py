"""What a part of the proof counted: runs, kills, invoices, and every breach with the words to find it again."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from connector_tests.proof.judge import Verdict


@dataclass
class Tally:
    """The count of one part; the counts of several add up."""

    part: str
    scenarios: int = 0
    runs: int = 0
    invoices: int = 0
    kills: Counter[str] = field(default_factory=Counter)
    lost: int = 0
    doubled: int = 0
    wrong: int = 0
    sessions: int = 0
    audit: int = 0
    # Anything that is off, as a person needs it: scenario, seed, invariant, record.
    flaws: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        """True where nothing at all is off."""
        return not self.flaws

    def judge(self, verdict: Verdict, scenario: str) -> None:
        """Count a verdict; each breach becomes a flaw that names the scenario."""
        self.lost += verdict.count("lost")
        self.doubled += verdict.count("doubled")
        self.wrong += verdict.count("wrong")
        self.sessions += verdict.count("session")
        self.audit += verdict.count("audit")
        self.flaws += [f"{scenario}: {breach}" for breach in verdict.breaches]

    def fail(self, scenario: str, why: str) -> None:
        """Something is off that no ledger shows."""
        self.flaws.append(f"{scenario}: {why}")

    def add(self, other: "Tally") -> None:
        """Add another count to this one."""
        for name in ("scenarios", "runs", "invoices", "lost", "doubled", "wrong", "sessions", "audit"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.kills += other.kills
        self.flaws += other.flaws
        self.notes += other.notes


def total(part: str, tallies: Iterable[Tally]) -> Tally:
    """Several counts as one."""
    whole = Tally(part)
    for tally in tallies:
        whole.add(tally)
    return whole
