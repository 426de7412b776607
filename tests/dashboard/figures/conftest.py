"""Plotly's own Python schema as the judge of our plain figures."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from stairway.dashboard.figures.plain import Figure


def _dressed(value: Any) -> Any:
    """Colour names as the page would put colours in their place."""
    if isinstance(value, str):
        return "#123456" if re.fullmatch(r"--[a-z0-9-]+", value) else value
    if isinstance(value, list):
        return [_dressed(one) for one in value]
    if isinstance(value, dict):
        return {key: _dressed(one) for key, one in value.items()}
    return value


@pytest.fixture(scope="session")
def judge() -> Callable[[Figure], Any]:
    """Return a figure as Plotly understands it; an unknown attribute raises."""
    from plotly import graph_objects  # noqa: PLC0415 - slow, and only figures need it

    return lambda figure: graph_objects.Figure(_dressed(figure))
