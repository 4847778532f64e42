"""Whether a video shows the person whose model is to draw it: heads of others come out as nobody's."""

from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from talkedit.edit.measure import Measured
from talkedit.face.identity import SAME_PERSON, a_few, describe_at
from talkedit.records import N_LANDMARKS, Floats
from talkedit.train.artifact import TrainedModel

LOOKS = 5  # frames; of one person their mean was up to 0.3 from the footage's, of ten others 0.54 to 1.0


def stranger(measured: Measured, model: TrainedModel) -> list[str]:
    """A sentence if the face that is to be edited is not that of the model's footage, or nothing.

    Nothing, too, for a model that does not say whose it is.

    Raises:
        AssetError: The descriptor's weights cannot be had.
    """
    frames = a_few(measured.found & measured.seen, LOOKS)
    if model.who is None or not len(frames):
        return []
    times_s = [Fraction(float(time_s)) for time_s in measured.clock.times_s[frames]]
    looks = describe_at(measured.info.path, list(zip(times_s, _landmarks_px(measured, frames), strict=True)))
    distance = float(np.linalg.norm(looks - model.who))
    if distance < SAME_PERSON:
        return []
    name = measured.info.path.name
    return [
        f"{name} shows another face than the footage of {model.folder} ({distance:.2f} apart, where two looks of one "
        f"person are less than {SAME_PERSON}): name that person's model, or another face of `talkedit faces {name}`"
    ]


def _landmarks_px(measured: Measured, frames: NDArray[np.intp]) -> Floats:
    """(N, 68, 2) in the full frame."""
    of_all = np.full((len(measured.found), N_LANDMARKS, 2), np.nan, np.float32)
    for shot in measured.shots:
        of_all[shot.frames] = shot.track.landmarks_in_frame_px()
    return of_all[frames]
