"""A policy store that several machines share: named by its URL, believed by its operator's key.

``run.json`` names it without its password. The whole URL travels in the environment
(``STAIRWAY_POLICY_STORE``), as that of the record does.
"""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path

import msgspec

from stairway.app.plain_file import read_plain
from stairway.app.policy_distant import Distant, distant
from stairway.app.policy_store import signed_by_others
from stairway.app.record.engine import is_named
from stairway.app.record.place import EMBEDDED, scheme, shown, whole
from stairway.base.errors import ConfigError, RecordError
from stairway.base.units import UtcNs
from stairway.base.verdict import Finding
from stairway.lifecycle.generation import Generation, key_id, opened
from stairway.lifecycle.leash import permitted
from stairway.lifecycle.policy_store import Standing, reconcile

VARIABLE = "STAIRWAY_POLICY_STORE"
"""Name of the environment variable that carries its URL with its secrets."""

_KEY_BYTES = 32
_NONE = "policy.none"
"""What is said of any store in which nothing is in force."""


class InForce(msgspec.Struct, frozen=True):
    """What a run begins under.

    Attributes
    ----------
    public
        Key that is believed in the store.
    standing
        What a worker of this run holds from now on: a store that goes back behind it is not
        believed.
    alarms
        What speaks against the store, though something is in force there.
    """

    public: bytes
    says: Generation
    standing: Standing
    alarms: tuple[Finding, ...]


def chosen(url: str | None) -> str | None:
    """Take the URL that a person gave; return it as ``run.json`` may show it."""
    if url is None:
        return None
    os.environ[VARIABLE] = url
    return shown(url)


def withdrawn(url: str) -> str:
    """Say how a person takes back the URL that he gave."""
    if os.environ.get(VARIABLE) == url:
        return f"unset {VARIABLE}, which is set in the environment"
    return "leave out --policy-store"


def is_chosen(url: str, kept: str | None) -> bool:
    """Say whether ``url`` may be the one that ``run.json`` shows as ``kept``; take it if so."""
    return kept is not None and is_named(url, kept, VARIABLE)


def reached(kept: str) -> Distant:
    """Name the store that ``run.json`` shows as ``kept``; nothing is opened yet."""
    return distant(whole(kept, VARIABLE))


def read_public(path: Path) -> bytes:
    """Read the public half of an operator's key.

    Raises
    ------
    ConfigError
        If there is none, or it is no such key.
    """
    try:
        content = read_plain(path)
    except OSError as error:
        msg = (
            f"the public key {path} cannot be read ({error.strerror}): stairway log key "
            "operator.pem makes operator.pub beside it"
        )
        raise ConfigError(msg) from error
    if len(content) != _KEY_BYTES:
        msg = (
            f"{path} has {len(content)} bytes, and a public key has {_KEY_BYTES}: name the "
            "operator.pub that stairway log key made, never the private half"
        )
        raise ConfigError(msg)
    return content


def require_in_force(url: str, public: bytes, policy: str) -> InForce:
    """Refuse a store under which a new run could not enter anything, before any work is done.

    Parameters
    ----------
    public
        Key that is believed.
    policy
        Digest of the settings of the run.

    Raises
    ------
    ConfigError
        If it cannot be reached, nothing that this key signed is in force there, or that is
        about another policy.
    DamagedLogError
        If it is not what was written.
    """
    if scheme(url) == EMBEDDED:
        msg = "a shared policy store lies with a server: name redis://... or postgresql://..."
        raise ConfigError(msg)
    keys = {key_id(public): public}
    try:
        with closing(distant(url)) as store:
            seen = store.observe()
    except RecordError as error:
        msg = f"the policy store cannot be used: {error}"
        raise ConfigError(msg) from error
    result = reconcile(Standing(), seen.statements, keys, UtcNs(1))
    agreed = result.standing.agreed
    says = None if agreed is None else opened(agreed, keys)
    # Of one that is frozen nothing is agreed, since nothing was before.
    if not isinstance(says, Generation):
        why = signed_by_others(seen, keys)
        found = (*result.verdict.findings, *seen.alarms)
        said = dict.fromkeys(one.detail for one in found if one.code != _NONE)
        raise _not_in_force(url, why or "; ".join(said) or "it is empty", is_other=bool(why))
    leash = permitted(says, policy)
    if not leash.may_enter:
        msg = (
            f"the policy store {shown(url)} has generation {says.number} in force, for policy "
            f"{says.policy[:12]} at stage {says.stage.value}; this run has policy "
            f"{policy[:12]} and could enter nothing ({leash.cause}): name another --policy, or "
            "have this one signed with stairway log sign"
        )
        raise ConfigError(msg)
    return InForce(public, says, result.standing, (*seen.alarms, *result.alarms))


def _not_in_force(url: str, why: str, *, is_other: bool) -> ConfigError:
    remedy = (
        "name the public half of the former with --operator (sha256sum operator.pub says "
        "which key that is), or another store"
        if is_other
        else "sign it with: stairway log sign URL --key FILE --policy NAME --stage shadow "
        "--why WORDS"
    )
    return ConfigError(
        f"the policy store {shown(url)} has nothing in force that --operator signed: {why}; "
        f"{remedy}"
    )
