"""`talkedit bench edit`: the video at other sizes and lengths, and the figures of one edit."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from talkedit.bench.commands import bench
from talkedit.bench.edit import remade
from talkedit.errors import ParamsError
from talkedit.media.video import probe, read_frames

from ..edit.untrained import save_untrained


def test_the_video_is_scaled_and_looped(sample_clip: Path, tmp_path: Path) -> None:
    """5.8 s at 480p become 7 s at 60p."""
    made = remade(sample_clip, tmp_path / "in.mp4", height_px=60, seconds=7)
    info = probe(made)
    assert (info.width_px, info.height_px, info.has_audio) == (80, 60, True)
    assert len(list(read_frames(made))) == pytest.approx(7 * 29.97, abs=2)


@pytest.mark.parametrize(("option", "said"), [("--minutes", "1;10"), ("--minutes", "-1"), ("--heights", "nan")])
def test_numbers_that_are_none_are_said(option: str, said: str) -> None:
    with pytest.raises(ParamsError, match=f"{option} is '{said}'; give numbers such as 1,10"):
        CliRunner().invoke(bench, ["edit", option, said], catch_exceptions=False)


@pytest.mark.slow
def test_an_edit_is_measured_in_a_process_of_its_own(sample_clip: Path, tmp_path: Path) -> None:
    model, out = save_untrained(tmp_path / "generator"), tmp_path / "edit.json"
    short = remade(sample_clip, tmp_path / "short.mp4", seconds=0.5)
    command = ["edit", "-m", model, "--source", short, "--heights", "0", "--minutes", "0.02", "--json", out]
    ended = CliRunner().invoke(bench, [str(part) for part in command], catch_exceptions=False)
    assert ended.exit_code == 0, ended.output
    content = json.loads(out.read_text())
    assert [row["name"] for row in content["rows"]] == ["as it is", "looped to 0.02 min"]
    for row, n_frames in zip(content["rows"], (15, 36), strict=True):
        assert row["size"] == "640x480"
        assert row["n_frames"] == pytest.approx(n_frames, abs=2)
        assert 0 < row["fps"] < row["first_pass_fps"]
        assert row["network_fps"] > 0
        assert 100 < row["peak_mb"] < 4000
