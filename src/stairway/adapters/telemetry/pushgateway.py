"""Pushes the figures of a training run to a Prometheus Pushgateway, or fails to.

1. ``record``, ``judge`` and ``feel`` run in the training thread. They make a new
   :class:`stairway.training.figures.Tally` and, once ``batch_steps`` have come together (or
   a gate has spoken), offer it by setting one reference. There is no lock and no queue: the
   last offer wins, and since a tally holds totals, nothing that was counted is lost.
2. A thread of its own wakes every ``interval_s`` and pushes what is offered, if that is not
   what the gateway has already. A push that fails is tried again with the next offer.
3. ``ask_to_close`` offers everything for one last push, and ``close`` waits for that push
   until ``close_s`` after it was asked for, and no longer. Who has several asks all of them
   first, and so waits for all as long as for one.

Whatever a gateway does (be away, hang, answer with an error) happens in that thread, which
waits without holding anything that training needs. Proxies of the environment are not
used: the address in the settings is the address that is called.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from http.client import HTTPException
from itertools import groupby
from typing import Annotated
from urllib.error import HTTPError, URLError
from urllib.request import ProxyHandler, Request, build_opener

from msgspec import Meta
from prometheus_client import (
    CollectorRegistry,
    push_to_gateway,  # pyright: ignore[reportUnknownVariableType] - its handler has no type
)
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    Metric,
    SummaryMetricFamily,
)

from stairway.base import config as base
from stairway.base.verdict import Verdict
from stairway.simulation.health import Health
from stairway.training.figures import (
    METRICS,
    PREFIX,
    Sample,
    Tally,
    added,
    felt,
    figures,
    judged,
)
from stairway.training.meter import Batch, Unsent

Seconds = Annotated[float, Meta(gt=0.0, le=60.0)]

_LONGEST = 80
"""Characters of a reason that are shown: a gateway may answer with anything."""


class Config(base.Config, frozen=True, kw_only=True):
    """Options of one gateway.

    Attributes
    ----------
    url
        Where it listens. No user name: what is secret does not belong in settings.
    job
        First half of the grouping; the second, ``instance``, is the run's own.
    batch_steps
        Fewest new steps in a push.
    interval_s
        Between two pushes; at most one a second.
    timeout_s
        How long a push waits for an answer.
    close_s
        How long closing waits for the last push, from when it was asked for.
    """

    url: Annotated[str, Meta(pattern=r"^https?://[^\s/?#@]+(/[^\s?#@]*)?$", max_length=200)]
    job: Annotated[str, Meta(pattern=r"^[A-Za-z0-9_.:-]+$", max_length=100)]
    batch_steps: Annotated[int, Meta(ge=64, le=100_000_000)]
    interval_s: Annotated[float, Meta(ge=1.0, le=3_600.0)]
    timeout_s: Seconds
    close_s: Seconds


def connect(config: Config, instance: str) -> Pushgateway:
    """Begin to push the figures of one seed of one run.

    Parameters
    ----------
    instance
        Who pushes, such as ``"run-7/seed-3"``: two that push under the same job and instance
        overwrite each other.
    """
    return Pushgateway(config, instance)


def rehearsal() -> Config:
    """Return settings under which the meter contract can run: nobody listens at port 1."""
    return Config(
        url="http://127.0.0.1:1",
        job="stairway",
        batch_steps=64,
        interval_s=1.0,
        timeout_s=1.0,
        close_s=1.0,
    )


class Pushgateway:
    """Pushes for one seed. Meets :class:`stairway.training.meter.Meter`."""

    def __init__(self, config: Config, instance: str) -> None:
        self._config = config
        self._instance = instance
        self._tally = Tally()
        self._offered = self._tally
        self._sending = self._pushed = self._tally
        self._pushes = 0
        self._failures = 0
        self._failure = self._why = ""
        self._opener = build_opener(ProxyHandler({}))
        self._registry = CollectorRegistry()
        self._registry.register(_Figures(lambda: self._sending))
        self._closing = threading.Event()
        self._deadline = math.inf
        # The thread says so itself: an interrupted `join` leaves `is_alive` wrong.
        self._is_over = False
        self._thread = threading.Thread(target=self._run, name="stairway-meter", daemon=True)
        self._thread.start()

    @property
    def pushes(self) -> int:
        """How many pushes the gateway took."""
        return self._pushes

    @property
    def failures(self) -> int:
        """How many it did not."""
        return self._failures

    @property
    def failure(self) -> str:
        """What was wrong the last time; empty where nothing ever was."""
        return self._failure

    def record(self, batch: Batch) -> None:
        """Count a stretch of training, and offer it once enough have come together."""
        self._tally = added(self._tally, batch)
        if self._tally.steps - self._offered.steps >= self._config.batch_steps:
            self._offered = self._tally

    def judge(self, gate: str, verdict: Verdict) -> None:
        """Count the answer of a gate, and offer it at once."""
        self._offered = self._tally = judged(self._tally, gate, verdict)

    def feel(self, health: Health) -> None:
        """Note the controller's health, to go with the next offer."""
        self._tally = felt(self._tally, health)

    def ask_to_close(self) -> None:
        """Let it push once more and end, without waiting for it; asking again does nothing."""
        if not self._closing.is_set():
            self._offered = self._tally
            self._deadline = time.monotonic() + self._config.close_s
            self._closing.set()

    def close(self) -> None:
        """Push once more, for at most ``close_s`` from when it was first asked to close."""
        self.ask_to_close()
        self._thread.join(max(0.0, self._deadline - time.monotonic()))

    def unsent(self) -> Unsent | None:
        """Say how many pushes failed; one that is still waited for once this is closed, too."""
        hangs = self._closing.is_set() and not self._is_over
        failed = self._failures + hangs
        if not failed:
            return None
        why = f"no answer within {self._config.close_s:g} s" if hangs else self._why
        return Unsent(failed, self._config.url, why)

    def _run(self) -> None:
        while not self._closing.wait(self._config.interval_s):
            self._push(self._config.timeout_s)
        self._push(self._config.close_s)
        self._is_over = True

    def _push(self, timeout_s: float) -> None:
        self._sending = self._offered
        if self._sending is self._pushed:
            return
        try:
            push_to_gateway(
                self._config.url,
                self._config.job,
                self._registry,
                {"instance": self._instance},
                timeout_s,
                self._sender,
            )
        except (OSError, HTTPException, ValueError) as error:
            self._failures += 1
            self._failure, self._why = f"{type(error).__name__}: {error}", _reason(error)
        else:
            self._pushes += 1
            self._pushed = self._sending

    def _sender(
        self,
        url: str,
        method: str,
        timeout: float | None,
        headers: list[tuple[str, str]],
        data: bytes,
    ) -> Callable[[], None]:
        request = Request(url, data, dict(headers), method=method)  # noqa: S310 - Config allows http and https only

        def send() -> None:
            try:
                self._opener.open(request, timeout=timeout).close()
            except HTTPError as error:
                error.close()
                raise

        return send


