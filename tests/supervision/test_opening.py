"""How text is cut into records and values, and what is said where it is cut elsewhere."""

from __future__ import annotations

import json

import pytest

from stairway.base.errors import DataError
from stairway.supervision.opening import Opening, parted, require_one_a_line

ROW = json.dumps({"ts": 1, "symbol": "A", "note": "}{ and [", "list": [{"a": 1}, {"a": 2}]})


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (f"[{ROW},{ROW}]", r"jq -c '\.\[\]'"),
        ("[", r"jq -c '\.\[\]'"),
        ("{", "jq -c . FILE"),
        (f"{ROW}\r{ROW}\r", r"tr '\\r' '\\n'"),
    ],
    ids=["array", "array of lines", "object of lines", "CR alone"],
)
@pytest.mark.parametrize("end", ["", "\n"])
@pytest.mark.parametrize("kind", ["text", "bytes"])
def test_json_of_another_layout_is_named_with_a_way_out(
    text: str, words: str, end: str, kind: str
) -> None:
    whole = text + end
    with pytest.raises(DataError, match=f"line 1 .*one object.*{words}"):
        require_one_a_line(whole if kind == "text" else whole.encode(), "line 1")


@pytest.mark.parametrize("text", [ROW, f"{ROW}\r\n", f"  {ROW}", ROW[:-3], "{'ts': 1}"])
def test_one_object_in_a_line_is_left_to_its_reader(text: str) -> None:
    require_one_a_line(text, "line 1")
    require_one_a_line(text.encode(), "line 1")


@pytest.mark.parametrize(
    ("name", "separator"),
    [("a.tsv", "\t"), ("A.TSV.GZ", "\t"), ("a.tsv.zst", "\t"), ("a.csv", ","), ("tsv", ",")],
)
def test_the_name_of_a_file_says_what_parts_its_values(name: str, separator: str) -> None:
    assert Opening().between(name) == separator
    assert Opening(separator=";").between(name) == ";"


def test_a_header_of_several_names_is_cut_where_it_should_be() -> None:
    assert parted(["a;b", "c"], {}) == ""
    assert parted([], {}) == ""
    assert "[source]" in parted(["a;b", "#2"], {"time": ("b",)}), "0,5 was cut in two"
