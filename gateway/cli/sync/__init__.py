"""``lienthong sync``: jobs, from the command line."""
