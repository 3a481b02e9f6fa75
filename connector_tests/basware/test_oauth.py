"""Access tokens: fetched once for many threads, refreshed in time, never shown."""

import base64
import itertools
import logging
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from email.utils import formatdate
from urllib.parse import parse_qs

import httpx
import pytest
from pydantic import SecretStr

from connector_defs.basware.oauth import CredentialsRefused, ScopesRefused, TokenSource
from connector_defs.basware.regions import HostRefused
from connector_defs.domain.errors import ConnectorError, Fatal, RetryLater
from connector_tests.basware.builders import EU, SECRET, jwt, token_answer, tokens

NOW = 1_790_000_000.0


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Answers:
    """Answers token requests in turn, the last one for ever."""

    def __init__(self, *answers: httpx.Response | Exception) -> None:
        self.answers = list(answers)
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


def source(answers: Callable[[httpx.Request], httpx.Response], clock: Clock | None = None) -> TokenSource:
    return tokens(answers, scopes=("vendors.read",), clock=clock or Clock(), wall_clock=lambda: NOW)


def life(answer: httpx.Response) -> float:
    """Seconds until the token of this answer is replaced."""
    clock = Clock()
    answers = Answers(answer)
    kept = source(answers, clock)
    kept.token()
    low, high = 0.0, 200_000.0
    while high - low > 0.01:
        clock.now = (low + high) / 2
        seen = len(answers.requests)
        kept.token()
        if len(answers.requests) > seen:
            high = clock.now
            clock.now = 0.0
            kept.reject(kept.token())
            kept.token()
        else:
            low = clock.now
    return round(high)


def test_the_request_is_a_form_with_basic_authentication() -> None:
    answers = Answers(token_answer())
    tokens(answers, scopes=("vendors.read", "vendors.write")).token()
    (request,) = answers.requests
    assert request.method == "POST"
    assert str(request.url) == "https://api.basware.com/v1/tokens"
    assert request.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert parse_qs(request.content.decode()) == {
        "grant_type": ["client_credentials"],
        "scope": ["vendors.read vendors.write"],
    }
    scheme, _, credentials = request.headers["Authorization"].partition(" ")
    assert (scheme, base64.b64decode(credentials).decode()) == ("Basic", f"client-7:{SECRET}")


def test_a_token_is_fetched_on_first_use_and_kept() -> None:
    answers = Answers(token_answer("T"))
    kept = source(answers)
    assert answers.requests == []
    assert [kept.token(), kept.token()] == ["T", "T"]
    assert len(answers.requests) == 1


def test_a_hundred_threads_share_one_token_request() -> None:
    threads = 100
    start = threading.Barrier(threads)
    answers = Answers(token_answer("T"))
    kept = source(answers)

    def one(_: int) -> str:
        start.wait(timeout=30)
        return kept.token()

    with ThreadPoolExecutor(threads) as pool:
        assert set(pool.map(one, range(threads))) == {"T"}
    assert len(answers.requests) == 1


@pytest.mark.covers("F29")
def test_a_hundred_threads_that_all_met_a_401_share_one_refresh() -> None:
    threads = 100
    start = threading.Barrier(threads)
    answers = Answers(token_answer("old"), token_answer("new"))
    kept = source(answers)
    old = kept.token()

    def one(_: int) -> str:
        start.wait(timeout=30)
        kept.reject(old)
        return kept.token()

    with ThreadPoolExecutor(threads) as pool:
        assert set(pool.map(one, range(threads))) == {"new"}
    assert len(answers.requests) == 2


class Queue:
    """A lock that says when so many are at it, the one who has it included."""

    def __init__(self, threads: int) -> None:
        self._arrived = itertools.count(1)
        self._threads = threads
        self._lock = threading.Lock()
        self.full = threading.Event()

    def __enter__(self) -> None:
        if next(self._arrived) == self._threads:
            self.full.set()
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()


