"""The business: what is extracted, compared, published, posted and answered. No Dagster here."""
