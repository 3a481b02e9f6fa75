-- Order headers; each waits for its supplier.
SELECT PurchaseOrder AS key, PurchaseOrder, OrderStatus, CancelledFlag, Supplier, Currency, TermsCode,
       OrderEntryDate, OrderDueDate, Supplier AS dependency
FROM order_headers
