"""What goes on beside the deliveries until the process stops: following the event feed, measuring once in a while.

Invariant: a round that was broken off is done again; nothing here holds a delivery up.
"""
