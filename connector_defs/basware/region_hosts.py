"""The table of Basware's hosts by region and environment.

Here: the names alone. What they mean for a URL is in `regions`. Basware publishes the EU names only (Basware wire
notes 1.2, 1.3); the others are those seen in clients, so a deployment may set its own table of a region
(`basware.region_hosts`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final


@dataclass(frozen=True)
class RegionHosts:
    """The API hosts of one region; they issue its tokens as well. The first production host is the default."""

    production: tuple[str, ...]
    test: tuple[str, ...] = ()

    @property
    def all(self) -> tuple[str, ...]:
        """Every host of the region."""
        return self.production + self.test

    def environment(self, host: str) -> str | None:
        """`production` or `test`; None for a host that is not of the region."""
        if host in self.production:
            return "production"
        return "test" if host in self.test else None


REGION_HOSTS: Final[Mapping[str, RegionHosts]] = MappingProxyType(
    {
        "EU": RegionHosts(("api.basware.com",), ("test-api.basware.com",)),
        "US": RegionHosts(("api.us.basware.com", "us-api.basware.com"), ("test-api.us.basware.com",)),
        "AU": RegionHosts(("api.au.basware.com", "au-api.basware.com"), ("test-api.au.basware.com",)),
        "CA": RegionHosts(("api.ca.basware.com", "ca-api.basware.com"), ("test-api.ca.basware.com",)),
    }
)
