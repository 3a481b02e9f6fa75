"""How long to wait before the next attempt: exponential, with jitter, within bounds."""

import random
from datetime import timedelta


def backoff(attempts: int, base_seconds: float, max_seconds: float) -> timedelta:
    """Between half and all of min(max, base x 2^(attempts-1))."""
    ceiling = min(max_seconds, base_seconds * 2.0 ** min(max(attempts - 1, 0), 30))
    return timedelta(seconds=ceiling * random.uniform(0.5, 1))  # noqa: S311 - jitter, no secret  # nosec B311
