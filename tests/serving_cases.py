"""Bodies that clients might send: from noise to what is almost right."""

import json

from hypothesis import strategies as st

KEYS = ["unique_id", "ds", "y", "load", "kind"]
STAMPS = ["2024-01-01", "2024-02-29T00:00:00Z", "2024-13-01", "0001-01-01", "9999-12-31", "", "now", "\x00"]
finite = st.floats(allow_nan=False, allow_infinity=False)
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**64 - 1),
    finite,
    st.text(max_size=8),
    st.sampled_from(["NaN", "inf", "1e400", "2024-01-01", "a", "y" * 300]),
    st.sampled_from(STAMPS),
)
anything = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


def tables(ids):
    """Tables that are almost right: records, or columns."""
    cells = {
        "unique_id": st.sampled_from(ids) | scalars,
        "ds": st.sampled_from(STAMPS) | st.integers(-5, 5) | scalars,
        "y": finite | scalars,
    }
    record = st.fixed_dictionaries(cells, optional={"load": scalars, "kind": scalars, "more": scalars})
    columns = st.integers(0, 3).flatmap(
        lambda n: st.fixed_dictionaries(
            {key: st.lists(cell, min_size=n, max_size=n) for key, cell in cells.items()}
        )
    )
    days = st.integers(1, 28).map(lambda day: f"2024-01-{day:02}")
    regular = st.lists(
        st.fixed_dictionaries(
            {
                "unique_id": st.sampled_from(ids),
                "ds": days,
                "y": finite | st.none(),
                "load": finite | st.none(),
                "kind": st.sampled_from(["shop", "kiosk", "other"]),
            }
        ),
        min_size=1,
        max_size=6,
        unique_by=lambda record: (record["unique_id"], record["ds"]),
    )
    return st.one_of(st.lists(record | anything, max_size=3), columns, regular, anything)


def requests(ids):
    """Bodies of any page."""
    table = tables(ids)
    keys = {
        **dict.fromkeys(["rows", "future", "static", "dataframe_records"], table),
        "dataframe_split": st.fixed_dictionaries(
            {
                "columns": st.lists(st.sampled_from(KEYS), max_size=3) | anything,
                "data": st.lists(st.lists(scalars)),
            }
        ),
        "params": st.dictionaries(st.sampled_from(["horizon", "levels", "more"]), anything, max_size=2)
        | anything,
        "levels": st.lists(st.integers(1, 99), max_size=2) | anything,
        "quantiles": st.lists(st.floats(0, 1), max_size=2) | anything,
        "horizon": st.integers(-1, 5) | anything,
        "replace": st.booleans() | anything,
        "more": anything,
    }
    objects = st.lists(st.sampled_from(list(keys)), max_size=3, unique=True).flatmap(
        lambda names: st.fixed_dictionaries({name: keys[name] for name in names})
    )
    texts = (objects | anything).map(lambda body: json.dumps(body))
    one = st.tuples(st.sampled_from(["rows", "dataframe_records"]), table).map(lambda pair: dict([pair]))
    return st.one_of(
        texts.map(str.encode),
        one.map(lambda body: json.dumps(body).encode()),
        one.map(lambda body: json.dumps(body).encode()),
        st.tuples(texts, st.integers(0, 40)).map(lambda cut: cut[0][: -cut[1]].encode()),
        texts.map(lambda text: text.encode("utf-16")) | st.binary(max_size=40) | st.sampled_from(WRONG),
    )


WRONG = [
    b"",
    b" ",
    b"null",
    b"[]",
    b"1" * 5000,
    b"-" + b"9" * 30,
    b'{"rows": 1e999}',
    b'{"rows": [{"y": NaN}]}',
    b'{"rows": [{"y": -Infinity}]}',
    b'{"levels": [NaN]}',
    b'{"horizon": 1, "horizon": 2}',
    b'{"horizon": 99999999999999999999999999}',
    b'{"rows": ' + b"[" * 20_000 + b"]" * 20_000 + b"}",
    b'{"a":' * 20_000 + b"1" + b"}" * 20_000,
    b'{"rows": [{"unique_id": "\\ud800", "ds": "2024-01-01", "y": 1}]}',
    b'{"rows": [{"unique_id": "a", "ds": "2024-01-01", "y": 1e308}]}'[:-1],
    b'\xef\xbb\xbf{"rows": []}',
    b'{"rows": "\xff"}',
    b'{"rows": {"unique_id": ["a"], "ds": []}}',
    b'{"dataframe_split": {"columns": ["y", "y"], "data": [[1, 2]]}}',
    b'{"dataframe_split": {"columns": [["y"]], "data": [[1]]}}',
]
"""None of these can be answered."""
