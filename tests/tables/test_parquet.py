"""Parquet: values of every type, the index of a data frame, and files that unpack without end."""

import datetime
import decimal
import io

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.tables.files import parquet_file
from tierwise.errors import BadInput
from tierwise.tables import read_table


def test_values_of_every_type_become_what_json_can_hold():
    table = read_table(
        parquet_file(
            {
                "text": pa.array(["a", None]),
                "large": pa.array(["a", "b"], pa.large_string()),
                "word": pa.array(["x", None]).dictionary_encode(),
                "whole": pa.array([7, None]),
                "float": pa.array([0.5, float("nan")]),
                "flag": pa.array([True, None]),
                "exact": pa.array([decimal.Decimal("1.50"), None]),
                "day": pa.array([datetime.date(2026, 1, 2), None]),
                "list": pa.array([["a", "b"], None]),
                "nested": pa.array([{"a": [1.5, float("nan")]}, None]),
            }
        ),
        "a.parquet",
    )
    assert table.rows[0] == {
        "text": "a",
        "large": "a",
        "word": "x",
        "whole": 7,
        "float": 0.5,
        "flag": True,
        "exact": "1.50",
        "day": "2026-01-02",
        "list": ["a", "b"],
        "nested": {"a": [1.5, None]},
    }
    assert set(table.rows[1].values()) == {None, "b"}


def test_the_index_of_a_data_frame_is_left_out():
    import pandas as pd

    frame = pd.DataFrame({"prompt": ["a", "b"]}, index=[5, 9])
    out = io.BytesIO()
    frame.to_parquet(out)
    table = read_table(out.getvalue(), "a.parquet")
    assert table.columns == ("prompt",) and "index of a data frame" in table.notices[0]


def test_a_parquet_bomb_is_refused_by_its_metadata():
    out = io.BytesIO()
    pq.write_table(pa.table({"prompt": pa.DictionaryArray.from_arrays(pa.array([0] * 300_000, pa.int32()), ["x" * 500])}), out)
    assert len(out.getvalue()) < 20_000
    with pytest.raises(BadInput, match="300,000 rows; at most 100,000"):
        read_table(out.getvalue(), "a.parquet")


def test_a_dictionary_does_not_unpack_into_gigabytes():
    out = io.BytesIO()
    pq.write_table(pa.table({"prompt": pa.DictionaryArray.from_arrays(pa.array([0] * 90_000, pa.int32()), ["x" * 1_000_000])}), out)
    with pytest.raises(BadInput, match="more than 200,000,000 characters"):
        read_table(out.getvalue(), "a.parquet")


def test_lists_that_unpack_without_end_are_refused():
    out = io.BytesIO()
    values = pa.nulls(25_000_000, pa.int8())
    pq.write_table(pa.table({"prompt": ["a"], "list": pa.ListArray.from_arrays(pa.array([0, len(values)], pa.int32()), values)}), out)
    with pytest.raises(BadInput, match="values once unpacked"):
        read_table(out.getvalue(), "a.parquet")
