"""Numbers next to zero, which processors are slow at."""

import torch


def flush_denormals() -> None:
    """From here on floats under 1.2e-38 count as 0, in this thread and in those that it starts.

    Attention gives most positions shares that small, and Adam's means of what has no gradient any more get there too.
    Processors take many times as long over each: docs/benchmarks.md has what that did to training and drawing.
    """
    torch.set_flush_denormal(True)
