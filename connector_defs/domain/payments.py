"""What SYSPRO's rows say about how far an invoice is paid. Pure; nothing is read or told here.

Source: SYSPRO wire notes 4.2 on ApInvoicePay. Seen there: payments are negative values, and what is open is
OrigInvValue plus the sum of PostValue. Not public: the list of TrnType letters, where a discount stands, and what a
reversal looks like. Therefore

- a row is money where its letter says so (`PaymentRules.paying`), or where its letter is unknown and it carries a
  payment number, which only payment runs and cheques give;
- a row of another known letter settles without money; it is a cash discount where its letter says so, or where it
  is an adjustment or a debit that carries the number of a payment of the same invoice;
- a money row that raises what is open again takes a payment back, whatever its letter;
- anything else is not guessed: the invoice waits for a person.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date
from decimal import Decimal

from connector_defs.domain.errors import RecordRefused
from connector_defs.domain.money import AmountError, exact, total

UNKNOWN_TYPE = "PAYMENT_TYPE_UNKNOWN"
OTHER_CURRENCY = "PAYMENT_CURRENCY"
WRONG_SIGN = "PAYMENT_SIGN"
NO_DATE = "PAYMENT_DATE_MISSING"
BAD_AMOUNT = "PAYMENT_AMOUNT"
_WITH_A_PAYMENT = frozenset({"A", "D"})
_HALF_UNIT = Decimal("0.01")


@dataclass(frozen=True)
class PaymentRules:
    """What the TrnType letters of a site mean, and its cheque types as Basware's payment methods."""

    paying: frozenset[str] = frozenset({"P"})
    settling: frozenset[str] = frozenset({"A", "C", "D", "R", "T"})
    discounts: frozenset[str] = frozenset()
    methods: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class PayableMove:
    """One row of ApInvoicePay. `posted` and `value` are PostValue and TrnValue, negative where they pay.

    `currency` is the ISO code of PostCurrency, None where that is blank or unknown.
    """

    entry: int
    kind: str
    value: Decimal
    posted: Decimal
    currency: str | None
    rate: Decimal
    day: date | None
    year: int
    month: int
    journal: int
    number: str = ""
    reference: str = ""
    cheque: str = ""

    @property
    def document(self) -> str:
        """The payment journal this row stands in, as one text."""
        return f"{self.year:04d}{self.month:02d}-{self.journal:05d}"


@dataclass(frozen=True)
class PayableInvoice:
    """The invoice in its own currency, and what SYSPRO holds of it; None where ApInvoice has it no more."""

    currency: str
    gross: Decimal
    original: Decimal | None = None
    currency_value: Decimal | None = None
    open_value: Decimal | None = None
    manual_cheque: str = ""
    cheque_type: str = ""


@dataclass(frozen=True)
class PaymentState:
    """How far an invoice is paid. Amounts in invoice currency, cumulative, signed as the invoice is.

    `method` is Basware's code, "" where SYSPRO does not decide it. The other texts are "" where there is none.
    """

    paid_total: Decimal
    cash_discount: Decimal
    payment_date: date | None = None
    number: str = ""
    method: str = ""
    check_number: str = ""
    document: str = ""
    reversal_document: str = ""
    message: str = ""

    @property
    def nothing_paid(self) -> bool:
        """True where there is nothing to tell unless something was told before."""
        return not self.paid_total and not self.cash_discount

    @property
    def digest(self) -> str:
        """SHA-256 over everything that is told: two states with one digest are the same to Basware."""
        return hashlib.sha256(self.as_text().encode()).hexdigest()

    def as_text(self) -> str:
        """Canonical JSON, amounts as text."""
        return json.dumps(asdict(self), default=str, ensure_ascii=False, sort_keys=True)

    @classmethod
    def of_text(cls, text: str) -> "PaymentState":
        """The state that `as_text` wrote."""
        values = json.loads(text)
        paid_on = values["payment_date"]
        return cls(
            **{
                **values,
                "paid_total": Decimal(values["paid_total"]),
                "cash_discount": Decimal(values["cash_discount"]),
                "payment_date": None if paid_on is None else date.fromisoformat(paid_on),
            }
        )


