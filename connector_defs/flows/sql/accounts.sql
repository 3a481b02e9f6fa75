-- GL codes of the company's ledger; an account that names a tax code waits for it.
SELECT GlCode AS key, GlCode, Description, AccountType, ControlAccFlag, AccOnHldFlag, TaxCode,
       CASE WHEN trim(coalesce(TaxCode, '')) = '' THEN '' ELSE TaxCode END AS dependency
FROM gl_accounts
