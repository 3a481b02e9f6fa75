"""Durable state: whatever money depends on, on SQLite or PostgreSQL alike."""
