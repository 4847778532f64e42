from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from torch.nn import functional

from talkedit import assets
from talkedit.errors import AssetError
from talkedit.face.emotion import ASSET, MiniXception, XceptionEmotion, face_input
from talkedit.face.track import FaceTracker
from talkedit.media.video import read_frames
from talkedit.records import EMOTIONS, CropTrack


@pytest.fixture(scope="module")
def net() -> MiniXception:
    return MiniXception(assets.fetch(ASSET))


def _reference(faces: np.ndarray) -> np.ndarray:
    """The same network, layer by layer in the order of its model_config, in torch."""
    with h5py.File(assets.fetch(ASSET)) as file:
        weights = file["model_weights"]

        def get(layer: str, name: str) -> torch.Tensor:
            return torch.tensor(np.asarray(weights[f"{layer}/{layer}_1/{name}:0"]))

        def conv(x: torch.Tensor, n: int, stride: int = 1, padding: int = 0) -> torch.Tensor:
            return functional.conv2d(
                x, get(f"conv2d_{n}", "kernel").permute(3, 2, 0, 1), stride=stride, padding=padding
            )

        def norm(x: torch.Tensor, n: int) -> torch.Tensor:
            layer = f"batch_normalization_{n}"
            names = ("moving_mean", "moving_variance", "gamma", "beta")
            return functional.batch_norm(x, *(get(layer, name) for name in names), eps=1e-3)

        def separable(x: torch.Tensor, n: int) -> torch.Tensor:
            layer = f"separable_conv2d_{n}"
            depthwise = get(layer, "depthwise_kernel").permute(2, 3, 0, 1)
            x = functional.conv2d(x, depthwise, padding=1, groups=x.shape[1])
            return functional.conv2d(x, get(layer, "pointwise_kernel").permute(3, 2, 0, 1))

        def pool(x: torch.Tensor) -> torch.Tensor:
            odd = x.shape[-1] % 2  # "same": one row more in all for an even size, one on each side for an odd one
            padded = functional.pad(x, (odd, 1, odd, 1), value=-torch.inf)
            return functional.max_pool2d(padded, 3, stride=2)

        x = torch.tensor(faces)[:, None]
        x = norm(conv(x, 1), 1).relu()
        x = norm(conv(x, 2), 2).relu()
        for convs, shortcut, norms in (
            ((1, 2), 3, (3, 4, 5)),
            ((3, 4), 4, (6, 7, 8)),
            ((5, 6), 5, (9, 10, 11)),
            ((7, 8), 6, (12, 13, 14)),
        ):
            residual = norm(conv(x, shortcut, stride=2), norms[0])
            x = norm(separable(x, convs[0]), norms[1]).relu()
            x = pool(norm(separable(x, convs[1]), norms[2])) + residual
        x = conv(x, 7, padding=1) + get("conv2d_7", "bias")[:, None, None]
        return x.mean(dim=(2, 3)).softmax(dim=1).numpy()


def test_the_numbers_are_the_networks(net: MiniXception) -> None:
    faces = np.random.default_rng(0).uniform(-1, 1, (3, 64, 64)).astype(np.float32)
    np.testing.assert_allclose(net(faces), _reference(faces), atol=1e-5)


def test_input_is_grey_and_centred_on_the_face(sample_crops: np.ndarray, sample_crop_track: CropTrack) -> None:
    face = face_input(sample_crops[0], sample_crop_track.landmarks_px[0])
    assert face.shape == (64, 64)
    assert face.dtype == np.float32
    assert -1 <= face.min() < face.max() <= 1


def test_sample_is_not_laughing(sample_crops: np.ndarray, sample_crop_track: CropTrack) -> None:
    track = CropTrack(
        sample_crop_track.size_px,
        sample_crop_track.frame_from_crop[:20],
        sample_crop_track.landmarks_px[:20],
        sample_crop_track.frame_size_px,
    )
    every = XceptionEmotion(smooth_s=0.2, every_n_frames=1)(sample_crops[:20], track, 29.97)
    assert every.shape == (20, len(EMOTIONS))
    np.testing.assert_allclose(every.sum(axis=1), 1, atol=1e-5)
    assert every[:, EMOTIONS.index("happy")].max() < 0.2
    some = XceptionEmotion(smooth_s=0.2, every_n_frames=3)(sample_crops[:20], track, 29.97)
    assert np.abs(some - every).mean() < 0.05


def test_a_file_that_holds_something_else(tmp_path: Path) -> None:
    path = tmp_path / "weights.hdf5"
    with h5py.File(path, "w") as file:
        file["other"] = 1
    with pytest.raises(AssetError, match="does not hold the weights"):
        MiniXception(path)


@pytest.mark.parametrize(("video", "emotion"), [("m030_angry", "angry"), ("w036_happy", "happy")])
def test_real_expressions(
    shared_media: Path, tracker: FaceTracker, net: MiniXception, video: str, emotion: str
) -> None:
    frames = [frame.image for frame in read_frames(shared_media / "references" / f"{video}.mp4")][::4]
    track = tracker.track(frames, (frames[0].shape[1], frames[0].shape[0]), 6.25)
    faces = np.stack([face_input(frame, points) for frame, points in zip(frames, track.landmarks_px, strict=True)])
    assert EMOTIONS[int(net(faces).mean(axis=0).argmax())] == emotion
