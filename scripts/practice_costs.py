"""What practice costs, beside what it may cost: for ``closed_loop.py``, which writes it.

Everything is made of what the benchmarks wrote into ``benchmarks/results``. Whether a bound
is met is worked out here, from the figure on the page and the bound beside it; a figure that
was not measured meets nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"
UP = "../benchmarks/results"
MEMORY_MB = 1_000.0
STEP_US = 1.0
TIMES_STOCK, SEED_S = 12.0, 1.5
MIN_ENVS = 256
WIDE_ENVS = 64
MB_PER_MIB = 2**20 / 1e6


class Cost(NamedTuple):
    """One figure, the bound that it is held against, and the file that it is from."""

    what: str
    asked: str
    measured: str
    met: bool
    of: str


def read(name: str) -> Any:
    """Read what one benchmark wrote; None where it was never run."""
    path = RESULTS / f"{name}.json"
    return json.loads(path.read_text("utf-8")) if path.exists() else None


def linked(name: str) -> str:
    """Link one file of results, as a page in ``docs`` does."""
    return f"[{name}.json]({UP}/{name}.json)"


def table(head: Sequence[str], rows: Sequence[Sequence[str]], words: int = 1) -> str:
    """Lay out a table; the first columns hold ``words``, the others figures."""
    lines = [head, ["---"] * words + ["---:"] * (len(head) - words), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def yes(*, met: bool) -> str:
    """Say in one word whether a bound is met."""
    return "yes" if met else "**no**"


# -- time ------------------------------------------------------------------------------


def costs() -> list[Cost]:
    """Return every bound of time, and what was measured."""
    return [*_environment(), *_training(), *_steering(), *_watching()]


def _environment() -> Iterator[Cost]:
    name = "practice_env"
    found = read(name)
    ours, bounds = found["ours"], found["bounds"]
    sizes = [int(one.removeprefix("kernel_")) for one in ours if one[-1].isdigit()
             and one.startswith("kernel_")]  # fmt: skip
    least = min(
        (n for n in sizes if n >= MIN_ENVS), key=lambda n: ours[f"kernel_{n}"]["median"]
    )
    faces = (
        (f"kernel, slowest of {MIN_ENVS} accounts and up ({least:,})", f"kernel_{least}",
         "kernel_256"),
        ("one `gymnasium.Env`, terms in `info`", "gymnasium_env", "gymnasium_env"),
        ("SB3 `VecEnv`, 64 accounts", "sb3_vecenv_64", "sb3_vecenv_64"),
    )  # fmt: skip
    for what, figure, bound in faces:
        rate, asked = ours[figure]["median"], bounds["steps_per_s"][bound]
        yield Cost(what, f"{_millions(asked)} steps/s", _millions(rate), rate >= asked, name)
    for peer, asked in bounds["kernel_256_over_peer"].items():
        times = found["kernel_256_over_peer"].get(peer)
        said = "not measured"
        if times is not None:
            said = f"{times:.1f} x ({_millions(found['peers'][peer]['median'])})"
        called = f"kernel, 256 accounts, against {peer.replace('_', '-')}"
        yield Cost(called, f"{asked:g} x", said, times is not None and times >= asked, name)


def _training() -> Iterator[Cost]:
    name = "ppo"
    found = read(name)
    wide = next(one for one in found["against_stock"] if one["n_envs"] == WIDE_ENVS)
    times, stock = wide["times_stock"], wide["stock_steps_per_s"]
    said = f"{times:.1f} x ({wide['steps_per_s']:,} against {stock:,} steps/s)"
    what = "PPO, 64 accounts, batch 64, against stock SB3"
    yield Cost(what, f"{TIMES_STOCK:g} x", said, times >= TIMES_STOCK, name)
    steps = f"{found['schedule']['steps']:,} steps, one seed, no validation"
    for key, called in (
        ("one_seed_s", "the learner alone"),
        ("one_seed_of_a_run_s", "in a run, with controller and checkpoints"),
    ):
        took = found["schedule"][key]
        asked = f"at most {SEED_S:g} s"
        yield Cost(f"{steps}: {called}", asked, f"{took:.2f} s", took <= SEED_S, name)


def _steering() -> Iterator[Cost]:
    name = "controller"
    found = read(name)
    literal = found["literal"].values()
    weather = found["regime"]
    streamed = weather["streamed"]
    each = (
        ("controller, `regulated`", found["regulated"]["step_us"], name),
        ("controller, `literal`, compiled", max(c["compiled_us"] for c in literal), name),
        ("controller, `literal`, from Python", max(c["from_python_us"] for c in literal), name),
        ("regime, compiled, as training meets it", weather["compiled_us"], name),
        ("regime, streamed from Python, p50", streamed["p50_us"], name),
        ("regime, streamed from Python, p99", streamed["p99_us"], name),
        ("regime, streamed from Python, p50, beside the features",
         read("features")["streaming"]["regime.step"]["p50_us"], "features"),
    )  # fmt: skip
    for what, us, of in each:
        yield Cost(
            f"{what}, a step", f"at most {STEP_US:g} us", f"{us:.3f} us", us <= STEP_US, of
        )


def _watching() -> Iterator[Cost]:
    name = "metrics"
    found = read(name)
    worst = max(found["cost"], key=lambda one: found["cost"][one]["wall_pct"]["median"])
    wall = found["cost"][worst]["wall_pct"]
    bound = found["bound_pct"]
    what = f"a gateway, the dearest of {len(found['cost'])} cases ({worst})"
    said = f"{wall['median']:+.2f} % ({_minus(wall['low'])} to {_minus(wall['high'])})"
    yield Cost(what, f"under {bound:g} %", said, wall["median"] < bound, name)


def _minus(value: float) -> str:
    return f"{value:+.2f}".replace("-", "\N{MINUS SIGN}")


def _millions(rate: float) -> str:
    return f"{rate / 1e6:.2f} million"


def costs_table() -> str:
    """Lay out every bound of time."""
    rows = [(c.what, c.asked, c.measured, yes(met=c.met), linked(c.of)) for c in costs()]
    return table(("what", "asked", "measured", "met", "from"), rows)


def costs_words() -> str:
    """Say which bounds of time are not met, and why not."""
    missed = [c for c in costs() if not c.met]
    if not missed:
        return "Every bound of time is met.\n"
    said = "; ".join(f"{c.what}, {c.measured} where {c.asked} is asked" for c in missed)
    weather = read("controller")["regime"]
    lines = [f"**Not met**: {said}. The other {len(costs()) - len(missed)} are met."]
    floor = weather.get("floor_us")
    if floor is not None and any("from Python" in c.what for c in missed):
        lines.append(
            f"Of the regime's step from Python {floor:.2f} us are the call itself, a copy of "
            "the state and two records: that is what is left when nothing at all is detected."
        )
    return "\n".join(lines) + "\n"


# -- memory ----------------------------------------------------------------------------

RUNS = {
    "kernels_and_reference_made": "first run: kernels compiled, reference made",
    "kernels_and_reference_found": "any later run",
}
WHERE = {"train_rl": "embedded sample", "train_rl_minutes": "one-minute bars"}


class Taken(NamedTuple):
    """What one run took: both ways of counting, in MB of a million bytes."""

    what: str
    seconds: float
    rss_mb: float
    pss_mb: float
    alone_mb: float
    of: str


def runs() -> Iterator[Taken]:
    """Return what was measured of whole runs."""
    for name, where in WHERE.items():
        for key, called in RUNS.items():
            one = (read(name) or {}).get(key)
            if one is not None:
                yield Taken(
                    f"{where}, {called}",
                    one["seconds"],
                    one["peak_rss_mib"] * MB_PER_MIB,
                    one["peak_pss_mib"] * MB_PER_MIB,
                    max(one["peaks_rss_mib"].values()) * MB_PER_MIB,
                    name,
                )


def memory_table() -> str:
    """Lay out time and memory of whole runs of five seeds."""
    rows = [
        (
            t.what,
            f"{t.seconds:.0f} s",
            *(f"{mb:,.0f} MB" for mb in (t.rss_mb, t.pss_mb, t.alone_mb)),
            yes(met=t.rss_mb <= MEMORY_MB),
            yes(met=t.pss_mb <= MEMORY_MB),
            linked(t.of),
        )
        for t in runs()
    ]
    head = ("run", "time", "RSS, summed", "PSS, summed", "largest process, RSS",
            "met by RSS", "met by PSS", "from")  # fmt: skip
    return table(head, rows)


def memory_words() -> str:
    """Say whether a run stays within its memory, by both ways of counting."""
    said = []
    for way, of in (("RSS", [t.rss_mb for t in runs()]), ("PSS", [t.pss_mb for t in runs()])):
        over = sum(mb > MEMORY_MB for mb in of)
        held = "within it in every run" if not over else f"**over it** in {over} of {len(of)}"
        said.append(f"summed {way} is {held}, {max(of):,.0f} MB at most")
    bars = "" if read("train_rl_minutes") else " Runs on minutes were not measured."
    return f"By 1 GB, read as {MEMORY_MB:,.0f} MB: {'; '.join(said)}.{bars}\n"


def first_words() -> str:
    """Say how long a first run takes."""
    first, later = list(runs())[:2]
    return (
        "The first run takes longest: its kernels are compiled and its reference is made. As "
        f"{linked(first.of)} has it, five seeds on the embedded sample then took "
        f"{first.seconds:.0f} s, and {later.seconds:.0f} s the second time.\n"
    )


# -- beside them -----------------------------------------------------------------------


def speed_table() -> str:
    """Set the kernel beside itself with noise, and beside its faces."""
    ours = read("practice_env")["ours"]
    named = (
        ("kernel, 256 accounts", "kernel_256"),
        ("kernel, 256 accounts, `observation_noise = 1`", "kernel_256_with_noise"),
        ("one `gymnasium.Env`", "gymnasium_env"),
        ("SB3 `VecEnv`, 64 accounts", "sb3_vecenv_64"),
    )
    rows = [(words, _millions(ours[name]["median"])) for words, name in named]
    return table(("steps by", "a second of one core"), rows)


def gateway_table() -> str:
    """Say what a gateway costs training, by what it does."""
    measured = read("metrics")
    rows = [
        (
            name,
            *(f"{_minus(cost['wall_pct'][part])} %" for part in ("median", "low", "high")),
            f"{measured['bound_pct']:g} %",
            str(cost["pushes"]),
            str(cost["failures"]),
        )
        for name, cost in measured["cost"].items()
    ]
    head = ("the gateway is", "time, median", "from", "to", "bound", "pushes", "failed")
    return table(head, rows)
