"""Where the policies of a run come from: part of what was asked for.

Either they are taught by the run itself, with the settings of a practice file, or one is
taken that practised before, from the folder of its training run.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec


class TeachingAsked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
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


class PractisedRun(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A finished training run, as it was when its policy was asked for.

    Attributes
    ----------
    root
        Its folder.
    sha256
        Hash of what it was asked for, of what came of it, and of the policy it left.
    """

    root: str
    sha256: str

    @property
    def called(self) -> str:
        """How sentences name it: a folder may move, and its hash stays.

        Examples
        --------
        >>> PractisedRun("/runs/rl-1", "5eed" * 16).called
        'rl-1 (training run 5eed5eed5eed5eed)'
        """
        return f"{Path(self.root).name} (training run {self.sha256[:16]})"
