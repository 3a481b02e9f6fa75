"""Orders of 350 lines whose publisher is killed with SIGKILL between the slices (invariant I10).

Belongs here: the orders, where their worker dies, and the judgement over P2P, SYSPRO and our own reports. An order is
whole where P2P shows exactly its lines of SYSPRO, at their prices.
"""

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

from connector_defs.flows import overview
from connector_defs.flows.entities import ENTITIES, PURCHASE_ORDERS, STAGED
from connector_defs.points import POINTS
from connector_defs.sandbox.faults import FaultPlan
from connector_defs.sandbox.server import Sandbox
from connector_defs.sandbox.world.tables import Value
from connector_defs.store import audit, records
from connector_tests.flows.pair import TODAY, Pair, open_pair
from connector_tests.proof.judge import Breach, Verdict
from connector_tests.proof.site import dice
from connector_tests.proof.tally import Tally
from connector_tests.proof.workers import Order, Worker, WorkerFailed, in_the_clear

ORDER_TABLES = tuple(table.name for table in STAGED if table.group == PURCHASE_ORDERS)
ORDER_ENTITIES = tuple(entity.name for entity in ENTITIES if entity.group == PURCHASE_ORDERS)
LINES = 350
ROUNDS = 10
POINTS_OF_ORDERS = tuple(point for point in POINTS if point.startswith("publish."))
# A header in one request, 350 lines in four, and whatever the other orders add: a point is met at least so often.
_ARRIVALS = {"publish.marked": 3, "publish.received": 5, "publish.stored": 5, "publish.read": 2}
# Of one order, price by line number.
Lines = Mapping[str, Decimal]
_MODEL = "000000000010001"
_COMMENT = "6"


def enter_order(sandbox: Sandbox, number: str, lines: int) -> None:
    """A new open order in SYSPRO, like an old one but longer."""
    with sandbox.syspro.lock:
        tables = sandbox.world.tables
        header, line = tables["PorMasterHdr"].get(_MODEL), tables["PorMasterDetail"].get(_MODEL, 1)
        assert header is not None
        assert line is not None
        tables["PorMasterHdr"].insert({**header, "PurchaseOrder": number, "OrderStatus": "4"})
        for place in range(1, lines + 1):
            entered = {**line, "PurchaseOrder": number, "Line": place, "MCompleteFlag": "N"}
            tables["PorMasterDetail"].insert(entered)


def let_through(faults: FaultPlan, requests: int) -> None:
    """So many requests with records get to Basware; all later ones are told to come again in a minute."""
    site = "basware.entities.write"
    faults.arm("latency", times=requests, site=site, seconds=0)
    faults.arm("rate_limited", times=1000, site=site, seconds=60)


@contextmanager
def open_desk(**sections: dict[str, object]) -> Iterator["OrderDesk"]:
    """A site of its own whose suppliers and orders are published, gone at the end."""
    with (
        tempfile.TemporaryDirectory(prefix="connector-proof-") as folder,
        open_pair(Path(folder), **sections) as pair,
    ):
        pair.stage("suppliers", "supplier_addresses", *ORDER_TABLES)
        pair.publish("vendors", *ORDER_ENTITIES)
        yield OrderDesk(pair)


