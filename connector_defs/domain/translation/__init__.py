"""SYSPRO rows become Basware entities: one room per entity, each a table a finance person can read."""
