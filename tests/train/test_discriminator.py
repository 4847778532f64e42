"""The judges' training: its losses by hand, and that something is learnt."""

import os
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from talkedit.models.build import build_discriminator, build_eye_net
from talkedit.models.discriminator import TERMS, Discriminator
from talkedit.models.guide import Heads
from talkedit.models.landmarks import eye_points
from talkedit.shards.loader import Batch, load_split
from talkedit.train import discriminator as training
from talkedit.train import loop
from talkedit.train.discriminator import (
    DISCRIMINATOR_FILE,
    EYES_FILE,
    discriminator_losses,
    eye_loss,
    train_discriminator,
    validate,
)

from .. import tiny
from .runs import discriminator_params

T, PX = 5, 24
CLOSE = (1 - 1e-4) ** 2  # the loss of a negative pair at distance 0, which is taken as 1e-4
RIGHT, UP = (1.0, 0.0), (0.0, 1.0)


class Fixed(Discriminator):
    """Answers with given embeddings, the same for every term."""

    def __init__(self, faces: list[tuple[float, float]], attributes: list[tuple[float, float]]) -> None:
        nn.Module.__init__(self)
        self.answers = torch.tensor(faces), torch.tensor(attributes)

    def embed_faces(self, images: Tensor) -> dict[str, Tensor]:
        return dict.fromkeys(TERMS, self.answers[0])

    def embed_attributes(self, mel: Tensor, codes: dict[str, Tensor]) -> dict[str, Tensor]:
        return dict.fromkeys(TERMS, self.answers[1])


def make_batch(keys: list[str], yaw_deg: list[float], emotions: list[int], target: Tensor | None = None) -> Batch:
    """Windows that differ in what is given and in nothing else."""
    n = len(keys)
    pictures = torch.zeros(n, T, 3, PX, PX, dtype=torch.uint8)
    pose_deg = torch.zeros(n, T, 3)
    pose_deg[:, :, 0] = torch.tensor(yaw_deg)[:, None]
    emotion = nn.functional.one_hot(torch.tensor(emotions), 7).float()[:, None].expand(n, T, 7)
    heads = Heads(torch.zeros(n * T, 3, 4), torch.zeros(n * T, 3), torch.zeros(n * T, 3, 3))
    return Batch(
        keys=keys,
        target=pictures if target is None else target,
        source=pictures,
        mel=torch.zeros(n, T, 80, 16),
        pose_deg=pose_deg,
        emotion=emotion,
        eye_openness=torch.ones(n, T),
        landmarks=torch.rand(n, T, 68, 2),
        source_landmarks=torch.rand(n, T, 68, 2),
        source_eye_openness=torch.ones(n, T),
        target_heads=heads,
        source_heads=heads,
    )


def test_the_contrastive_loss_by_hand() -> None:
    # Faces are all `right`, attributes right, up, right: squared distances of belonging pairs are 0, 2, 0, mean 2/3;
    # with the attributes of the window before (the last one before the first): 0, 0, 2.
    # The middle window differs from the one before in nothing (same yaw and emotion, overlapping speech), the other
    # two do, so 2 of 3 windows have a negative pair: at distance 0, which costs 1, and at 1.41, beyond the margin.
    batch = make_batch(["one:0", "one:3", "two:0"], yaw_deg=[0, 1, 10], emotions=[0, 0, 1])
    losses = discriminator_losses(Fixed([RIGHT] * 3, [RIGHT, UP, RIGHT]), batch, discriminator_params())
    assert set(losses) == set(TERMS)
    for loss in losses.values():
        assert float(loss) == pytest.approx(2 / 3 * 2 / 3 + (CLOSE + 0 + 0) / 3)


def test_a_negative_pair_inside_the_margin_costs_by_its_depth() -> None:
    # (1, 0) and (0.6, 0.8) are sqrt(0.8) apart: relu(1 - 0.8944)^2 = 0.01115. Belonging pairs: 0.8 and 0, mean 0.4.
    batch = make_batch(["one:0", "two:0"], yaw_deg=[0, 10], emotions=[0, 1])
    losses = discriminator_losses(Fixed([RIGHT] * 2, [(0.6, 0.8), RIGHT]), batch, discriminator_params())
    expected = 0.4 + (CLOSE + 0.01115) / 2
    assert [float(loss) for loss in losses.values()] == pytest.approx([expected] * 3, abs=1e-5)


def test_windows_that_do_not_differ_teach_nothing() -> None:
    batch = make_batch(["one:0", "one:4"], yaw_deg=[0, 1.9], emotions=[2, 2])
    losses = discriminator_losses(Fixed([RIGHT, UP], [UP, RIGHT]), batch, discriminator_params())
    assert [float(loss) for loss in losses.values()] == [0, 0, 0]


