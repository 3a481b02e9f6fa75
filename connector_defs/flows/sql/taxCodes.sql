-- Tax codes with the rate in force on the staged day: PrvTaxRate holds before TaxEffDate.
SELECT TaxCode AS key, TaxCode, Description,
       CASE WHEN TaxEffDate > getvariable('staged_on')::DATE THEN PrvTaxRate ELSE CurTaxRate END AS Rate,
       '' AS dependency
FROM tax_codes
