"""Proofs by force: the real command, killed and started again. Short in `make test`, long in `make proof`."""
