"""The only sockets to partners: HTTP client, partner authentication.

Invariant: what cannot be proven unsent is never reported as unsent.
"""
