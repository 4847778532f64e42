"""Several faces in one picture: one track each, and the wanted one among them."""

from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from talkedit.errors import ClipRejected, ParamsError
from talkedit.face.choose import FacesParams, choose_by_reference, choose_speaking, reference_descriptor
from talkedit.face.identity import describe
from talkedit.face.people import PeopleTracker
from talkedit.records import FaceTrack, Image

from .talker import babble, mouth_points

SPEAKING = FacesParams(choose="speaking", reference=None, max_distance=0.6, min_lead=0.1)
N_FRAMES = 75


def doubled(frames: list[Image]) -> list[Image]:
    """The man of the sample twice: as he is, and mirrored to the right of that."""
    return [np.concatenate([frame, frame[:, ::-1]], axis=1) for frame in frames]


def test_two_faces_are_two_tracks_that_keep_apart(sample_frames: list[Image]) -> None:
    frames = doubled(sample_frames[:12])
    frames[11] = np.zeros_like(frames[11])  # nobody; the last detection was in frame 10
    tracks = PeopleTracker(5, 0.4).track(lambda: frames, (1280, 480), Fraction(25))
    assert len(tracks) == 2
    left, right = sorted(tracks, key=lambda track: track.landmarks_px[0, 30, 0])
    for track in (left, right):
        assert track.found[:11].all()
        assert track.frame_size_px == (1280, 480)
    # The mirrored man's nose is where a mirror puts it.
    np.testing.assert_allclose(left.landmarks_px[:11, 30, 0] + right.landmarks_px[:11, 30, 0], 1279, atol=8)
    assert PeopleTracker(5, 0.4).track(lambda: [frames[11]] * 3, (1280, 480), Fraction(25)) == []


def talker(samples: np.ndarray, late_frames: int = 0) -> FaceTrack:
    points = mouth_points(samples, N_FRAMES, late_frames).astype(np.float32)
    found = np.ones(N_FRAMES, np.bool_)
    return FaceTrack(np.zeros((N_FRAMES, 4)), points, found, (96, 64))


def test_the_face_that_goes_with_the_sound_speaks_even_if_late() -> None:
    heard, unheard = babble(N_FRAMES), babble(N_FRAMES, seed=9)
    chosen = choose_speaking([talker(unheard), talker(heard, late_frames=5)], heard, SPEAKING)
    assert chosen.index == 1
    assert (chosen.score or 0) > SPEAKING.min_lead


def test_nobody_speaks_where_no_mouth_is_better() -> None:
    heard = babble(N_FRAMES)
    with pytest.raises(ClipRejected, match="nobody_speaks"):
        choose_speaking([talker(heard), talker(heard)], heard, SPEAKING)
    with pytest.raises(ClipRejected, match="nobody_speaks"):
        choose_speaking([talker(heard)], np.zeros_like(heard), SPEAKING)


def test_a_short_clip_is_the_only_faces_and_nobodys_of_several() -> None:
    heard = babble(N_FRAMES)
    long = talker(heard)
    short = FaceTrack(long.boxes_xyxy_px[:49], long.landmarks_px[:49], long.found[:49], long.frame_size_px)
    assert choose_speaking([short], heard, SPEAKING).index == 0
    with pytest.raises(ClipRejected, match="too_short_to_tell: 49 frames"):
        choose_speaking([short, short], heard, SPEAKING)


def like(picture: Path) -> FacesParams:
    return FacesParams(choose="reference", reference=str(picture), max_distance=0.6, min_lead=0.1)


def test_the_face_of_a_picture_is_found_and_others_are_refused(
    sample_frames: list[Image], sample_track: FaceTrack, tmp_path: Path
) -> None:
    picture = tmp_path / "him.png"
    cv2.imwrite(str(picture), sample_frames[100][..., ::-1])
    him = describe(sample_frames[0], sample_track.landmarks_px[0])
    stranger = np.zeros(128)
    assert choose_by_reference([stranger, him], like(picture)).index == 1
    assert choose_by_reference([him], like(picture)).score == pytest.approx(
        np.linalg.norm(him - reference_descriptor(str(picture)))
    )
    with pytest.raises(ClipRejected, match=r"another_person.*faces\.max_distance"):
        choose_by_reference([stranger], like(picture))


def test_a_reference_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    with pytest.raises(ParamsError, match="not a picture"):
        reference_descriptor(str(tmp_path / "none.png"))
    cv2.imwrite(str(tmp_path / "wall.png"), np.full((200, 200, 3), 90, np.uint8))
    with pytest.raises(ParamsError, match="no face is found"):
        reference_descriptor(str(tmp_path / "wall.png"))
    (tmp_path / "manifest.json").touch()
    with pytest.raises(ParamsError, match="move it"):
        reference_descriptor(str(tmp_path / "him.png"))
    for choose, reference in (("reference", None), ("largest", "him.png")):
        with pytest.raises(ValueError, match="reference names a picture"):
            FacesParams(choose=choose, reference=reference, max_distance=0.6, min_lead=0.1)
