"""Tables hold their rows, in bytes that depend on the rows alone."""

from pathlib import Path

import pyarrow as pa
import pytest

from talkedit.errors import TalkeditError
from talkedit.tables import read_rows, write_table

SCHEMA = pa.schema([("id", pa.string()), ("n", pa.int32())])


@pytest.mark.parametrize("rows", [[], [{"id": "b", "n": 2}, {"id": "a", "n": None}]], ids=["empty", "two"])
def test_rows_come_back_in_order_and_bytes_are_stable(tmp_path: Path, rows: list) -> None:
    write_table(tmp_path / "x" / "a.parquet", rows, SCHEMA)
    write_table(tmp_path / "b.parquet", rows, SCHEMA)
    assert read_rows(tmp_path / "x" / "a.parquet") == rows
    assert (tmp_path / "x" / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()


def test_a_missing_and_a_damaged_table_say_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_bytes(b"PAR1 no table")
    for name in ("a.parquet", "none.parquet"):
        with pytest.raises(TalkeditError, match="run the stage"):
            read_rows(tmp_path / name)