def _reason(error: Exception) -> str:
    """Say in a few words what was wrong, with nothing in them that a terminal obeys.

    Examples
    --------
    >>> _reason(URLError(ConnectionRefusedError(111, "Connection refused")))
    'connection refused'
    """
    cause = error.reason if isinstance(error, URLError) else error
    if isinstance(error, HTTPError):
        said = f"answer {error.code}"
    elif isinstance(error, HTTPException) and not isinstance(error, OSError):
        # Its text is what was answered: anything at all.
        said = "an answer that is no HTTP"
    else:
        said = (cause.strerror if isinstance(cause, OSError) else None) or str(cause)
    said = "".join(letter if letter.isprintable() else "?" for letter in said[:_LONGEST])
    return f"{said[:1].lower()}{said[1:]}" or type(error).__name__


class _Figures:
    """Shows a registry the figures of a tally, whenever it asks."""

    def __init__(self, tally: Callable[[], Tally]) -> None:
        self._tally = tally

    def describe(self) -> Iterable[Metric]:
        """Name nothing before there is something: a registry holds one run only."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """Put the samples of each name together as Prometheus knows them."""
        for name, samples in groupby(figures(self._tally()), key=lambda sample: sample.name):
            yield _family(name, samples)


def _family(name: str, samples: Iterable[Sample]) -> Metric:
    kind, labels, _, words = METRICS[name]
    full = PREFIX + name
    match kind:
        case "summary":
            summary = SummaryMetricFamily(full, words, labels=labels)
            for sample in samples:
                summary.add_metric(sample.labels, sample.n, sample.value)
            return summary
        case "counter":
            counter = CounterMetricFamily(full, words, labels=labels)
            for sample in samples:
                counter.add_metric(sample.labels, sample.value)
            return counter
        case "gauge":
            gauge = GaugeMetricFamily(full, words, labels=labels)
            for sample in samples:
                gauge.add_metric(sample.labels, sample.value)
            return gauge
