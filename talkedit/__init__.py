"""Edit the head of a person who talks in a video: pose, emotion, blink and speech, in full frame and in sync.

from talkedit import Editor, Timeline
Editor.load("models/sample/generator").edit("in.mp4", "out.mp4", Timeline(yaw_deg=8))
"""

import importlib
import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from talkedit.edit.editor import Editor as Editor
    from talkedit.edit.timeline import Timeline as Timeline

# PyTorch's threads wait for each other by turning in a loop, by default so long that beside other programs on the same
# cores all time goes into it: with this, a training beside three of them was fifteen times as fast, and alone
# about a twentieth slower (docs/benchmarks.md). It is read when PyTorch is loaded.
if "OMP_WAIT_POLICY" not in os.environ:
    os.environ.setdefault("GOMP_SPINCOUNT", "3000")

__version__ = "0.1.0"  # here, not in the package's metadata: a bare GPU machine may have the files alone

__all__ = ["Editor", "Timeline", "__version__"]

_LAZY = {"Editor": "talkedit.edit.editor", "Timeline": "talkedit.edit.timeline"}


def __getattr__(name: str) -> Any:
    # Imported when asked for: `import talkedit` stays quick, and no stage depends on the editor for it.
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_LAZY[name]), name)
