"""Settings of the preset ``quick``; read by processes that have no training library."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from stairway.base.config import Config


class QuickRules(Config, frozen=True, kw_only=True):
    """How long a policy among the candidates of a run is taught (``[quick]``).

    Attributes
    ----------
    steps
        Environment steps that each policy practises; a multiple of a roll-out.
    """

    steps: Annotated[int, Meta(ge=1, le=100_000_000)]
