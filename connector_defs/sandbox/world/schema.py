"""Columns and keys of the SYSPRO tables the sandbox serves, as a SYSPRO 8 database declares them.

Source: SYSPRO wire notes 4. Only declarations live here; rows are made by the modules beside it.
"""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum


class Kind(StrEnum):
    """SQL type family of a column."""

    CHAR = "char"
    VARCHAR = "varchar"
    DECIMAL = "decimal"
    DATETIME = "datetime"


@dataclass(frozen=True, slots=True)
class Column:
    """One column: `size` is the length of a text or the precision of a number."""

    name: str
    kind: Kind
    size: int = 0
    scale: int = 0

    @property
    def blank(self) -> str | int | Decimal | None:
        """What an untouched column holds: texts and numbers are never null, dates are."""
        if self.kind is Kind.CHAR:
            return " " * self.size
        if self.kind is Kind.VARCHAR:
            return ""
        if self.kind is Kind.DECIMAL:
            return Decimal(1).scaleb(-self.scale) * 0 if self.scale else 0
        return None


@dataclass(frozen=True, slots=True)
class TableSchema:
    """One table: its columns in stored order and the names of its primary key."""

    name: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]


def _columns(text: str) -> tuple[Column, ...]:
    """Read `Name type` pairs: c3 char, v50 varchar, d14.2 decimal, dt datetime; `Name{1-3}` repeats."""
    columns: list[Column] = []
    words = text.split()
    for name, code in zip(words[::2], words[1::2], strict=True):
        columns.extend(_column(each, code) for each in _spread(name))
    return tuple(columns)


def _spread(name: str) -> list[str]:
    stem, brace, span = name.partition("{")
    if not brace:
        return [name]
    first, last = span.rstrip("}").split("-")
    return [f"{stem}{number}" for number in range(int(first), int(last) + 1)]


def _column(name: str, code: str) -> Column:
    if code == "dt":
        return Column(name, Kind.DATETIME)
    size, _, scale = code[1:].partition(".")
    kind = {"c": Kind.CHAR, "v": Kind.VARCHAR, "d": Kind.DECIMAL}[code[0]]
    return Column(name, kind, int(size), int(scale or 0))


def _table(name: str, key: str, columns: str) -> TableSchema:
    return TableSchema(name, tuple(key.split()), _columns(columns))


