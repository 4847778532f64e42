"""The loop around every training: means, curves, resume; with losses that are the step's own number."""

import json
from pathlib import Path

import pytest
import torch
from torch import nn

from talkedit.errors import TalkeditError
from talkedit.train import loop
from talkedit.train.checkpoint import Checkpoint
from talkedit.train.loop import check_finite, run_steps, set_learning_rate

N_STEPS = 7


class Counter(nn.Module):
    """A network whose weight is how many steps it has seen."""

    def __init__(self) -> None:
        super().__init__()
        self.n_seen = nn.Parameter(torch.zeros(1))


class Run:
    """A training of `Counter`, with a state in `folder`, that can be interrupted."""

    def __init__(self, folder: Path, stop_at: int | None = None) -> None:
        self.network, self.folder, self.stop_at = Counter(), folder, stop_at
        self.steps: list[int] = []
        self.checkpoint = Checkpoint(folder / "model", "key", {"network": self.network}, {})

    def __call__(self) -> dict[str, float]:
        return run_steps("test", self._step, N_STEPS, 10, 2, self.checkpoint, self.folder / "live")

    def _step(self, step: int) -> dict[str, torch.Tensor]:
        if step == self.stop_at:
            raise KeyboardInterrupt
        self.steps.append(step)
        self.network.n_seen.data += 1
        return {"loss": torch.tensor(float(step), requires_grad=True), "twice": torch.tensor(2.0 * step)}


def curve(folder: Path, name: str = "loss") -> list[tuple[int, float]]:
    header, *rows = (folder / "live" / "plots" / "metrics" / f"{name}.tsv").read_text().splitlines()
    assert header == f"step\t{name}"
    return [(int(step), float(value)) for step, value in (row.split("\t") for row in rows)]


def test_the_curves_are_means_since_the_last_point_at_the_number_of_steps_done(tmp_path: Path) -> None:
    means = Run(tmp_path)()
    assert curve(tmp_path) == [(2, 0.5), (4, 2.5), (6, 4.5), (7, 6.0)]
    assert curve(tmp_path, "twice")[0] == (2, 1.0)
    assert {name: means[name] for name in ("loss", "twice")} == {"loss": 6.0, "twice": 12.0}
    assert means["images_per_s"] > 0
    assert json.loads((tmp_path / "live" / "metrics.json").read_text()) == {"loss": 6.0, "twice": 12.0, "step": 7}


def test_a_fresh_run_draws_fresh_curves(tmp_path: Path) -> None:
    Run(tmp_path)()
    Run(tmp_path)()
    assert [step for step, _ in curve(tmp_path)] == [2, 4, 6, 7]


def test_an_interrupted_run_goes_on_from_its_last_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "CHECKPOINT_EVERY_S", -1.0)
    with pytest.raises(KeyboardInterrupt):
        Run(tmp_path, stop_at=4)()
    resumed = Run(tmp_path)
    resumed()
    assert resumed.steps == [4, 5, 6]
    assert float(resumed.network.n_seen.detach()) == N_STEPS
    assert curve(tmp_path) == [(2, 0.5), (4, 2.5), (6, 4.5), (7, 6.0)]


def test_points_past_the_last_state_are_drawn_once(tmp_path: Path) -> None:
    first = Run(tmp_path, stop_at=6)
    first.checkpoint.save(3)
    with pytest.raises(KeyboardInterrupt):
        first()
    assert [step for step, _ in curve(tmp_path)] == [4, 6]
    with (tmp_path / "live" / "plots" / "metrics" / "loss.tsv").open("a") as file:
        file.write("1")  # killed in the middle of a line
    second = Run(tmp_path)
    second()
    assert second.steps == [3, 4, 5, 6]
    assert curve(tmp_path) == [(4, 3.0), (6, 4.5), (7, 6.0)]


def test_no_state_is_saved_before_its_time(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        Run(tmp_path, stop_at=4)()
    assert not (tmp_path / ".state").exists()


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_loss_that_is_not_finite_ends_the_run_and_names_the_clips(value: float) -> None:
    losses = {"l1": torch.tensor(1.0), "s": torch.tensor(value, requires_grad=True)}
    expected = rf"not finite at step 3 \(.*'s': {value}.*\) on one:0, two:7; look at these clips"
    with pytest.raises(TalkeditError, match=expected):
        check_finite(losses, 3, ["one:0", "two:7"])


def test_finite_losses_are_let_through() -> None:
    check_finite({"l1": torch.tensor(1e30)}, 3, ["one:0"])


@pytest.mark.parametrize(
    ("step", "rate"), [(0, 0.005), (9, 0.05), (19, 0.1), (50, 0.1), (60, 0.08), (75, 0.05), (99, 0.002)]
)
def test_the_learning_rate_warms_up_holds_and_falls(step: int, rate: float) -> None:
    # Peak 0.1, 100 steps, falling over the last half.
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=9.0)
    set_learning_rate(optimizer, 0.1, step, n_steps=100, decay_from=0.5)
    assert optimizer.param_groups[0]["lr"] == pytest.approx(rate)