@pytest.mark.parametrize(
    ("keys", "yaw_deg", "emotions", "terms"),
    [
        (["one:0", "one:5"], [0, 0], [0, 0], {"audio"}),
        (["one:0", "two:0"], [0, 0], [0, 0], {"audio"}),
        (["one:0", "one:0"], [0, 2], [0, 0], {"pose"}),
        (["one:0", "one:0"], [0, 0], [0, 6], {"emotion"}),
    ],
)
def test_each_term_asks_for_its_own_difference(
    keys: list[str], yaw_deg: list[float], emotions: list[int], terms: set[str]
) -> None:
    batch = make_batch(keys, yaw_deg, emotions)
    losses = discriminator_losses(Fixed([RIGHT] * 2, [RIGHT] * 2), batch, discriminator_params())
    assert {term for term, loss in losses.items() if float(loss) > 0} == terms


def bars(seed: int, n_windows: int = 16) -> Batch:
    """Windows whose yaw can be seen: a white bar stands the further to the right the greater it is."""
    yaw_deg = (torch.rand(n_windows, generator=torch.Generator().manual_seed(seed)) * 40 - 20).tolist()
    target = torch.zeros(n_windows, T, 3, PX, PX, dtype=torch.uint8)
    for window, yaw in zip(target, yaw_deg, strict=True):
        column = round(PX / 2 + yaw / 2)
        window[..., max(column - 2, 0) : column + 2] = 255
    return make_batch(["one:0"] * n_windows, yaw_deg, [0] * n_windows, target)


def test_a_pose_that_can_be_seen_is_learnt_in_a_few_steps() -> None:
    torch.manual_seed(0)
    model, params = tiny.model_params(embedding_dim=16), discriminator_params()
    network = build_discriminator(model)
    before = pose_accuracy(network)
    optimizer = torch.optim.Adam(network.parameters(), 3e-3)
    for step in range(40):
        optimizer.zero_grad()
        discriminator_losses(network, bars(step), params)["pose"].backward()
        optimizer.step()
    assert before < 0.7
    assert pose_accuracy(network) > 0.9


@torch.no_grad()
def pose_accuracy(network: Discriminator) -> float:
    """How often a face is nearer to its own pose than to the next window's, over new windows; 0.5 is chance."""
    batch = bars(seed=1000, n_windows=64)
    codes = {"pose": batch.pose_deg.transpose(1, 2) / 15, "emotion": batch.emotion.transpose(1, 2)}
    other = {**codes, "pose": codes["pose"].roll(1, 0)}
    images = batch.target.float() / 255
    own, others = (network.distances(images, batch.mel, each)["pose"] for each in (codes, other))
    return float((own < others).float().mean())


def test_the_eye_loss_is_small_for_a_network_that_knows(tiny_shards: Path) -> None:
    clip = load_split(tiny_shards, "train", PX)[0]
    batch = make_batch(["one:0"], [0], [0])._replace(target=clip.pictures[None, :T], landmarks=clip.landmarks[None, :T])
    truth = eye_points(clip.landmarks[:T])

    class Knows(nn.Module):
        def forward(self, images: Tensor, places: Tensor) -> Tensor:
            assert images.shape == (T, 3, PX, PX)
            assert images.max() <= 1
            assert not torch.equal(places[..., :2], (truth[:, :, 0] + truth[:, :, 3]) / 2)  # a little wrong, at random
            return truth + torch.tensor([0.01, 0.0])

    unit = (truth[:, 0, 0] - truth[:, 1, 3]).norm(dim=-1)
    loss = eye_loss(Knows(), batch, torch.Generator().manual_seed(0))  # type: ignore[arg-type]
    torch.testing.assert_close(loss, (0.01 / unit).mean())


def test_validation_says_none_where_nothing_differs(tiny_shards: Path) -> None:
    model, clips = tiny.model_params(), load_split(tiny_shards, "validation", PX)
    params = discriminator_params(min_pose_gap_deg=500.0)
    metrics = validate(build_discriminator(model), build_eye_net(model), clips, model, params, torch.device("cpu"))
    assert metrics["pose_accuracy"] is None
    assert 0 <= metrics["audio_accuracy"] <= 1
    assert metrics["eye_error_px256"] > 0


def test_a_stopped_training_ends_with_the_weights_of_one_that_was_not(
    tiny_shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def train(name: str) -> bytes:
        train_discriminator(
            tiny_shards, tmp_path / name, tmp_path / f"{name}_live", tiny.model_params(), discriminator_params()
        )
        return b"".join((tmp_path / name / file).read_bytes() for file in (DISCRIMINATOR_FILE, EYES_FILE))

    whole = train("whole")
    monkeypatch.setattr(loop, "CHECKPOINT_EVERY_S", -1.0)
    steps: list[int] = []
    draw = training.draw_batch

    def draw_until_stopped(clips, step: int, *rest):
        steps.append(step)
        if steps == [0, 1, 2, 3]:
            raise KeyboardInterrupt
        return draw(clips, step, *rest)

    monkeypatch.setattr(training, "draw_batch", draw_until_stopped)
    with pytest.raises(KeyboardInterrupt):
        train("stopped")
    assert not (tmp_path / "stopped").exists()
    assert train("stopped") == whole
    assert steps[4] == 3  # it went on where it had stopped
    assert os.listdir(tmp_path / ".state") == []
