"""Both systems simulated over real HTTP, with generated records and fault switches.

Only the command line and the tests start it; the connector itself never imports it.
"""
