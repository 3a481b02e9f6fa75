"""Pure business rules: no I/O, no knowledge of either system's wire."""
