"""`talkedit clips`, as typed."""

from pathlib import Path

import cv2
import pytest

from talkedit.curate.clips import SCHEMA
from talkedit.curate.commands import clips
from talkedit.errors import ParamsError
from talkedit.tables import Row, write_table


def test_the_table_is_shown_and_the_sheet_lies_where_it_was_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A clip whose source is gone is a grey picture."""
    row: Row = dict.fromkeys(SCHEMA.names)
    row |= {"clip_id": "a-0", "source": "a.mp4", "status": "kept", "start_s": "0", "n_frames": 25}
    (tmp_path / "anna" / "curated").mkdir(parents=True)
    write_table(tmp_path / "anna" / "curated" / "clips.parquet", [row], SCHEMA)
    clips("anna", data=tmp_path, sheet=tmp_path / "sheet.png")
    assert capsys.readouterr().out.splitlines()[-1] == f"contact sheet: {tmp_path / 'sheet.png'}"
    assert cv2.imread(str(tmp_path / "sheet.png")) is not None


@pytest.mark.parametrize("name", ["sheet.txt", "none/sheet.png"])
def test_a_sheet_that_cannot_be_written_is_said_before_the_table_is_read(tmp_path: Path, name: str) -> None:
    with pytest.raises(ParamsError, match=rf"{name}: give the name of a \.png file in a folder that exists"):
        clips("nobody", data=tmp_path, sheet=tmp_path / name)
