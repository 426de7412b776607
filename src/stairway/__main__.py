"""``python -m stairway`` is the command ``stairway``."""

from __future__ import annotations

from stairway.cli.main import main

if __name__ == "__main__":
    main()
