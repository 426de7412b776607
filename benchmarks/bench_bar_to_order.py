"""One decision, from a bar to a clamped order, with two boosted-tree members.

Everything that happens between hearing a bar and having an order to send, without the
log's commit: features, regime, both members about both instruments, the ensemble, the
sizing ladder, the clamp and the bracket. Models are trained on the drill's bars, since on
real ones they wish for little. Each bar is decided as if the book were flat, so that
every bar walks the whole way, for both instruments. Writes
``benchmarks/results/perf_manifest.json``; percentiles come from HDR histograms.
"""

from __future__ import annotations

import gc
import subprocess
import sys
import tempfile
from pathlib import Path

import msgspec

from stairway.app import folder as folders
from stairway.app.clock import tick_ns
from stairway.app.collapse import Collapse
from stairway.app.latency import Latencies
from stairway.app.rules import equity_micros, trader_rules, watch_rules
from stairway.app.settings import decode
from stairway.app.shelf import made
from stairway.app.train import read_report
from stairway.app.world import LiveWorld
from stairway.decision.ensemble import Routes, Seat, decide
from stairway.risk.clamp import ClampedOrder
from stairway.trader import observe
from stairway.trader.act import act
from stairway.trader.book import mark, open_book

RESULTS = Path(__file__).parent / "results"
STAIRWAY = str(Path(sys.executable).with_name("stairway"))
ROUNDS = 5
WARM_UP = 200


def main() -> None:
    """Measure and write down."""
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary) / "run"
        subprocess.run(
            [STAIRWAY, "run", "--drill", "--out", str(root)], check=True, capture_output=True
        )
        latencies, orders, decisions = measure(root)
    manifest = msgspec.to_builtins(latencies.manifest())
    manifest["orders"], manifest["decisions"] = orders, decisions
    manifest["bounds_us"] = {"p50": 300, "p999": 2000}
    RESULTS.mkdir(exist_ok=True)
    text = msgspec.json.format(msgspec.json.encode(manifest), indent=2).decode()
    (RESULTS / "perf_manifest.json").write_text(text + "\n")
    for name, stage in manifest["stages"].items():
        print(f"{name:<10} {stage}")
    print(f"{orders} orders from {decisions} decisions")


def measure(root: Path) -> tuple[Latencies, int, int]:
    """Walk the bars of the climb a few times, deciding at each of them."""
    folder, ask = folders.open_existing(root)
    settings, bars = decode(ask.policy, ask.policy_name), folders.read_bars(folder, ask)
    shelf = made(folder, read_report(folder), settings, ask.first_index or 0)
    rules, pair = trader_rules(settings, bars.instruments), bars.instruments
    margin = settings.ensemble.action_margin
    world = LiveWorld(
        shelf.runtimes, Collapse(None), _no_account, bars.symbols, margin, shelf.reopen
    )
    models = [digest for digest in shelf.runtimes if digest != shelf.baseline]
    seats = {
        d: Seat(shelf.runtimes[d].card.model, d, "champion", 1.0 / len(models)) for d in models
    }
    flat = open_book("capital", equity_micros(settings), session=-1)
    latencies, orders, decisions = Latencies(), 0, 0
    for lap in range(ROUNDS):
        watch = observe.start(watch_rules(settings))
        for index in range(shelf.first_index):
            watch, _ = observe.observe(watch, bars.at(index))
        gc.collect()
        gc.freeze()
        for index in range(shelf.first_index, len(bars)):
            bar = bars.at(index)
            book, _ = mark(flat, bar, pair)
            begun = tick_ns()
            watch, seen = observe.observe(watch, bar)
            observed = tick_ns()
            answers = world.answers(seen, (shelf.baseline, *models))
            answered = tick_ns()
            wishes = [
                decide(
                    [a for a in answers if a.symbol == one.symbol],
                    seats,
                    Routes(answers[k], None),
                    settings.ensemble,
                    one.symbol,
                    bar.time_ns,
                )
                for k, one in enumerate(pair)
            ]
            wished = tick_ns()
            _, _, decided = act(book, seen, wishes, rules, bar.time_ns)
            done = tick_ns()
            if lap == 0 and index < shelf.first_index + WARM_UP:
                continue
            decisions += 1
            orders += sum(isinstance(o, ClampedOrder) for o in decided.outcomes)
            latencies.record(
                {
                    "observe": observed - begun,
                    "answer": answered - observed,
                    "ensemble": wished - answered,
                    "clamp": done - wished,
                    "decision": done - begun,
                }
            )
    return latencies, orders, decisions


def _no_account() -> None:
    """Nothing is sent in this benchmark."""
    msg = "a benchmark of decisions sends nothing"
    raise RuntimeError(msg)


if __name__ == "__main__":
    main()
