"""The contact sheet shows each picture under its name, in its own colours."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from talkedit.errors import TalkeditError
from talkedit.evaluate.sheet import CELL_PX, GREY, HEADER_PX, REAL, Row, drawn_only, write_sheet

COLOURS = {"red": (200, 30, 20), "blue": (10, 40, 220)}


def picture(colour: tuple[int, int, int], size_px: int) -> np.ndarray:
    return np.full((size_px, size_px, 3), colour, np.uint8)


def test_rows_stand_below_each_other_in_rgb(tmp_path: Path) -> None:
    red, blue = COLOURS.values()
    rows = [
        Row("first", {"left": picture(red, 300), "right": picture(blue, 300)}),
        Row("second", {"left": picture(blue, 100), "right": picture(red, 100)}),
    ]
    write_sheet(tmp_path / "sheet.png", rows)
    sheet = cv2.imread(str(tmp_path / "sheet.png"))[..., ::-1]
    assert sheet.shape[1] == 2 * CELL_PX
    row_px = sheet.shape[0] // 2
    assert row_px == 2 * HEADER_PX + CELL_PX
    for row, names in enumerate((("red", "blue"), ("blue", "red"))):
        for at, name in enumerate(names):
            cell = sheet[(row + 1) * row_px - CELL_PX : (row + 1) * row_px, at * CELL_PX : (at + 1) * CELL_PX]
            assert (cell == COLOURS[name]).all()
        texts = sheet[row * row_px : row * row_px + 2 * HEADER_PX]
        assert texts.max() == 255
        assert texts.min() < 100  # there is a title, and names


def test_a_row_with_fewer_pictures_ends_in_white(tmp_path: Path) -> None:
    red = picture(COLOURS["red"], 8)
    write_sheet(tmp_path / "sheet.png", [Row("one", {"left": red}), Row("two", {"left": red, "right": red})])
    sheet = cv2.imread(str(tmp_path / "sheet.png"))
    assert sheet.shape[1] == 2 * CELL_PX
    assert (sheet[: HEADER_PX + CELL_PX, CELL_PX:] == 255).all()


def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(TalkeditError, match="cannot be written"):
        write_sheet(tmp_path / "none" / "sheet.png", [Row("row", {"red": picture(COLOURS["red"], 8)})])


@pytest.mark.parametrize("name", ["sheet.txt", "sheet"])
def test_a_name_that_is_no_pictures_is_said(tmp_path: Path, name: str) -> None:
    with pytest.raises(TalkeditError, match=rf"{name}: .*give the name of a \.png or \.jpg file"):
        write_sheet(tmp_path / name, [Row("row", {"red": picture(COLOURS["red"], 8)})])
    assert not list(tmp_path.iterdir())


def test_of_drawn_heads_nothing_real_is_shown(tmp_path: Path) -> None:
    red, blue = (picture(colour, 4) for colour in COLOURS.values())
    shown = np.zeros((4, 4), np.float32)
    shown[1:4, 1:3] = 1
    shown[0, 1] = 0.99  # blended in, and so half real
    shown[1, 1] = 0.5  # a soft corner
    row = drawn_only(Row("a clip", {REAL: blue, "yaw +10": red}), shown)
    assert (row.title, list(row.pictures)) == ("a clip", ["yaw +10"])
    assert (row.pictures["yaw +10"] == COLOURS["red"]).all(axis=2).tolist() == [
        [False, True],
        [True, True],
        [True, True],
    ]
    assert (row.pictures["yaw +10"][0, 0] == GREY).all()
    write_sheet(tmp_path / "heads.jpg", [row])
    assert cv2.imread(str(tmp_path / "heads.jpg")).shape == (2 * HEADER_PX + CELL_PX, CELL_PX, 3)
