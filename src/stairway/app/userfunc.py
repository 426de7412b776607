"""Functions of a user's own, named on the command line and nowhere else.

Nothing that a settings file says is ever imported. A function of somebody else's may
print, end the process or never come back: :func:`apart` lets it do none of these.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager, redirect_stdout
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import FrameType, ModuleType
from typing import Any, TypeAlias, TypeVar, cast

from stairway.base.attempted import OverdueError, attempted, words_of
from stairway.base.errors import ConfigError

A = TypeVar("A")
Function: TypeAlias = Callable[..., Any]

STEPS = ("redrawn", "features", "labels", "folds", "positions", "profit")
"""What a study can be asked."""

_STDOUT, _STDERR = 1, 2
_NAMED = 8


def load(named: str) -> Function:
    """Return the function of ``MODULE:FUNCTION``.

    ``MODULE`` is a file, ``features.py``, or what Python would import from this directory,
    ``mybot.features``.

    Raises
    ------
    ConfigError
        If it is not of that form, cannot be imported, or has no such function.

    Examples
    --------
    >>> load("math:sqrt")(9)
    3.0
    """
    module, where, found = _found(named)
    if not callable(found):
        there = ", ".join(_functions(module)) or "none"
        name = named.rpartition(":")[2]
        msg = f"{where} has no function named {name!r}; its functions are: {there}"
        raise ConfigError(msg)
    return cast("Function", found)


def load_object(named: str) -> Any:
    """Return whatever ``MODULE:OBJECT`` names; a class is called for it.

    Raises
    ------
    ConfigError
        If it is not of that form, cannot be imported, or is not there.

    Examples
    --------
    >>> load_object("math:tau") > 6
    True
    """
    _, where, found = _found(named)
    if found is None:
        msg = f"{where} has nothing named {named.rpartition(':')[2]!r}"
        raise ConfigError(msg)
    return _made(where, found) if isinstance(found, type) else found


def load_study(named: str) -> Any:
    """Return the study of ``MODULE:OBJECT``; a class is called for it.

    Raises
    ------
    ConfigError
        If it is not there, or has not every step of a study.

    Examples
    --------
    >>> load_study("math:tau")
    Traceback (most recent call last):
    ...
    stairway.base.errors.ConfigError: math:tau is a float, and a study needs redrawn, \
features, labels, folds, positions, profit; missing are all of them (a class with these \
functions: docs/validate.md has one)
    """
    found = load_object(named)
    missing = [step for step in STEPS if not _has(found, step)]
    if missing:
        which = "all of them" if len(missing) == len(STEPS) else ", ".join(missing)
        kind = type(found).__name__
        msg = (
            f"{named} is a {kind}, and a study needs {', '.join(STEPS)}; missing are {which} "
            "(a class with these functions: docs/validate.md has one)"
        )
        raise ConfigError(msg)
    return found


def _has(found: Any, step: str) -> bool:
    return callable(attempted(lambda: getattr(found, step)))


def _made(where: str, kind: type) -> Any:
    try:
        with apart():
            return kind()
    except (Exception, SystemExit) as error:  # what somebody else's class raises
        msg = (
            f"{kind.__name__} of {where} cannot be made, {type(error).__name__}: "
            f"{words_of(error)}; it is called without arguments"
        )
        raise ConfigError(msg) from error


def files_of(named: str) -> tuple[str, ...]:
    """Files of the module of ``MODULE:NAME``, and of those beside it that it imported.

    Examples
    --------
    >>> files_of("sys:path")
    ()
    """
    where = named.rpartition(":")[0]
    module = sys.modules.get(Path(where).stem if _is_file(where) else where)
    own = getattr(module, "__file__", None)
    if own is None:
        return ()
    folder = Path(own).resolve().parent
    there = {getattr(one, "__file__", None) for one in list(sys.modules.values())}
    beside = {one for one in there if one and Path(one).resolve().parent == folder}
    return tuple(sorted(beside))


def _found(named: str) -> tuple[ModuleType, str, Any]:
    where, colon, name = named.rpartition(":")
    if not (colon and where and name):
        msg = f"{named!r} names no function; say MODULE:FUNCTION, such as features.py:make"
        raise ConfigError(msg)
    module = _imported(where)
    found: Any = module
    for part in name.split("."):
        found = getattr(found, part, None)
    return module, where, found


def _imported(where: str) -> ModuleType:
    try:
        with apart():
            return _from_file(Path(where)) if _is_file(where) else _from_path(where)
    except ConfigError:
        raise
    except (Exception, SystemExit) as error:  # what somebody else's module raises
        msg = (
            f"{where} cannot be imported, {type(error).__name__}: {words_of(error)}; "
            f"see what this says: {_try(where)}"
        )
        raise ConfigError(msg) from error


def _is_file(where: str) -> bool:
    return where.endswith(".py") or "/" in where


def _from_file(path: Path) -> ModuleType:
    if not path.is_file():
        msg = f"no file {path} here (looked in {Path.cwd()}); name the file of the function"
        raise ConfigError(msg)
    spec = spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        msg = f"{path} is no Python file; name one that ends with .py"
        raise ConfigError(msg)
    module = module_from_spec(spec)
    with _beside(path.parent):
        sys.modules[spec.name] = module
        spec.loader.exec_module(module)
    return module


def _from_path(where: str) -> ModuleType:
    with _beside(Path.cwd()):
        return import_module(where)


@contextmanager
def _beside(folder: Path) -> Generator[None]:
    """Let modules of that folder be found; it stays so, for what they import later."""
    place = str(folder.resolve())
    if place not in sys.path:
        sys.path.insert(0, place)
    yield


def _functions(module: ModuleType) -> list[str]:
    own = [
        name
        for name, one in vars(module).items()
        if callable(one) and not isinstance(one, type) and not name.startswith("_")
    ]
    return own[:_NAMED]


def _try(where: str) -> str:
    return f"python {where}" if _is_file(where) else f"python -c 'import {where}'"


@contextmanager
def apart() -> Generator[None]:
    """Send to standard error whatever is printed here, so that an answer stays readable."""
    sys.stdout.flush()
    kept = os.dup(_STDOUT)
    os.dup2(_STDERR, _STDOUT)
    try:
        with redirect_stdout(sys.stderr):
            yield
    finally:
        os.dup2(kept, _STDOUT)
        os.close(kept)


def within(function: Callable[[A], Any], limit_s: float) -> Callable[[A], Any]:
    """Give the same function, which raises where one call takes longer than the limit.

    The alarm is heard between two steps of Python; what hangs inside one step of a
    compiled library is ended by Ctrl-C, twice. Call it on the main thread.

    Examples
    --------
    >>> import itertools
    >>> endless = lambda start: sum(itertools.count(start))
    >>> within(abs, 5.0)(-3)
    3
    """

    def overdue(number: int, frame: FrameType | None) -> None:
        del number, frame
        msg = f"it was not done after {limit_s:g} s; make it faster, or raise --limit-s"
        raise OverdueError(msg)

    def called(argument: A) -> Any:
        before = signal.signal(signal.SIGALRM, overdue)
        signal.setitimer(signal.ITIMER_REAL, limit_s)
        try:
            return function(argument)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0.0)
            signal.signal(signal.SIGALRM, before)

    return called
