-- Cost centres, from whichever source the site is set to.
SELECT CostCenter AS key, CostCenter, Description, '' AS dependency
FROM cost_centers
