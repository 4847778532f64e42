"""RMN as an extractor: its code out of the wheel, its file, its picture of the face."""

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from talkedit.asset_list import ASSETS, Url
from talkedit.errors import AssetError, ParamsError
from talkedit.face.emotion import between_looks, frames_to_look_at
from talkedit.face.extract import AttributesParams, build_extractors, extract_clips
from talkedit.face.geometry import boxes_from_landmarks
from talkedit.face.rmn import RmnEmotion, face_picture, network_code, to_input
from talkedit.manifest import file_sha256
from talkedit.records import EMOTIONS, CropTrack

from ..checkpoints import plain_rmn, rmn_state, save_as_then
from ..servers import serve
from .test_extract import VALUES

TOLERANCE = 1e-5
STATE = {"arch": "resmasking_dropout1", "lr": 0.0001, "best_val_acc": 73.2, "train_losses": [1.5, 0.9]}


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A file like RMN's: written by Python 3 and torch 1.3 on a GPU, 552 MB, the weights beside the training's log."""
    path = tmp_path_factory.mktemp("rmn") / "rmn.pth"
    save_as_then({**STATE, "net": rmn_state()}, path, python=3)
    yield path
    path.unlink()


def test_names_and_shapes_are_the_published_ones() -> None:
    with torch.device("meta"):
        network = network_code().resmasking_dropout1()
    own = {key: value.shape for key, value in network.state_dict().items()}
    assert own == {key: value.shape for key, value in rmn_state().items()}
    assert own["fc.1.weight"] == (7, 512)


def test_its_network_is_taken_without_what_its_package_imports() -> None:
    unwanted = {"rmn", "models", "torchvision", "pytorchcv", "huggingface_hub"}
    script = (
        "import sys; from talkedit.face.rmn import network_code; before = set(sys.modules); network_code(); "
        f"print(sorted({unwanted!r} & sys.modules.keys())); print(sorted(set(sys.modules) - before))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    loaded, new = done.stdout.splitlines()
    assert loaded == "[]"
    assert "talkedit_rmn_models.masking" in new


def test_it_computes_what_a_plain_build_does() -> None:
    with torch.device("meta"):
        network = network_code().resmasking_dropout1().eval()
    state = rmn_state()
    network.load_state_dict(state, assign=True)
    images = torch.rand((2, 3, 224, 224), generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        found, expected = network(images).softmax(dim=1), plain_rmn(state, images)
    assert found.std(dim=0).max() > 10 * TOLERANCE  # it looks at the picture
    torch.testing.assert_close(found, expected, rtol=0, atol=TOLERANCE)


@pytest.mark.slow  # half a gigabyte is written, hashed, served, written, hashed and read
def test_fetched_and_run_on_a_clip(
    checkpoint: Path,
    sample_crops: np.ndarray,
    sample_crop_track: CropTrack,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert abs(checkpoint.stat().st_size - ASSETS["rmn"].size_bytes) < 100_000
    network_code()  # from the usual cache
    monkeypatch.setenv("TALKEDIT_CACHE", str(tmp_path / "cache"))
    with serve(checkpoint.read_bytes()) as address:
        asset = replace(ASSETS["rmn"], sha256=file_sha256(checkpoint), source=Url(f"{address}/rmn.pth"))
        monkeypatch.setitem(ASSETS, "rmn", asset)
        extractor = RmnEmotion(smooth_s=0, every_n_frames=2)
    next((tmp_path / "cache").rglob("rmn.pth")).unlink()
    track = replace(
        sample_crop_track,
        frame_from_crop=sample_crop_track.frame_from_crop[:4],
        landmarks_px=sample_crop_track.landmarks_px[:4],
    )
    found = extractor(sample_crops[:4], track, 25)
    faces = np.stack([face_picture(sample_crops[i], track.landmarks_px[i]) for i in (0, 2, 3)])
    with torch.inference_mode():
        expected = plain_rmn(rmn_state(), to_input(faces)).numpy()
    assert found.dtype == np.float32
    assert extractor.columns == EMOTIONS
    np.testing.assert_allclose(found[[0, 2, 3]], expected, atol=TOLERANCE)
    np.testing.assert_allclose(found[1], expected[:2].mean(axis=0), atol=TOLERANCE)


def test_without_weights_the_stage_stops_before_the_first_clip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TALKEDIT_CACHE", str(tmp_path / "cache"))
    with serve(b"other weights") as address:
        monkeypatch.setitem(ASSETS, "rmn", replace(ASSETS["rmn"], source=Url(f"{address}/rmn.pth")))
        params = AttributesParams(**(VALUES | {"emotion": "rmn"}))
        with pytest.raises(AssetError, match=r"asset rmn: .*SHA-256.*set attributes\.emotion to xception"):
            extract_clips(tmp_path / "no such crops", tmp_path / "out", params)
        assert not (tmp_path / "out").exists()


def test_an_unknown_name_is_told_the_new_ones() -> None:
    with pytest.raises(ParamsError, match="the known ones are xception, rmn"):
        build_extractors(AttributesParams(**(VALUES | {"emotion": "guess"})))


def test_the_picture_is_the_square_of_the_package(sample_crop_track: CropTrack) -> None:
    points, size = sample_crop_track.landmarks_px[0], sample_crop_track.size_px
    _, y0, _, y1 = boxes_from_landmarks(points)
    middle_y = (y0 + y1) / 2 - 0.075 * (y1 - y0)
    ramp = np.repeat((np.arange(size) * (255 / (size - 1)))[:, None], size, axis=1)  # brighter downwards
    crop = np.repeat(ramp[..., None], 3, axis=2).astype(np.uint8)
    picture = face_picture(crop, points).astype(float) * (size - 1) / 255
    assert picture.shape == (224, 224)
    assert picture[111:113].mean() == pytest.approx(middle_y, abs=2.5)
    assert picture[-4:].mean() - picture[:4].mean() == pytest.approx(1.14 * (y1 - y0) * 220 / 224, abs=5)


def test_pixels_are_grey_three_times_and_nothing_is_taken_off() -> None:
    faces = np.array([[[0, 51], [102, 255]]], np.uint8)
    pixels = to_input(faces)
    assert pixels.shape == (1, 3, 2, 2)
    for channel in pixels[0]:
        torch.testing.assert_close(channel, torch.tensor([[0.0, 0.2], [0.4, 1.0]]))


def test_looking_at_every_third_frame() -> None:
    at = frames_to_look_at(8, 3)
    assert at.tolist() == [0, 3, 6, 7]
    every = between_looks(np.array([[0.0], [3.0], [6.0], [10.0]]), at, 8)
    np.testing.assert_allclose(every[:, 0], [0, 1, 2, 3, 4, 5, 6, 10])
