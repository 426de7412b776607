"""Files of telemetry: all of it, in its order, in any form; one sentence where that fails."""

from __future__ import annotations

import gzip
import io
import json
import shutil
import subprocess
from pathlib import Path

import polars as pl
import pytest

from stairway.adapters.feeds import csv, jsonl, parquet, stdin
from stairway.base.errors import ConfigError, DataError
from stairway.supervision.answers import Stage
from stairway.supervision.field_map import Opening
from stairway.supervision.ports import Documents
from stairway.supervision.reading import Reading, layout_of
from stairway.testing.telemetry import messages, rows, telemetry

MADE = telemetry("healthy", events=120)
PLAIN = Opening()
FORMS = [
    "a.jsonl",
    "a.jsonl.gz",
    "a.jsonl.zst",
    "a.csv",
    "a.csv.gz",
    "a.csv.zst",
    "a.parquet",
    "-",
]


def written(folder: Path, name: str) -> Path:
    path = folder / name.removesuffix(".gz").removesuffix(".zst")
    if "jsonl" in name:
        path.write_text("".join(json.dumps(m) + "\n" for m in messages(MADE)))
    elif "csv" in name:
        rows(MADE).write_csv(path)
    else:
        rows(MADE).write_parquet(path)
    if name.endswith(".gz"):
        path = path.rename(path.with_suffix(".plain"))
        (folder / name).write_bytes(gzip.compress(path.read_bytes()))
    if name.endswith(".zst"):
        if shutil.which("zstd") is None:
            pytest.skip("zstd is not installed")
        subprocess.run(["zstd", "-q", path, "-o", folder / name], check=True)
    return folder / name


def feed_of(folder: Path, name: str, opening: Opening = PLAIN):
    if name == "-":
        return stdin.Pipe(io.BytesIO(written(folder, "a.csv").read_bytes()), opening)
    plugin = {"jsonl": jsonl, "csv": csv, "parquet": parquet}[name.split(".")[1]]
    return plugin.open_feed(str(written(folder, name)), opening)


@pytest.mark.parametrize("name", FORMS)
def test_every_form_holds_the_same_answers_in_chunks_of_any_size(
    tmp_path: Path, name: str
) -> None:
    feed = feed_of(tmp_path, name)
    layout = layout_of(feed.head(10))
    reading = Reading(layout)
    chunks = list(feed.chunks(50, layout.columns))
    assert max(map(len, chunks)) <= 50
    said = [reading.read(chunk) for chunk in chunks]
    confidence = [c for a in said for c in a.confidence[a.stage == Stage.CALIBRATED]]
    assert confidence == MADE.confidence.ravel().tolist()


@pytest.mark.parametrize("name", [n for n in FORMS if n != "-"])
def test_what_was_read_is_as_it_was_and_can_be_read_again(tmp_path: Path, name: str) -> None:
    feed = feed_of(tmp_path, name)
    before = feed.mark()
    passes = [sum(map(len, feed.chunks(64))) for _ in range(2)]
    assert passes[0] == passes[1] > 0
    assert feed.mark() == before
    assert not feed.wait(0.01)


@pytest.mark.parametrize("name", ["a.jsonl.gz", "a.jsonl.zst", "a.csv.gz", "a.csv.zst"])
def test_a_file_that_was_cut_short_is_damaged(tmp_path: Path, name: str) -> None:
    path = written(tmp_path, name)
    path.write_bytes(path.read_bytes()[:-40])
    plugin = jsonl if "jsonl" in name else csv
    with pytest.raises(DataError, match=r"cannot be read to its end \("):
        list(plugin.open_feed(str(path), Opening()).chunks(64))


def test_a_damaged_parquet_file_is_refused_when_it_is_opened(tmp_path: Path) -> None:
    path = written(tmp_path, "a.parquet")
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(DataError, match="cannot be read to its end"):
        parquet.open_feed(str(path), Opening())


@pytest.mark.parametrize("plugin", [jsonl, csv, parquet])
def test_what_is_not_there_or_empty_is_said(tmp_path: Path, plugin) -> None:
    with pytest.raises(ConfigError, match="does not exist"):
        plugin.open_feed(str(tmp_path / "a"), Opening())
    with pytest.raises(ConfigError, match="is no file"):
        plugin.open_feed(str(tmp_path), Opening())
    (tmp_path / "a").write_bytes(b"")
    with pytest.raises(DataError, match="is empty"):
        plugin.open_feed(str(tmp_path / "a"), Opening())


