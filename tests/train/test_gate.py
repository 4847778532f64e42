"""The two checks that end a training which cannot succeed."""

import pytest
import torch
from lightning_fabric import Fabric
from torch import Tensor

from talkedit.errors import TalkeditError
from talkedit.models.build import build_discriminator
from talkedit.models.discriminator import Discriminator, Distance
from talkedit.shards.clips import LoadedClip
from talkedit.shards.windows import Window
from talkedit.train.gate import ChanceStop, check_it_can_learn
from talkedit.train.processes import Processes
from talkedit.train.verdict import Pairs

from .. import tiny
from .windows import PX, make_clip, window

GAPS = {"audio": 0.5, "pose": 6.0, "emotion": 0.3}
STEPS = 60


def mouths(levels: list[float]) -> Tensor:
    """(N, 3, 24, 24) uint8: a bar that is as high as the level, 0..8."""
    pictures = torch.zeros(len(levels), 3, PX, PX, dtype=torch.uint8)
    for picture, level in zip(pictures, levels, strict=True):
        picture[:, PX - 1 - round(2 * level) :] = 255
    return pictures


LEVELS = [abs((7 * i) % 17 - 8.0) for i in range(40)]


CPU = torch.device("cpu")


def windows(clip: LoadedClip) -> list[Window]:
    return [window(clip, first) for first in range(0, 36, 5)]


def gaps(network: Discriminator) -> dict[str, float]:
    return {term: GAPS[term] for term in network.terms}


@pytest.mark.parametrize("distance", ["l2", "cosine"])
def test_what_can_be_seen_passes(distance: Distance) -> None:
    torch.manual_seed(0)
    clip = make_clip(
        "one", [2.0 * level for level in LEVELS], loudness=[level - 4 for level in LEVELS], pictures=mouths(LEVELS)
    )
    network = build_discriminator(tiny.model_params(embedding_dim=16), ["audio", "pose"], distance)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    check_it_can_learn(network, windows(clip), gaps(network), STEPS, CPU)
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


@pytest.mark.parametrize(
    ("term", "clip", "cause"),
    [
        ("audio", make_clip("one", [0.0] * 40, loudness=[level - 4 for level in LEVELS]), "the pictures do not move"),
        ("pose", make_clip("one", [2 * level for level in LEVELS]), "angles have nothing to do with the pictures"),
        ("emotion", make_clip("one", [0.0] * 40, [int(level) % 7 for level in LEVELS]), "answers have nothing to do"),
    ],
)
def test_what_cannot_be_seen_ends_the_run_and_is_named(term: str, clip: LoadedClip, cause: str) -> None:
    torch.manual_seed(0)
    network = build_discriminator(tiny.model_params(embedding_dim=16), [term])
    with pytest.raises(TalkeditError, match=rf"{term} term told only \d+% of one batch's pairs .* 60 steps .*{cause}"):
        check_it_can_learn(network, windows(clip), gaps(network), STEPS, CPU)


def test_a_term_without_a_pair_is_not_blamed() -> None:
    network = build_discriminator(tiny.model_params(), ["pose"])
    check_it_can_learn(network, windows(make_clip("one", [0.0] * 40)), gaps(network), 1, CPU)


class Beside(Processes):
    """Beside another process, whose copy tells nothing apart."""

    def all_rows(self, own_rows: Tensor) -> Tensor:
        return torch.cat([own_rows, torch.zeros_like(own_rows)])


def test_no_process_leaves_before_all_have_learnt() -> None:
    torch.manual_seed(0)
    clip = make_clip("one", [2.0 * level for level in LEVELS], pictures=mouths(LEVELS))
    network = build_discriminator(tiny.model_params(embedding_dim=16), ["pose"])
    check_it_can_learn(network, windows(clip), gaps(network), STEPS, CPU)
    with pytest.raises(TalkeditError, match=r"pose term told only 0% .* after 60 steps"):
        check_it_can_learn(network, windows(clip), gaps(network), STEPS, CPU, Beside())


FABRIC = Fabric(accelerator="cpu", devices=1)


def run(pairs: list[Pairs], check_step: int, first: int = 0, n_steps: int = 100) -> None:
    stop = ChanceStop(check_step, n_steps, FABRIC)
    for step, each in enumerate(pairs, start=first):
        stop.see(each, step)


def right(n_right: int, n: int = 100, weight: float = 1.0) -> Pairs:
    """Pairs of which so many are told apart."""
    return Pairs((torch.arange(n) < n_right).float(), torch.full((n,), weight))


def test_chance_ends_the_run() -> None:
    # 10 steps of 100 pairs: the limit is 0.5 + 3 * 0.5 / sqrt(1000) = 0.547.
    with pytest.raises(TalkeditError, match=r"tells 54% of its training pairs apart after 20 steps, which is chance"):
        run([right(54)] * 20, check_step=20)


def test_a_little_better_than_chance_goes_on() -> None:
    run([right(55)] * 40, check_step=20)


def test_the_first_half_does_not_count() -> None:
    run([right(0)] * 10 + [right(80)] * 10, check_step=20)
    with pytest.raises(TalkeditError, match="chance"):
        run([right(100)] * 10 + [right(50)] * 10, check_step=20)


def test_it_looks_once() -> None:
    run([right(80)] * 20 + [right(20)] * 60, check_step=20)


def test_a_resumed_run_is_looked_at_when_enough_was_seen() -> None:
    run([right(50)] * 9, check_step=20, first=15)
    with pytest.raises(TalkeditError, match="after 25 steps"):
        run([right(50)] * 10, check_step=20, first=15)


def test_a_run_that_was_resumed_late_is_looked_at_when_it_ends() -> None:
    run([right(50)] * 4, check_step=20, first=15, n_steps=20)
    with pytest.raises(TalkeditError, match="after 20 steps"):
        run([right(40)] * 5, check_step=20, first=15, n_steps=20)


def test_a_very_short_run_is_not_judged() -> None:
    run([right(20, 39)] * 20, check_step=20)  # 390 pairs


def test_windows_without_a_negative_are_no_pairs() -> None:
    run([right(20, weight=0.0)] * 40, check_step=20)
    run([Pairs(right(20).nearer, (torch.arange(100) < 39).float())] * 20, check_step=20)  # 390 of 1000 count


def test_a_weight_that_all_have_changes_nothing() -> None:
    run([right(55, weight=0.1)] * 20, check_step=20)
    with pytest.raises(TalkeditError, match="tells 54%"):
        run([right(54, weight=0.1)] * 20, check_step=20)