SCHEMAS: dict[str, TableSchema] = {
    table.name: table
    for table in (
        _table(
            "ApSupplier",
            "Supplier",
            """Supplier v15 SupplierName v50 SupShortName v20 SupplierType c1 SupplierClass v10 Area v10
            Branch v10 Bank v15 Currency c3 TermsCode c2 OnHold c1 PurchOrdAllowed c1 GrnMatchReqd c1
            PayByEft c1 TaxRegnNum v30 DefTaxCode c3 BankAccount v50 BankBranch v50 EftBankAccType c2
            MerchGlCode v35 FreightGlCode v35 Nationality c3 LanguageCode c2 Telephone v20 Fax v20
            Contact v50 Email v255 RemitEmail v255 CurrentBalance d14.2 DateSuppAdded dt
            LastPurchDate dt LastChequeDate dt AutoVoucherReqd c1 LctRequired c1 Contracts c1
            WithTaxId v15 WithTaxCode c5 ShippingLocation v10 PrimarySupplier c1 PoEmail v255""",
        ),
        _table(
            "ApSupplierAddr",
            "Supplier",
            """Supplier v15 SupAddr{1-3} v40 SupAddr3Loc v40 SupAddr{4-5} v40 SupPostalCode v10
            RemitName v50 RemitAddr{1-5} v40 RemitPostalCode v10""",
        ),
        _table(
            "GenMaster",
            "Company GlCode",
            """Company c4 GlCode v35 Description v50 AccountType c1 ExpenseType c1 ReportIndex{1-2} v35
            GlGroup v10 ControlAccFlag c1 AccOnHldFlag c1 TaxCode c3 CurrentBalance d14.2
            AnalysisRequired c1 AnalysisCategory v10 TaxAccount c1 AltDescription v50""",
        ),
        _table(
            "GenAnalysisCode",
            "AnalysisCategory AnalysisType AnalysisCode",
            "AnalysisCategory v10 AnalysisType d1 AnalysisCode v10 Description v50",
        ),
        _table(
            "TblApTerms",
            "TermsCode",
            """TermsCode c2 Description v50 DiscPct d5.2 DiscDays d3 DiscFix c1 DiscDayOfMonth d2
            DiscMonths d2 DueFix c1 DueDays d3 DueDayOfMonth d2 DueMonths d2""",
        ),
        _table(
            "AdmTax",
            "TaxCode",
            """TaxCode c3 Description v50 CurTaxRate d8.5 PrvTaxRate d8.5 TaxEffDate dt TaxBasis c1
            TaxIncExcl c1 GlTaxGlCode v35 ApTaxGlCode v35 TaxRateDecimals d1 RevChargeFlag c1""",
        ),
        _table(
            "TblCurrency",
            "Currency",
            """Currency c3 Description v50 BuyExchangeRate d12.6 BuyMulDiv c1 SellExchangeRate d12.6
            SellMulDiv c1 FixedRate c1 Tolerance d5.2""",
        ),
        _table(
            "PorMasterHdr",
            "PurchaseOrder",
            """PurchaseOrder v20 OrderStatus c1 ActiveFlag c1 CancelledFlag c1 OrderType c1 Supplier v15
            Currency c3 TermsCode c2 PaymentTerms c3 Buyer v20 Warehouse v10 TaxStatus c1
            OrderEntryDate dt OrderDueDate dt DateLastDocPrt dt DatePoCompleted dt AmendedCount d2
            ExchangeRate d12.6 MulDiv c1 ExchRateFixed c1 DiscPct{1-3} d5.2 NextDetailLine d4
            DeliveryName v50 DeliveryAddr{1-3} v40""",
        ),
        _table(
            "PorMasterDetail",
            "PurchaseOrder Line",
            """PurchaseOrder v20 Line d4 LineType c1 MStockCode v30 MStockDes v50 MWarehouse v10
            MOrderUom v10 MOrderQty d18.6 MReceivedQty d18.6 MPrice d15.5 MForeignPrice d15.5
            MPriceUom v10 MConvFactPrcUm d12.6 MMulDivPrc c1 MDiscPct{1-3} d5.2 MDiscValFlag c1
            MDiscValue d14.2 MTaxCode c3 MGlCode v35 MProductClass v20 MLatestDueDate dt
            MOrigDueDate dt MLastReceiptDat dt MCompleteFlag c1 MRequisition v10 MSupCatalogue v50
            MJob v20 NComment v100 NMscChargeValue d14.2 NMscChargeFor d14.2 NMscChargeTax c3
            OrderLineStatus c1""",
        ),
        _table(
            "GrnDetails",
            "Supplier Grn GrnSource Journal JournalEntry",
            """Supplier v15 Grn v20 GrnSource c1 Journal d10 JournalEntry d10 OrigReceiptDate dt
            PurchaseOrder v20 PurchaseOrderLin d4 StockCode v30 StockDescription v50 Warehouse v10
            QtyReceived d18.6 QtyUom v10 DeliveryNote v20 OrigGrnValue d14.2 CurGrnValue d14.2
            MatchedValue d14.2 GrnMatchedFlag c1 GrnMatchedYear d4 GrnMatchedMonth d2 GrnYear d4
            GrnMonth d2 DebitRecGlCode v35 CurrencyValue d14.2 PostCurrency c3 ConvRate d12.6 MulDiv c1
            MTaxCode c3""",
        ),
        _table(
            "ApInvoice",
            "Supplier Invoice",
            """Supplier v15 Invoice v20 InvoiceDate dt DiscountDate dt DueDate dt JournalDate dt
            NotificationDate dt Journal d10 EntryNumber d10 NextPaymEntry d10 InvoiceYear d4
            InvoiceMonth d2 Branch v10 Bank v15 Reference v30 Currency c3 PostCurrency c3
            OrigInvValue d14.2 OrigDiscValue d14.2 CurrencyValue d14.2 PaymGrossValue d14.2
            PaymDiscValue d14.2 TotalAdjustments d14.2 MthInvBal{1-3} d14.2 YearInvBalZero d4
            MonthInvBalZero d2 InvoiceStatus c1 ExchangeRate d12.6 ConvRate d12.6 MulDiv c1
            FixExchangeRate c1 FirstTaxCode c3 SecondTaxCode c3 ManualChqDate dt ManualChqNum v15
            PaymentChkType c1""",
        ),
        _table(
            "ApInvoicePay",
            "Supplier Invoice EntryNumber",
            """Supplier v15 Invoice v20 EntryNumber d10 TrnType c1 TrnValue d14.2 PostValue d14.2
            PostCurrency c3 PostConvRate d12.6 PostMulDiv c1 JournalDate dt Journal d10 TrnYear d4
            TrnMonth d2 PaymentReference v50 PaymentNumber v15""",
        ),
        _table(
            "ApPayRunDet",
            "PaymentNumber Supplier Invoice",
            """PaymentNumber v15 Supplier v15 Invoice v20 Cheque v15 ChequeDate dt NetPayValue d14.2
            PostValue d14.2 PostCurrency c3 DueDate dt InvoiceType c1""",
        ),
        _table(
            "ApJnlSummary",
            "TrnYear TrnMonth Journal EntryNumber",
            """TrnYear d4 TrnMonth d2 Journal d10 EntryNumber d10 Supplier v15 Invoice v20
            TransactionCode c1 InvoiceValue d14.2""",
        ),
        _table(
            "ApJnlDistrib",
            "TrnYear TrnMonth Journal EntryNumber Line",
            """TrnYear d4 TrnMonth d2 Journal d10 EntryNumber d10 Line d10 ExpenseGlCode v35
            DistrValue d14.2 ExpenseType c1 Reference v30 SupplierGlCode v35 TrnDate dt""",
        ),
        _table("ApControl", "CtlFlag", "CtlFlag c2 FinYear d4 FinPeriod d2"),
        _table(
            "GenControl",
            "Company",
            """Company c4 GlYear d4 GlPeriod d2 CurYrNxtJnl d10 CurYrPrdStat{1-15} c1 CurYrPrdEnd{1-15} dt
            PrvYrPrdStat{1-15} c1 PrvYrPrdEnd{1-15} dt AuthoriseJournals c1""",
        ),
        _table(
            "GenJournalDetail",
            "GlYear GlPeriod Journal EntryNumber",
            """GlYear d4 GlPeriod d2 Journal d10 EntryNumber d10 GlCode v35 Reference v50 Comment v250
            EntryValue d14.2 EntryType c1 EntryDate dt EntryPosted c1 CurrencyValue d14.2 PostCurrency c3
            TransactionDate dt SubModJournal d10 SubModSupplier v15 SubModInvoice v20""",
        ),
    )
}
