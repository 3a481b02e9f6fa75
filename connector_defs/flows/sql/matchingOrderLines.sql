-- Order lines with the header's currency and state, and their goods receipts; each waits for its header.
WITH receipts AS (
    SELECT PurchaseOrder, PurchaseOrderLin AS Line,
           list({'Grn': Grn, 'GrnSource': GrnSource, 'Journal': Journal, 'JournalEntry': JournalEntry,
                 'QtyReceived': QtyReceived, 'OrigGrnValue': OrigGrnValue, 'CurrencyValue': CurrencyValue,
                 'DeliveryNote': DeliveryNote, 'OrigReceiptDate': OrigReceiptDate}
                ORDER BY Grn, GrnSource, Journal, JournalEntry) AS Receipts
    FROM (SELECT DISTINCT * FROM goods_receipts) GROUP BY ALL
)
SELECT d.PurchaseOrder || '/' || d.Line AS key, d.PurchaseOrder, d.Line, d.LineType, d.MStockCode, d.MStockDes,
       d.MOrderUom, d.MOrderQty, d.MPrice, d.MForeignPrice, d.MConvFactPrcUm, d.MMulDivPrc,
       d.MDiscPct1, d.MDiscPct2, d.MDiscPct3, d.MDiscValFlag, d.MDiscValue, d.MTaxCode, d.MGlCode, d.MLatestDueDate, d.MCompleteFlag,
       d.MSupCatalogue, d.NComment, d.NMscChargeValue, d.NMscChargeFor, d.NMscChargeTax,
       h.Currency, h.OrderStatus, h.CancelledFlag, r.Receipts, d.PurchaseOrder AS dependency
FROM order_lines d
JOIN order_headers h ON h.PurchaseOrder = d.PurchaseOrder
LEFT JOIN receipts r ON r.PurchaseOrder = d.PurchaseOrder AND r.Line = d.Line
WHERE trim(coalesce(d.LineType, '')) <> '6'
