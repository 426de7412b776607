"""Row 20: the policy store diverged. What a worker believes is asked of two independent minds.

The checker knows nothing of how the answer is found: it counts what was signed, by number.
"""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stairway.base.verdict import Pass
from stairway.lifecycle import policy_store
from stairway.lifecycle.generation import opened
from stairway.lifecycle.policy_store import Standing, reconcile
from stairway.testing.policy import KEY, OTHER_KEY, SPOILT, TRUSTED, signed, spoilt

CODES = {"policy.key", "policy.signature", "policy.form", "policy.parent"}
PLACES = ("here", "elsewhere")
LABELS = {
    signed(number, word, key, store): (store, number, word if number > 1 else "")
    for number in range(1, 5)
    for word in "ab"
    for key in (KEY, OTHER_KEY)
    for store in PLACES
    # A beginning that somebody else signed begins another store.
    if number > 1 or key is KEY
}
GOOD = list(LABELS)
BAD = [spoilt(signed(n, "b"), how) for n in (1, 4, 9) for how in SPOILT]
ANY = st.sampled_from(GOOD + BAD)
CACHED = st.builds(Standing, st.none() | ANY, st.just(()), st.just(5))
STORES = st.none() | st.lists(ANY, max_size=6)


def number_of(statement):
    return LABELS[statement][1]


def is_good(statement):
    return statement in LABELS


def of_one_store(own, known):
    """What was signed for the store of what is held; where there are two, two beginnings."""
    stores = {LABELS[s][0] for s in own or known if own or number_of(s) == 1}
    if len(stores) > 1:
        return [s for s in known if number_of(s) == 1]
    return [s for s in known if not stores or LABELS[s][0] in stores]


def is_founded(top, own, known):
    """Whether every number below is there, in one history, down to 1 or to what is held."""
    _, number, word = LABELS[top]
    there = {LABELS[s][1:] for s in known}
    held = {LABELS[s][1:] for s in own}
    while number > 1 and (number, word) not in held:
        number, word = number - 1, word if number > 2 else ""
        if (number, word) not in there:
            return False
    return True


def complaints(cached, observed, answer):
    """Everything that is wrong with an answer."""
    own = [cached.agreed] if cached.agreed is not None and is_good(cached.agreed) else []
    known = of_one_store(own, own + [s for s in observed or () if is_good(s)])
    highest = max(map(number_of, known), default=0)
    top = [s for s in known if number_of(s) == highest]
    words = {s.body for s in top}
    found = []
    if len(words) == 1 and not is_founded(top[0], own, known):
        if isinstance(answer.verdict, Pass):
            found.append("a jump over unknown parents does not freeze")
        words |= {b"what is between"}
    found += held_wrongly(own, known, words, answer)
    return found + unsaid(own, known, observed or (), answer)


def held_wrongly(own, known, words, answer):
    """What is wrong with what it holds, where the highest number says these words."""
    held, found = answer.standing, []
    if held.agreed is not None and held.agreed not in known:
        found.append("it holds what no trusted key signed, or what is another store's")
    if len(words) == 1 and (held.agreed is None or held.agreed.body not in words):
        found.append("the highest signed generation is not in force")
    if len(words) == 1 and not isinstance(answer.verdict, Pass):
        found.append("it refuses where nothing contradicts")
    if len(words) > 1 and isinstance(answer.verdict, Pass):
        found.append("a conflict does not freeze")
    if len(words) > 1 and held.agreed != (own[0] if own else None):
        found.append("a conflict changed what was agreed")
    if not words and (held.agreed is not None or isinstance(answer.verdict, Pass)):
        found.append("something is assumed where nothing is known")
    return found


