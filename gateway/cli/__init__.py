"""The command line: ``lienthong``. Every command is a thin face over the parts that do the work."""
