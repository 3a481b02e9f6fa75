"""The part of the connector that others call: an ASGI app with the receiver of Basware's notifications and its health.

Everything that arrives here is hostile until its signature was verified. Not here: what is done about a notification
(`flows.hints`).
"""
