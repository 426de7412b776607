"""Put real output and measured figures into README.md.

Blocks that follow ``<!-- docs/examples/NAME.txt -->`` hold that file; the table between
``<!-- figures -->`` marks is made from ``benchmarks/results``. A test keeps both true.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
RESULTS = ROOT / "benchmarks" / "results"
_BATCH = 64
_BLOCK = re.compile(r"(<!-- (docs/examples/\w+\.txt) -->\n```\n).*?(```)", re.DOTALL)
_FIGURES = re.compile(r"(<!-- figures -->\n).*?(<!-- /figures -->)", re.DOTALL)


def filled(text: str) -> str:
    """Return the page as it should be."""
    text = _BLOCK.sub(lambda m: m[1] + (ROOT / m[2]).read_text("utf-8") + m[3], text)
    return _FIGURES.sub(lambda m: m[1] + figures() + m[2], text)


def figures() -> str:
    """Return the table of what things cost, from what was measured."""
    run, log, perf = (_read(name) for name in ("run", "event_log", "perf_manifest"))
    batch = next(row for row in log["durable"] if row["batch"] == _BATCH)
    decision = perf["stages"]["decision"]
    rows = [
        ("`make run` after set-up, first time (kernels compile)", f"{run['first_run_s']} s"),
        ("`make run` after that, median", f"{run['warm_run_median_s']} s"),
        ("`stairway replay` of it", f"{run['replay_s']} s"),
        ("largest memory of any process", f"{run['peak_memory_mib']} MiB"),
        ("`stairway --help`, median", f"{run['help_median_s']} s"),
        (
            "one bar to clamped orders, two members, two instruments",
            "p50 {p50_us:.0f} us, p99 {p99_us:.0f} us, p99.9 {p999_us:.0f} us".format(
                **decision
            ),
        ),
        (
            "durable events/s at batches of 64 (bare apsw beside it)",
            f"{batch['log_events_s']:,.0f} ({batch['bare_apsw_events_s']:,.0f})",
        ),
    ]
    machine = run["machine"]
    beside = "\n".join(f"| {what} | {ours} | {peer} |" for what, ours, peer in _beside())
    where = f"{machine['cpu']}, {machine['cores']} cores, {machine['memory_gib']:.0f} GiB"
    table = "\n".join(f"| {what} | {much} |" for what, much in rows)
    return (
        f"\nMeasured by `make bench` on {where}; the files are in `benchmarks/results`.\n\n"
        f"| what | measured |\n|---|---|\n{table}\n\n"
        f"| beside others in the same run | Stairway | the other |\n|---|---|---|\n{beside}\n\n"
        f"{_on_minutes()}\n\n"
    )


def _beside() -> list[tuple[str, str, str]]:
    """Set what a peer needs for the same work beside what is needed here."""
    heard, gate, ppo, luck, cut, gone = (
        _read(name)
        for name in ("event_reading", "gate", "ppo", "significance", "splits", "outage")
    )
    most = gate["parquet"][-1]
    learn = ppo["against_stock"][0]
    lost = {row["who"].split(",")[0]: row["lost_share"] for row in gone["publishers"]}
    ours = lost.pop("Stairway")
    ms, theirs = luck["ours"], luck["peers"]["ms"]
    fresh, used = cut["times_faster"]["fresh"], cut["times_faster"]["used"]
    return [
        (
            "append to a handler in another process, p50 (Redis, blocking read)",
            f"{heard['publish_to_handler']['p50_ms']:.3f} ms",
            f"{heard['redis_publish_to_handler']['p50_ms']:.3f} ms",
        ),
        (
            f"lost while Redis was away for {gone['away_s']:g} s ({', '.join(lost)})",
            f"{ours:.1%}",
            ", ".join(f"{share:.1%}" for share in lost.values()),
        ),
        (
            f"{most['predictions']:,} predictions gated and diagnosed (pandas)",
            f"{most['ours']['seconds']:.1f} s, {most['ours']['peak_mb']:,.0f} MB",
            f"{most['pandas']['seconds']:.1f} s, {most['pandas']['peak_mb']:,.0f} MB",
        ),
        (
            "PPO, steps/s of training (Stable-Baselines3)",
            f"{learn['steps_per_s']:,}",
            f"{learn['stock_steps_per_s']:,}",
        ),
        (
            "PBO of all C(16, 8) splits (purgedcv)",
            f"{ms['pbo']:,.0f} ms",
            f"{theirs['pbo']:,.0f} ms",
        ),
        (
            f"max drawdown of {luck['returns']:,} returns (empyrical)",
            f"{ms['max_drawdown']:.2f} ms",
            f"{theirs['max_drawdown']:.1f} ms",
        ),
        (
            "CPCV(6, 2) on 100,000 rows, in a fresh and in a used process (fynance)",
            "1",
            f"{fresh['fynance']:.1f} and {used['fynance']:.1f} times as long",
        ),
    ]


def _on_minutes() -> str:
    """Say what practice comes to on minutes, where it learnt and where it never was."""
    found = _read("closed_loop")["cases"]["as run"]
    seeds = len(found["each"])
    there, here = found["practice"], found["walked"]["held_out"]
    return (
        f"Practice on one-minute bars, {seeds} seeds that nobody had looked at before:\n"
        f"hold rate {there['hold_rate']:.2f} and {there['fills_per_session']:.1f} fills a day "
        f"over the last 12,000 steps, {there['hold_near_055']} of {seeds} within 0.05 of 0.55."
        "\n"
        f"On days never trained on: {here['hold_rate']:.2f} and "
        f"{here['fills_per_session']:.1f} fills a day, {here['hold_near_055']} of {seeds}."
    )


def _read(name: str) -> Any:
    return json.loads((RESULTS / f"{name}.json").read_text("utf-8"))


if __name__ == "__main__":
    text = README.read_text("utf-8")
    if sys.argv[1:] == ["--check"]:
        sys.exit(filled(text) != text)
    README.write_text(filled(text), "utf-8")
