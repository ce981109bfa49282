"""What comes in from partners, and what goes out to the one-door system: callbacks, the event feed, webhooks.

Invariants: a partner's call has one effect however often it is repeated, and is answered after the commit; a reader
of events with a cursor never misses one and never sees two in the wrong order.
"""
