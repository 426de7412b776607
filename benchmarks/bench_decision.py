"""How long it takes to decide and to clamp, in histograms that keep the tail.

Writes ``benchmarks/results/decision.json``. Run it with::

    .venv/bin/python benchmarks/bench_decision.py [rounds]

Every round goes over cases that differ in belief, volatility, regime and exposure, so
that no branch is always the same. What is refused is timed with what is not, and counted.
The clock costs about as much as the smallest stage; its own histogram is given beside it.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable
from pathlib import Path
from time import perf_counter_ns
from typing import Any

import msgspec
import numpy as np
from msgspec.structs import replace

from stairway.app.latency import Latencies
from stairway.base.verdict import Refuse
from stairway.decision.ensemble import decide
from stairway.decision.intent import Enter
from stairway.risk.clamp import clamp
from stairway.risk.controls import may_enter
from stairway.risk.sizing import ladder
from stairway.testing import decision as voices
from stairway.testing.risk import Case, some_case, some_wish

RESULT = Path(__file__).parent / "results" / "decision.json"
ROUNDS = 200
CASES = 512
WARM_UP = 5


def some_cases(seed: int) -> list[Case]:
    """Cases of all kinds; about one in five is refused."""
    rng = np.random.default_rng(seed)
    cases: list[Case] = []
    for _ in range(CASES):
        _, sight, account, instrument, terms, rules = some_case()
        p = float(np.clip(rng.normal(0.5, 0.08), 0.01, 0.99))
        seen = replace(
            sight,
            price_usd=float(rng.uniform(90.0, 110.0)),
            volatility_per_bar=float(rng.uniform(0.004, 0.03)),
            correlation=float(rng.uniform(0.3, 1.0)),
            regime=str(rng.choice(["trend", "range", "crisis"])),
            cost_bps=float(rng.uniform(1.0, 10.0)),
        )
        held = {"A": 0, "B": int(rng.integers(-2 * 10**11, 2 * 10**11))}
        book = replace(account, held_micros=held, heat_micros=int(rng.integers(0, 7 * 10**10)))
        cases.append((some_wish(p), seen, book, instrument, terms, rules))
    return cases


def timed(stage: str, latencies: Latencies, act: Callable[..., Any], *given: Any) -> Any:
    start = perf_counter_ns()
    answer = act(*given)
    latencies.record({stage: perf_counter_ns() - start})
    return answer


def one_round(cases: list[Case], latencies: Latencies) -> tuple[int, int]:
    """Time every stage on every case, and count wishes and refusals."""
    seats, routes, rules = voices.seats("x", "y"), voices.routes(0.55), voices.rules()
    entered = refused = 0
    for case in cases:
        p = case[0].probability
        answers = [voices.answer("x", p), voices.answer("y", min(0.99, p + 0.01))]
        wish = timed("decide", latencies, decide, answers, seats, routes, rules, "A", 1)
        entered += isinstance(wish, Enter)
        limits = case[5].limits
        timed("controls", latencies, may_enter, case[0], case[1], case[2], limits)
        timed("ladder", latencies, ladder, *case)
        order = timed("clamp", latencies, clamp, *case)
        refused += isinstance(order, Refuse)
        timed("clock", latencies, int)
    return entered, refused


def main(rounds: int) -> None:
    """Measure, print and write down."""
    cases = some_cases(seed=7)
    for _ in range(WARM_UP):
        one_round(cases, Latencies())
    latencies, entered, refused = Latencies(), 0, 0
    gc.collect()
    for _ in range(rounds):
        wished, stopped = one_round(cases, latencies)
        entered, refused = entered + wished, refused + stopped
    manifest = msgspec.to_builtins(latencies.manifest())
    total = rounds * len(cases)
    shares = {"entered_frac": entered / total, "refused_frac": refused / total}
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_bytes(msgspec.json.format(msgspec.json.encode(manifest | shares)) + b"\n")
    for stage, of in manifest["stages"].items():
        print(f"{stage:>9} p50 {of['p50_us']:7.1f} us   p99.9 {of['p999_us']:7.1f} us")
    print(f"refused {refused / total:.0%} of {total} wishes; written to {RESULT}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS)
