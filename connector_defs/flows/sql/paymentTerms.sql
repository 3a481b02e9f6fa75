-- Payment terms.
SELECT TermsCode AS key, TermsCode, Description, DiscPct, DiscDays, DiscMonths, DueDays, DueMonths, '' AS dependency
FROM payment_terms
