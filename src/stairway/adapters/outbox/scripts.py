"""Every write to Redis, as scripts: what belongs together happens together or not at all.

A script is called by its digest; a Redis that was restarted or emptied does not know it
any more and is then told the text. Each begins with what its keys and arguments are.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from importlib.resources import files
from typing import Any, TypeAlias

import redis
from redis.exceptions import NoScriptError

Value: TypeAlias = str | bytes | int


class Script:
    """One file of ``lua/``, ready to be called."""

    def __init__(self, name: str) -> None:
        self._text = (files("stairway.adapters.outbox") / "lua" / f"{name}.lua").read_text(
            "utf-8"
        )
        # Redis names scripts by this digest; nothing rests on its strength.
        self._digest = hashlib.sha1(self._text.encode(), usedforsecurity=False).hexdigest()

    def __call__(
        self, client: redis.Redis, keys: Sequence[str], values: Sequence[Value] = ()
    ) -> Any:
        """Run it; the answer is as Redis gave it, texts as bytes."""
        arguments: list[Any] = [*keys, *values]
        try:
            return client.evalsha(self._digest, len(keys), *arguments)
        except NoScriptError:
            return client.eval(self._text, len(keys), *arguments)


APPEND = Script("append")
CLAIM = Script("claim")
FIND = Script("find")
GROUP = Script("group")
LOOK = Script("look")
NOTE = Script("note")
