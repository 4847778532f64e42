"""The last stage's edit: never refused for what the footage lacks, and measured where there is a face."""

from pathlib import Path

import cv2
import pyarrow as pa
import pytest

from talkedit.edit.demonstration import PICTURE_FILE, VIDEO_FILE, demonstrate
from talkedit.edit.editor import Editor
from talkedit.edit.measure import Measurer
from talkedit.edit.timeline import EditParams
from talkedit.errors import MediaError
from talkedit.folders import SOURCES_TABLE
from talkedit.tables import write_table

from ..films import remake

NOTHING = EditParams(
    yaw_deg=None, pitch_deg=None, roll_deg=None, emotion=None, eye_openness=None, crf=12, preset="ultrafast"
)
FIRST_GREY, LAST_GREY = 16, 31  # 0.53 s, longer than the gap that is bridged (crop.max_gap_s, 0.4)


def raw_folder(folder: Path, source: Path) -> Path:
    """As the download stage leaves it."""
    row = {"file": source.name, "status": "kept"}
    write_table(folder / SOURCES_TABLE, [row], pa.schema([(name, pa.string()) for name in row]))
    return folder


def test_a_wish_beyond_the_footage_is_drawn_nearer_and_frames_without_a_face_do_not_count(
    editor: Editor, untrained: Path, sample_clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The footage shows a yaw of -12 to 12; guided sources reach 12 degrees further."""
    grey = f"drawbox=color=gray:t=fill:enable='between(n,{FIRST_GREY},{LAST_GREY})'"
    source = remake(sample_clip, tmp_path / "gap.mp4", "-t", "1.6", "-vf", grey, "-c:a", "copy")
    params = NOTHING.model_copy(update={"yaw_deg": 40.0})
    metrics = demonstrate(raw_folder(tmp_path, source), untrained, tmp_path / "out", params)
    said = capsys.readouterr().err
    assert "edit.yaw_deg is 40: the model's footage is good for -24 to 24; 24 is shown" in said
    assert "beyond what can be trusted" not in said
    before, after = editor.measure(source), editor.measure(tmp_path / "out" / VIDEO_FILE)
    assert before.gaps == [(FIRST_GREY, LAST_GREY)]
    both = before.found & after.found
    assert metrics["yaw_before_deg"] == pytest.approx(before.attributes.pose_deg[both, 0].mean())
    assert metrics["pitch_after_deg"] == pytest.approx(after.attributes.pose_deg[both, 1].mean())
    assert metrics["eye_openness_before"] == pytest.approx(before.attributes.eye_openness[both].mean())
    assert metrics["eye_openness_after"] == pytest.approx(after.attributes.eye_openness[both].mean())
    assert 0 < metrics["seam_median"] <= metrics["seam_p95"]
    assert cv2.imread(str(tmp_path / "out" / PICTURE_FILE)) is not None


def test_words_beyond_the_footage_are_tried_and_an_output_without_a_face_has_no_numbers(
    untrained: Path,
    second: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    measure = Measurer.measure

    def none_in_the_output(self: Measurer, source: Path, *others):
        if source.name == VIDEO_FILE:
            raise MediaError(source, "no face was found in any frame")
        return measure(self, source, *others)

    monkeypatch.setattr(Measurer, "measure", none_in_the_output)
    raw = raw_folder(tmp_path, remake(second, tmp_path / "second.mp4", codec=("-c", "copy")))
    params = NOTHING.model_copy(update={"yaw_deg": "+40"})
    metrics = demonstrate(raw, untrained, tmp_path / "out", params)
    assert "beyond what can be trusted: yaw " in capsys.readouterr().err
    assert (metrics["n_edited"], metrics["yaw_after_deg"], metrics["eye_openness_after"]) == (30, None, None)
    assert metrics["yaw_before_deg"] != 0
