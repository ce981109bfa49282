"""``lienthong import``: a file of dossier versions, one JSON document a line, into the gateway."""
