"""Videos that nobody here made: the beginning of each is edited, or refused in the right sentence."""

from pathlib import Path

import pytest

from talkedit.edit.editor import Editor
from talkedit.edit.timeline import Timeline
from talkedit.edit.wanted import Wanted
from talkedit.errors import MediaError
from talkedit.media.rewrite import Encoding
from talkedit.media.video import probe, read_frames

from ..films import remake, sound_of

pytestmark = pytest.mark.slow

WANTED = Wanted(Timeline(roll_deg="+4"), force=True, accept_damage=False)
FORCED = Wanted(Timeline(roll_deg="+4"), force=True, accept_damage=True)
CASES = {
    "audio_late_5_frames.mp4": None,
    "hevc_portrait_1080x1920.mp4": None,
    "mpeg1_bbaf2n.mpg": None,
    "mpeg1_bbaf3s.mpg": None,
    "mpeg1_bbal6n.mpg": None,
    "no_usable_face.mp4": "no face was found in any frame",
    "portrait_vfr.mp4": None,
    "rotation_90_phone.mp4": None,
    "scene_cuts_2997.mp4": r"the face has \d+ px, crop\.min_face_px is 48; film closer",  # so in its first shots
    "two_faces_720p.avi": None,
}


LENGTHS_S = {"scene_cuts_2997.mp4": "1.8"}  # whose picture begins at 0.85 s, and which cuts at frame 20


def beginning(source: Path, folder: Path) -> Path:
    return remake(source, folder / source.name, "-t", LENGTHS_S.get(source.name, "0.5"), codec=("-c", "copy"))


def edit_and_compare(editor: Editor, source: Path, out: Path) -> None:
    report = editor.edit(source, out, WANTED, Encoding(preset="ultrafast"), credentials=None)
    before, after = probe(source), probe(out)
    times_s = [frame.time_s for frame in read_frames(source)]
    assert report.n_frames == len(times_s)
    assert report.n_edited > 0
    assert [frame.time_s for frame in read_frames(out)] == times_s
    even = (before.width_px + before.width_px % 2, before.height_px + before.height_px % 2)
    assert ((after.width_px, after.height_px), after.rotation_deg) == (even, 0)
    assert after.has_audio == before.has_audio
    if before.has_audio:
        assert [data for data, _ in sound_of(out)] == [data for data, _ in sound_of(source)]


@pytest.mark.parametrize(("name", "refusal"), CASES.items())
def test_cases(editor: Editor, shared_media: Path, tmp_path: Path, name: str, refusal: str | None) -> None:
    source, out = beginning(shared_media / "cases" / name, tmp_path), tmp_path / "out.mp4"
    if refusal is None:
        edit_and_compare(editor, source, out)
        return
    with pytest.raises(MediaError, match=refusal):
        editor.edit(source, out, WANTED)
    assert list(tmp_path.iterdir()) == [source]


def test_of_several_shots_those_with_a_usable_face_of_the_one_person_are_edited(
    editor: Editor, shared_media: Path
) -> None:
    """A singer, small; the back of a head; the singer, near; the audience. Looked at one by one."""
    measured = editor.measure(shared_media / "cases" / "scene_cuts_2997.mp4")
    assert (len(measured.found), measured.cuts, measured.n_faces) == (275, [20, 82, 211], 2)
    assert measured.gaps == [(0, 81), (211, 274)]


def test_damage_is_refused_unless_accepted(editor: Editor, shared_media: Path, tmp_path: Path) -> None:
    source, out = shared_media / "cases" / "mpeg1_decode_errors.mpg", tmp_path / "out.mp4"
    with pytest.raises(MediaError, match=r"is damaged: .*--force"):
        editor.edit(source, out, WANTED)
    assert not list(tmp_path.iterdir())
    report = editor.edit(source, out, FORCED, Encoding(preset="ultrafast"), credentials=None)
    assert (report.n_frames, bool(report.rewritten.damage)) == (75, True)


def test_every_case_is_in_the_table(shared_media: Path) -> None:
    assert {path.name for path in (shared_media / "cases").iterdir()} == {*CASES, "mpeg1_decode_errors.mpg"}


def test_references(editor: Editor, shared_media: Path, tmp_path: Path) -> None:
    for number, source in enumerate(sorted((shared_media / "references").iterdir())):
        edit_and_compare(editor, beginning(source, tmp_path), tmp_path / f"out{number}.mp4")
