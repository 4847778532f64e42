"""The loop around every training: means, curves, pace, resume; with losses that are the step's own number."""

import time
from pathlib import Path

import pytest
import torch
from lightning_fabric import Fabric
from lightning_fabric.plugins.precision.amp import MixedPrecision
from torch import Tensor, nn
from torch.amp.grad_scaler import GradScaler

from talkedit.errors import TalkeditError
from talkedit.train import loop
from talkedit.train.ahead import Ahead
from talkedit.train.checkpoint import Checkpoint
from talkedit.train.loop import Pace, check_finite, clip_gradient, run_steps, set_learning_rate

from .runs import KeptCurves

N_STEPS = 7
FABRIC = Fabric(accelerator="cpu", devices=1)


class Counter(nn.Module):
    """A network whose weight is how many steps it has seen."""

    def __init__(self) -> None:
        super().__init__()
        self.n_seen = nn.Parameter(torch.zeros(1))


class Run:
    """A training of `Counter`, with a state in `folder`, that can be interrupted."""

    def __init__(self, folder: Path, stop_at: int | None = None) -> None:
        self.network, self.ahead, self.stop_at = Counter(), Ahead(lambda step: step, N_STEPS), stop_at
        self.steps: list[int] = []
        self.checkpoint = Checkpoint(folder / "model", "key", {"network": self.network}, {})
        self.curves = KeptCurves()

    def __call__(self) -> dict[str, float]:
        return run_steps("test", self._step, N_STEPS, 10, 2, self.checkpoint, self.curves, self.ahead, FABRIC)

    def _step(self, step: int) -> dict[str, Tensor]:
        if step == self.stop_at:
            raise KeyboardInterrupt
        self.steps.append(step)
        self.network.n_seen.data += 1
        return {"loss": torch.tensor(float(step), requires_grad=True), "twice": torch.tensor(2.0 * step)}


def test_the_curves_are_means_since_the_last_point_at_the_number_of_steps_done(tmp_path: Path) -> None:
    run = Run(tmp_path)
    means = run()
    assert run.curves.of("loss") == [(2, 0.5), (4, 2.5), (6, 4.5), (7, 6.0)]
    assert run.curves.of("twice")[0] == (2, 1.0)
    assert {name: means[name] for name in ("loss", "twice")} == {"loss": 6.0, "twice": 12.0}
    assert run.curves.calls[0] == "begin 0"
    assert run.curves.calls[-1] == "end"


def test_the_pace_is_of_the_images_and_of_the_time_that_went_by_waiting() -> None:
    ahead = Ahead(lambda step: step, N_STEPS)
    pace = Pace(ahead)
    time.sleep(0.2)
    ahead.waited_s = 0.1
    after = pace.after(n_images=10)
    assert after["images_per_s"] == pytest.approx(50, rel=0.2)
    assert after["data_wait_share"] == pytest.approx(0.5, rel=0.2)


def test_the_pace_is_in_the_curves_and_in_the_metrics(tmp_path: Path) -> None:
    run = Run(tmp_path)
    means = run()
    for name in ("images_per_s", "data_wait_share"):
        assert [step for step, _ in run.curves.of(name)] == [2, 4, 6, 7]
        assert name in means
    assert means["images_per_s"] > 0
    assert means["data_wait_share"] == 0


def test_an_interrupted_run_goes_on_from_its_last_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "CHECKPOINT_EVERY_S", -1.0)
    stopped = Run(tmp_path, stop_at=4)
    with pytest.raises(KeyboardInterrupt):
        stopped()
    assert stopped.curves.calls[-1] == "end"
    resumed = Run(tmp_path)
    resumed()
    assert resumed.steps == [4, 5, 6]
    assert float(resumed.network.n_seen.detach()) == N_STEPS
    assert resumed.curves.calls[0] == "begin 4"
    assert resumed.curves.of("loss") == [(6, 4.5), (7, 6.0)]


def test_a_run_stopped_after_its_last_step_trains_nothing_again_and_gives_the_same(tmp_path: Path) -> None:
    first, second = Run(tmp_path), Run(tmp_path)
    metrics = first()
    assert second() == metrics
    assert metrics.keys() == {"loss", "twice", "images_per_s", "data_wait_share"}
    assert second.steps == []
    assert float(second.network.n_seen.detach()) == N_STEPS
    assert second.curves.calls == [f"begin {N_STEPS}", "end"]


class HalfPrecisionRun:
    """A training in float16, whose gradients' scale doubles after every 3 steps, with a state in `folder`."""

    def __init__(self, folder: Path, stop_at: int | None = None) -> None:
        self.scaler, self.stop_at = GradScaler("cpu", init_scale=8.0, growth_interval=3), stop_at
        self.fabric = Fabric(accelerator="cpu", devices=1, plugins=MixedPrecision("16-mixed", "cpu", self.scaler))
        network = nn.Linear(3, 1, bias=False)
        nn.init.ones_(network.weight)
        adam = torch.optim.Adam(network.parameters(), 0.1)
        self.checkpoint = Checkpoint(folder / "model", "key", {"network": network}, {"optimizer": adam})
        self.network, self.adam = self.fabric.setup(network, adam)

    def __call__(self) -> None:
        run_steps(
            "test",
            self._step,
            N_STEPS,
            2,
            2,
            self.checkpoint,
            KeptCurves(),
            Ahead(lambda step: step, N_STEPS),
            self.fabric,
        )

    def _step(self, step: int) -> dict[str, Tensor]:
        if step == self.stop_at:
            raise KeyboardInterrupt
        self.adam.zero_grad()
        loss = self.network(torch.full((2, 3), 1.0 + step)).square().mean()
        self.fabric.backward(loss)
        clip_gradient(self.network, self.adam, float("inf"), step, [], self.fabric)
        self.adam.step()
        return {"loss": loss}


