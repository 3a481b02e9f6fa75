-- Order lines with the header's currency, state and discounts, the comments behind them and their goods receipts;
-- each waits for its header. Comments before the first line go with that one.
WITH receipts AS (
    SELECT PurchaseOrder, PurchaseOrderLin AS Line,
           list({'Grn': Grn, 'GrnSource': GrnSource, 'Journal': Journal, 'JournalEntry': JournalEntry,
                 'QtyReceived': QtyReceived, 'QtyUom': QtyUom, 'OrigGrnValue': OrigGrnValue,
                 'CurrencyValue': CurrencyValue, 'DeliveryNote': DeliveryNote, 'OrigReceiptDate': OrigReceiptDate}
                ORDER BY Grn, GrnSource, Journal, JournalEntry) AS Receipts
    FROM goods_receipts GROUP BY ALL
),
numbered AS (
    SELECT *, trim(coalesce(LineType, '')) = '6' AS IsComment,
           greatest(1, count(*) FILTER (trim(coalesce(LineType, '')) <> '6')
                       OVER (PARTITION BY PurchaseOrder ORDER BY Line)) AS Place
    FROM order_lines
),
remarks AS (
    SELECT PurchaseOrder, Place, string_agg(trim(NComment), chr(10) ORDER BY Line) AS Comments
    FROM numbered WHERE IsComment AND trim(coalesce(NComment, '')) <> '' GROUP BY ALL
)
SELECT d.PurchaseOrder || '/' || d.Line AS key, d.PurchaseOrder, d.Line, d.LineType, d.MStockCode, d.MStockDes,
       d.MOrderUom, d.MOrderQty, d.MPrice, d.MForeignPrice, d.MConvFactPrcUm, d.MMulDivPrc,
       d.MDiscPct1, d.MDiscPct2, d.MDiscPct3, d.MDiscValFlag, d.MDiscValue, d.MTaxCode, d.MGlCode, d.MLatestDueDate, d.MCompleteFlag,
       d.MSupCatalogue, d.NComment, d.NMscChargeValue, d.NMscChargeFor, d.NMscChargeTax,
       h.Currency, h.OrderStatus, h.CancelledFlag, h.ExchangeRate, h.DiscPct1 AS OrderDiscPct1,
       h.DiscPct2 AS OrderDiscPct2, h.DiscPct3 AS OrderDiscPct3,
       c.Comments, r.Receipts, d.PurchaseOrder AS dependency
FROM numbered d
JOIN order_headers h ON h.PurchaseOrder = d.PurchaseOrder
LEFT JOIN remarks c ON c.PurchaseOrder = d.PurchaseOrder AND c.Place = d.Place
LEFT JOIN receipts r ON r.PurchaseOrder = d.PurchaseOrder AND r.Line = d.Line
WHERE NOT d.IsComment
