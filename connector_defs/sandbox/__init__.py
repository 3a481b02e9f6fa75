"""Both systems simulated over real HTTP, with generated records and fault switches. Only the CLI and tests start it."""
