"""From a batch to what the networks take."""

from pathlib import Path

import pytest
import torch

from talkedit.models.heads import Heads
from talkedit.shards.loader import Loader
from talkedit.shards.windows import Batch, to_batch
from talkedit.train.inputs import jitter, make_inputs, to_device
from talkedit.train.processes import Processes

from .. import tiny

PX, DOT_PX = 24, 0.25  # how far from its landmark the middle of a dot may be: it is drawn on whole bytes


@pytest.fixture(scope="module")
def batch(tiny_shards: Path) -> Batch:
    with Loader(tiny_shards, "train", PX, n_frames=5, n_windows=3, seed=0) as loader:
        return to_batch(loader.windows(0))


def random(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def with_a_dot(batch: Batch, point: int) -> Batch:
    """The batch with targets that are black but for a soft dot at one landmark."""
    ticks = (torch.arange(PX) + 0.5) / PX
    y, x = torch.meshgrid(ticks, ticks, indexing="ij")
    at = batch.landmarks[:, :, point, :, None, None]
    dot = torch.exp(-((x - at[:, :, 0]) ** 2 + (y - at[:, :, 1]) ** 2) * PX**2 / 2)
    return batch._replace(target=(255 * dot).round().to(torch.uint8)[:, :, None].expand(-1, -1, 3, -1, -1))


def middle_of_dot(target: torch.Tensor) -> torch.Tensor:
    """(B, T, 2), shares of the side."""
    ticks = (torch.arange(PX) + 0.5) / PX
    light = target[:, :, 0].float()
    total = light.sum(dim=(2, 3))
    return torch.stack([(light.sum(2) * ticks).sum(2) / total, (light.sum(3) * ticks).sum(2) / total], dim=2)


def test_jitter_keeps_the_landmarks_on_the_picture_s_content(batch: Batch) -> None:
    for seed in range(5):
        before = with_a_dot(batch, point=30)
        after = jitter(before, 0.1, random(seed))
        shown, said = middle_of_dot(after.target), after.landmarks[:, :, 30]
        assert (shown - said).abs().max() * PX < DOT_PX
        assert (said - before.landmarks[:, :, 30]).abs().max() * PX > 4 * DOT_PX


def test_jitter_keeps_everything_where_it_is_in_the_frame(batch: Batch) -> None:
    after = jitter(batch, 0.1, random())
    before_px, after_px = in_frame_px(batch), in_frame_px(after)
    torch.testing.assert_close(after_px, before_px, atol=1e-3, rtol=0)


def in_frame_px(batch: Batch) -> torch.Tensor:
    points = torch.cat([batch.landmarks.flatten(0, 1), torch.ones(15, 68, 1)], dim=2)
    return points @ batch.target_heads.frame_from_picture.transpose(1, 2)


def test_jitter_moves_a_window_s_frames_alike_and_windows_differently(batch: Batch) -> None:
    after = jitter(batch, 0.1, random())
    scale = after.target_heads.frame_from_picture[:, 0, 0].view(3, 5)
    assert (scale == scale[:, :1]).all()
    assert scale[0, 0] != scale[1, 0]


def test_processes_that_share_a_step_jitter_as_one_would(batch: Batch) -> None:
    whole = jitter(batch, 0.1, random()).target_heads.frame_from_picture.view(3, 5, 3, 3)
    for rank in range(3):
        fields = [field[rank : rank + 1] if isinstance(field, torch.Tensor) else field for field in batch[1:-2]]
        heads = [Heads(*(part.view(3, 5, *part.shape[1:])[rank] for part in field)) for field in batch[-2:]]
        own = Batch._make([batch.keys[rank : rank + 1], *fields, *heads])
        assert torch.equal(jitter(own, 0.1, random(), Processes(rank, 3)).target_heads.frame_from_picture, whole[rank])


def test_jitter_stays_within_its_share(batch: Batch) -> None:
    share = 0.06
    for seed in range(20):
        scale = jitter(batch, share, random(seed)).target_heads.frame_from_picture[:, 0, 0] / tiny.CROP_PX
        assert ((scale - 1).abs() <= share + 1e-6).all()


def test_jitter_of_nothing_changes_nothing_and_sources_are_left_alone(batch: Batch) -> None:
    torch.testing.assert_close(jitter(batch, 0.0, random())[1:], batch[1:], atol=0, rtol=0)
    after = jitter(batch, 0.1, random())
    assert torch.equal(after.source, batch.source)
    torch.testing.assert_close(after.source_heads, batch.source_heads, atol=0, rtol=0)
    assert not torch.equal(after.target, batch.target)


def test_the_target_is_masked_and_the_ring_is_left(batch: Batch) -> None:
    inputs = make_inputs(batch, tiny.model_params(sources="raw"))
    ring = slice(0, 3)  # of 24 px, an eighth
    assert torch.equal(inputs.truth, batch.target.float() / 255)
    assert torch.equal(inputs.masked[..., ring, :], inputs.truth[..., ring, :])
    assert inputs.masked[..., 3:-3, 3:-3].abs().max() == 0
    assert inputs.truth[..., 3:-3, 3:-3].abs().max() > 0.5


def test_raw_sources_are_the_source_frames(batch: Batch) -> None:
    assert torch.equal(make_inputs(batch, tiny.model_params(sources="raw")).source, batch.source.float() / 255)


def test_guided_sources_have_their_heads_nearer_to_the_target(batch: Batch) -> None:
    inputs = make_inputs(batch, tiny.model_params(sources="guided"))
    assert inputs.source.shape == (3, 5, 6, PX, PX)
    head = slice(8, 16)
    guided, still = (
        (inputs.source[:, :, layer] - inputs.truth)[..., head, head].abs().mean() for layer in (slice(3), slice(3, 6))
    )
    assert guided < 0.8 * still


def test_the_eyes_are_those_of_the_target(batch: Batch) -> None:
    inputs = make_inputs(batch, tiny.model_params())
    assert torch.equal(inputs.landmarks, batch.landmarks.flatten(0, 1))
    torch.testing.assert_close(inputs.codes["pose"][:, :, 2], batch.pose_deg[:, 2] / 15)


def test_a_batch_moves_to_a_device_whole(batch: Batch) -> None:
    moved = to_device(batch, torch.device("meta"))
    assert moved.keys == batch.keys
    for field in moved[1:]:
        assert {part.device.type for part in (field if isinstance(field, tuple) else [field])} == {"meta"}


def test_guided_lips_are_as_far_open_as_the_target_s(batch: Batch) -> None:
    opened = batch.landmarks.clone()
    opened[..., 66, 1] = opened[..., 62, 1] + 0.3  # of the crop's side
    as_it_is, moved = (make_inputs(each, tiny.model_params()) for each in (batch, batch._replace(landmarks=opened)))
    difference = (as_it_is.source - moved.source)[:, :, :3].abs().amax(dim=(0, 1, 2))
    assert difference[: PX // 3].max() < 1e-6
    assert difference[PX // 2 :].max() > 0.1
    assert torch.equal(as_it_is.source[:, :, 3:], moved.source[:, :, 3:])