def unsaid(own, known, observed, answer):
    """What it should have said aloud."""
    found = []
    bad = {s.identity for s in observed if not is_good(s)}
    told = sum(alarm.code in CODES for alarm in answer.alarms)
    if told < len(bad):
        found.append("something that is not believed is not said aloud")
    strangers = {s.identity for s in observed if is_good(s) and s not in known}
    aloud = sum(alarm.n for alarm in answer.alarms if alarm.code == "policy.store")
    if own and aloud != len(strangers):
        found.append("what was signed for another store is not said aloud")
    return found


def all_complaints(cached, observed):
    answer = reconcile(cached, observed, TRUSTED, 9)
    found = complaints(cached, observed, answer)
    again = reconcile(answer.standing, observed, TRUSTED, 9)
    if again.standing != answer.standing:
        found.append("the second time something changed")
    if observed is not None:
        turned = reconcile(cached, [*observed[::-1], *observed], TRUSTED, 9)
        if turned.standing.is_frozen != answer.standing.is_frozen or (
            turned.standing.agreed and turned.standing.agreed.body
        ) != (answer.standing.agreed and answer.standing.agreed.body):
            found.append("the order of what was found, or seeing it twice, decides")
    return found


def test_the_worker_and_the_checker_agree(figures, demanded):
    cases = demanded(20, "older, newer, corrupted, missing, both changed")["cases"]
    seen, tried = dict.fromkeys(("conflicts", "unsigned", "unreachable", "wrong"), 0), set()

    @settings(
        max_examples=cases + cases // 10, database=None, suppress_health_check=list(HealthCheck)
    )
    @given(CACHED, STORES)
    def check(cached, observed):
        said = all_complaints(cached, observed)
        seen["wrong"] += len(said)
        assert said == []
        case = (cached, None if observed is None else tuple(observed))
        if case in tried:
            return
        tried.add(case)
        seen["conflicts"] += reconcile(cached, observed, TRUSTED, 9).standing.is_frozen
        seen["unsigned"] += any(not is_good(s) for s in observed or ())
        seen["unreachable"] += observed is None

    check()
    figures(20, "older, newer, corrupted, missing, both changed", cases=len(tried),
            **seen)  # fmt: skip


def trusting(signed, _keys):
    """Planted: whoever says it, and however it is signed."""
    try:
        return msgspec.json.decode(signed.body, type=policy_store.Generation)
    except msgspec.DecodeError:
        return opened(signed, TRUSTED)


def last_seen(known):
    """Planted: of what has the highest number, the last that was found."""
    highest = max((one.says.number for one in known), default=0)
    return tuple(one for one in known if one.says.number == highest)[-1:]


def top_by_signature(known):
    """Planted: the same words under another signature are another statement."""
    highest = max((one.says.number for one in known), default=0)
    return tuple(one for one in known if one.says.number == highest)


def any_store(known, _origins):
    """Planted: whatever a trusted key signed, wherever it was meant for."""
    return tuple(known), ()


def always_founded(_one, _known, _agreed):
    """Planted: nobody asks what came before."""
    return True


@pytest.mark.parametrize(
    ("bug", "name", "planted", "noticed"),
    [
        ("unsigned highest wins", "opened", trusting, "no trusted key signed"),
        ("a conflict is settled by chance", "_top", last_seen, "does not freeze"),
        ("no dedupe of equal words", "_top", top_by_signature, "refuses where nothing"),
        ("any store will do", "_of_store", any_store, "what no trusted key signed"),
        ("any jump will do", "_is_founded", always_founded, "over unknown parents"),
    ],
)
def test_a_planted_bug_is_noticed(figures, monkeypatch, bug, name, planted, noticed):
    monkeypatch.setattr(policy_store, name, planted)
    lines = [[b] for b in GOOD + BAD]
    lines += [[signed(n, w, store=s) for n in (1, 2, 3)] for w in "ab" for s in PLACES]
    pairs = [(Standing(a, (), 5), line) for a in (*GOOD[:12], None) for line in lines]
    found = [said for cached, shown in pairs for said in all_complaints(cached, shown)]
    assert any(noticed in said for said in found)
    figures(20, f"planted: {bug}", noticed=len(found))