@pytest.mark.parametrize(
    ("status", "kind"), [(401, CredentialsRefused), (400, ScopesRefused), (503, RetryLater)]
)
def test_all_who_waited_for_an_answer_share_its_refusal(status: int, kind: type[ConnectorError]) -> None:
    threads = 20
    queue = Queue(threads)
    requests = []

    def refuse(request: httpx.Request) -> httpx.Response:
        assert queue.full.wait(timeout=30)
        requests.append(request)
        return httpx.Response(status)

    kept = source(refuse)
    kept._asking = queue  # type: ignore[assignment]

    def one(_: int) -> type[Exception]:
        with pytest.raises(ConnectorError) as told:
            kept.token()
        return type(told.value)

    with ThreadPoolExecutor(threads) as pool:
        assert set(pool.map(one, range(threads))) == {kind}
    assert len(requests) == 1


def test_a_refusal_that_repeating_cannot_clear_stands_for_ten_seconds() -> None:
    """Each call that was under way with a token which is refused by now comes back at a time of its own."""
    clock, answers = Clock(), Answers(token_answer("old"), httpx.Response(401), token_answer("new"))
    kept = source(answers, clock)
    old = kept.token()
    for clock.now in (1.0, 2.0, 10.9):
        kept.reject(old)
        with pytest.raises(CredentialsRefused):
            kept.token()
    assert len(answers.requests) == 2
    clock.now = 11.1
    assert kept.token() == "new"


def test_a_token_endpoint_that_is_away_is_asked_at_every_repetition() -> None:
    answers = Answers(httpx.Response(503), httpx.Response(503), token_answer("T"))
    kept = source(answers)
    for _ in range(2):
        with pytest.raises(RetryLater):
            kept.token()
    assert kept.token() == "T"


def test_who_gives_a_refused_token_back_does_not_wait_for_the_next_one() -> None:
    """It would ask anew where the answer, that it did not wait for, is a refusal."""
    asked, given_back = threading.Event(), threading.Event()

    def answer(_: httpx.Request) -> httpx.Response:
        asked.set()
        assert given_back.wait(timeout=30)
        return token_answer("new")

    clock = Clock()
    kept = source(lambda _: token_answer("old", expires_in=300), clock)
    old = kept.token()
    clock.now = 280.0
    kept._client = httpx.Client(transport=httpx.MockTransport(answer))
    with ThreadPoolExecutor(1) as pool:
        asking = pool.submit(kept.token)
        assert asked.wait(timeout=30)
        kept.reject(old)
        given_back.set()
        assert asking.result(timeout=30) == "new"


@pytest.mark.parametrize(
    ("answer", "seconds"),
    [
        (token_answer(expires_in=3600), 3540),
        (token_answer(expires_in=300), 270),
        (token_answer(expires_in=86_400), 86_340),
        (token_answer(expires_in=999_999), 86_340),
        (token_answer(expires_in=0), 270),
        (token_answer(expires_in="3600"), 270),
        (token_answer(jwt(exp=NOW + 600, iat=NOW), expires_in=3600), 540),
        (token_answer(jwt(exp=NOW + 999_999), expires_in=3600), 86_340),
        (token_answer(jwt(exp=NOW - 600), expires_in=1200), 1140),
        (token_answer(jwt(sub="no exp"), expires_in=1200), 1140),
        (token_answer(jwt(exp="soon"), expires_in=1200), 1140),
        (token_answer(jwt(exp=True), expires_in=1200), 1140),
        (token_answer("a.!!!.c".replace("!", "~"), expires_in=1200), 1140),
        (token_answer("a.W10.c", expires_in=1200), 1140),
    ],
)
def test_a_token_is_replaced_a_little_before_it_expires(answer: httpx.Response, seconds: float) -> None:
    assert life(answer) == seconds


@pytest.mark.covers("F29")
def test_a_clock_that_is_off_neither_shortens_the_token_nor_goes_unnoticed(
    caplog: pytest.LogCaptureFixture,
) -> None:
    there = NOW + 600
    answer = token_answer(jwt(exp=there + 3600), expires_in=60)
    answer.headers["Date"] = formatdate(there, usegmt=True)
    assert life(answer) == 3540
    assert "clock is -600 seconds off" in caplog.text


