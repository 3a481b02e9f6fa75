-- Which suppliers that are not on hold share a VAT number or a bank account? What they share stays in here.
-- A number counts from 5 letters and digits on, one of them above 0: N/A and 000000 are shared by many.
-- An IBAN stands for itself; another account number is one only together with its branch.
WITH numbers AS (
    SELECT Supplier, SupplierName, 'VAT number' AS Kind,
           regexp_replace(upper(coalesce(TaxRegnNum, '')), '[^A-Z0-9]', '', 'g') AS Number, '' AS Branch
    FROM suppliers WHERE trim(coalesce(OnHold, '')) NOT IN ('Y', 'y')
    UNION ALL
    SELECT Supplier, SupplierName, 'bank account',
           regexp_replace(upper(coalesce(BankAccount, '')), '[^A-Z0-9]', '', 'g'),
           regexp_replace(upper(coalesce(BankBranch, '')), '[^A-Z0-9]', '', 'g')
    FROM suppliers WHERE trim(coalesce(OnHold, '')) NOT IN ('Y', 'y')
)
SELECT Kind, list({'code': Supplier, 'name': SupplierName} ORDER BY Supplier) AS Members
FROM numbers
WHERE length(Number) >= 5 AND regexp_matches(Number, '[1-9]')
GROUP BY Kind, Number, CASE WHEN regexp_matches(Number, '^[A-Z]{2}[0-9]{2}') THEN '' ELSE Branch END
HAVING count(*) > 1
ORDER BY Kind, min(Supplier)
