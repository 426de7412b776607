"""Try a function, in the process that was started for it."""

from __future__ import annotations

from pathlib import Path

from stairway.app.proof.series import read_series
from stairway.app.proof.told import ProveAnswer, ProveJob, Teller
from stairway.app.userfunc import files_of, load
from stairway.base.arrays import FloatArray
from stairway.base.attempted import AdvisedError
from stairway.base.errors import DataError
from stairway.features.function import prove_function, read
from stairway.features.series import Series


class UnlabelledError(AdvisedError):
    """It asks for labels, and nobody gave any."""


def tried_out(job: ProveJob, teller: Teller) -> ProveAnswer:
    """Load the function, read bars, give it other futures.

    Raises
    ------
    ConfigError
        If there is no such function, file or column.
    DataError
        If the bars cannot be used.
    """
    function = teller.limited(load, f"importing {job.function}", job.limit_s)(job.function)
    labels = None if job.labels is None else Path(job.labels)
    series = read_series(job.source, job.symbol, labels)

    def columns(own: Series) -> dict[str, FloatArray]:
        try:
            # An answer may compute its columns when they are read.
            return read(function(own))
        except KeyError as error:
            if labels is None and error.args[:1] in (("labels",), ("label_end_ns",)):
                msg = (
                    f"it asks for {error.args[0]!r}, and these bars have none; give "
                    "stairway prove --labels FILE"
                )
                raise UnlabelledError(msg) from error
            raise

    asked = teller.limited(columns, job.function, job.limit_s)
    heard = teller.stage("trying other futures")
    try:
        proof = prove_function(asked, series, job.rules, job.seed, heard)
    except DataError as error:
        msg = f"{job.source}: {error}"
        raise DataError(msg) from error
    return ProveAnswer(proof=proof, files=files_of(job.function))
