"""SYSPRO-Basware connector: master data and orders one way, approved invoices the other."""

__version__ = "0.1.0"
