-- Suppliers with their addresses. Balances and dates of last use are left out: they change every day.
-- Duplicate tells what a supplier shares with another one, where the site holds such suppliers back.
SELECT s.Supplier AS key, s.Supplier, s.SupplierName, s.Currency, s.TermsCode, s.OnHold, s.TaxRegnNum,
       s.Contact, s.Email, s.Telephone, s.Nationality, s.BankAccount, s.BankBranch, s.RemitEmail, s.PoEmail,
       a.SupAddr1, a.SupAddr2, a.SupAddr3, a.SupAddr3Loc, a.SupAddr4, a.SupAddr5, a.SupPostalCode,
       a.RemitName, a.RemitAddr1, a.RemitAddr2, a.RemitAddr3, a.RemitAddr4, a.RemitAddr5, a.RemitPostalCode,
       d.Duplicate, '' AS dependency
FROM suppliers s
LEFT JOIN supplier_addresses a ON a.Supplier = s.Supplier
LEFT JOIN duplicates d ON d.Supplier = s.Supplier
