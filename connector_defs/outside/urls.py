"""URLs as others write them: read at once and whole, or refused at once.

httpx tells of a flaw in a URL whenever it stumbles over it, and by exceptions of several kinds: of a host in letters
beyond a to z when it is looked at, of a `Location` while the answer is received, even where no redirect is followed.
Not here: which URLs may be called (`basware.regions`, `syspro.addresses`).
"""

import httpx

_LOCATION = "Location"
_KEPT = "location"


def read_url(text: str, base: str = "") -> httpx.URL:
    """The URL, taken relative to `base` where there is one. Raises httpx.InvalidURL, whatever is wrong with it."""
    try:
        url = httpx.URL(base).join(text) if base else httpx.URL(text)
        # Reads the letters of the host.
        _ = url.host
    except ValueError as error:
        raise httpx.InvalidURL(str(error)) from None
    return url


def keep_location(response: httpx.Response) -> None:
    """For the `response` hooks of a client that follows no redirect: where to is kept for `location_of`, as text."""
    location = response.headers.pop(_LOCATION, None)
    if location is not None:
        response.extensions[_KEPT] = location


def location_of(response: httpx.Response) -> str:
    """Where a redirect leads, as it was told; "" where it was not."""
    return str(response.extensions.get(_KEPT, ""))
