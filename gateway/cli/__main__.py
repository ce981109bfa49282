"""``python -m gateway.cli``: the same as ``lienthong``."""

from __future__ import annotations

from gateway.cli.main import main

if __name__ == "__main__":
    main()
