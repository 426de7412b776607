"""Write down the form of every recorded fact: ``.venv/bin/python tests/golden/write_schema.py``.

Only after thinking: what is on record in the old form must stay readable.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec

from stairway.app.catalog import Fact

PATH = Path(__file__).with_name("schema.json")


def bare(value: Any) -> Any:
    """Leave the words of docstrings out: they may change."""
    if isinstance(value, dict):
        return {k: bare(v) for k, v in value.items() if k != "description"}
    return [bare(v) for v in value] if isinstance(value, list | tuple) else value


def forms() -> dict[str, Any]:
    """The form of every fact, and of everything inside."""
    return bare(msgspec.json.schema(Fact))


if __name__ == "__main__":
    PATH.write_text(json.dumps(forms(), indent=1, sort_keys=True) + "\n")
    print(f"wrote {PATH}")  # noqa: T201 - said to whoever ran it
