"""What the environment says, read in one place."""

from __future__ import annotations

import os
from collections.abc import Mapping

from stairway.app.settings import PREFIX


def overrides() -> Mapping[str, str]:
    """Return the settings given as ``STAIRWAY__SECTION__KEY``."""
    return {name: text for name, text in os.environ.items() if name.startswith(PREFIX)}
