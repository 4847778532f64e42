"""Parquet tables of plain rows: the same rows give the same bytes."""

import io
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from talkedit.errors import TalkeditError
from talkedit.manifest import write_atomically

Row = dict[str, Any]


def write_table(path: Path, rows: list[Row], schema: pa.Schema) -> None:
    """Writes rows, in the order given, as a Parquet file; the name never holds half a table.

    Args:
        path: The file; its folder is made if missing.
        rows: Each with a value (or None) for every field of `schema`.
        schema: Names and types of the columns. It also makes an empty table a table.
    """
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), buffer, compression="zstd")
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, buffer.getvalue())


def read_rows(path: Path) -> list[Row]:
    """Reads all rows of a Parquet file.

    Raises:
        TalkeditError: There is no such file, or it is not Parquet.
    """
    try:
        return pq.ParquetFile(path).read().to_pylist()
    except OSError as error:
        raise TalkeditError(f"{path}: cannot be read ({error}); run the stage that makes it") from error
    except pa.ArrowInvalid as error:
        raise TalkeditError(f"{path}: is not a table ({error}); delete it and run the stage that makes it") from error
