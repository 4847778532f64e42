"""Several faces: who is there, which of them is edited, and what is said of it."""

import re
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from talkedit.edit.editor import Editor
from talkedit.edit.faces import draw_faces, sentences
from talkedit.edit.people import People, _merged, _split, find_people, tell_apart, who_speaks
from talkedit.edit.summary import summary
from talkedit.edit.timeline import Timeline
from talkedit.edit.wanted import Reference, Wanted
from talkedit.errors import MediaError
from talkedit.media.rewrite import Encoding
from talkedit.media.video import read_frames
from talkedit.records import FaceTrack

from ..films import remake

BOX_PX = 12  # most distance of two boxes of one face in pictures that were encoded apart


@pytest.fixture(scope="module")
def pair(second: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A third of a second of the man, and to his right he himself at three quarters of his size: 640x480 and 480x480.

    The sound is his.
    """
    beside = "[0:v]split[a][b];[b]scale=480:360,pad=480:480[c];[a][c]hstack"
    out = tmp_path_factory.mktemp("pair") / "pair.mp4"
    return remake(second, out, "-filter_complex", beside, "-frames:v", "12", "-c:a", "copy")


@pytest.fixture(scope="module")
def people(pair: Path) -> People:
    return find_people(pair)


def test_each_face_has_a_number_the_larger_one_first(people: People) -> None:
    large, small = people.tracks
    assert large.found.all()
    assert small.found.all()
    right_of_left = small.boxes_xyxy_px[:, 0] - (640 + 0.75 * large.boxes_xyxy_px[:, 0])
    assert np.abs(right_of_left).max() < BOX_PX
    first, second_line = sentences(people, speaking=1)
    found = re.fullmatch(r"face 1: 0\.00 to 0\.40 s, (\d+) px, in 100% of the frames", first)
    assert found
    of_second = re.fullmatch(r"face 2: 0\.00 to 0\.40 s, (\d+) px, in 100% of the frames, speaks", second_line)
    assert of_second
    assert int(of_second[1]) == pytest.approx(0.75 * int(found[1]), abs=BOX_PX)
    assert who_speaks(people) is None  # in so short a time nobody can tell


def test_the_picture_has_a_numbered_box_for_each(people: People) -> None:
    picture = cv2.imdecode(np.frombuffer(draw_faces(people), np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    assert picture.shape == (411, 960, 3)  # both are in one frame: 1120x480
    columns = [
        np.flatnonzero((picture == colour[::-1]).all(axis=2).any(axis=0)) for colour in ((255, 209, 102), (6, 214, 160))
    ]
    assert columns[0].max() < 640 * 960 / 1120 < columns[1].min()


def changed(before: Path, after: Path) -> tuple[bool, bool]:
    """Whether the left, and the right part of any frame is another."""
    pairs = [(old.image, new.image) for old, new in zip(read_frames(before), read_frames(after), strict=True)]
    left, right = slice(0, 640), slice(640, None)
    return any((a[:, left] != b[:, left]).any() for a, b in pairs), any(
        (a[:, right] != b[:, right]).any() for a, b in pairs
    )


@pytest.mark.parametrize(
    ("face", "parts", "words"), [(None, (True, False), "face 1 was edited, the largest"), (2, (False, True), "face 2")]
)
def test_the_chosen_face_alone_is_edited(
    editor: Editor,
    pair: Path,
    tmp_path: Path,
    face: int | None,
    parts: tuple[bool, bool],
    words: str,
) -> None:
    wanted = Wanted(Timeline(roll_deg="+5"), face=face, force=True)
    report = editor.edit(pair, tmp_path / "out.mp4", wanted, Encoding(crf=0, preset="ultrafast"), credentials=None)
    assert (report.n_edited, report.plan.measured.n_faces, report.plan.measured.face) == (12, 2, face or 1)
    assert changed(pair, tmp_path / "out.mp4") == parts
    line = next(line for line in summary(report) if line.startswith("there are 2 faces"))
    assert words in line
    assert "--face" in line
    again = editor.measure(tmp_path / "out.mp4", like=report.plan.measured)
    assert again.face == (face or 1)


def test_of_several_faces_in_a_reference_the_largest_is_taken_and_that_is_said(
    editor: Editor, pair: Path, second: Path
) -> None:
    plan, doubts = editor.plan(second, Wanted(Timeline(), Reference(pair, ("pose",)), force=True))
    assert "the reference pair.mp4 shows 2 faces; the largest one's was taken" in doubts
    his = editor.measure(pair).attributes.pose_deg[5]
    assert plan.asked.pose_deg[5] == pytest.approx(his, abs=0.5)


def test_a_face_that_is_not_there_is_refused(editor: Editor, pair: Path, tmp_path: Path) -> None:
    with pytest.raises(MediaError, match=r"has no face 3: it shows 2 faces; give one of 1 to 2, or see `talkedit"):
        editor.edit(pair, tmp_path / "out.mp4", Wanted(Timeline(roll_deg="+5"), face=3, force=True))
    assert list(tmp_path.iterdir()) == []


def test_a_person_keeps_the_number_through_a_cut(second: Path, shared_media: Path, tmp_path: Path) -> None:
    """The man, another man, and the first again on the other side of the picture: two people."""
    other = str(shared_media / "grid_s1" / "bbaf2n.mp4")
    scenes = (
        "[0:v]trim=end_frame=12,setsar=1,split[a][b];[1:v]trim=end_frame=12,scale=640:480,setsar=1[o];[b]hflip[c];"
        "[a][o][c]concat=n=3:v=1,setpts=N/30/TB"
    )
    joined = remake(second, tmp_path / "joined.mp4", "-i", other, "-filter_complex", scenes, "-r", "30", "-an")
    people = find_people(joined)
    assert people.firsts == [0, 12, 24]
    assert [np.flatnonzero(track.found).tolist() for track in people.tracks] == [
        [*range(12), *range(24, 36)],
        [*range(12, 24)],
    ]
    shots = people.shots_of(1)
    assert [(first, track.found.sum()) for first, track in shots] == [(0, 0), (12, 12), (24, 0)]


def in_turn(first: Path, other: Path, scale: str, out: Path) -> Path:
    """In grey, whose hue cannot jump: 18 frames that fade to black, 30 black ones, and from frame 48 18 others."""
    turns = (
        f"[0:v]trim=end_frame=18,setsar=1,fade=out:8:10[a];color=black:640x480:r=30,trim=end_frame=30,setsar=1[b];"
        f"[1:v]trim=end_frame=18,{scale},setsar=1,fade=in:0:10[c];[a][b][c]concat=n=3:v=1,hue=s=0,setpts=N/30/TB"
    )
    return remake(first, out, "-i", str(other), "-filter_complex", turns, "-r", "30", "-an")


def test_another_who_comes_to_the_same_place_in_the_same_shot_is_another(
    editor: Editor, second: Path, shared_media: Path, tmp_path: Path
) -> None:
    """The man, nobody for a second, and another man where he was, as large; only one of them is edited."""
    other = shared_media / "grid_s1" / "bbaf2n.mp4"
    film = in_turn(second, other, "pad=640:480:112:0", tmp_path / "turns.mp4")
    people = find_people(film)
    assert people.firsts == [0]  # no cut
    assert sorted(bool(track.found[:18].any()) for track in people.tracks) == [False, True]
    assert sorted(bool(track.found[48:].any()) for track in people.tracks) == [False, True]
    measured = editor.measure(film)
    assert (measured.cuts, measured.n_faces) == ([], 2)
    assert not measured.found[18:48].any()
    assert measured.found[:18].any() != measured.found[48:].any()
    chosen = editor.measure(film, face=2)
    assert np.array_equal(editor.measure(film, like=chosen).found, chosen.found)  # as a report measures it again
    assert chosen.found[48:].any() != measured.found[48:].any()


def test_who_comes_back_in_the_same_shot_is_the_same(editor: Editor, second: Path, tmp_path: Path) -> None:
    film = in_turn(second, second, "hflip", tmp_path / "back.mp4")
    measured = editor.measure(film)
    assert (measured.cuts, measured.n_faces, len(find_people(film).tracks)) == ([], 1, 1)
    assert (measured.found[:8].all(), measured.found[18:48].any(), measured.found[58:].all()) == (True, False, True)


def test_who_is_away_for_a_moment_is_not_described(people: People, monkeypatch: pytest.MonkeyPatch) -> None:
    """0.4 s of 29.97 fps are twelve frames; descriptors, which take long, are not needed."""
    found = np.ones(40, np.bool_)
    found[10:22] = False
    track = FaceTrack(np.zeros((40, 4)), np.zeros((40, 68, 2), np.float32), found, (9, 9))
    monkeypatch.setattr("talkedit.edit.people._descriptors", None)
    video = replace(people, times_s=[Fraction(n, 30) for n in range(40)], tracks=[])
    assert [each.found.tolist() for each in tell_apart([(0, track)], video, 0.4).tracks] == [found.tolist()]


def test_a_track_is_divided_at_gaps_that_are_not_bridged() -> None:
    """Found in frames 11, 14, 18 and 19 of the video: gaps of two and of three frames."""
    found = np.isin(np.arange(10), [1, 4, 8, 9])
    track = FaceTrack(np.arange(40.0).reshape(10, 4), np.zeros((10, 68, 2), np.float32), found, (9, 9))
    pieces = list(_split(10, track, max_gap=2))
    assert [(first, piece.found.tolist()) for first, piece in pieces] == [
        (11, [True, False, False, True]),
        (18, [True, True]),
    ]
    assert pieces[1][1].boxes_xyxy_px[:, 0].tolist() == [32, 36]
    assert [first for first, _ in _split(10, track, max_gap=3)] == [11]
    nobody = FaceTrack(track.boxes_xyxy_px, track.landmarks_px, np.zeros(10, np.bool_), (9, 9))
    assert list(_split(10, nobody, max_gap=2)) == []


def test_the_pieces_of_a_person_become_one_track_of_the_whole_video() -> None:
    """Frames 1 and 3 of a piece that begins at 0, and the first of one that begins at 4; six frames."""

    def piece(first: int, found: list[bool], left_px: float) -> tuple[int, FaceTrack]:
        n = len(found)
        return first, FaceTrack(
            np.full((n, 4), left_px), np.full((n, 68, 2), left_px, np.float32), np.array(found), (9, 9)
        )

    track = _merged([piece(0, [False, True, False, True], 2.0), piece(4, [True, False], 5.0)], 6)
    assert track.found.tolist() == [False, True, False, True, True, False]
    for column in (track.boxes_xyxy_px[:, 0], track.landmarks_px[:, 7, 1]):
        assert column[track.found].tolist() == [2, 2, 5]
        assert np.isnan(column[~track.found]).all()
