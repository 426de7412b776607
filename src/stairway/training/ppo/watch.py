"""See each step of a roll-out, for what has to move at every one of them."""

from __future__ import annotations

from collections.abc import Callable

from stable_baselines3.common.callbacks import BaseCallback

from stairway.base.arrays import IntArray


class Watch(BaseCallback):
    """Calls ``see`` with the actions of all accounts, (N,) int64, after each step."""

    def __init__(self, see: Callable[[IntArray], None]) -> None:
        super().__init__()
        self._see = see

    def _on_step(self) -> bool:
        self._see(self.locals["actions"])
        return True
