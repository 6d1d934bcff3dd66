"""Files of one program in any of the formats are read bit by bit."""

import gzip
from pathlib import Path

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.fuzz import examples
from tests.table_files import PAYMENTS, ROWS, quoted, text

from fraudstream.payment_schema import default_schema
from trainer import history

fields = st.tuples(
    st.floats(0.01, 1e6),
    st.floats(0, 1),
    st.integers(0, 10_000),
    st.integers(0, 23),
    st.integers(0, 1),
    st.integers(0, 1),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=examples(60), deadline=None)
@given(
    rows=st.lists(fields, min_size=1, max_size=8),
    delimiter=st.sampled_from([",", ";", "\t"]),
    mark=st.sampled_from([".", ","]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
    packed=st.booleans(),
)
def test_formats_do_not_change_a_number(
    tmp_path: Path, rows: list[tuple[float, ...]], delimiter: str, mark: str, encoding: str, end: str, packed: bool
) -> None:
    """Files of one program in any of the formats are read bit by bit."""
    table = [*PAYMENTS, *([repr(one) for one in row] + ["x"] for row in rows)]
    content = text(delimiter, mark=mark, end=end, cell=quoted, rows=table).encode(encoding)
    path = tmp_path / "some.csv"
    path.write_bytes(gzip.compress(content) if packed else content)
    found = history.read(path, default_schema()).matrix[ROWS:]
    assert found.tobytes() == np.array([row[:5] for row in rows], dtype=np.float64).tobytes()
