"""One folder per partner system. A folder that exposes ``manifest``, ``Settings``, ``build`` and ``simulate`` is an
adapter (DESIGN, decision 6); nothing is registered here."""
