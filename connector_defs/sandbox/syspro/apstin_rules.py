"""When SYSPRO takes an AP invoice: the rejection table and the balance rule of APSTIN.

Source: SYSPRO wire notes 2.1; the numbers above 110000 and all texts are the sandbox's own, as the real
ones are not public. A warning (supplier or ledger code on hold) rejects unless IgnoreWarnings is Y or W.
"""

from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal

from connector_defs.sandbox.syspro.apstin_tax import Line, TaxCodes
from connector_defs.sandbox.syspro.grammar import Reader
from connector_defs.sandbox.syspro.ledger import ApEntry, Distribution, Purpose, ReceiptMatch
from connector_defs.sandbox.syspro.receipts import Matched, ReceiptRules
from connector_defs.sandbox.syspro.xml_replies import FieldError
from connector_defs.sandbox.world.ledger_codes import LOCAL_CURRENCY
from connector_defs.sandbox.world.tables import TableStore, Value

CENT = Decimal("0.01")
ZERO = Decimal(0)
# Charges beside the distribution, and the supplier's column with the account of each.
_CHARGES = (("FreightCharge", "FreightGlCode"), ("MiscellaneousCharge", "MerchGlCode"))
# Transaction codes that lower what is owed to the supplier.
_SIGN = {"I": 1, "A": 1, "C": -1, "D": -1}


class Parameters:
    """The Parameters element, with the defaults of the wire notes."""

    def __init__(self, texts: dict[str, str]) -> None:
        self.texts = texts
        self.posting_period = texts.get("PostingPeriod") or "C"
        self.ignore_warnings = texts.get("IgnoreWarnings") or "N"
        self.entire_document = (texts.get("ApplyIfEntireDocumentValid") or "Y") != "N"
        self.validate_only = texts.get("ValidateOnly") == "Y"
        self.foreign_distribution = texts.get("LedgerDistributionCurrency") == "F"
        self.automatic_tax = texts.get("AutomaticTaxCalculation") == "Y"
        self.tax_variance = Reader(texts, []).amount("PermissibleTaxVariance") or ZERO


@dataclass(frozen=True, slots=True)
class Item:
    """One Item as sent: its texts, its GrnDetails and its LedgerDistribution."""

    texts: dict[str, str]
    receipts: list[dict[str, str]]
    lines: list[dict[str, str]]


@dataclass(slots=True)
class Checked:
    """The verdict on one Item; `entry` is what would be posted."""

    entry: ApEntry | None = None
    errors: list[FieldError] = field(default_factory=list)
    warnings: list[FieldError] = field(default_factory=list)
    ignore_warnings: str = "N"

    @property
    def refusals(self) -> list[FieldError]:
        """Errors, and the warnings where these reject."""
        return self.errors + (self.warnings if self.ignore_warnings == "N" else [])

    @property
    def refused(self) -> bool:
        return bool(self.refusals)


@dataclass(frozen=True, slots=True)
class _Rate:
    value: Decimal
    way: str

    def local(self, amount: Decimal) -> Decimal:
        product = amount * self.value if self.way == "M" else amount / self.value
        return product.quantize(CENT, ROUND_HALF_UP)


@dataclass(frozen=True, slots=True)
class InvoiceRules:
    """The checks over one company's tables."""

    tables: dict[str, TableStore]
    company: str
    today: date
    duplicate_check: bool = True

    def check(self, items: list[Item], parameters: Parameters) -> list[Checked]:
        """The verdict on every item; a number or a receipt used twice in one document is a duplicate."""
        used: set[tuple[str, str]] = set()
        receipts = ReceiptRules(self.tables["GrnDetails"])
        return [_ItemCheck(self, parameters, item, receipts, used).verdict() for item in items]

    @property
    def taxes(self) -> TaxCodes:
        """The company's tax codes."""
        return TaxCodes(self.tables["AdmTax"])


