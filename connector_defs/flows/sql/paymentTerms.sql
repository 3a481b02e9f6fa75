-- Payment terms with both dates' options.
SELECT TermsCode AS key, TermsCode, Description, DiscPct, DiscFix, DiscDays, DiscDayOfMonth, DiscMonths,
       DueFix, DueDays, DueDayOfMonth, DueMonths, '' AS dependency
FROM payment_terms
