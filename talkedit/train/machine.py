"""How a machine is used: one process on a CPU, every GPU there is, or the processes that torchrun has started."""

import os
from typing import TypeVar

import torch
from lightning_fabric import Fabric
from lightning_fabric.strategies.ddp import DDPStrategy
from torch import nn
from torch.amp.grad_scaler import GradScaler

from talkedit.models.denormals import flush_denormals

M = TypeVar("M", bound=nn.Module)

HALF_PRECISION = "16-mixed"  # where bfloat16 is not supported; its gradients are scaled, and may overflow meanwhile


def make_fabric() -> Fabric:
    """Sets up all processes of a training.

    On a CPU they are what torchrun says, otherwise one; float32, which is the fast way there. On GPUs one process
    each, in bfloat16 or float16 where that is precise enough.
    """
    n_here = int(os.environ.get("LOCAL_WORLD_SIZE", "0"))
    n_nodes = int(os.environ.get("WORLD_SIZE", "1")) // max(n_here, 1) if n_here else 1
    if torch.cuda.is_available():
        torch.backends.cudnn.benchmark = True
        torch.set_float32_matmul_precision("high")
        precision = "bf16-mixed" if torch.cuda.is_bf16_supported(including_emulation=False) else HALF_PRECISION
        fabric = Fabric(accelerator="cuda", devices=n_here or "auto", num_nodes=n_nodes, precision=precision)
    else:
        strategy = DDPStrategy(process_group_backend="gloo") if n_here else "auto"
        fabric = Fabric(accelerator="cpu", devices=n_here or 1, num_nodes=n_nodes, strategy=strategy)
    fabric.launch()
    flush_denormals()
    return fabric


def gradient_scaler(fabric: Fabric) -> GradScaler | None:
    """What scales the gradients so that float16 can hold them; nothing in any other precision."""
    return getattr(fabric._precision, "scaler", None)


def place(module: M, fabric: Fabric) -> M:
    """A network on its device in the layout that convolutions like best, its norms over all GPUs.

    On CPUs the norms of each process are over its own windows: torch has no norm over several there.
    """
    module.to(fabric.device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    if fabric.device.type == "cuda" and fabric.world_size > 1:
        nn.SyncBatchNorm.convert_sync_batchnorm(module)  # all that are inside it, in place
    return module


def make_adam(module: nn.Module, learning_rate: float, betas: tuple[float, float], fabric: Fabric) -> torch.optim.Adam:
    """Adam, in one kernel where the gradients are on a GPU and need no scaling."""
    fused = fabric.device.type == "cuda" and fabric._precision.precision != HALF_PRECISION
    return torch.optim.Adam(module.parameters(), learning_rate, betas=betas, fused=fused)
