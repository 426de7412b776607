"""What a worker believes after an outage: its own last good generation, and what it finds.

1. What no trusted key signed, or nobody can read, or what was signed for another store,
   counts for nothing and is said aloud. A store is known by its first generation. Where
   nothing is agreed yet and there are two beginnings, nobody can tell which is the right one.
2. Of the rest the highest number wins, wherever it was found. Nothing found, or older than
   what is known, changes nothing: a worker never goes back, and never to a default.
3. Two different statements with the highest number are a conflict, and so is one whose
   parents are not known, back to the first generation or to what was agreed: somebody
   signed it, but what for is not to be seen. Then what was agreed before stays and is
   *frozen*; the rivals are kept as evidence, so the freeze does not thaw when one of them
   goes away. A signed generation with a higher number whose parents are known ends it: that
   is somebody's decision. Contradictions below the highest number are said aloud.
4. What the store confirms is fresh as of now; anything else grows stale.

Reconciling again with the same findings changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from stairway.base.units import UtcNs
from stairway.base.verdict import Finding, Refuse, Verdict, all_of, passed, refuse
from stairway.lifecycle.generation import Generation, Keys, SignedGeneration, mark, opened


class Standing(msgspec.Struct, frozen=True):
    """What a worker holds.

    Attributes
    ----------
    agreed
        Last generation that nothing spoke against; ``None`` before the first.
    rivals
        Statements that contradict each other, or the one whose parents are not known; empty
        unless frozen. In order of identity.
    seen_ns
        When the store last confirmed ``agreed``, by this worker's clock.
    """

    agreed: SignedGeneration | None = None
    rivals: tuple[SignedGeneration, ...] = ()
    seen_ns: UtcNs = UtcNs(0)

    @property
    def is_frozen(self) -> bool:
        """Return True while statements contradict each other or hang in the air."""
        return bool(self.rivals)


class Reconciled(msgspec.Struct, frozen=True):
    """What to hold from now on, whether to go on with it, and what people must hear of."""

    standing: Standing
    verdict: Verdict
    alarms: tuple[Finding, ...] = ()


class _Known(msgspec.Struct, frozen=True):
    signed: SignedGeneration
    says: Generation


def reconcile(
    cached: Standing,
    observed: Sequence[SignedGeneration] | None,
    keys: Keys,
    now_ns: UtcNs,
) -> Reconciled:
    """Decide what to hold.

    Parameters
    ----------
    observed
        Everything the store shows, in any order; ``None`` where it cannot be reached.

    Examples
    --------
    >>> reconcile(Standing(), (), {}, UtcNs(7)).verdict.findings[0].code
    'policy.none'
    """
    own, alarms = _believed((cached.agreed,) if cached.agreed else (), keys, "the cache")
    rivals, more = _believed(cached.rivals, keys, "the cache")
    found, others = _believed(observed or (), keys, "the store")
    origins = _origins(own, (*rivals, *found))
    rivals, _ = _of_store(rivals, origins)
    found, strangers = _of_store(found, origins)
    known = (*own, *rivals, *found)
    top = _top(known) if own else _top(_beginnings(known) or known)
    agreed = own[0].signed if own else None
    standing = Standing(agreed, (), cached.seen_ns if agreed else UtcNs(0))
    alarms = (*alarms, *more, *others, *strangers, *_forks((*own, *found), top))
    if len(top) == 1 and _is_founded(top[0], known, agreed):
        standing = msgspec.structs.replace(standing, agreed=_spoken(top[0], agreed))
    elif top:
        evidence = tuple(one.signed for one in top)
        standing = msgspec.structs.replace(standing, rivals=evidence)
    if _confirms(found, standing):
        standing = msgspec.structs.replace(standing, seen_ns=now_ns)
    elif observed is not None and standing.agreed is not None and not standing.is_frozen:
        alarms = (*alarms, _behind(found, standing.agreed))
    return Reconciled(standing, _verdict(standing, alarms), alarms)


def _believed(
    statements: Iterable[SignedGeneration], keys: Keys, where: str
) -> tuple[tuple[_Known, ...], tuple[Finding, ...]]:
    """Open what can be believed, each statement of each signer once; say what cannot."""
    known: dict[tuple[str, str], _Known] = {}
    alarms: dict[str, Finding] = {}
    for signed in statements:
        match opened(signed, keys):
            case Refuse(findings):
                said = findings[0]
                alarms[signed.identity] = Finding(said.code, f"in {where}: {said.detail}")
            case says:
                known.setdefault((signed.identity, signed.key_id), _Known(signed, says))
    return tuple(known.values()), tuple(alarms.values())


def _origins(own: Sequence[_Known], others: Sequence[_Known]) -> frozenset[str] | None:
    """Return the marks of this worker's store; ``None`` where no beginning is known.

    A first generation that several have signed in the same words is one beginning.
    """
    firsts = [one for one in (*own, *others) if one.says.number == 1]
    if not own:
        return frozenset(mark(one.signed) for one in firsts) if firsts else None
    held = own[0]
    named = mark(held.signed) if held.says.number == 1 else held.says.origin
    words = {one.signed.identity for one in firsts if mark(one.signed) == named}
    same = (mark(one.signed) for one in firsts if one.signed.identity in words)
    return frozenset((named, *same))


def _of_store(
    known: Sequence[_Known], origins: frozenset[str] | None
) -> tuple[tuple[_Known, ...], tuple[Finding, ...]]:
    """Part what was signed for this store from what was signed for others."""

    def is_ours(one: _Known) -> bool:
        origin = mark(one.signed) if one.says.number == 1 else one.says.origin
        return origins is None or origin in origins

    ours = tuple(one for one in known if is_ours(one))
    others = {one.signed.identity: one.says.number for one in known if not is_ours(one)}
    if not others:
        return ours, ()
    detail = f"generations up to {max(others.values())} were signed for another store"
    return ours, (Finding("policy.store", detail, n=len(others)),)


def _beginnings(known: Sequence[_Known]) -> tuple[_Known, ...]:
    """Return the first generations where they say different things, else nothing."""
    firsts = tuple(one for one in known if one.says.number == 1)
    return firsts if len({one.signed.identity for one in firsts}) > 1 else ()


def _is_founded(one: _Known, known: Sequence[_Known], agreed: SignedGeneration | None) -> bool:
    """Return True where every parent is known, down to the first or to what was agreed."""
    parents = {k.signed.identity: k.says for k in known}
    identity, says = one.signed.identity, one.says
    while says.number > 1 and (agreed is None or identity != agreed.identity):
        before = parents.get(says.parent)
        if before is None or before.number != says.number - 1:
            return False
        identity, says = says.parent, before
    return True


def _top(known: Sequence[_Known]) -> tuple[_Known, ...]:
    """Return the statements with the highest number, by identity."""
    highest = max((one.says.number for one in known), default=0)
    by_identity = {k.signed.identity: k for k in known if k.says.number == highest}
    return tuple(by_identity[identity] for identity in sorted(by_identity))


def _spoken(one: _Known, agreed: SignedGeneration | None) -> SignedGeneration:
    """Keep the signature that is held, where the words are the same."""
    same = agreed is not None and agreed.identity == one.signed.identity
    return agreed if agreed is not None and same else one.signed


def _confirms(found: Sequence[_Known], standing: Standing) -> bool:
    """Return True where the store's highest statement is the one that is held."""
    top = _top(found)
    if standing.is_frozen or standing.agreed is None or len(top) != 1:
        return False
    return top[0].signed.identity == standing.agreed.identity


