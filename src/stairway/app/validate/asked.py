"""What ``stairway validate`` is asked."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path

from stairway.features.usual import LIMIT_S, SEED


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One file of returns, or one run, and what is known beside it.

    Attributes
    ----------
    target
        The file or the folder.
    policy
        Shipped policy or file with the bounds; ``None`` for a run: its own.
    seed
        Of all that is drawn: the resamples, and the futures that code is tried on.
    chosen, baseline, champion, gross, position, market
        Names of columns, or ``None``.
    costs
        Columns of costs, each a fraction of wealth.
    probabilities
        A table of probabilities and outcomes.
    periods_per_year, n_trials
        Rows of a year, and how many configurations were tried in all.
    function, study, bars
        What to try on other futures, everything from bars to profit, and the bars.
    model
        Of a run: the one candidate to prove.
    limit_s
        Seconds that one step of a function or a study may take.
    """

    target: Path
    policy: str | None = None
    seed: int = SEED
    chosen: str | None = None
    baseline: str | None = None
    champion: str | None = None
    costs: tuple[str, ...] = ()
    gross: str | None = None
    position: str | None = None
    market: str | None = None
    probabilities: Path | None = None
    periods_per_year: float | None = None
    n_trials: int | None = None
    function: str | None = None
    study: str | None = None
    bars: str | None = None
    model: str | None = None
    limit_s: float = LIMIT_S

    @property
    def command(self) -> str:
        """What to type for the same again, to the last digit.

        Examples
        --------
        >>> Asked(target=Path("my returns.csv"), periods_per_year=365.2425).command
        "stairway validate 'my returns.csv' --periods-per-year 365.2425"
        """
        target = str(self.target)
        if target.startswith("-"):
            target = f"./{target}"  # else it would be read as an option
        said: list[object] = ["stairway", "validate", target]
        for option, value in self.options().items():
            said += [option, value]
        for cost in self.costs:
            said += ["--cost", cost]
        if self.seed != SEED:
            said += ["--seed", self.seed]
        return shlex.join(map(str, said))

    def options(self) -> dict[str, object]:
        """Options that were given, but for costs and seed, by name."""
        named: dict[str, object | None] = {
            "--model": self.model,
            "--chosen": self.chosen,
            "--baseline": self.baseline,
            "--champion": self.champion,
            "--gross": self.gross,
            "--position": self.position,
            "--market": self.market,
            "--probabilities": self.probabilities,
            "--periods-per-year": _plain(self.periods_per_year),
            "--trials": self.n_trials,
            "--function": self.function,
            "--study": self.study,
            "--bars": self.bars,
            "--policy": self.policy,
            "--limit-s": None if self.limit_s == LIMIT_S else _plain(self.limit_s),
        }
        return {name: value for name, value in named.items() if value is not None}


def _plain(number: float | None) -> str | None:
    """Write a number so that it is read back as the same one."""
    return None if number is None else repr(float(number)).removesuffix(".0")
