"""Which of several faces is the wanted one: the one that speaks, or the one of a reference picture."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import ClassVar, Literal

import cv2
import numpy as np
from pydantic import Field, model_validator

from talkedit.errors import ClipRejected, ParamsError
from talkedit.face.detect import FaceDetector, LandmarkPredictor
from talkedit.face.geometry import fill_gaps, grey
from talkedit.face.identity import describe
from talkedit.face.sync import MIN_FRAMES, lag_curve, mouth_shape, speech_shape
from talkedit.manifest import FILE_NAME as MANIFEST
from talkedit.params import Section
from talkedit.records import Doubles, FaceTrack, Floats


class FacesParams(Section):
    """Which face is the person's, where there are several."""

    section: ClassVar[str] = "faces"

    choose: Literal["largest", "speaking", "reference"] = Field(
        description="largest: of the first frame with a face; speaking: whose mouth goes with the sound; or reference"
    )
    reference: str | None = Field(description="a picture of the person, from the project's folder; null without it")
    max_distance: float = Field(gt=0, le=2, description="of two descriptors of one person; dlib's authors say 0.6")
    min_lead: float = Field(ge=0, le=1, description="in correlation, of who speaks over the others; less is nobody")

    @model_validator(mode="after")
    def _has_picture(self) -> "FacesParams":
        if (self.choose == "reference") != (self.reference is not None):
            raise ValueError("reference names a picture where choose is reference, and is null otherwise")
        return self


@dataclass(frozen=True)
class Chosen:
    """The wanted face.

    Attributes:
        index: Which of the tracks.
        score: How far its mouth goes with the sound better than any other's, None where it was too short to tell; or
            the distance to the reference.
    """

    index: int
    score: float | None


def choose_speaking(tracks: Sequence[FaceTrack], samples: Floats, params: FacesParams) -> Chosen:
    """The face whose mouth fits the sound best, at whatever lag.

    Args:
        tracks: Of all faces of a clip, at least one.
        samples: The clip's sound, 16 kHz.
        params: See `FacesParams`.

    Raises:
        ClipRejected: `nobody_speaks`: no mouth fits better than the others by `min_lead`; `too_short_to_tell`: there
            are several faces in a clip that is too short to hold them against the sound.
    """
    n_frames = len(tracks[0].found)
    if n_frames < MIN_FRAMES:
        if len(tracks) == 1:
            return Chosen(0, None)
        detail = f"{n_frames} frames are too few to tell which of {len(tracks)} faces speaks; it takes {MIN_FRAMES}"
        raise ClipRejected("too_short_to_tell", detail)
    speech = speech_shape(samples, n_frames)
    fits = np.array([_fit(track, speech) for track in tracks])
    best = int(fits.argmax())
    lead = float(fits[best] - max(np.delete(fits, best), default=0.0))
    if lead < params.min_lead:
        detail = f"the best mouth of {len(tracks)} goes with the sound by {lead:.2f} more than the next, faces.min_lead"
        raise ClipRejected("nobody_speaks", f"{detail} is {params.min_lead}")
    return Chosen(best, lead)


def _fit(track: FaceTrack, speech: Doubles) -> float:
    if track.found.sum() < max(MIN_FRAMES, len(track.found) / 2):
        return 0.0
    return max(float(lag_curve(mouth_shape(fill_gaps(track.landmarks_px, track.found)), speech).max()), 0.0)


def choose_by_reference(descriptors: Sequence[Doubles], params: FacesParams) -> Chosen:
    """The face that is most like the reference picture.

    Args:
        descriptors: Of each face, (128,).
        params: See `FacesParams`.

    Raises:
        ClipRejected: `another_person`: none is like it.
        ParamsError: The picture cannot be read or shows no face.
    """
    wanted = reference_descriptor(params.reference or "")
    distances = np.linalg.norm(np.stack(descriptors) - wanted, axis=1)
    best = int(distances.argmin())
    if distances[best] > params.max_distance:
        detail = f"the face most like {params.reference} is at distance {distances[best]:.2f}, faces.max_distance"
        raise ClipRejected("another_person", f"{detail} is {params.max_distance}")
    return Chosen(best, float(distances[best]))


@cache
def reference_descriptor(picture: str) -> Doubles:
    """(128,) of the largest face of a picture."""
    if (Path(picture).parent / MANIFEST).exists():
        raise ParamsError(f"faces.reference is {picture}: stages remove what is not theirs in that folder; move it")
    image = cv2.imread(picture)
    if image is None:
        raise ParamsError(f"faces.reference is {picture}: not a picture that can be read; check the path")
    rgb = np.ascontiguousarray(image[..., ::-1]).astype(np.uint8)
    plane = grey(rgb)
    box = FaceDetector()(plane)
    if box is None:
        raise ParamsError(f"faces.reference is {picture}: no face is found in it; take one from the front")
    return describe(rgb, LandmarkPredictor()(plane, box))