def _behind(found: Sequence[_Known], agreed: SignedGeneration) -> Finding:
    if not found:
        return Finding("policy.missing", f"the store lost generation {agreed.identity[:12]}")
    number = max(one.says.number for one in found)
    return Finding("policy.older", "the store shows an older generation", number)


def _forks(known: Sequence[_Known], top: Sequence[_Known]) -> tuple[Finding, ...]:
    """Name numbers below the highest where history parted: settled since, and worth a look."""
    highest = top[0].says.number if top else 0
    said: dict[int, set[str]] = {}
    for one in known:
        said.setdefault(one.says.number, set()).add(one.signed.identity)
        if one.says.number > 1:
            said.setdefault(one.says.number - 1, set()).add(one.says.parent)
    return tuple(
        Finding("policy.fork", "history parted at this number; a higher one settled it", n)
        for n, identities in sorted(said.items())
        if n < highest and len(identities) > 1
    )


def _verdict(standing: Standing, alarms: Sequence[Finding]) -> Verdict:
    if len(standing.rivals) == 1:
        detail = (
            f"the parents of signed generation {standing.rivals[0].identity[:12]} are not "
            "known: the last agreed one stays frozen; find out what the store has lost, or "
            "issue a generation with a higher number"
        )
        return refuse("policy.orphan", detail)
    if standing.is_frozen:
        names = ", ".join(one.identity[:12] for one in standing.rivals)
        what_now = (
            "nothing was agreed before; find out which store is the right one"
            if standing.agreed is None
            else "the last agreed one stays frozen; issue a generation with a higher number"
        )
        detail = f"signed generations contradict each other ({names}): {what_now}"
        return refuse("policy.conflict", detail, n=len(standing.rivals))
    if standing.agreed is None:
        detail = "no signed generation is known: nothing is in force, and nothing is assumed"
        return all_of([refuse("policy.none", detail), *map(_alarmed, alarms)])
    return passed("policy.in_force", standing.agreed.identity)


def _alarmed(finding: Finding) -> Verdict:
    return Refuse((finding,))
