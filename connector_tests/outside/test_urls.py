"""URLs as others write them: each is read, or refused by the one exception that callers know."""

import httpx
import pytest

from connector_defs.outside.urls import keep_location, location_of, read_url

# httpx itself meets each of these with another exception, or at another moment.
NO_URLS = ("https://xn--/", "https://xn--a.com/", "https://[::1", "https://a:b:c/", "https://\u2460.com/")
# What it would ask for next, were the redirect followed, is no URL either.
NO_TARGETS = (*NO_URLS, "https:elsewhere", "https:\\\\elsewhere", "javascript:alert(1)", "/" * 70_000)


@pytest.mark.parametrize("text", NO_URLS)
def test_what_is_no_url_is_refused_when_it_is_read(text: str) -> None:
    for base in ("", "https://api.example/v1/"):
        with pytest.raises(httpx.InvalidURL):
            read_url(text, base)


def test_a_url_is_read_relative_to_its_base() -> None:
    assert read_url("files/1?sig=x", "https://api.example/v1/") == "https://api.example/v1/files/1?sig=x"
    assert read_url("https://b\u00fccher.example/").host == "b\u00fccher.example"


@pytest.mark.parametrize("location", NO_TARGETS)
def test_where_a_redirect_leads_is_told_and_never_tried(location: str) -> None:
    answer = httpx.Response(302, headers=[(b"location", location.encode())])
    transport = httpx.MockTransport(lambda _: answer)
    with httpx.Client(transport=transport, event_hooks={"response": [keep_location]}) as client:
        assert location_of(client.get("https://api.example/")) == location


def test_an_answer_that_names_no_target_leads_nowhere() -> None:
    assert location_of(httpx.Response(302)) == ""
