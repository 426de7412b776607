"""``result.json``: what a run came to, typed, and what ``--json`` prints."""

from __future__ import annotations

import msgspec

from stairway.dashboard.accounts import Account
from stairway.dashboard.honesty import Honesty
from stairway.dashboard.policy import PolicyInForce
from stairway.dashboard.stairs import Step


class Result(msgspec.Struct, frozen=True):
    """A run that went to its end.

    Attributes
    ----------
    run
        Its folder.
    run_hash
        Hash of everything on record but measured time; equal runs have equal hashes.
    headline
        Who may touch money, in one sentence.
    drill
        True where misfortunes were planted, so that no figure is one of a real market.
    finished
        The record goes to the last bar.
    bars, first_index
        Bars in all, and the first that no training saw.
    first_day, last_day
        Dates (UTC) of the climb.
    steps
        Every model on its step, the highest first, the baseline last.
    accounts
        What each book made after costs, and buying and holding.
    honesty
        How the probabilities of each model came true while it climbed, per regime.
    moves
        Promotions and rollbacks.
    policy
        Which signed policy was in force, and whether it was ever stale or frozen.
    notes
        What the shell has to say, such as how a drill's kill ended.
    replay
        Command that checks the record.
    report
        File with the picture.
    """

    run: str
    run_hash: str
    headline: str
    drill: bool
    finished: bool
    bars: int
    first_index: int
    first_day: str
    last_day: str
    steps: tuple[Step, ...]
    accounts: tuple[Account, ...]
    honesty: tuple[Honesty, ...]
    moves: int
    policy: PolicyInForce
    notes: tuple[str, ...]
    replay: str
    report: str


class Stopped(msgspec.Struct, frozen=True):
    """A run that a gate stopped before it could begin: nothing was traded."""

    run: str
    notes: tuple[str, ...]
