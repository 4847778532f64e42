"""What hears the shape of the lips: its loss by hand, and that it learns a voice."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from talkedit.models.lip_net import LipNet
from talkedit.models.lips import N_POINTS, lip_shape, opening_and_width
from talkedit.shards.clips import load_clip
from talkedit.shards.samples import Sample
from talkedit.shards.windows import Window
from talkedit.train.lips import (
    FRAMES,
    MOST_AMPLIFIED,
    draw_spoken,
    learn_modes,
    lip_loss,
    lip_scores,
    match_amplitude,
    openings_and_widths,
)

from .talkers import loudness, make_talker
from .windows import PX, T, window

N_FRAMES = 80
HEARD_AFTER_SECONDS = 0.8  # correlation with what is seen, on a clip that was not heard
LOUD_AND_OPEN = 0.9  # correlation in the clips themselves


class Says(LipNet):
    """Has the modes of these clips, and always says the same shape."""

    def __init__(self, windows: list[Window]) -> None:
        super().__init__(4)
        learn_modes(self, [window.clip.sample for window in windows])
        self.heard = list[Tensor]()

    def forward(self, mel: Tensor) -> Tensor:
        self.heard.append(mel)
        said = self.mean + 0.5 * self.deviations[0] * self.modes[0]
        return said.unflatten(0, (N_POINTS, 2)).expand(*mel.shape[:2], -1, -1)


class Mumbles(LipNet):
    """Has the modes of these clips, and says of each in turn its lips, each mode moved by a share."""

    def __init__(self, windows: list[Window], shares: list[float]) -> None:
        super().__init__(4)
        learn_modes(self, self.samples(windows))
        clips = [window.clip for window in windows]
        self.shapes, self.shares = [lip_shape(clip.landmarks, clip.heads) for clip in clips], torch.tensor(shares)

    @staticmethod
    def samples(windows: list[Window]) -> list[Sample]:
        return [window.clip.sample for window in windows]

    def forward(self, mel: Tensor) -> Tensor:
        shapes = self.shapes.pop(0)
        assert mel.shape == (1, len(shapes), 80, 16)
        said = self.along_modes(shapes.flatten(1).sub(self.mean).unflatten(1, (N_POINTS, 2))) * self.shares
        return (self.mean + said @ self.modes).unflatten(1, (N_POINTS, 2))[None]


def talking(seed: int) -> list[Window]:
    """A clip's windows, whose lips are as open as the voice is loud, and the narrower.

    0 to 0.4 of the distance of the eyes; 0.8 to 0.6.
    """
    sample = make_talker("talker", "train", seed, n_frames=N_FRAMES)
    points = sample.track.landmarks_px.copy()
    eyes = torch.from_numpy(points[:, 45] - points[:, 36]).norm(dim=1).numpy()
    points[:, 62] = points[:, 66]
    points[:, 66, 1] += 0.4 * loudness(N_FRAMES, seed) * eyes
    points[:, 48] = points[:, 54]
    points[:, 54, 0] += (0.8 - 0.2 * loudness(N_FRAMES, seed)) * eyes
    clip = load_clip(replace(sample, track=replace(sample.track, landmarks_px=points)), PX)
    return [window(clip, first) for first in range(0, N_FRAMES - T, T)]


def test_what_is_said_is_drawn_from_the_whole_clip_with_the_lips_that_say_it() -> None:
    """Lips are as open as the middle of what is heard is loud."""
    windows = [talking(1)[0], talking(2)[0]]
    spoken = draw_spoken(windows, seed=3, step=4)
    assert spoken.mel.shape == (2, FRAMES, 80, 16)
    assert spoken.shapes.shape == (2, FRAMES, N_POINTS, 2)
    for clip in range(2):
        heard = spoken.mel[clip, :, :, 6:10].mean(dim=(1, 2))
        assert len(heard.unique()) > FRAMES // 2
        assert (
            float(torch.corrcoef(torch.stack([heard, opening_and_width(spoken.shapes[clip])[:, 0]]))[0, 1])
            > LOUD_AND_OPEN
        )


def test_a_step_s_frames_are_the_same_again_and_however_many_processes_share_it() -> None:
    windows = talking(1)[:2]
    whole = draw_spoken(windows, 3, 4)
    parts = [draw_spoken(windows[rank : rank + 1], 3, 4, rank) for rank in range(2)]
    assert all(map(torch.equal, whole, draw_spoken(windows, 3, 4)))
    assert all(torch.equal(all_of, torch.cat(both)) for all_of, *both in zip(whole, *parts, strict=True))
    others = [draw_spoken(windows, 3, 5), draw_spoken(windows, 4, 4)]
    assert not any(torch.equal(whole.shapes, other.shapes) for other in others)
    assert not torch.equal(whole.shapes[0], whole.shapes[1])


def test_the_loss_is_the_shape_s_error_and_without_sound_the_lips_are_closed() -> None:
    windows = talking(1)
    spoken, says = draw_spoken(windows, 0, 0), Says(windows)
    n_silent = 2  # a tenth of 15 windows, rounded
    said = says(spoken.mel)
    every = spoken.shapes.flatten(0, 1)
    most_closed = every[opening_and_width(every)[:, 0].argmin()]
    errors = [says.along_modes(said - wanted).abs() for wanted in (spoken.shapes, most_closed)]
    expected = (errors[0].sum() + errors[1][:n_silent].sum()) / (errors[0].numel() + errors[1][:n_silent].numel())
    torch.testing.assert_close(lip_loss(says, spoken), expected)
    heard = says.heard[-1]
    assert len(heard) == len(spoken.mel) + n_silent
    assert (heard[len(spoken.mel) :] == -4).all()


def test_the_modes_are_those_of_all_frames_of_the_clips() -> None:
    windows = [talking(seed)[0] for seed in range(2)]
    network = Says(windows)
    clips = [window.clip for window in windows]
    every = torch.cat([lip_shape(clip.landmarks, clip.heads) for clip in clips]).flatten(1)
    torch.testing.assert_close(network.mean, every.mean(dim=0))
    assert network.deviations[0] > 3 * network.deviations[2]
    along = (every - network.mean) @ network.modes.T
    torch.testing.assert_close(along.std(dim=0, correction=0), network.deviations, atol=1e-5, rtol=1e-3)


def test_what_is_heard_moves_as_far_as_the_lips_do() -> None:
    windows = [talking(seed)[0] for seed in range(2)]
    mumbles = Mumbles(windows, [0.5, 1.0, 0.0, 0.0, 0.0, 0.0])
    before = mumbles.deviations.clone()
    match_amplitude(mumbles, mumbles.samples(windows))
    amplified = mumbles.deviations / before
    assert amplified[:3].tolist() == pytest.approx([2, 1, MOST_AMPLIFIED], rel=1e-3)


def test_what_is_heard_stands_beside_what_is_seen() -> None:
    windows = talking(1)
    says, spoken = Says(windows), draw_spoken(windows, 0, 0)
    heard, seen = openings_and_widths(says, spoken)
    torch.testing.assert_close(heard, opening_and_width(says(spoken.mel)).flatten(0, 1))
    torch.testing.assert_close(seen, opening_and_width(spoken.shapes).flatten(0, 1))
    assert heard.shape == (len(windows) * FRAMES, 2)


def test_openings_and_widths_are_scored_by_themselves() -> None:
    opening, width = torch.tensor([0.0, 0.1, 0.3, 0.1]), torch.tensor([0.7, 0.5, 0.6, 0.6])
    shapes = torch.stack([torch.stack([opening, width], dim=1), torch.stack([2 * opening, 1 - width], dim=1)])
    assert lip_scores(shapes) == pytest.approx({"lip_opening_r": 1, "lip_width_r": -1})


def test_it_learns_to_hear_the_shape_of_the_lips() -> None:
    torch.manual_seed(0)
    network = LipNet(8)
    optimizer = torch.optim.Adam(network.parameters(), 3e-3)
    clips = [talking(seed) for seed in range(3)]
    learn_modes(network, [windows[0].clip.sample for windows in clips])
    for step in range(120):
        optimizer.zero_grad()
        lip_loss(network, draw_spoken(clips[step % 3], 0, step)).backward()
        optimizer.step()
    shapes = openings_and_widths(network.eval(), draw_spoken(talking(9), 0, 0))
    assert all(float(torch.corrcoef(shapes[..., at])[0, 1]) > HEARD_AFTER_SECONDS for at in range(2))
    silent = network(torch.full((1, T, 80, 16), -4.0)).detach()
    opening, width = opening_and_width(silent).mean(dim=(0, 1)).tolist()
    assert opening < 0.25 * float(shapes[1, :, 0].max())
    assert width > float(shapes[1, :, 1].mean())  # most closed is widest here
