"""Checkpoints as the authors of Hopenet and RMN published theirs, with made-up weights; and what they must compute.

The layouts and the arithmetic are written down here a second time, plainly and from the published files, so that the
project's own can be held against them.
"""

import math
import pickle
import struct
from collections import OrderedDict
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

State = OrderedDict[str, Tensor]
MAGIC, PROTOCOL = 0x1950A86A20F9469CFC6C, 1001
POOL = 1_000_003


class Layout:
    """Fills a state dict with weights that keep activations in range."""

    def __init__(self, seed: int, tracked: bool) -> None:
        self.state: State = OrderedDict()
        self._numbers = torch.randn(POOL, generator=torch.Generator().manual_seed(seed))
        self._tracked = tracked  # whether batch norms count their batches, as they do since 2018

    def conv(self, name: str, *shape: int, bias: bool = False) -> None:
        self.state[f"{name}.weight"] = self._normal(shape) * (2 / math.prod(shape[1:])) ** 0.5
        if bias:
            self.state[f"{name}.bias"] = 0.1 * self._normal(shape[:1])

    def norm(self, name: str, n: int) -> None:
        self.state[f"{name}.weight"] = 0.5 + 0.1 * self._normal((n,))
        self.state[f"{name}.bias"] = 0.1 * self._normal((n,))
        self.state[f"{name}.running_mean"] = 0.1 * self._normal((n,))
        self.state[f"{name}.running_var"] = 1 + 0.1 * self._normal((n,)).abs()
        if self._tracked:
            self.state[f"{name}.num_batches_tracked"] = torch.tensor(1234)

    def linear(self, name: str, n_out: int, n_in: int) -> None:
        self.state[f"{name}.weight"] = self._normal((n_out, n_in)) * (4 / n_in) ** 0.5
        self.state[f"{name}.bias"] = 0.1 * self._normal((n_out,))

    def same(self, name: str, as_name: str) -> None:
        """The published RMN holds some modules under two names."""
        for key in [key for key in self.state if key.startswith(f"{as_name}.")]:
            self.state[name + key.removeprefix(as_name)] = self.state[key]

    def up_conv(self, name: str, n_in: int, n_out: int) -> None:
        self.state[f"{name}.weight"] = self._normal((n_in, n_out, 2, 2)) * (1 / n_in) ** 0.5
        self.state[f"{name}.bias"] = 0.1 * self._normal((n_out,))

    def _normal(self, shape: tuple[int, ...]) -> Tensor:
        """From a pool that starts elsewhere for each call: 138 million fresh numbers would take seconds."""
        n = math.prod(shape)
        self._numbers = self._numbers.roll(12_345)
        return self._numbers.repeat(-(-n // POOL))[:n].view(shape)


def hopenet_state(seed: int = 0) -> State:
    """As of 2017: no batch norm counts its batches."""
    layout = Layout(seed, tracked=False)
    layout.conv("conv1", 64, 3, 7, 7)
    layout.norm("bn1", 64)
    n_in = 64
    for stage, (n_blocks, width) in enumerate([(3, 64), (4, 128), (6, 256), (3, 512)], start=1):
        for block in range(n_blocks):
            name = f"layer{stage}.{block}"
            for i, shape in enumerate([(width, n_in, 1, 1), (width, width, 3, 3), (4 * width, width, 1, 1)], start=1):
                layout.conv(f"{name}.conv{i}", *shape)
                layout.norm(f"{name}.bn{i}", shape[0])
            if block == 0:
                layout.conv(f"{name}.downsample.0", 4 * width, n_in, 1, 1)
                layout.norm(f"{name}.downsample.1", 4 * width)
            n_in = 4 * width
    for head in ("yaw", "pitch", "roll"):
        layout.linear(f"fc_{head}", 66, 2048)
    layout.linear("fc_finetune", 3, 2051)
    return layout.state


def rmn_state(seed: int = 0) -> State:
    layout = Layout(seed, tracked=True)
    layout.conv("conv1", 64, 3, 7, 7)
    layout.norm("bn1", 64)
    n_in = 64
    for stage, (n_blocks, width) in enumerate([(3, 64), (4, 128), (6, 256), (3, 512)], start=1):
        for block in range(n_blocks):
            _basic_block(layout, f"layer{stage}.{block}", n_in, width, downsample=block == 0 and stage > 1)
            n_in = width
    layout.linear("fc.1", 7, 512)
    for mask, (depth, width) in enumerate([(4, 64), (3, 128), (2, 256), (1, 512)], start=1):
        _mask(layout, f"mask{mask}", depth, width)
    return layout.state


def _mask(layout: Layout, name: str, depth: int, width: int) -> None:
    """An hourglass: `depth` blocks that double the channels, as many that halve them again."""
    widths = [width * 2**i for i in range(depth + 1)]
    for i, (n_in, n_out) in enumerate(pairwise(widths + widths[-2::-1]), start=1):
        if depth < i < 2 * depth:
            layout.up_conv(f"{name}.up_pool{i}.0", n_in, n_out)
            layout.norm(f"{name}.up_pool{i}.1", n_out)
        _basic_block(layout, f"{name}.conv{i}", n_in, n_out, downsample=True)
        layout.same(f"{name}.downsample{i}", f"{name}.conv{i}.downsample")


def _basic_block(layout: Layout, name: str, n_in: int, n_out: int, downsample: bool) -> None:
    for i, n in enumerate((n_in, n_out), start=1):
        layout.conv(f"{name}.conv{i}", n_out, n, 3, 3)
        layout.norm(f"{name}.bn{i}", n_out)
    if downsample:
        layout.conv(f"{name}.downsample.0", n_out, n_in, 1, 1)
        layout.norm(f"{name}.downsample.1", n_out)


def plain_hopenet(state: State, images: Tensor) -> Tensor:
    """(N, 3) degrees."""
    x = _stem(state, images)
    for name, stride in _blocks(3, 4, 6, 3):
        y = _conv_norm(state, x, f"{name}.conv1", f"{name}.bn1").relu()
        y = _conv_norm(state, y, f"{name}.conv2", f"{name}.bn2", stride).relu()
        y = _conv_norm(state, y, f"{name}.conv3", f"{name}.bn3")
        x = (y + _shortcut(state, x, name, stride)).relu()
    x = F.avg_pool2d(x, 7).flatten(1)
    degrees = []
    for head in ("yaw", "pitch", "roll"):
        p = torch.softmax(F.linear(x, state[f"fc_{head}.weight"], state[f"fc_{head}.bias"]), dim=1)
        degrees.append(sum(p[:, i] * i for i in range(66)) * 3 - 99)
    return torch.stack(degrees, dim=1)


def plain_rmn(state: State, images: Tensor) -> Tensor:
    """(N, 7) probabilities."""
    x = _stem(state, images)
    last_of_stage = {"layer1.2": 4, "layer2.3": 3, "layer3.5": 2, "layer4.2": 1}
    for name, stride in _blocks(3, 4, 6, 3):
        x = _plain_basic_block(state, x, name, stride)
        if depth := last_of_stage.get(name):
            x = x * (1 + _plain_mask(state, x, f"mask{name[5]}", depth))
    x = F.linear(x.mean(dim=(2, 3)), state["fc.1.weight"], state["fc.1.bias"])
    return torch.softmax(x, dim=1)


def _plain_mask(state: State, x: Tensor, name: str, depth: int) -> Tensor:
    on_the_way: list[Tensor] = []
    for i in range(1, depth + 1):
        x = _plain_basic_block(state, F.max_pool2d(x, 2) if i > 1 else x, f"{name}.conv{i}", 1)
        on_the_way.append(x)
    on_the_way.pop()
    for i in range(depth + 1, 2 * depth + 1):
        if on_the_way:
            up = f"{name}.up_pool{i}"
            x = F.conv_transpose2d(x, state[f"{up}.0.weight"], state[f"{up}.0.bias"], stride=2)
            x = torch.cat([normed(state, x, f"{up}.1").relu(), on_the_way.pop()], dim=1)
        x = _plain_basic_block(state, x, f"{name}.conv{i}", 1)
    return torch.softmax(x, dim=1)


def _plain_basic_block(state: State, x: Tensor, name: str, stride: int) -> Tensor:
    y = _conv_norm(state, x, f"{name}.conv1", f"{name}.bn1", stride).relu()
    y = _conv_norm(state, y, f"{name}.conv2", f"{name}.bn2")
    return (y + _shortcut(state, x, name, stride)).relu()


def _stem(state: State, images: Tensor) -> Tensor:
    return F.max_pool2d(_conv_norm(state, images, "conv1", "bn1", stride=2).relu(), 3, stride=2, padding=1)


def _blocks(*n_blocks: int) -> Iterator[tuple[str, int]]:
    for stage, n in enumerate(n_blocks, start=1):
        for block in range(n):
            yield f"layer{stage}.{block}", 2 if block == 0 and stage > 1 else 1


def _shortcut(state: State, x: Tensor, name: str, stride: int) -> Tensor:
    if f"{name}.downsample.0.weight" not in state:
        return x
    return _conv_norm(state, x, f"{name}.downsample.0", f"{name}.downsample.1", stride)


def _conv_norm(state: State, x: Tensor, conv: str, norm: str, stride: int = 1) -> Tensor:
    kernel = state[f"{conv}.weight"]
    return normed(state, F.conv2d(x, kernel, stride=stride, padding=kernel.shape[-1] // 2), norm)


def normed(state: State, x: Tensor, name: str) -> Tensor:
    names = ("running_mean", "running_var", "weight", "bias")
    return F.batch_norm(x, *(state[f"{name}.{part}"] for part in names))


def save_as_then(content: Any, path: Path, python: int) -> None:
    """Writes what torch wrote before 2020 on a GPU: tensors by name of their storage, the storages one after another.

    Args:
        content: Dicts, lists, numbers, text, tensors.
        path: The file.
        python: 2 (torch 0.2 of 2017: text is bytes) or 3 (torch 1.3 of 2019).
    """
    system = {"protocol_version": PROTOCOL, "little_endian": True, "type_sizes": {"short": 2, "int": 4, "long": 4}}
    with open(path, "wb") as file:
        for header in (MAGIC, PROTOCOL, system):
            _Pickler(file, python).dump(header)
        pickler = _Pickler(file, python)
        pickler.dump(content)
        _Pickler(file, python).dump(list(pickler.storages))
        for tensor in pickler.storages.values():
            file.write(struct.pack("<q", tensor.numel()))
            file.write(tensor.numpy().data)


class _Storage:
    def __init__(self, tensor: Tensor) -> None:
        self.tensor = tensor.contiguous()


class _Pickler(pickle._Pickler):  # type: ignore[name-defined]  # the one in Python, whose text can be changed
    def __init__(self, file: Any, python: int) -> None:
        super().__init__(file, protocol=2)
        self.storages: dict[str, Tensor] = {}
        self._python = python

    def persistent_id(self, obj: Any) -> Any:
        if not isinstance(obj, _Storage):
            return None
        key = str(obj.tensor.data_ptr())
        self.storages[key] = obj.tensor
        kind = torch.cuda.LongStorage if obj.tensor.dtype == torch.int64 else torch.cuda.FloatStorage
        return ("storage", kind, key, "cuda:0", obj.tensor.numel(), None)

    def reducer_override(self, obj: Any) -> Any:
        if not isinstance(obj, Tensor):
            return NotImplemented
        place = (_Storage(obj), 0, tuple(obj.shape), obj.contiguous().stride())
        if self._python == 2:
            return torch._utils._rebuild_tensor, place
        return torch._utils._rebuild_tensor_v2, (*place, False, OrderedDict())

    def _save_text(self, obj: str) -> None:
        if self._python == 2:
            content = obj.encode("ascii")
            self.write(pickle.SHORT_BINSTRING + struct.pack("<B", len(content)) + content)
            self.memoize(obj)
        else:
            pickle._Pickler.save_str(self, obj)  # type: ignore[attr-defined]

    dispatch: ClassVar = {**pickle._Pickler.dispatch, str: _save_text}  # type: ignore[attr-defined]