def test_a_date_that_cannot_be_read_is_ignored() -> None:
    answer = token_answer(expires_in=3600)
    answer.headers["Date"] = "yesterday"
    assert life(answer) == 3540


def test_only_the_rejected_token_is_dropped() -> None:
    answers = Answers(token_answer("A"), token_answer("B"))
    kept = source(answers)
    kept.reject(kept.token())
    assert kept.token() == "B"
    kept.reject("A")
    assert kept.token() == "B"
    assert len(answers.requests) == 2


@pytest.mark.parametrize(
    ("scope", "granted", "missing"),
    [
        ("vendors.read", {"vendors.read"}, set()),
        ("vendors.read accounts.read", {"vendors.read", "accounts.read"}, set()),
        ("accounts.read", {"accounts.read"}, {"vendors.read"}),
        ("", None, set()),
        (None, None, set()),
    ],
)
def test_the_granted_scopes_are_compared_with_those_asked_for(
    scope: str | None, granted: set[str] | None, missing: set[str], caplog: pytest.LogCaptureFixture
) -> None:
    kept = source(Answers(token_answer(scope=scope)))
    assert kept.granted is None
    kept.token()
    assert kept.granted == granted
    assert kept.missing == missing
    assert ("vendors.read" in caplog.text) == bool(missing)


REFUSED = [
    (
        400,
        {"error": "invalid_scope", "error_description": "scope unknown"},
        CredentialsRefused,
        "scope unknown",
    ),
    (401, {"error": "invalid_client"}, CredentialsRefused, "BASWARE_CLIENT_SECRET"),
    (403, {"message": "no"}, CredentialsRefused, "no"),
    (
        422,
        {"detail": [{"loc": ["body"], "msg": "field required", "type": "x"}]},
        CredentialsRefused,
        "field required",
    ),
    (400, [], CredentialsRefused, "no readable reason"),
    (400, {}, CredentialsRefused, "no reason given"),
    (404, {}, Fatal, "check the URL"),
    (302, {}, Fatal, "check the URL"),
    (500, {}, RetryLater, "500"),
    (503, {}, RetryLater, "503"),
    (429, {}, RetryLater, "429"),
    (200, {}, Fatal, "no usable access_token"),
    (200, {"access_token": "two\r\nlines"}, Fatal, "no usable access_token"),
    (200, [], Fatal, "no usable access_token"),
]


@pytest.mark.parametrize(("status", "body", "kind", "text"), REFUSED)
def test_a_refusal_says_what_to_do_and_names_the_client_but_no_secret(
    status: int, body: object, kind: type[ConnectorError], text: str
) -> None:
    with pytest.raises(kind, match=text) as refused:
        source(Answers(httpx.Response(status, json=body))).token()
    assert SECRET not in str(refused.value)
    if kind is CredentialsRefused:
        assert "client-7" in str(refused.value)


@pytest.mark.parametrize(
    "location", ["https://other.example/", "https:other", "https://xn--/", "https://[::1"]
)
def test_a_redirect_is_not_followed_wherever_it_leads(location: str) -> None:
    answers = Answers(httpx.Response(302, headers={"Location": location}))
    with pytest.raises(Fatal, match="answered 302"):
        source(answers).token()
    assert len(answers.requests) == 1


@pytest.mark.parametrize("body", [b"<html>", b"\xff", b""])
@pytest.mark.parametrize(("status", "kind"), [(200, Fatal), (400, CredentialsRefused)])
def test_an_answer_that_is_no_json_is_refused(body: bytes, status: int, kind: type[ConnectorError]) -> None:
    with pytest.raises(kind):
        source(Answers(httpx.Response(status, content=body))).token()


