"""Gate a model in CI: the build fails when what it said looks dead, and says why.

Point ``BOT`` at what your bot wrote: ``BOT=bot.jsonl pytest examples/gate``.
"""

import os
from pathlib import Path

from stairway.app.gate import gate
from stairway.testing.telemetry import telemetry, write


def test_model_is_alive(tmp_path: Path) -> None:
    """Without BOT a healthy bot is made up, so that the example runs by itself."""
    named = os.environ.get("BOT")
    report = gate(named or write(telemetry("healthy"), tmp_path / "bot.jsonl"))
    assert report.passed, report.why()
