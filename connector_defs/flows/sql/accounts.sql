-- GL codes of the company's ledger. A tax code that P2P does not have yet is left out, and sent once it is there.
SELECT a.GlCode AS key, a.GlCode, a.Description, a.AccountType, a.ControlAccFlag, a.AccOnHldFlag,
       CASE WHEN c.key IS NOT NULL THEN a.TaxCode END AS TaxCode, '' AS dependency
FROM gl_accounts a LEFT JOIN confirmed c ON c.key = a.TaxCode
