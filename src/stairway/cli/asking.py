"""Ask a person before anything is changed; whoever cannot be asked says ``--yes``."""

from __future__ import annotations

import sys

import typer


def agreed_to(question: str) -> bool:
    """Ask at a terminal; anywhere else nothing is changed, and that is said."""
    if not sys.stdin.isatty():
        typer.echo("stairway: nothing was changed; give --yes to do it", err=True)
        return False
    return typer.confirm(question, err=True)
