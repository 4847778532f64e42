"""`talkedit timeline show`, as typed."""

import sys
from pathlib import Path

import cv2
import pytest

from talkedit.cli import main
from talkedit.errors import ParamsError


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str | Path) -> None:
    monkeypatch.setattr(sys, "argv", ["talkedit", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        main()
    if ended.value.code:
        raise ParamsError(str(ended.value.code))


def test_a_timeline_is_drawn_over_what_was_measured_with_a_warning(
    untrained: Path, second: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "turn.yaml").write_text("yaw: +40@0.5..\nkeep: [..0.2]\n")
    run(monkeypatch, "timeline", "show", tmp_path / "turn.yaml", second, "-o", tmp_path / "t.png", "-m", untrained)
    first, warning = capsys.readouterr().out.splitlines()
    assert first == f"{tmp_path / 't.png'}: 24 of 30 frames would be edited"
    assert warning.startswith("warning: yaw ")
    assert "the model's footage shows -12 to 12" in warning
    picture = cv2.imread(str(tmp_path / "t.png"))
    assert picture.shape[1] == 1200
    asked_for = (picture == (91, 73, 209)).all(axis=2)  # the asked curve's colour, BGR
    assert asked_for.sum() > 500


def test_a_picture_that_cannot_be_written_is_said_first(
    untrained: Path, second: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ParamsError, match=r"t\.jpg: give the name of a \.png file"):
        run(monkeypatch, "timeline", "show", "turn.yaml", second, "-o", tmp_path / "t.jpg", "-m", untrained)