def test_a_header_alone_and_blank_lines_alone_are_no_records(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("ts,symbol\n")
    (tmp_path / "a.jsonl").write_text("\n\n")
    pl.DataFrame({"a": []}).write_parquet(tmp_path / "a.parquet")
    for plugin, name in ((csv, "a.csv"), (jsonl, "a.jsonl"), (parquet, "a.parquet")):
        with pytest.raises(DataError, match="is empty"):
            plugin.open_feed(str(tmp_path / name), Opening()).head(5)


def csv_of(tmp_path: Path, text: str | bytes, opening: Opening = PLAIN):
    (tmp_path / "a.csv").write_bytes(text if isinstance(text, bytes) else text.encode())
    return csv.open_feed(str(tmp_path / "a.csv"), opening)


def test_rows_that_do_not_fit_their_header_are_counted_and_the_first_is_named(
    tmp_path: Path,
) -> None:
    chunk = csv_of(tmp_path, "a,b\n1,2\n3,4,5\n6\n").head(9)
    assert chunk.ragged is not None
    assert (chunk.ragged.names, dict(chunk.ragged.widths), chunk.ragged.first) == (
        2,
        {1: 1, 2: 1, 3: 1},
        "line 3",
    )
    assert chunk.frame.rows() == [("1", "2", None), ("3", "4", "5"), ("6", None, None)]
    assert chunk.frame.columns == ["a", "b", "#3"]


def test_a_value_over_several_lines_is_one_value(tmp_path: Path) -> None:
    first, second = csv_of(tmp_path, 'a,b\n"x\ny",2\n3,4\n').chunks(1)
    assert (first.frame["a"][0], first.place(0)) == ("x\ny", "row 1")
    assert second.place(0) == "line 4"


def test_values_without_a_header_and_another_separator_are_numbered(tmp_path: Path) -> None:
    chunk = csv_of(tmp_path, "1;2\n3;4\n", Opening(header=False, separator=";")).head(5)
    assert (chunk.frame.columns, chunk.place(1), chunk.ragged) == (["#1", "#2"], "line 2", None)


@pytest.mark.parametrize("rows", [1, 2, 9])
@pytest.mark.parametrize("last", ["5", "5,6", '"5', '5,"6"', "5,6,7"])
def test_a_last_line_without_an_end_is_left_out_and_said(
    rows: int, last: str, tmp_path: Path
) -> None:
    """What is half of 0.183963 may read as 0.18, and nobody sees that it is half."""
    feed = csv_of(tmp_path, f"a,b\n1,2\n3,4\n{last}")
    chunks = list(feed.chunks(rows))
    assert [row for one in chunks for row in one.frame.rows()] == [("1", "2"), ("3", "4")]
    assert chunks[-1].is_cut
    pipe = stdin.Pipe(io.BytesIO(f"a,b\n1,2\n3,4\n{last}".encode()), PLAIN)
    assert sum(map(len, pipe.chunks(rows))) == 2


def test_a_table_that_ends_with_its_last_line_is_whole(tmp_path: Path) -> None:
    assert not csv_of(tmp_path, "a,b\n1,2\n3,4\n").head(9).is_cut
    with pytest.raises(DataError, match="its header and a line that is not complete yet"):
        csv_of(tmp_path, "a,b\n1,2").head(9)


def test_columns_of_one_name_stay_apart(tmp_path: Path) -> None:
    assert csv_of(tmp_path, b"\xef\xbb\xbfa,,a\n1,2,3\n").head(5).frame.columns == [
        "a",
        "#2",
        "a#3",
    ]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"a,b\n\xff\xfe,1\n", "line 2: this is no text"),
        (b'a,b\n"x"y,1\n', "no separated values"),
    ],
)
def test_what_is_no_text_of_values_is_refused_by_its_line(
    tmp_path: Path, content: bytes, why: str
) -> None:
    with pytest.raises(DataError, match=why):
        csv_of(tmp_path, content).head(5)


def test_empty_lines_between_documents_keep_the_others_places(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"a":1}\n\n{"a":2}')
    chunk = jsonl.open_feed(str(tmp_path / "a.jsonl"), Opening()).head(5)
    assert isinstance(chunk, Documents)
    assert ([chunk.place(n) for n in (0, 1)], chunk.open_end) == (["line 1", "line 3"], True)


def test_a_line_without_an_end_is_not_read_into_memory(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(b"x" * 17_000_000)
    with pytest.raises(DataError, match="from line 1 on"):
        jsonl.open_feed(str(tmp_path / "a.jsonl"), Opening()).head(5)


def test_a_file_that_grows_ends_the_wait(tmp_path: Path) -> None:
    feed = csv_of(tmp_path, "a\n1\n")
    feed.mark()
    with (tmp_path / "a.csv").open("a") as file:
        file.write("2\n")
    assert feed.wait(5.0)


@pytest.mark.parametrize(
    ("content", "why"),
    [(b"", "is empty"), (gzip.compress(b"a"), "zcat"), (b"PAR1", "path of the file")],
    ids=["empty", "gzip", "parquet"],
)
def test_a_pipe_of_something_else_is_refused(content: bytes, why: str) -> None:
    with pytest.raises(DataError, match=why):
        stdin.Pipe(io.BytesIO(content), Opening()).head(5)


def test_a_pipe_is_read_once_and_counted() -> None:
    pipe = stdin.Pipe(io.BytesIO(b'{"a":1}\n' * 9), Opening())
    assert len(pipe.head(2)) == 2
    assert [len(c) for c in pipe.chunks(5)] == [2, 5, 2]
    assert pipe.mark()["bytes"] == 72
    with pytest.raises(DataError, match="once"):
        list(pipe.chunks(5))
