"""The proof's tests start from the same pair as those of the flows."""

from connector_tests.flows.conftest import empty_store, folder, one_set_of_certificates, pair

__all__ = ["empty_store", "folder", "one_set_of_certificates", "pair"]
