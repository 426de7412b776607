"""With which settings the policies of a run are taught: part of what was asked for."""

from __future__ import annotations

from typing import Any

import msgspec


class Practised(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The tables of a practice file, as they were read.

    Attributes
    ----------
    name
        Of the file.
    tables
        All of them, as plain data.
    kept
        Folder of policies that were taught already; ``None`` keeps none.
    """

    name: str
    tables: dict[str, Any]
    kept: str | None = None
