"""Everything that knows SYSPRO's wire: OData tables, e.net sessions, business-object documents.

Knows nothing of Basware, of stored state or of business rules; imports only `connector_defs.domain`.
"""
