"""A state store belongs to one tenant and its pairs: other settings are refused before anything is called."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection

from connector_defs.domain.errors import RetryLater
from connector_defs.flows import binding
from connector_defs.flows.binding import Binding, StoreRefused
from connector_defs.flows.runtime import open_connector, open_unbound
from connector_defs.settings import Settings
from connector_defs.store import audit, bindings, holds
from connector_defs.store.engine import Store
from connector_defs.store.schema import open_store
from connector_tests.flows.pair import Pair, invoice
from connector_tests.store.builders import NOON, take_in

CHANGES = [
    pytest.param({"client_id": "another"}, {}, "Basware client was sandbox-client", id="client"),
    pytest.param(
        {}, {"basware_company": "2000"}, "M1 belonged to Basware company 1000, now to 2000", id="code"
    ),
    pytest.param({}, {"syspro_company": "M2"}, "1000 belonged to SYSPRO company M1, .* M2", id="company"),
    pytest.param(
        {"region": "EU", "api_url": None, "token_url": None},
        {},
        "region was SANDBOX, the settings say EU",
        id="region",
    ),
]


def changed(settings: Settings, basware: Mapping[str, Any], company: Mapping[str, Any]) -> Settings:
    """The settings with other values in [basware] and in the first pair."""
    (pair,) = settings.companies
    return settings.model_copy(
        update={
            "basware": settings.basware.model_copy(update=dict(basware)),
            "companies": (pair.model_copy(update=dict(company)),),
        }
    )


def with_second(settings: Settings, syspro: str, basware: str) -> Settings:
    """The settings with one more pair."""
    (pair,) = settings.companies
    second = pair.model_copy(update={"syspro_company": syspro, "basware_company": basware})
    return settings.model_copy(update={"companies": (pair, second)})


def at_work(pair: Pair) -> Pair:
    """The pair after its first invoice."""
    pair.approve(invoice("A-1"))
    assert pair.run().posted == 1
    return pair


def trail(pair: Pair) -> list[str]:
    return [event.action for event in audit.show(pair.connector.store, "binding")]


@pytest.mark.covers("F30")
@pytest.mark.parametrize(("basware", "company", "told"), CHANGES)
def test_a_store_with_work_in_it_is_refused_to_other_settings(
    pair: Pair, basware: Mapping[str, Any], company: Mapping[str, Any], told: str
) -> None:
    """F30."""
    at_work(pair)
    before = pair.sandbox.basware.requests.total()
    other = changed(pair.connector.settings, basware, company)
    with pytest.raises(StoreRefused, match=rf"(?s){told}.*connector db rebind"), open_connector(other):
        pass
    assert pair.sandbox.basware.requests.total() == before
    assert trail(pair) == ["bound", "store refused"]
    with open_connector(pair.connector.settings):
        pass


@pytest.mark.parametrize(("basware", "company", "told"), CHANGES)
def test_a_store_without_work_takes_other_settings(
    pair: Pair, basware: Mapping[str, Any], company: Mapping[str, Any], told: str
) -> None:
    other = changed(pair.connector.settings, basware, company)
    with open_connector(other):
        pass
    with open_connector(other):
        pass
    assert trail(pair) == ["bound", "bound"]


def test_a_sandbox_has_another_port_at_each_start(pair: Pair) -> None:
    at_work(pair)
    other = changed(
        pair.connector.settings, {"api_url": "http://localhost:1", "token_url": "http://127.0.0.1:2/x"}, {}
    )
    with open_connector(other):
        pass
    assert trail(pair) == ["bound"]


def test_a_further_pair_joins_and_one_that_is_left_out_is_remembered(pair: Pair) -> None:
    at_work(pair)
    settings = pair.connector.settings
    with open_connector(with_second(settings, "M2", "2000")):
        pass
    alone = changed(settings, {}, {"syspro_company": "M3", "basware_company": "3000"})
    with open_connector(alone):
        pass
    with pair.connector.store.read() as connection:
        known = bindings.latest(connection)
    # M2 never had any work here, so its pair may become another.
    assert known is not None
    assert known["pairs"] == {"M1": "1000", "M3": "3000"}
    with pytest.raises(StoreRefused, match="M1"), open_connector(with_second(alone, "M4", "1000")):
        pass


def test_the_pair_of_a_company_without_work_may_change(pair: Pair) -> None:
    at_work(pair)
    settings = pair.connector.settings
    for code in ("2000", "2001"):
        with open_connector(with_second(settings, "M2", code)):
            pass
    assert trail(pair) == ["bound", "bound", "bound"]


def test_rebinding_lets_the_same_tenant_go_on_once_its_books_were_compared(pair: Pair) -> None:
    at_work(pair)
    # A sandbox that takes both clients stands for a tenant that gave its client a new id.
    other = changed(pair.connector.settings, {"client_id": "another"}, {})
    with open_unbound(other) as connector:
        wanted = Binding.of(other, connector.basware_urls[0])
        told = binding.rebind(connector.store, wanted, "new client", connector.clock.now(), actor="ap")
        assert told == ["the Basware client was sandbox-client, the settings say another"]
        assert binding.rebind(connector.store, wanted, "again", connector.clock.now(), actor="ap") == []
    with open_connector(other) as connector:
        with connector.store.read() as connection:
            held = holds.get(connection, "M1")
        assert held is not None
        assert "new client" in held.reason
        assert audit.verify(connector.store).ok
    with pytest.raises(StoreRefused), open_connector(pair.connector.settings):
        pass
    assert trail(pair) == ["bound", "bound anew", "store refused"]


def test_rebinding_a_moved_code_lets_the_new_company_have_it(pair: Pair) -> None:
    at_work(pair)
    settings = pair.connector.settings
    moved = with_second(changed(settings, {}, {"basware_company": "9000"}), "M2", "1000")
    with pytest.raises(StoreRefused), open_connector(moved):
        pass
    with open_unbound(moved) as connector:
        wanted = Binding.of(moved, connector.basware_urls[0])
        assert len(binding.rebind(connector.store, wanted, "merger", connector.clock.now(), actor="ap")) == 2
    with open_connector(moved) as connector, connector.store.read() as connection:
        assert [holds.get(connection, company) is not None for company in ("M1", "M2")] == [True, True]


def test_a_store_with_work_from_before_is_bound_by_its_next_start(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_work(pair)
    with monkeypatch.context() as patch:
        patch.setattr(bindings, "latest", lambda _: None)
        binding.bind(pair.connector.store, _wanted(pair), pair.connector.clock.now())
    assert trail(pair) == ["bound", "bound"]


def test_a_store_that_was_never_bound_cannot_be_bound_anew(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bindings, "latest", lambda _: None)
    now = pair.connector.clock.now()
    assert binding.rebind(pair.connector.store, _wanted(pair), "why", now, actor="ap") == []


def _wanted(pair: Pair) -> Binding:
    return Binding.of(pair.connector.settings, pair.connector.basware_urls[0])


def test_who_is_overtaken_at_the_first_start_is_bound_all_the_same(tmp_path: Path) -> None:
    """PostgreSQL refuses the second event of one place, which is how several starts at once end for all but one."""
    store = open_store(f"sqlite:///{tmp_path}/state.db")
    ours = Binding("SANDBOX", "loopback", "client", {"M1": "1000"})

    class Overtaken(Store):
        """Another process binds the store just before this one's first write."""

        overtaken = False

        @contextmanager
        def write(self) -> Iterator[Connection]:
            if not self.overtaken:
                self.overtaken = True
                binding.bind(store, ours, NOON)
                raise RetryLater("another worker wrote the same record first")
            with super().write() as connection:
                yield connection

    binding.bind(Overtaken(store.engine), ours, NOON)
    assert [event.action for event in audit.show(store, "binding")] == ["bound"]
    take_in(store)
    with pytest.raises(StoreRefused):
        binding.bind(store, replace(ours, client_id="another"), NOON)
    store.close()