class OrderDesk:
    """Enters orders in SYSPRO, has them published by workers, and judges."""

    def __init__(self, pair: Pair) -> None:
        self.pair = pair
        self._settings = in_the_clear(pair.connector.settings)
        self._entered = 0
        self._before: dict[str, Lines] = {}

    def enter(self, lines: int = LINES) -> str:
        """A new order; returns its number."""
        self._entered += 1
        number = f"{20_000 + self._entered:015d}"
        enter_order(self.pair.sandbox, number, lines)
        return number

    def reprice(self, order: str, price: Decimal) -> None:
        """Change every line of an order. Until its lines are sent, the order stands in P2P as it was."""
        self._before[order] = self._wanted()[order]
        with self.pair.sandbox.syspro.lock:
            lines = self.pair.sandbox.world.tables["PorMasterDetail"]
            for row in [row for row in lines if row["PurchaseOrder"] == order]:
                lines.update((order, row["Line"]), {"MPrice": price, "MForeignPrice": price})

    def worker(self, die_at: str = "", arrivals: int = 1) -> Worker:
        """A process that stages and publishes the orders."""
        arguments = {"day": TODAY.isoformat()}
        return Worker(
            Order(self._settings, job="orders", arguments=arguments, die_at=die_at, arrivals=arrivals)
        )

    def publish(self, die_at: str = "", arrivals: int = 1) -> bool:
        """One worker from start to end; True where it was killed."""
        return self.worker(die_at, arrivals).end()

    def visible(self, order: str) -> int:
        """How many lines of an order matching can see in P2P."""
        code = self.pair.connector.site(self.pair.company).external_code("matchingOrders", order)
        return self.pair.sandbox.basware.visible_orders().get(code, 0)

    def marked(self) -> set[str]:
        """Orders that we call incomplete."""
        with self.pair.connector.store.read() as connection:
            return set(records.incomplete_orders(connection, self.pair.company.syspro_company))

    def called_published(self) -> int:
        """How many orders `connector status` calls published."""
        return overview.status(self.pair.connector).records["matchingOrders"]["published"]

    def verdict(self, *, at_rest: bool) -> Verdict:
        """What holds at any moment, and what holds once a run came to its end."""
        verdict = Verdict()
        wanted, seen, marked = self._wanted(), self._seen(), self.marked()
        whole = {order for order, lines in seen.items() if lines == wanted.get(order)}
        before = {order for order, lines in seen.items() if lines == self._before.get(order)}
        for order, lines in seen.items():
            if order not in whole | before | marked:
                told = f"order {order} shows {len(lines)} lines, not those of SYSPRO, and we call it whole"
                verdict.breaches.append(Breach("I10", "wrong", told))
        if self.called_published() > len(whole | before):
            told = f"status calls {self.called_published()} orders published, {len(whole)} are whole in P2P"
            verdict.breaches.append(Breach("I10", "wrong", told))
        if at_rest:
            verdict.breaches += self._left_over(set(wanted) - whole, marked)
        return verdict

    def _left_over(self, missing: set[str], marked: set[str]) -> Iterator[Breach]:
        for order in sorted(missing):
            yield Breach("I10", "lost", f"order {order} is not whole in P2P though a run came to its end")
        for order in sorted(marked):
            yield Breach("I10", "wrong", f"order {order} is still called incomplete")
        for link in audit.verify(self.pair.connector.store).broken:
            yield Breach("I7", "audit", f"{link.chain} at event {link.sequence}: {link.reason}")

    def _wanted(self) -> dict[str, Lines]:
        """The open orders of SYSPRO."""
        with self.pair.sandbox.syspro.lock:
            tables = self.pair.sandbox.world.tables
            headers, lines = list(tables["PorMasterHdr"]), list(tables["PorMasterDetail"])
        found: dict[str, dict[str, Decimal]] = {
            str(row["PurchaseOrder"]): {} for row in headers if row["OrderStatus"] not in ("9", "*")
        }
        for row in lines:
            order = str(row["PurchaseOrder"])
            if order in found and row["LineType"] != _COMMENT:
                found[order][str(row["Line"])] = _price(row)
        return {order: lines for order, lines in found.items() if lines}

    def _seen(self) -> dict[str, Lines]:
        """The orders of P2P that matching can see."""
        basware = self.pair.sandbox.basware
        with basware.lock:
            headers = {
                code: held["orderNumber"] for code, held in basware.in_target["matchingOrders"].items()
            }
            lines = list(basware.in_target["matchingOrderLines"].values())
        found: dict[str, dict[str, Decimal]] = {}
        for line in lines:
            order = headers[line["orderExternalCode"]]
            found.setdefault(order, {})[line["lineNumber"]] = Decimal(line["netPrice"])
        return dict(found)


def _price(row: Mapping[str, Value]) -> Decimal:
    price, discount = row["NMscChargeFor"] or row["MForeignPrice"], row["MDiscPct1"]
    assert isinstance(price, Decimal)
    assert isinstance(discount, Decimal)
    return (price * (100 - discount) / 100).quantize(Decimal("0.00001"))


def crash(seed: int, rounds: int) -> Tally:
    """In every round a new long order, killed at each point in turn, sometimes twice in a row."""
    tally = Tally("long orders")
    for number in range(rounds):
        throw = dice(seed, "long orders", number)
        with open_desk(basware={"max_parallel": throw.choice((1, 2, 4))}) as desk:
            for point in POINTS_OF_ORDERS:
                scenario = f"long orders at {point}, seed {seed}, round {number}"
                tally.scenarios += 1
                order = desk.enter(LINES + throw.randrange(50))
                _play(desk, tally, point, throw.randint(1, _ARRIVALS[point]), scenario)
                if throw.random() < 0.5:
                    desk.reprice(order, Decimal(throw.randrange(1, 99)))
                    _play(
                        desk, tally, throw.choice(POINTS_OF_ORDERS), throw.randint(1, 4), scenario, sure=False
                    )
    return tally


def _play(
    desk: OrderDesk, tally: Tally, point: str, arrivals: int, scenario: str, *, sure: bool = True
) -> None:
    """Die at a point, be judged there, and let the next run come to its end."""
    try:
        tally.runs += 1
        if desk.publish(point, arrivals):
            tally.kills[point] += 1
            tally.judge(desk.verdict(at_rest=False), f"{scenario}, just killed")
        elif sure:
            tally.fail(scenario, f"no worker came to {point} {arrivals} times")
        for _ in range(2):
            tally.runs += 1
            desk.publish()
    except WorkerFailed as trouble:
        tally.fail(scenario, str(trouble))
    tally.judge(desk.verdict(at_rest=True), scenario)
