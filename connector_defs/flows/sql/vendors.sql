-- Suppliers with their addresses. Balances and dates of last use are left out: they change every day.
SELECT s.Supplier AS key, s.Supplier, s.SupplierName, s.Currency, s.TermsCode, s.OnHold, s.TaxRegnNum,
       s.Contact, s.Email, s.Telephone,
       a.SupAddr1, a.SupAddr2, a.SupAddr3, a.SupAddr4, a.SupPostalCode, '' AS dependency
FROM suppliers s LEFT JOIN supplier_addresses a ON a.Supplier = s.Supplier