class _ItemCheck:
    """Checks one Item from top to bottom and builds its entry."""

    def __init__(
        self,
        rules: InvoiceRules,
        parameters: Parameters,
        item: Item,
        receipts: ReceiptRules,
        used: set[tuple[str, str]],
    ) -> None:
        self.rules = rules
        self.parameters = parameters
        self.item = item
        self.receipts = receipts
        self.used = used
        self.result = Checked(ignore_warnings=parameters.ignore_warnings)
        self.read = Reader(item.texts, self.result.errors)
        self.tax_gap = ZERO
        self.contained = False

    def verdict(self) -> Checked:
        supplier = self._supplier()
        code = self.read.one_of("TransactionCode", "IACD", "I")
        invoice = self._invoice(supplier, code)
        value = self.read.amount("TransactionValue")
        if value is None and not self.read.text("TransactionValue"):
            self.read.required("TransactionValue")
        invoice_date = self.read.day("InvoiceDate") or self.rules.today
        due_date = self.read.day("DueDate") or Reader(self.parameters.texts, self.result.errors).day(
            "DefaultDueDate"
        )
        discount_date = self.read.day("DiscountDate")
        self.read.one_of("TaxBasis", "EI", "E")
        if len(self.read.text("Notation")) > 100:
            self.read.refuse("Notation", 100032, "Notation is longer than 100 characters")
        tax_code = self._tax_code()
        rate = self._rate(supplier)
        lines = self._lines(rate)
        if supplier is None or value is None or rate is None:
            return self.result
        matched = self._receipts(supplier, rate)
        tax = self._tax(tax_code, lines, matched)
        if self.result.errors:
            return self.result
        self._balance(value, lines, matched, tax=tax, rate=rate)
        if self.contained:
            lines, tax = self.rules.taxes.parted(lines, tax_code, tax)
        self._charge_accounts(supplier)
        sign = _SIGN[code]
        distributions = self._distributions(supplier, lines, matched, tax, tax_code, rate)
        self.result.entry = ApEntry(
            supplier=str(supplier["Supplier"]),
            invoice=invoice,
            transaction_code=code,
            value=sign * value,
            currency=str(supplier["Currency"]),
            rate=rate.value,
            multiply_or_divide=rate.way,
            branch=self.read.text("Branch", str(supplier["Branch"])),
            reference=self.read.text("TransactionReference")[:30],
            notation=self.read.text("Notation"),
            journal_notation=self.read.text("JournalNotation"),
            invoice_date=invoice_date,
            due_date=due_date or invoice_date + timedelta(days=self._due_days(supplier)),
            discount_date=discount_date,
            tax_code=tax_code,
            distributions=tuple(
                Distribution(
                    part.gl_code, sign * part.value, sign * part.local_value, part.purpose, part.notation
                )
                for part in distributions
            ),
            receipts=tuple(ReceiptMatch(each.key, each.local_value, each.whole) for each in matched),
        )
        return self.result

    def _supplier(self) -> dict[str, Value] | None:
        wanted = self.read.required("Supplier")
        if not wanted:
            return None
        row = self.rules.tables["ApSupplier"].get(wanted) if len(wanted) <= 15 else None
        if row is None:
            self.read.refuse("Supplier", 110001, f"Supplier '{wanted}' not found")
        elif row["OnHold"] == "Y":
            self._warn(("Supplier",), wanted, 110002, f"Supplier '{wanted}' is on hold")
        return row

    def _invoice(self, supplier: dict[str, Value] | None, code: str) -> str:
        invoice = self.read.required("Invoice")
        if len(invoice) > 20:
            self.read.refuse("Invoice", 100032, f"Invoice '{invoice}' is longer than 20 characters")
            return invoice
        if not invoice or supplier is None:
            return invoice
        key = (str(supplier["Supplier"]), invoice)
        on_file = self.rules.tables["ApInvoice"].get(*key) is not None
        if code == "I" and ((on_file and self.rules.duplicate_check) or key in self.used):
            self.read.refuse("Invoice", 110010, f"Invoice '{invoice}' already on file")
        elif code != "I" and not on_file:
            self.read.refuse("Invoice", 110011, f"Invoice '{invoice}' not found")
        self.used.add(key)
        return invoice

    def _tax_code(self) -> str:
        code = self.read.text("TaxCode")
        if code and self.rules.taxes.rate(code) is None:
            self.read.refuse("TaxCode", 110030, f"Tax code '{code}' not found")
        return code

    def _rate(self, supplier: dict[str, Value] | None) -> _Rate | None:
        """The rate from supplier's to local currency: table, or ExchRateAtEntry where that may differ."""
        sent = self.read.quantity("ExchRateAtEntry")
        if supplier is None or supplier["Currency"] == LOCAL_CURRENCY.ljust(3):
            return _Rate(Decimal(1), "M")
        row = self.rules.tables["TblCurrency"].get(supplier["Currency"])
        if row is None:
            self.read.refuse("Supplier", 110003, f"Currency '{supplier['Currency']}' not found")
            return None
        table_rate = row["BuyExchangeRate"]
        assert isinstance(table_rate, Decimal)
        if sent and row["FixedRate"] == "Y" and sent != table_rate:
            self.read.refuse(
                "ExchRateAtEntry", 110004, f"Exchange rate must equal the fixed rate {table_rate}"
            )
        return _Rate(sent or table_rate, str(row["BuyMulDiv"]))

    def _lines(self, rate: _Rate | None) -> list[Line]:
        lines = []
        for texts in self.item.lines:
            reader = Reader(texts, self.result.errors, within=("LedgerDistribution",))
            code = reader.required("LedgerCode")
            value = reader.amount("LedgerValue")
            if value is None and not reader.text("LedgerValue"):
                reader.required("LedgerValue")
            tax_code = reader.text("LedgerTaxCode")
            if tax_code and self.rules.taxes.rate(tax_code) is None:
                reader.refuse("LedgerTaxCode", 110030, f"Tax code '{tax_code}' not found")
            if len(reader.text("LedgerNotation")) > 30:
                reader.refuse("LedgerNotation", 100032, "Ledger notation is longer than 30 characters")
            tax_only = reader.one_of("TaxOnlyLine", "YN", "N") == "Y"
            if code:
                self._check_ledger_code(reader, code)
            lines.append(Line(code, value or ZERO, reader.text("LedgerNotation"), tax_code, tax_only))
        if rate is None or self.parameters.foreign_distribution:
            return lines
        return [Line(each.gl_code, _foreign(each.value, rate), *_rest(each)) for each in lines]

    def _check_ledger_code(self, reader: Reader, code: str) -> None:
        row = self.rules.tables["GenMaster"].get(self.rules.company, code) if len(code) <= 35 else None
        if row is None:
            reader.refuse("LedgerCode", 110020, f"Ledger code '{code}' not found")
        elif row["AccountType"] in ("S", "T"):
            kind = "statistical" if row["AccountType"] == "S" else "template"
            reader.refuse("LedgerCode", 110022, f"Ledger code '{code}' is a {kind} account")
        elif row["ControlAccFlag"] == "Y":
            reader.refuse("LedgerCode", 110023, f"Ledger code '{code}' is a control account")
        elif row["AnalysisRequired"] == "Y" and self.parameters.texts.get("IgnoreAnalysis") == "N":
            reader.refuse("LedgerCode", 110024, f"Ledger code '{code}' requires analysis")
        elif row["AccOnHldFlag"] == "Y":
            self._warn((*reader.within, "LedgerCode"), code, 110021, f"Ledger code '{code}' is on hold")

    def _receipts(self, supplier: dict[str, Value], rate: _Rate) -> list[Matched]:
        if not self.item.receipts and supplier["GrnMatchReqd"] == "Y":
            self.result.errors.append(
                FieldError(("GrnDetails",), "", 110040, "GRN matching is required for this supplier")
            )
        matched = []
        for texts in self.item.receipts:
            reader = Reader(texts, self.result.errors, within=("GrnDetails",))
            match = self.receipts.match(reader, str(supplier["Supplier"]), rate.local)
            if match:
                matched.append(match)
        return matched

    def _tax(self, tax_code: str, lines: list[Line], matched: list[Matched]) -> Decimal:
        sent = self.read.amount("TaxValue")
        inclusive = self.read.text("TaxBasis") == "I"
        taxed = [(each.value, each.tax_code or tax_code) for each in lines if not each.tax_only]
        taxed += [(each.value, tax_code) for each in matched]
        computed = sum(
            (self.rules.taxes.tax_of(value, code, inclusive=inclusive) for value, code in taxed), ZERO
        )
        computed = computed.quantize(CENT, ROUND_HALF_UP)
        if sent is None:
            automatic = self.parameters.automatic_tax and not any(each.tax_only for each in lines)
            return computed if automatic else ZERO
        coded = bool(tax_code) or (inclusive and any(code for _, code in taxed))
        if tax_code and lines and not inclusive:
            self.tax_gap = sent - computed
        if coded and abs(computed - sent) > self.parameters.tax_variance:
            self.read.refuse(
                "TaxValue", 110031, f"Tax value {sent} exceeds permissible variance, computed is {computed}"
            )
        return sent

    def _charge_accounts(self, supplier: dict[str, Value]) -> None:
        """A charge needs the supplier's account for it [inferred]."""
        for element, column in _CHARGES:
            if self.read.amount(element) and not str(supplier[column]).strip():
                self.read.refuse(element, 110032, f"Supplier '{supplier['Supplier']}' has no {column}")

    def _balance(
        self, value: Decimal, lines: list[Line], matched: list[Matched], *, tax: Decimal, rate: _Rate
    ) -> None:
        """All distribution + matched receipts + tax + charges = value; with TaxBasis I tax may be contained."""
        spread = sum((each.value for each in lines), ZERO) + sum((each.value for each in matched), ZERO)
        spread += sum((self.read.amount(name) or ZERO for name, _ in _CHARGES), ZERO)
        sums = {spread + tax}
        if self.read.text("TaxBasis") == "I":
            sums.add(spread)
            self.contained = spread == value
        # Local distribution of a foreign invoice is converted line by line, so a cent per line may be lost.
        exact = self.parameters.foreign_distribution or rate.value == 1
        tolerance = ZERO if exact else CENT * len(lines)
        if all(abs(each - value) > tolerance for each in sums):
            self.read.refuse(
                "TransactionValue",
                110050,
                f"Distribution value does not equal transaction value {value}, it is {spread + tax}",
            )

    def _distributions(
        self,
        supplier: dict[str, Value],
        lines: list[Line],
        matched: list[Matched],
        tax: Decimal,
        tax_code: str,
        rate: _Rate,
    ) -> list[Distribution]:
        def part(gl_code: str, value: Decimal, purpose: Purpose, notation: str = "") -> Distribution:
            return Distribution(gl_code, value, rate.local(value), purpose, notation)

        parts = [
            part(each.gl_code, each.value, "tax" if each.tax_only else "expense", each.notation)
            for each in lines
        ]
        if self.tax_gap:
            # A permitted gap between sent and computed tax goes to the first line (SYSPRO wire notes 2.1).
            parts[0] = part(lines[0].gl_code, lines[0].value + self.tax_gap, "expense", lines[0].notation)
            tax -= self.tax_gap
        for each in matched:
            parts.append(part(each.clearing_account, each.outstanding, "goods_receipt", each.notation))
            if each.value != each.outstanding:
                parts.append(
                    part(each.variance_account, each.value - each.outstanding, "variance", each.notation)
                )
        if tax:
            parts.append(part(self.rules.taxes.account(tax_code), tax, "tax"))
        purposes: tuple[Purpose, ...] = ("freight", "miscellaneous")
        for (element, column), purpose in zip(_CHARGES, purposes, strict=True):
            charge = self.read.amount(element)
            if charge:
                parts.append(part(str(supplier[column]), charge, purpose))
        return parts

    def _due_days(self, supplier: dict[str, Value]) -> int:
        row = self.rules.tables["TblApTerms"].get(supplier["TermsCode"])
        days = row["DueDays"] if row else 30
        assert isinstance(days, int)
        return days

    def _warn(self, path: tuple[str, ...], value: str, number: int, text: str) -> None:
        self.result.warnings.append(FieldError(path, value, number, text))


def _rest(line: Line) -> tuple[str, str, bool]:
    return line.notation, line.tax_code, line.tax_only


def _foreign(local: Decimal, rate: _Rate) -> Decimal:
    value = local / rate.value if rate.way == "M" else local * rate.value
    return value.quantize(CENT, ROUND_HALF_UP)
