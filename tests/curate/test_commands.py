"""`talkedit clips`, as typed."""

from pathlib import Path

import cv2
import pytest

from talkedit.curate.clips import SCHEMA
from talkedit.curate.commands import clips
from talkedit.errors import ParamsError
from talkedit.tables import Row, write_table


def write_row(data: Path, **changes: object) -> None:
    row: Row = dict.fromkeys(SCHEMA.names)
    row |= {"clip_id": "a-0", "source": "a.mp4", "status": "kept", "start_s": "0", "n_frames": 25, **changes}
    (data / "anna" / "curated").mkdir(parents=True)
    write_table(data / "anna" / "curated" / "clips.parquet", [row], SCHEMA)


def test_the_table_is_shown_and_the_sheet_lies_where_it_was_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A clip whose source is gone is a grey picture."""
    write_row(tmp_path)
    clips("anna", data=tmp_path, sheet=tmp_path / "sheet.png")
    assert capsys.readouterr().out.splitlines()[-1] == f"contact sheet: {tmp_path / 'sheet.png'}"
    assert cv2.imread(str(tmp_path / "sheet.png")) is not None


@pytest.mark.parametrize("name", ["sheet.txt", "none/sheet.png"])
def test_a_sheet_that_cannot_be_written_is_said_before_the_table_is_read(tmp_path: Path, name: str) -> None:
    with pytest.raises(ParamsError, match=rf"{name}: give the name of a \.png file in a folder that exists"):
        clips("nobody", data=tmp_path, sheet=tmp_path / name)


def test_a_reason_that_no_clip_has_is_said(tmp_path: Path) -> None:
    write_row(tmp_path, status="rejected", reason="silence")
    with pytest.raises(ParamsError, match=r"no clip has the reason 'kept'; there are silence$"):
        clips("anna", "kept", tmp_path)


def test_what_a_detail_says_in_brackets_is_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_row(tmp_path, split="train", status="rejected", reason="damaged", detail="[b]x[/y]")
    clips("anna", "damaged", tmp_path, tmp_path / "sheet.png")
    assert "[b]x[/y]" in capsys.readouterr().out
