"""Hopenet as an extractor: its file, its picture of the head, its angles in our signs."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from talkedit.asset_list import ASSETS, Url
from talkedit.errors import AssetError
from talkedit.face.extract import AttributesParams, build_extractors, extract_clips
from talkedit.face.geometry import boxes_from_landmarks, smooth
from talkedit.face.hopenet import (
    HopenetPose,
    cnn_box,
    head_picture,
    load_hopenet,
    talkedit_angles,
    to_input,
    with_margins,
)
from talkedit.face.pose import rotation_from_angles
from talkedit.manifest import file_sha256
from talkedit.records import CropTrack

from ..checkpoints import hopenet_state, plain_hopenet, save_as_then
from ..servers import serve
from .test_extract import VALUES

AHEAD = np.array([0.0, 0.0, 1.0])


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A file like hopenet_robust_alpha1.pkl: written by Python 2 and torch 0.2 on a GPU, 96 MB."""
    path = tmp_path_factory.mktemp("hopenet") / "hopenet_robust_alpha1.pkl"
    save_as_then(hopenet_state(), path, python=2)
    yield path
    path.unlink()


@pytest.fixture
def served(checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The asset, at a mirror on this machine: its first address gives an error page."""
    monkeypatch.setenv("TALKEDIT_CACHE", str(tmp_path / "cache"))
    with serve(checkpoint.read_bytes()) as address:
        source = Url(f"{address}/missing", (f"{address}/hopenet.pth",), named="hopenet_robust_alpha1.pkl")
        asset = replace(ASSETS["hopenet"], sha256=file_sha256(checkpoint), source=source)
        monkeypatch.setitem(ASSETS, "hopenet", asset)
        yield address


def test_the_real_format_is_that_of_2017(checkpoint: Path) -> None:
    assert abs(checkpoint.stat().st_size - ASSETS["hopenet"].size_bytes) < 10_000
    network = load_hopenet(checkpoint)
    assert not network.training
    for key, value in hopenet_state().items():
        torch.testing.assert_close(network.state_dict()[key], value, rtol=0, atol=0)


def test_fetched_and_run_on_a_clip(served: str, sample_crops: np.ndarray, sample_crop_track: CropTrack) -> None:
    n = 18  # more than a batch
    track = replace(
        sample_crop_track,
        frame_from_crop=sample_crop_track.frame_from_crop[:n],
        landmarks_px=sample_crop_track.landmarks_px[:n],
    )
    found = HopenetPose(smooth_s=0.08)(sample_crops[:n], track, 25)
    heads = np.stack([head_picture(sample_crops[i], track.landmarks_px[i]) for i in range(n)])
    with torch.inference_mode():
        own = plain_hopenet(hopenet_state(), to_input(heads)).numpy()
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, smooth(talkedit_angles(own), 2), atol=1e-3)


def test_another_file_is_refused(served: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ASSETS, "hopenet", replace(ASSETS["hopenet"], sha256="0" * 64))
    with pytest.raises(AssetError, match=r"has SHA-256 .*, not 0{64}.*set attributes\.pose to landmarks"):
        HopenetPose(smooth_s=0)


def test_without_weights_the_stage_stops_before_the_first_clip(
    served: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asset = replace(ASSETS["hopenet"], source=Url(f"{served}/missing"))
    monkeypatch.setitem(ASSETS, "hopenet", asset)
    params = AttributesParams(**(VALUES | {"pose": "hopenet"}))
    message = (
        r"asset hopenet: http.*404.*; or put the file at .* yourself; "
        r"or do without it: set attributes\.pose to landmarks"
    )
    with pytest.raises(AssetError, match=message):
        extract_clips(tmp_path / "no such crops", tmp_path / "out", params)
    assert not (tmp_path / "out").exists()


def test_the_params_choose_it(served: str) -> None:
    pose, *_ = build_extractors(AttributesParams(**(VALUES | {"pose": "hopenet"})))
    assert (pose.name, pose.columns) == ("hopenet", ("yaw_deg", "pitch_deg", "roll_deg"))


def test_the_margins_of_the_authors_demo() -> None:
    # 100 wide, 120 high: 50 more on each side, 90 above, 30 below.
    np.testing.assert_allclose(with_margins([200, 300, 300, 420]), [150, 210, 350, 450])


def test_the_picture_shows_the_box_with_its_margins(sample_crop_track: CropTrack) -> None:
    points = sample_crop_track.landmarks_px[0]
    x0, y0, x1, y1 = with_margins(cnn_box(points))
    assert x1 - x0 == pytest.approx(y1 - y0)
    hog = boxes_from_landmarks(points)
    assert x1 - x0 == pytest.approx(2 * 0.92 * (hog[2] - hog[0]))
    # A crop whose red grows to the right and whose green grows downwards tells where each pixel came from.
    size = sample_crop_track.size_px
    rows, columns = np.mgrid[:size, :size] * (255 / (size - 1))
    crop = np.stack([columns, rows, np.zeros_like(rows)], axis=-1).astype(np.uint8)
    picture = head_picture(crop, points).astype(float) * (size - 1) / 255
    centre = picture[110:114, 110:114].mean(axis=(0, 1))
    np.testing.assert_allclose(centre[:2], [(x0 + x1) / 2, (y0 + y1) / 2], atol=2.5)


def test_pixels_are_rgb_less_imagenet_s_mean() -> None:
    heads = np.zeros((1, 2, 2, 3), np.uint8)
    heads[0, 0, 1] = (255, 0, 51)
    pixel = to_input(heads)[0, :, 0, 1]
    torch.testing.assert_close(pixel, torch.tensor([(1 - 0.485) / 0.229, -0.456 / 0.224, (0.2 - 0.406) / 0.225]))


@pytest.mark.parametrize(
    ("own", "ours"),
    [((20, 0, 0), (-20, 0, 0)), ((0, 20, 0), (0, 20, 0)), ((0, 0, 20), (0, 0, 20)), ((0, 20, 5), (0, 20, 5))],
)
def test_its_yaw_has_the_other_sign(own: tuple[float, ...], ours: tuple[float, ...]) -> None:
    np.testing.assert_allclose(talkedit_angles(own), ours, atol=1e-9)


def test_the_axes_are_where_its_authors_draw_them() -> None:
    """For given angles they draw the nose and the head's own right-to-left and down on the picture."""
    for own in np.random.default_rng(0).uniform(-60, 60, (20, 3)):
        ours = rotation_from_angles(talkedit_angles(own), AHEAD)  # columns: head's x, y, z in x right, y down, z away
        yaw, pitch, roll = np.radians(own)
        nose = (-np.sin(yaw), -np.cos(yaw) * np.sin(pitch))
        down = (-np.cos(yaw) * np.sin(roll), np.cos(pitch) * np.cos(roll) + np.sin(pitch) * np.sin(yaw) * np.sin(roll))
        np.testing.assert_allclose(-ours[:2, 2], nose, atol=1e-9)
        np.testing.assert_allclose(ours[:2, 1], down, atol=1e-9)
