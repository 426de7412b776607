"""Options that a run has settled when it was started, and that nobody may say again."""

from __future__ import annotations

from collections.abc import Sequence

import typer


def require_nothing_else(context: typer.Context, settled: Sequence[str]) -> None:
    """Refuse options that were settled when the run was started.

    Raises
    ------
    ConfigError
        Naming the first of them that was given beside ``--resume``.
    """
    from stairway.base.errors import ConfigError

    for name in settled:
        given = context.get_parameter_source(name)
        if given is not None and given.name == "COMMANDLINE":
            msg = (
                f"--{name} was settled when the run was started; leave it out with --resume, "
                "or start a new run"
            )
            raise ConfigError(msg)