@pytest.mark.parametrize("body", [b'{"access_token": "abc', b"\xff"])
def test_an_answer_cut_off_on_its_way_is_asked_for_once_more(body: bytes) -> None:
    answers = Answers(
        httpx.Response(200, content=body),
        httpx.Response(200, json={"access_token": "abc", "expires_in": 3600}),
    )
    assert source(answers).token() == "abc"
    assert len(answers.requests) == 2


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7.0),
        (formatdate(NOW + 90, usegmt=True), 90.0),
        (formatdate(NOW - 90, usegmt=True), 0.0),
        ("soon", None),
        ("", None),
    ],
)
def test_the_other_sides_wish_for_a_pause_is_passed_on(header: str, seconds: float | None) -> None:
    with pytest.raises(RetryLater) as later:
        source(Answers(httpx.Response(429, headers={"Retry-After": header}))).token()
    assert later.value.retry_after == seconds


@pytest.mark.parametrize(
    "error",
    [httpx.ConnectError("refused"), httpx.ReadTimeout("slow"), httpx.LocalProtocolError(f"Basic {SECRET}")],
)
def test_a_broken_connection_is_tried_later_and_shows_no_secret(error: Exception) -> None:
    with pytest.raises(RetryLater) as later:
        source(Answers(error)).token()
    assert SECRET not in str(later.value)
    assert later.value.__cause__ is None


def test_after_a_failure_the_next_call_tries_again() -> None:
    kept = source(Answers(httpx.Response(503), token_answer("T")))
    with pytest.raises(RetryLater):
        kept.token()
    assert kept.token() == "T"


def test_a_token_url_of_another_region_is_refused_before_any_call() -> None:
    answers = Answers(token_answer())
    with pytest.raises(HostRefused):
        tokens(answers, token_url="https://test-api.us.basware.com/v1/tokens")
    assert answers.requests == []


def test_no_token_and_no_secret_reaches_the_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    token = jwt(exp=NOW + 3600)
    kept = source(Answers(token_answer(token, scope="other")))
    kept.token()
    assert token not in caplog.text
    assert SECRET not in caplog.text
    assert SECRET not in repr(vars(kept))


class Keeper:
    """One kept token for several sources, as for several processes."""

    def __init__(self) -> None:
        self.kept: dict[str, str] = {}

    def obtain(self, client: str, is_good: Callable[[str], bool], fetch: Callable[[], str]) -> str:
        if client not in self.kept or not is_good(self.kept[client]):
            self.kept[client] = fetch()
        return self.kept[client]

    def reject(self, client: str, token: str) -> None:
        if self.kept.get(client) == token:
            del self.kept[client]


