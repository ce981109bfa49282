"""``lienthong payments``: money asked for, what became of it, and what two people decide about it."""