def payment_state(
    moves: Sequence[PayableMove], invoice: PayableInvoice, rules: PaymentRules = PaymentRules()
) -> PaymentState:
    """How far `invoice` is paid. Raises RecordRefused where its rows can be read in more than one way."""
    moving = sorted((move for move in moves if move.posted or move.value), key=lambda move: move.entry)
    money = [move for move in moving if _is_money(move, rules)]
    numbers = {move.number for move in money if move.number}
    discounts = [
        move
        for move in moving
        if move.kind in rules.discounts or (move.kind in _WITH_A_PAYMENT and move.number in numbers)
    ]
    discounts = [move for move in discounts if move not in money]
    amounts = {move.entry: _amount(move, moves, invoice) for move in (*money, *discounts)}
    paid = _exact(-total([amounts[move.entry] for move in money]), invoice)
    discount = _exact(-total([amounts[move.entry] for move in discounts]), invoice)
    if paid * invoice.gross < 0:
        raise RecordRefused(
            f"the payments of this invoice of {invoice.gross} {invoice.currency} add up to {paid}, which is on the "
            "wrong side",
            code=WRONG_SIGN,
        )
    if not money:
        return PaymentState(paid, discount)
    last = money[-1]
    if last.day is None:
        raise RecordRefused(f"payment entry {last.entry} has no JournalDate", code=NO_DATE)
    payments = [move for move in money if not _takes_back(amounts[move.entry], invoice)]
    payment = payments[-1] if payments else last
    return PaymentState(
        paid_total=paid,
        cash_discount=discount,
        payment_date=last.day,
        number=payment.number,
        method=rules.methods.get(invoice.cheque_type, ""),
        check_number=(payment.cheque or invoice.manual_cheque)[:25],
        document=payment.document,
        reversal_document=last.document if last is not payment else "",
        message=last.reference,
    )


def rows_are_gone(moves: Sequence[PayableMove], invoice: PayableInvoice, seen: int) -> bool:
    """True where fewer rows are there than were `seen` and the invoice's open amount does not explain it.

    Paid invoices are purged after some months: their rows end, and the invoice is no less paid for that.
    """
    return len(moves) < seen and not _adds_up(moves, invoice)


def _is_money(move: PayableMove, rules: PaymentRules) -> bool:
    if move.kind in rules.paying:
        return True
    if move.kind in rules.settling or move.kind in rules.discounts:
        return False
    if move.number:
        return True
    raise RecordRefused(
        f"entry {move.entry} of {move.posted} has the transaction type {move.kind!r}, which is unknown, and no "
        "payment number",
        code=UNKNOWN_TYPE,
    )


def _takes_back(amount: Decimal, invoice: PayableInvoice) -> bool:
    return amount * invoice.gross > 0


def _amount(move: PayableMove, moves: Sequence[PayableMove], invoice: PayableInvoice) -> Decimal:
    """The move in invoice currency, where that is certain.

    PostValue is on the basis of OrigInvValue (what is open is their sum). So it is in invoice currency where its
    own currency says so, or where OrigInvValue is the gross and the sum agrees or no other currency is named;
    where OrigInvValue is in another currency, TrnValue is in the invoice's if the rate leads from one to the other.
    """
    if move.currency == invoice.currency:
        return move.posted
    in_invoice_currency = invoice.original == invoice.gross
    if in_invoice_currency and (move.currency is None or _adds_up(moves, invoice)):
        return move.posted
    if not in_invoice_currency and invoice.currency_value == invoice.gross and _converts(move):
        return move.value
    raise RecordRefused(
        f"entry {move.entry} of {move.posted} is in {move.currency or 'an unknown currency'}, the invoice in "
        f"{invoice.currency}, and nothing shows what it is worth there",
        code=OTHER_CURRENCY,
    )


def _adds_up(moves: Sequence[PayableMove], invoice: PayableInvoice) -> bool:
    if invoice.original is None or invoice.open_value is None:
        return False
    return invoice.original + total([move.posted for move in moves]) == invoice.open_value


def _converts(move: PayableMove) -> bool:
    if move.rate <= 0 or move.rate == 1:
        return False
    return any(
        abs(one - move.posted) <= _HALF_UNIT for one in (move.value * move.rate, move.value / move.rate)
    )


def _exact(value: Decimal, invoice: PayableInvoice) -> Decimal:
    try:
        return exact(value, invoice.currency)
    except AmountError as error:
        raise RecordRefused(
            f"the payments of this invoice cannot be told: {error}", code=BAD_AMOUNT
        ) from None
