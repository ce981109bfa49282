"""Ordered durable delivery: lanes, the pipeline of one attempt, back-off, breaker, doubts resolved by asking.

Invariants: inside a lane deliveries leave strictly in order, one exchange in flight; nothing leaves before it is in
the message log; what may have been processed is never blindly sent again.
"""
