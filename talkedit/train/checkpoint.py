"""Training state on disk: atomic, resumable, and good only for the run that wrote it.

A state lies beside the model folder, not in it: it is scratch, DVC neither tracks nor deletes it, and it goes when the
run is done. It carries the run's key, a hash of params, code, shards and frozen networks; under any other key it is
not used, so that an ablation never goes on from another experiment's weights.
"""

import json
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, load_file, save
from torch import Tensor, nn
from torch.amp.grad_scaler import GradScaler
from torch.optim import Optimizer

from talkedit.errors import ModelError
from talkedit.manifest import content_key, file_sha256, write_atomically


def run_key(params: dict[str, Any], code: str, inputs: list[Path]) -> str:
    """The hash of everything that decides a run.

    Args:
        params: The sections that the stage declares.
        code: `talkedit.closure.code_hash` of the training module.
        inputs: Files and folders that are read; their contents count, not where they lie.
    """
    files = [path for top in inputs for path in ([top] if top.is_file() else sorted(top.rglob("*"))) if path.is_file()]
    return content_key(params=params, code=code, inputs=[(path.name, file_sha256(path)) for path in files])


class Checkpoint:
    """The state of one run.

    Args:
        model_folder: Where the finished model will lie; the state's folder is derived from it.
        key: From `run_key`.
        modules: What is saved, by name.
        optimizers: Likewise.

    Attributes:
        metrics: What was measured up to the state that was loaded, where it is that of the run's end.
    """

    def __init__(
        self, model_folder: Path, key: str, modules: Mapping[str, nn.Module], optimizers: Mapping[str, Optimizer]
    ) -> None:
        self.folder = model_folder.parent / ".state" / model_folder.name
        self._key, self._modules, self._optimizers = key, modules, optimizers
        self.metrics: dict[str, float] = {}

    def save(self, step: int, scaler: GradScaler | None = None, metrics: dict[str, float] | None = None) -> None:
        """Saves the state after `step` steps; a kill at any moment leaves the last state or this one.

        Args:
            step: How many steps the run has done.
            scaler: What scales float16's gradients, where something does; its few numbers are part of the state.
            metrics: What a run that is at its end gives back: one that goes on from there cannot measure it again.
        """
        tensors = {
            f"{name}/{key}": value.contiguous()
            for name, module in self._modules.items()
            for key, value in module.state_dict().items()
        }
        for name, optimizer in self._optimizers.items():
            for index, slots in optimizer.state_dict()["state"].items():
                tensors |= {
                    f"{name}/{index}/{slot}": torch.as_tensor(value).contiguous() for slot, value in slots.items()
                }
        self.folder.mkdir(parents=True, exist_ok=True)
        # One file holds it all, so that weights and step can never be of different moments.
        scaling = scaler.state_dict() if scaler is not None else {}
        state = {"key": self._key, "step": step, "scaler": scaling, "metrics": metrics or {}}
        metadata = {"state": json.dumps(state)}
        write_atomically(self.folder / "state.safetensors", save(tensors, metadata))

    def load(self, scaler: GradScaler | None = None) -> int:
        """Goes back to the saved state.

        Args:
            scaler: As for `save`. One whose state was not saved, as on another kind of machine, starts as it is.

        Returns:
            How many steps it has seen; 0 if there is no state of this very run.

        Raises:
            ModelError: It is of this run, but of other networks.
        """
        path = self.folder / "state.safetensors"
        if not path.is_file():
            return 0
        content = path.read_bytes()
        try:
            tensors, state = load(content), _metadata(content)
        except (SafetensorError, KeyError, ValueError):  # by something other than a kill
            return _start_anew(path, "is damaged")
        if state.get("key") != self._key:
            return _start_anew(path, "is of a run with other params, code or data")
        try:
            for name, module in self._modules.items():
                module.load_state_dict(_below(tensors, name))
            for name, optimizer in self._optimizers.items():
                _load_optimizer(optimizer, _below(tensors, name))
            if scaler is not None and state.get("scaler"):
                scaler.load_state_dict(state["scaler"])
        except (RuntimeError, IndexError, ValueError) as error:
            raise ModelError(
                f"{path}: is a state of networks of another shape or version ({_first_problem(error)}); delete it to "
                "train from the start"
            ) from error
        self.metrics = state.get("metrics", {})
        return int(state["step"])

    def remove(self) -> None:
        """The run is done and its model written: the state is needed no more."""
        shutil.rmtree(self.folder, ignore_errors=True)


def load_weights(module: nn.Module, path: Path) -> None:
    """Loads safetensors weights into a network of the same shape.

    Raises:
        ModelError: The file is missing, damaged, or is of another network.
    """
    try:
        module.load_state_dict(load_file(path))
    except (OSError, SafetensorError) as error:
        raise ModelError(f"{path}: cannot be read as weights ({error}); train the model again") from error
    except RuntimeError as error:
        raise ModelError(f"{path}: is of a network of another shape or version: {_first_problem(error)}") from error


def save_weights(module: nn.Module, path: Path) -> None:
    """Writes a network's weights as safetensors."""
    write_atomically(path, save({name: value.contiguous() for name, value in module.state_dict().items()}))


def _load_optimizer(optimizer: Optimizer, tensors: dict[str, Tensor]) -> None:
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        index, slot = key.split("/")
        like = parameters[int(index)]
        # In the parameter's memory layout, which fused optimizers ask for; the count of steps has no shape.
        kept = torch.empty_like(like, device="cpu").copy_(value) if value.ndim else value
        state.setdefault(int(index), {})[slot] = kept
    optimizer.load_state_dict(optimizer.state_dict() | {"state": state})


def _start_anew(path: Path, reason: str) -> int:
    sys.stderr.write(f"{path}: {reason}; training starts anew\n")
    return 0


def _first_problem(error: Exception) -> str:
    return (str(error).splitlines()[1:2] or [str(error)])[0].strip()


def _metadata(content: bytes) -> dict[str, Any]:
    header_size = int.from_bytes(content[:8], "little")
    return json.loads(json.loads(content[8 : 8 + header_size])["__metadata__"]["state"])


def _below(tensors: dict[str, Tensor], name: str) -> dict[str, Tensor]:
    return {key.removeprefix(f"{name}/"): value for key, value in tensors.items() if key.startswith(f"{name}/")}
