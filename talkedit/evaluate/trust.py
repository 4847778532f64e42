"""How far the witness can be trusted: on real frames, which no model has touched, does it agree with the codes?"""

from typing import Any

import numpy as np

from talkedit.evaluate.loop import ANGLES, OPENNESS, number, turned_where_seen
from talkedit.evaluate.mesh import lid_opening
from talkedit.evaluate.signals import fit
from talkedit.evaluate.work import Seen
from talkedit.records import Floats


def real_eyes(seen: list[Seen], sources: tuple[Floats, Floats]) -> tuple[Floats, Floats]:
    """What the witness sees, and the codes, of the eyes of all real frames: held-out ones alone may hold no blink.

    Args:
        seen: The held-out clips.
        sources: The same of the training frames.
    """
    lids = [*(lid_opening(clip.look.mesh) for clip in seen), sources[0]]
    codes = [*(clip.sample.attributes.eye_openness for clip in seen), sources[1]]
    return np.concatenate(lids), np.concatenate(codes)


def agreement(seen: list[Seen], factor: float, offset: float) -> dict[str, Any]:
    """The measuring noise; each frame's pose is held against the one in the middle of its clip.

    Args:
        seen: The held-out clips.
        factor: From the witness's lids to openness; see `talkedit.evaluate.tools.lids_to_openness`.
        offset: Likewise.
    """
    meshes, codes = [clip.look.mesh for clip in seen], [clip.sample.attributes for clip in seen]
    turns = np.concatenate([turned_where_seen(np.broadcast_to(_middle(mesh), mesh.shape), mesh) for mesh in meshes])
    asked = np.concatenate([code.pose_deg - _middle(code.pose_deg) for code in codes])
    pairs = {control: (asked[:, at], turns[:, at]) for at, control in enumerate(ANGLES)}
    lids = np.concatenate([lid_opening(mesh) for mesh in meshes])
    pairs[OPENNESS] = (np.concatenate([code.eye_openness for code in codes]), factor * lids + offset)
    numbers: dict[str, Any] = {}
    for control, pair in pairs.items():
        found = fit(*pair)
        numbers |= {f"witness_{control}_{name}": number(getattr(found, name)) for name in ("slope", "r", "error")}
    return numbers


def _middle(values: Floats) -> Floats:
    return values[len(values) // 2]
