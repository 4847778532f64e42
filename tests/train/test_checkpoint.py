import re
from pathlib import Path

import pytest
import torch
from safetensors.torch import save
from torch import nn
from torch.amp.grad_scaler import GradScaler

from talkedit.errors import ModelError
from talkedit.train.checkpoint import Checkpoint, load_weights, run_key, save_weights


class Training:
    """A small network and its Adam, with `n_steps` behind them."""

    def __init__(self, folder: Path, key: str = "key", n_steps: int = 0, seed: int = 0) -> None:
        torch.manual_seed(seed)
        self.network = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 1))
        self.optimizer = torch.optim.Adam(self.network.parameters(), 0.1)
        self.checkpoint = Checkpoint(folder / "model", key, {"net": self.network}, {"optimizer": self.optimizer})
        self.run(n_steps)

    def run(self, n_steps: int) -> None:
        for _ in range(n_steps):
            self.optimizer.zero_grad()
            self.network(torch.ones(2, 3)).square().mean().backward()
            self.optimizer.step()

    def weights(self) -> dict[str, torch.Tensor]:
        return {name: value.clone() for name, value in self.network.state_dict().items()}


def assert_same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> None:
    torch.testing.assert_close(a, b, atol=0, rtol=0)


def state_file(folder: Path) -> Path:
    return folder / ".state" / "model" / "state.safetensors"


def test_weights_and_optimizer_come_back_bit_for_bit(tmp_path: Path) -> None:
    first = Training(tmp_path, n_steps=3)
    first.checkpoint.save(3)
    second = Training(tmp_path, seed=1)
    assert second.checkpoint.load() == 3
    assert_same(second.weights(), first.weights())
    for training in (first, second):  # the moments of Adam, too: the next steps are the same
        training.run(3)
    assert_same(second.weights(), first.weights())


def test_the_scale_of_float16_s_gradients_comes_back_before_and_after_its_first_use(tmp_path: Path) -> None:
    Training(tmp_path).checkpoint.save(3, GradScaler("cpu", init_scale=3.0))
    unused, used = GradScaler("cpu"), GradScaler("cpu")
    used.scale(torch.ones(1))
    for scaler in (unused, used):
        assert Training(tmp_path).checkpoint.load(scaler) == 3
        assert float(scaler.scale(torch.ones(1))) == 3.0


def test_a_scale_that_was_not_saved_stays_as_it_is(tmp_path: Path) -> None:
    Training(tmp_path).checkpoint.save(3)
    scaler = GradScaler("cpu", init_scale=5.0)
    assert Training(tmp_path).checkpoint.load(scaler) == 3
    assert scaler.get_scale() == 5.0


def test_without_a_state_a_run_starts_from_step_0(tmp_path: Path) -> None:
    assert Training(tmp_path).checkpoint.load() == 0


def test_a_state_under_another_key_is_not_used(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Training(tmp_path, n_steps=3).checkpoint.save(3)
    other = Training(tmp_path, key="another", seed=1)
    before = other.weights()
    assert other.checkpoint.load() == 0
    assert re.fullmatch(
        r".*state\.safetensors: is of a run with other .*; training starts anew\n", capsys.readouterr().err
    )
    assert_same(other.weights(), before)
    assert not other.optimizer.state


@pytest.mark.parametrize("damage", ["empty", "truncated", "noise", "foreign", "foreign metadata"])
def test_a_damaged_state_starts_again(tmp_path: Path, damage: str) -> None:
    Training(tmp_path, n_steps=3).checkpoint.save(3)
    path = state_file(tmp_path)
    content = {
        "empty": b"",
        "truncated": path.read_bytes()[:-10],
        "noise": bytes(range(256)),
        "foreign": save({"a": torch.zeros(1)}),
        "foreign metadata": save({"a": torch.zeros(1)}, {"state": "?"}),
    }[damage]
    path.write_bytes(content)
    again = Training(tmp_path, seed=1)
    before = again.weights()
    assert again.checkpoint.load() == 0
    assert_same(again.weights(), before)


def test_a_state_of_other_networks_is_one_sentence(tmp_path: Path) -> None:
    Training(tmp_path, n_steps=3).checkpoint.save(3)
    for network in (nn.Linear(3, 5), nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))):
        optimizer = torch.optim.Adam(network.parameters())
        other = Checkpoint(tmp_path / "model", "key", {"net": network}, {"optimizer": optimizer})
        with pytest.raises(
            ModelError, match=r"state\.safetensors: is a state of networks of another shape or version .*delete it"
        ):
            other.load()