class TestSharedToken:
    """What one process fetched, the others use, until it runs out or is refused."""

    def shared(self, answers: Answers, keeper: Keeper, clock: Clock, **options: object) -> TokenSource:
        chosen = {"scopes": ("vendors.read",), **options}
        return tokens(answers, keeper=keeper, clock=clock, wall_clock=lambda: NOW + clock.now, **chosen)

    def test_a_second_process_asks_for_none_and_knows_what_was_granted(self) -> None:
        answers, keeper, clock = Answers(token_answer("T", scope="vendors.read")), Keeper(), Clock()
        assert self.shared(answers, keeper, clock).token() == "T"
        second = self.shared(answers, keeper, clock)
        assert second.token() == "T"
        assert (second.granted, second.missing) == ({"vendors.read"}, frozenset())
        assert len(answers.requests) == 1

    def test_it_is_replaced_when_it_has_run_out_however_young_the_process(self) -> None:
        answers, keeper, clock = (
            Answers(token_answer("A", expires_in=3600), token_answer("B")),
            Keeper(),
            Clock(),
        )
        self.shared(answers, keeper, clock).token()
        clock.now = 3000
        second = self.shared(answers, keeper, clock)
        assert second.token() == "A"
        clock.now = 3541
        assert second.token() == "B"
        assert len(answers.requests) == 2

    def test_a_refused_one_is_refreshed_once_for_all(self) -> None:
        answers, keeper, clock = Answers(token_answer("A"), token_answer("B")), Keeper(), Clock()
        sources = [self.shared(answers, keeper, clock) for _ in range(3)]
        assert [source.token() for source in sources] == ["A", "A", "A"]
        for source in sources:
            source.reject("A")
            assert source.token() == "B"
        assert len(answers.requests) == 2

    def test_a_refused_one_is_not_taken_again_from_a_keeper_that_could_not_drop_it(self) -> None:
        class Forgetful(Keeper):
            def reject(self, client: str, token: str) -> None:
                pass

        answers, keeper, clock = Answers(token_answer("A"), token_answer("B")), Forgetful(), Clock()
        source = self.shared(answers, keeper, clock)
        source.reject(source.token())
        assert source.token() == "B"

    @pytest.mark.parametrize(
        "other",
        [
            {"token_url": "https://api.basware.com/v2/tokens"},
            {"scopes": ("vendors.read", "accounts.read")},
        ],
        ids=["another URL", "other scopes"],
    )
    def test_other_settings_mean_another_token(self, other: dict[str, object]) -> None:
        answers, keeper, clock = Answers(token_answer("A"), token_answer("B")), Keeper(), Clock()
        assert self.shared(answers, keeper, clock).token() == "A"
        assert self.shared(answers, keeper, clock, **other).token() == "B"
        assert len(keeper.kept) == 2

    @pytest.mark.covers("F29")
    def test_it_outlives_the_secret_it_was_fetched_with(self) -> None:
        """The secret is rotated at Basware: the token goes on until it is refused, then one refresh."""
        answers, keeper, clock = Answers(token_answer("A"), token_answer("B")), Keeper(), Clock()
        self.shared(answers, keeper, clock).token()
        rotated = TokenSource(
            "https://api.basware.com/v1/tokens",
            "client-7",
            SecretStr("another secret"),
            ("vendors.read",),
            hosts=EU,
            keeper=keeper,
            transport=httpx.MockTransport(answers),
            clock=clock,
            wall_clock=lambda: NOW,
        )
        assert rotated.token() == "A"
        rotated.reject("A")
        assert rotated.token() == "B"
        assert len(answers.requests) == 2

    @pytest.mark.parametrize("kept", ["", "[]", '{"token": 7}', "T"])
    def test_what_cannot_be_read_is_replaced(self, kept: str) -> None:
        answers, keeper, clock = Answers(token_answer("A")), Keeper(), Clock()
        source = self.shared(answers, keeper, clock)
        source.token()
        keeper.kept = dict.fromkeys(keeper.kept, kept)
        assert self.shared(answers, keeper, clock).token() == "A"
        assert len(answers.requests) == 2

    def test_no_token_is_in_the_texts_of_a_source(self) -> None:
        source = self.shared(Answers(token_answer("hush-hush")), Keeper(), Clock())
        source.reject(source.token())
        source.token()
        assert "hush-hush" not in repr({**vars(source), "_keeper": None})


@pytest.mark.parametrize(
    "expiry", ["9" * 400, "1e400", "NaN", '"soon"', "true", "[" * 70 + "]" * 70, '1, "exp": 2']
)
def test_claims_that_say_nothing_certain_of_the_end_of_a_token_are_passed_over(expiry: str) -> None:
    claims = base64.urlsafe_b64encode(f'{{"exp": {expiry}}}'.encode()).decode().rstrip("=")
    assert life(token_answer(f"a.{claims}.c", expires_in=1_000)) == 940


def test_an_answer_that_never_ends_is_not_read_to_its_end() -> None:
    class Endless(httpx.SyncByteStream):
        def __iter__(self) -> Iterator[bytes]:
            while True:
                yield b" " * 100_000

    with pytest.raises(Fatal, match="larger than 1000000 bytes"):
        source(lambda _: httpx.Response(200, stream=Endless())).token()


def test_a_token_that_fits_no_header_is_none() -> None:
    with pytest.raises(Fatal, match="no usable access_token"):
        source(Answers(token_answer("x" * 16_001))).token()


def test_a_wish_beyond_every_clock_is_a_week() -> None:
    with pytest.raises(RetryLater) as later:
        source(Answers(httpx.Response(429, headers={"Retry-After": "9" * 400}))).token()
    assert later.value.retry_after == 7 * 86_400
