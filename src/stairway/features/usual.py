"""How hard somebody else's code is tried where nobody says, in one place for all commands."""

from __future__ import annotations

from typing import Final

CUTS: Final = 12
"""Places at which each kind of future is tried."""

SEED: Final = 1
"""Of all that is drawn."""

LIMIT_S: Final = 60.0
"""Seconds that one call of it may take."""

WARM_UP_BARS: Final = 64
"""Fewest bars that it must bear."""