def test_an_interrupted_run_in_float16_goes_on_with_the_scale_that_it_had(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "CHECKPOINT_EVERY_S", -1.0)
    with pytest.raises(KeyboardInterrupt):
        HalfPrecisionRun(tmp_path / "cut", stop_at=4)()
    resumed, whole = HalfPrecisionRun(tmp_path / "cut"), HalfPrecisionRun(tmp_path / "whole")
    resumed()
    whole()
    # Of 7 steps the third and the sixth double the scale; one more counts towards the next doubling.
    expected = {"scale": 8.0 * 2 * 2, "_growth_tracker": 1}
    assert expected.items() <= whole.scaler.state_dict().items()
    assert resumed.scaler.state_dict() == whole.scaler.state_dict()
    assert torch.equal(resumed.network.weight, whole.network.weight)


def test_a_stretch_that_was_cut_is_averaged_over_what_is_left_of_it(tmp_path: Path) -> None:
    first = Run(tmp_path, stop_at=6)
    first.checkpoint.save(3)
    second = Run(tmp_path)
    second()
    assert second.steps == [3, 4, 5, 6]
    assert second.curves.of("loss") == [(4, 3.0), (6, 4.5), (7, 6.0)]


def test_no_state_is_saved_before_its_time(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        Run(tmp_path, stop_at=4)()
    assert not (tmp_path / ".state").exists()


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_loss_that_is_not_finite_ends_the_run_and_names_the_clips(value: float) -> None:
    losses = {"l1": torch.tensor(1.0), "s": torch.tensor(value, requires_grad=True)}
    expected = rf"a loss is not finite at step 3 \(.*'s': {value}.*\) on one:0, two:7; look at these clips"
    with pytest.raises(TalkeditError, match=expected):
        check_finite(losses, 3, ["one:0", "two:7"], FABRIC)


def test_a_loss_that_is_not_finite_elsewhere_blames_no_clip_of_this_process() -> None:
    class OneOfTwo:
        def all_reduce(self, holds: Tensor, reduce_op: str) -> Tensor:
            assert reduce_op == "mean"
            return (holds + 0) / 2  # the other's is not finite

    with pytest.raises(TalkeditError, match="at step 3 in another process, which says on which clips") as stopped:
        check_finite({"l1": torch.tensor(1.0)}, 3, ["one:0"], OneOfTwo())  # type: ignore[arg-type]
    assert "one:0" not in str(stopped.value)
    with pytest.raises(TalkeditError, match="on one:0; look at these clips"):
        check_finite({"l1": torch.tensor(float("nan"))}, 3, ["one:0"], OneOfTwo())  # type: ignore[arg-type]


def test_finite_losses_are_let_through() -> None:
    check_finite({"l1": torch.tensor(1e30)}, 3, ["one:0"], FABRIC)


def with_gradient(*values: float) -> tuple[nn.Module, torch.optim.Optimizer]:
    network = nn.Linear(len(values), 1, bias=False)
    network.weight.grad = torch.tensor([values])
    return network, torch.optim.SGD(network.parameters(), lr=1.0)


def test_a_long_gradient_is_shortened_and_a_short_one_is_left() -> None:
    for values, max_norm, expected in (
        ((3.0, 4.0), 1.0, [0.6, 0.8]),
        ((3.0, 4.0), 10.0, [3.0, 4.0]),
        ((3.0, 4.0), float("inf"), [3.0, 4.0]),
    ):
        network, optimizer = with_gradient(*values)
        clip_gradient(network, optimizer, max_norm, 3, ["one:0"], FABRIC)
        (weight,) = network.parameters()
        assert weight.grad is not None
        assert weight.grad[0].tolist() == pytest.approx(expected)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("max_norm", [1.0, float("inf")])
def test_a_gradient_that_is_not_finite_ends_the_run_and_names_the_clips(value: float, max_norm: float) -> None:
    network, optimizer = with_gradient(1.0, value)
    with pytest.raises(TalkeditError, match=r"the gradient is not finite at step 3 .* on one:0, two:7; look at these"):
        clip_gradient(network, optimizer, max_norm, 3, ["one:0", "two:7"], FABRIC)


@pytest.mark.parametrize(("scale", "stops"), [(65536.0, False), (0.5, True)])
def test_an_overflow_of_scaled_gradients_is_let_through(
    monkeypatch: pytest.MonkeyPatch, scale: float, stops: bool
) -> None:
    scaler = torch.amp.GradScaler("cpu", init_scale=scale)  # type: ignore[attr-defined]
    scaler.scale(torch.ones(1))  # its scale exists from its first use on
    monkeypatch.setattr(FABRIC._precision, "scaler", scaler, raising=False)
    network, optimizer = with_gradient(1.0, float("inf"))
    if stops:
        with pytest.raises(TalkeditError, match="gradient is not finite"):
            clip_gradient(network, optimizer, 1.0, 3, ["one:0"], FABRIC)
    else:
        clip_gradient(network, optimizer, 1.0, 3, ["one:0"], FABRIC)


@pytest.mark.parametrize(
    ("step", "rate"), [(0, 0.005), (9, 0.05), (19, 0.1), (50, 0.1), (60, 0.08), (75, 0.05), (99, 0.002)]
)
def test_the_learning_rate_warms_up_holds_and_falls(step: int, rate: float) -> None:
    # Peak 0.1, 100 steps, falling over the last half.
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=9.0)
    set_learning_rate(optimizer, 0.1, step, n_steps=100, decay_from=0.5)
    assert optimizer.param_groups[0]["lr"] == pytest.approx(rate)
