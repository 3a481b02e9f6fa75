"""Figures for Prometheus, in its text format: counts, ages and times; no label that names anybody or anything.

Belongs here: which figures there are, and how they are written. Labels are words of ours, never of a caller.
"""

from collections import Counter
from collections.abc import Iterator
from typing import Final

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_BOUNDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


class Histogram:
    """How often something took how long."""

    def __init__(self) -> None:
        self._counts = [0] * (len(_BOUNDS) + 1)
        self._sum = 0.0

    def observe(self, seconds: float) -> None:
        """Count one."""
        self._sum += seconds
        self._counts[sum(bound < seconds for bound in _BOUNDS)] += 1

    def lines(self, name: str) -> Iterator[str]:
        """The series of a histogram."""
        total = 0
        for bound, number in zip((*map(str, _BOUNDS), "+Inf"), self._counts, strict=True):
            total += number
            yield f'{name}_bucket{{le="{bound}"}} {total}'
        yield f"{name}_sum {self._sum:.6f}"
        yield f"{name}_count {total}"


class Metrics:
    """What the receiver counts. Used from one thread, that of the event loop."""

    def __init__(self) -> None:
        self.requests: Counter[str] = Counter()
        self.connection_tests: Counter[str] = Counter()
        self.new = 0
        self.stored = Histogram()

    def text(self, *, ready: bool, inbox_open: int | None, oldest_seconds: float | None) -> str:
        """The page; figures of the inbox are left out where the store cannot tell them."""
        lines = [
            *_head(
                "connector_webhook_requests_total",
                "counter",
                "Requests to the webhook by what became of them.",
            ),
            *(
                f'connector_webhook_requests_total{{outcome="{name}"}} {number}'
                for name, number in sorted(self.requests.items())
            ),
            *_head(
                "connector_webhook_connection_tests_total",
                "counter",
                "ConnectionTests by the form of their signature and whether it was verified.",
            ),
            *(
                f'connector_webhook_connection_tests_total{{signature="{name}"}} {number}'
                for name, number in sorted(self.connection_tests.items())
            ),
            *_head(
                "connector_notifications_new_total", "counter", "Notifications that were not known before."
            ),
            f"connector_notifications_new_total {self.new}",
            *_head(
                "connector_notification_store_seconds",
                "histogram",
                "From a verified notification to its being durable.",
            ),
            *self.stored.lines("connector_notification_store_seconds"),
            *_head("connector_ready", "gauge", "1 where notifications can be taken in."),
            f"connector_ready {int(ready)}",
        ]
        if inbox_open is not None:
            lines += [
                *_head("connector_inbox_open", "gauge", "Notifications that nobody has looked into yet."),
                f"connector_inbox_open {inbox_open}",
                *_head(
                    "connector_inbox_oldest_open_seconds",
                    "gauge",
                    "Age of the oldest of them; 0 without any.",
                ),
                f"connector_inbox_oldest_open_seconds {oldest_seconds or 0:.3f}",
            ]
        return "\n".join(lines) + "\n"


def _head(name: str, kind: str, told: str) -> tuple[str, str]:
    return f"# HELP {name} {told}", f"# TYPE {name} {kind}"
