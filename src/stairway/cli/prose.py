"""Help that flows: paragraphs as wide as the terminal, examples as they are typed."""

from __future__ import annotations

import re

_WRAPPED = re.compile(r"(?<=\S)\n(?=\S)")
_MARK = re.compile(r"\[/?bold\]")
_AS_IT_STANDS = "\b\n"
"""Above a paragraph that the plain help must not wrap."""


def flowing(text: str, *, framed: bool) -> str:
    r"""Join the lines of each paragraph; those that are indented stay as they are.

    Parameters
    ----------
    framed
        Whether it is shown in frames, where ``[bold]`` is understood and nothing that is
        indented is wrapped by word.

    Examples
    --------
    >>> flowing("[bold]One[/bold]\nsentence.\n\n  an example\n", framed=True)
    '[bold]One[/bold] sentence.\n\n  an example\n'
    """
    flown = _WRAPPED.sub(" ", text)
    if framed:
        return flown
    parts = _MARK.sub("", flown).split("\n\n")
    return "\n\n".join(_AS_IT_STANDS + one if one.startswith(" ") else one for one in parts)
