"""The work of the telemetry gate in pandas, and what Evidently does; for ``bench_gate.py``.

``pandas`` reads the same Parquet file, drops repeats by event and model, cuts at the same
instant, and finds for each model on each side: answers, share of HOLD, deviation, P10, P90,
the commonest exact values and their mass, and what followed which action about the same
instrument; for each event, an instant and an instrument, how many voted, how many agreed and
whether BUY met SELL; the largest gap, the rate, and which hours of the day each side covers;
and how far both sides lie apart by Kolmogorov and Smirnov (once, where the gate also draws
500 permutations). ``evidently`` summarises both sides and tests them for drift; it knows no
repeats, no models apart and no exact values. Run as ``peers_gate.py pandas|evidently FILE
CUTOVER_MS``; one line of JSON is printed.
"""

from __future__ import annotations

import importlib
import json
import sys
import time
from typing import Any

from peers import peak_mb


def read(path: str) -> Any:
    """Read the columns, and drop what was said twice."""
    import pandas as pd  # noqa: PLC0415 - installed for this run only

    frame = pd.read_parquet(path)
    return frame.drop_duplicates(["event_id", "model"])


def side(part: Any) -> dict[str, Any]:
    """Find what the gate judges, model by model."""
    found: dict[str, Any] = {}
    for model, mine in part.groupby("model", sort=False):
        confidence = mine["confidence"]
        before = mine.groupby("symbol", sort=False)["action"].shift()
        masses = confidence.round(6).value_counts()
        found[str(model)] = {
            "events": len(mine),
            "hold_frac": float((mine["action"] == "HOLD").mean()),
            "std": float(confidence.std()),
            "quantiles": confidence.quantile([0.1, 0.9]).tolist(),
            "distinct": len(masses),
            "masses": masses.head(5).to_dict(),
            "symbols": mine.groupby("symbol", sort=False)["action"].value_counts().to_dict(),
            "moved": mine["action"].groupby([before, mine["action"]]).size().to_dict(),
        }
    return found


def events(part: Any) -> dict[str, Any]:
    """Find whether members agree, how densely events come, and at which hours."""
    import pandas as pd  # noqa: PLC0415 - installed for this run only

    votes = part.groupby(["ts", "symbol", "action"], sort=False).size().unstack(fill_value=0)  # noqa: PD010 - as one would write it
    members, most = votes.sum(axis=1), votes.max(axis=1)
    several = members >= 2
    opposed = (votes["BUY"] > 0) & (votes["SELL"] > 0) & several
    steps = part["ts"].diff()
    return {
        "agree": float((most / members)[several].mean()),
        "opposed": int(opposed.sum()),
        "gap_ms": float(steps.max()),
        "backwards": int((steps < 0).sum()),
        "hours": pd.to_datetime(part["ts"], unit="ms").dt.hour.value_counts().to_dict(),
    }


def apart(before: Any, after: Any) -> dict[str, float]:
    """Distance of Kolmogorov and Smirnov between both sides, model by model."""
    import numpy as np  # noqa: PLC0415 - the peers' own

    found = {}
    for model, mine in after.groupby("model", sort=False):
        two = np.sort(mine["confidence"].to_numpy())
        one = np.sort(before.loc[before["model"] == model, "confidence"].to_numpy())
        both = np.concatenate([one, two])
        shares = [np.searchsorted(side, both, side="right") / len(side) for side in (one, two)]
        found[str(model)] = float(np.abs(shares[0] - shares[1]).max())
    return found


def with_pandas(path: str, cutover_ms: int) -> int:
    """Judge both sides; return how many answers counted."""
    frame = read(path)
    late = frame["ts"] >= cutover_ms
    before, after = frame[~late], frame[late]
    sides = [side(before), side(after)]
    events(before)
    events(after)
    apart(before, after)
    return sum(one["events"] for found in sides for one in found.values())


def with_evidently(path: str, cutover_ms: int) -> int:
    """Summarise and compare both sides; return how many answers there are."""
    import pandas as pd  # noqa: PLC0415 - installed for this run only
    from evidently import Report  # noqa: PLC0415
    from evidently.presets import DataDriftPreset, DataSummaryPreset  # noqa: PLC0415

    frame = pd.read_parquet(path)
    late = frame["ts"] >= cutover_ms
    columns = ["symbol", "model", "action", "confidence"]
    report = Report([DataSummaryPreset(), DataDriftPreset()])
    report.run(frame.loc[late, columns], frame.loc[~late, columns]).dict()
    return len(frame)


def main() -> None:
    """Print seconds, answers and peak memory."""
    which, path, cutover_ms = sys.argv[1:]
    work = {"pandas": with_pandas, "evidently": with_evidently}[which]
    importlib.import_module(which)  # imports count for nobody
    start = time.perf_counter()
    answers = work(path, int(cutover_ms))
    spent = time.perf_counter() - start
    print(json.dumps({"seconds": spent, "answers": answers, "peak_mb": peak_mb()}))


if __name__ == "__main__":
    main()