def test_the_optimizer_s_state_comes_back_in_the_layout_of_its_weights(tmp_path: Path) -> None:
    def make(n_steps: int) -> tuple[torch.optim.Adam, Checkpoint]:
        network = nn.Conv2d(4, 4, 3).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        optimizer = torch.optim.Adam(network.parameters())
        for _ in range(n_steps):
            network(torch.ones(1, 4, 5, 5)).sum().backward()
            optimizer.step()
        return optimizer, Checkpoint(tmp_path / "model", "key", {"net": network}, {"optimizer": optimizer})

    before, checkpoint = make(2)
    checkpoint.save(2)
    after, checkpoint = make(0)
    checkpoint.load()
    assert len(after.state) == 2
    for old, new in zip(
        *([each.state[p] for p in each.param_groups[0]["params"]] for each in (before, after)), strict=True
    ):
        assert new["exp_avg"].stride() == old["exp_avg"].stride()
        assert torch.equal(new["exp_avg"], old["exp_avg"])
        assert torch.equal(new["step"], old["step"])


def test_the_state_lies_beside_the_model_folder_and_goes_when_the_run_is_done(tmp_path: Path) -> None:
    training = Training(tmp_path)
    training.checkpoint.save(1)
    assert state_file(tmp_path).is_file()
    assert not (tmp_path / "model").exists()
    assert [path.name for path in state_file(tmp_path).parent.iterdir()] == ["state.safetensors"]
    training.checkpoint.remove()
    assert not state_file(tmp_path).parent.exists()


def test_the_key_is_of_params_code_and_the_inputs_contents(tmp_path: Path) -> None:
    def key(params: dict[str, object], code: str, content: bytes, where: str) -> str:
        folder = tmp_path / where
        folder.mkdir(exist_ok=True)
        (folder / "train-000000.tar").write_bytes(content)
        return run_key(params, code, [folder])

    base = key({"loss": {"lambda_s": 0.01}}, "code", b"abc", "here")
    assert key({"loss": {"lambda_s": 0.01}}, "code", b"abc", "there") == base
    assert key({"loss": {"lambda_s": 0.03}}, "code", b"abc", "here") != base
    assert key({"loss": {"lambda_s": 0.01}}, "other code", b"abc", "here") != base
    assert key({"loss": {"lambda_s": 0.01}}, "code", b"abd", "here") != base


def test_weights_come_back(tmp_path: Path) -> None:
    save_weights(nn.Linear(3, 2), tmp_path / "a.safetensors")
    save_weights(first := nn.Linear(3, 2), tmp_path / "b.safetensors")
    second = nn.Linear(3, 2)
    load_weights(second, tmp_path / "b.safetensors")
    assert_same(dict(second.state_dict()), dict(first.state_dict()))


def test_weights_that_are_pickled_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    torch.save(nn.Linear(3, 2).state_dict(), path)
    with pytest.raises(ModelError, match=r"weights\.safetensors: cannot be read as weights .*train the model again"):
        load_weights(nn.Linear(3, 2), path)


@pytest.mark.parametrize("content", [None, b"", b"short"])
def test_weights_that_are_missing_or_damaged_are_refused(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "weights.safetensors"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ModelError, match="cannot be read as weights"):
        load_weights(nn.Linear(3, 2), path)


@pytest.mark.parametrize("network", [nn.Linear(3, 5), nn.Linear(3, 2, bias=False), nn.Conv1d(3, 2, 1)])
def test_weights_of_another_network_are_refused(tmp_path: Path, network: nn.Module) -> None:
    save_weights(nn.Linear(3, 2), tmp_path / "weights.safetensors")
    with pytest.raises(ModelError, match=r"is of a network of another shape or version: .*(weight|bias)"):
        load_weights(network, tmp_path / "weights.safetensors")
