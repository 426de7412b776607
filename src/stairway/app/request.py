"""What a run is asked for, checked before anything is touched."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from typing import Any, cast

import msgspec

from stairway.adapters.tables.settings import TableConfig
from stairway.app import plugins
from stairway.app.folder import open_existing
from stairway.app.policy_shared import is_chosen, withdrawn
from stairway.app.record.engine import is_named
from stairway.base.errors import ConfigError
from stairway.lifecycle.facts import OperatorMoved
from stairway.market.ports import RawPair

RUNS = Path("runs")

_SEEDS = 2**31


@dataclass(frozen=True, slots=True)
class Request:
    """Everything a person may say to ``stairway run``.

    ``hand`` are moves by an operator, carried out at the bar that closes at their time;
    ``practised`` is the folder of a training run that a policy is to be taken from;
    ``log`` is the URL of an engine that keeps the record, secrets included; so is
    ``policy_store`` of a store that several machines share, and ``operator`` the file with the
    public key that is believed there.
    """

    source: str = "sample"
    policy: str = "daily"
    out: Path | None = None
    seed: int = 7
    drill: bool = False
    models: Path | None = None
    trust: Path | None = None
    resume: Path | None = None
    practised: Path | None = None
    log: str | None = None
    policy_store: str | None = None
    operator: Path | None = None
    hand: tuple[OperatorMoved, ...] = ()

    def __post_init__(self) -> None:
        if not 0 <= self.seed < _SEEDS:
            msg = f"--seed is {self.seed}; it is a whole number of 0 or more, below {_SEEDS}"
            raise ConfigError(msg)
        if self.models is not None and self.trust is None:
            msg = (
                f"--models {self.models} needs --trust: the public key that its models were "
                "signed with, from somewhere you trust (a run leaves it in trust.pub)"
            )
            raise ConfigError(msg)
        if self.models is None and self.trust is not None:
            msg = "--trust goes with --models; a run without --models trusts its own trainer"
            raise ConfigError(msg)
        if self.models is not None and self.drill:
            msg = "--drill trains models of its own; leave out --models"
            raise ConfigError(msg)
        if self.practised is not None and (self.models is not None or self.drill):
            other = "--drill" if self.models is None else "--models"
            msg = (
                "--practised takes a policy into a run that trains its other models on bars as "
                f"they are, and {other} does otherwise; leave out one of the two"
            )
            raise ConfigError(msg)
        self._require_shared()

    def _require_shared(self) -> None:
        """Refuse a shared policy store of which nobody is believed, and a drill under one."""
        given = self.policy_store is not None
        if self.resume is None and given and self.operator is None:
            msg = (
                "--policy-store needs --operator: the public key that its generations are "
                "signed with, from somewhere you trust (stairway log key makes one)"
            )
            raise ConfigError(msg)
        if not given and self.operator is not None:
            msg = "--operator goes with --policy-store; a run's own store is its record"
            raise ConfigError(msg)
        if given and self.drill and self.resume is None:
            how = withdrawn(self.policy_store or "")
            msg = f"--drill runs under a policy of its own; {how}"
            raise ConfigError(msg)


def resumed(
    root: Path,
    models: Path | None = None,
    trust: Path | None = None,
    log: str | None = None,
    policy_store: str | None = None,
) -> Request:
    """Ask again for what an earlier run was asked for, in its folder.

    Models that were given must be given again, key and all: the run keeps neither. A log or
    a policy store with a password must be given again too, for the same reason.

    Raises
    ------
    ConfigError
        If there is no such run, or models are missing or too many.
    """
    _, ask = open_existing(root)
    if ask.models is not None and models is None:
        msg = (
            f"this run was started with --models {ask.models}: say --models and --trust again "
            f"to finish it: stairway run --resume {quote(str(root))} "
            f"--models {quote(ask.models)} --trust KEY.pub (the key that they are sealed with)"
        )
        raise ConfigError(msg)
    if ask.models is None and models is not None:
        msg = f"{root} trains models of its own; leave out --models {models} to finish it"
        raise ConfigError(msg)
    if log is not None and (ask.log is None or not is_named(log, ask.log)):
        kept = "in its folder" if ask.log is None else f"by {ask.log}"
        msg = f"the record of {root} is kept {kept}; leave out --log, or name that one"
        raise ConfigError(msg)
    if policy_store is not None and not is_chosen(policy_store, ask.policy_store):
        whose = "its own record" if ask.policy_store is None else ask.policy_store
        how = withdrawn(policy_store)
        msg = f"the policy store of {root} is {whose}; {how}, or name that one"
        raise ConfigError(msg)
    drill = ask.plan is not None
    return Request(
        out=root,
        seed=ask.seed,
        drill=drill,
        models=models,
        trust=trust,
        resume=root,
        log=log,
        policy_store=policy_store,
    )


def next_folder(source: str) -> Path:
    """Folder for a run whose ``--out`` was not said: the first that is free."""
    name, number = source_name(source), 1
    while (RUNS / f"{name}-{number}").exists():
        number += 1
    return RUNS / f"{name}-{number}"


def source_name(source: str) -> str:
    """Short name of a source, for the name of a run's folder.

    Examples
    --------
    >>> source_name("sample"), source_name("examples/nvda_msft.toml")
    ('sample', 'nvda_msft')
    """
    return Path(source).stem if source.endswith(".toml") else source


def source_files(source: str) -> tuple[Path, ...]:
    """Files of a user's own that a source is read from, as they are named to it.

    Raises
    ------
    ConfigError
        If there is no such source, or its options cannot be used.

    Examples
    --------
    >>> source_files("sample")
    ()
    """
    kind, options = _options(source)
    named = (Path(source),) if source.endswith(".toml") else ()
    config = _config(source, options, plugins.load("sources", kind).Config)
    tables = config.files if isinstance(config, TableConfig) else ()
    return (*named, *(Path(one.path) for one in tables))


def read_source(source: str) -> tuple[RawPair, dict[str, Any]]:
    """Read both tables of bars, and say with which options.

    Raises
    ------
    ConfigError
        If there is no such source, or its options cannot be used.
    """
    kind, options = _options(source)
    plugin = plugins.load("sources", kind)
    config = _config(source, options, plugin.Config)
    return plugin.read(config), {"kind": kind, **options}


def _config(source: str, options: Mapping[str, Any], wanted: Any) -> Any:
    try:
        return msgspec.convert(options, wanted)
    except msgspec.ValidationError as error:
        msg = f"source {source}: {error}; see examples/ for a source file that works"
        raise ConfigError(msg) from error


def _options(source: str) -> tuple[str, dict[str, Any]]:
    if not source.endswith(".toml"):
        if source not in plugins.names("sources"):
            msg = (
                f"no source named {source!r}: say `sample`, or the path of a TOML file with "
                f"kind = one of {', '.join(plugins.names('sources'))} (see examples/)"
            )
            raise ConfigError(msg)
        return source, {}
    path = Path(source)
    if not path.is_file():
        msg = f"no source file {source}; copy one from examples/ and edit it"
        raise ConfigError(msg)
    try:
        tables: Mapping[str, Any] = tomllib.loads(path.read_text("utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        msg = f"source file {source} cannot be read as TOML: {error}; copy one from examples/"
        raise ConfigError(msg) from error
    section = tables.get("source", tables)
    if not isinstance(section, dict):
        msg = f"source file {source}: source is no section; write [source] above its options"
        raise ConfigError(msg)
    options: dict[str, Any] = dict(cast("dict[str, Any]", section))
    kind = options.pop("kind", None)
    if not isinstance(kind, str):
        msg = f'source file {source} has no kind; say kind = "csv" or "parquet"'
        raise ConfigError(msg)
    return kind, options
