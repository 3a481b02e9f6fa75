"""The asset graph, one module per flow: systems outside, staged tables, published entities, invoices, books."""
