"""What every examination needs: the model, a look at a held-out clip, and edits as the editor makes them."""

from dataclasses import dataclass, replace

import numpy as np

from talkedit.edit.eyes import EyeLender
from talkedit.edit.mouths import MouthLender
from talkedit.edit.renderer import Renderer, joined
from talkedit.evaluate.features import describe_faces
from talkedit.evaluate.footage import Footage, Indices, Video, load_footage
from talkedit.evaluate.mesh import lid_opening
from talkedit.evaluate.signals import fit
from talkedit.evaluate.witness import Witness
from talkedit.face.head import turn_heads
from talkedit.face.track import FaceTracker
from talkedit.media.audio import mel_windows
from talkedit.models.codes import draw_mask
from talkedit.records import CLIP_FPS, Attributes, Doubles, Floats
from talkedit.shards.samples import Sample
from talkedit.train.artifact import TrainedModel

DETECT_EVERY_N_FRAMES, MAX_GAP_S = 5, 0.0

# Of the witness's lids with the codes in real frames: 0.92 on GRID, 0.93 on Lieu, but 0.77 on the sample, where it says
# of drawn eyes that they open twice as far as asked and dlib that they open 0.8 times as far.
LEAST_LID_R = 0.8


@dataclass(frozen=True)
class Look:
    """What is seen in T real frames, once for all that is done with them.

    Attributes:
        mesh: (T, 468, 3), by the witness.
        found_px: (T, 68, 2), dlib's landmarks, found as in drawn frames; NaN where there is no face.
        who: (T, 128), dlib's descriptors of every twelfth frame; NaN in the others, and where there is no face.
    """

    mesh: Floats
    found_px: Floats
    who: Doubles

    def take(self, indices: Indices) -> "Look":
        """Of some of the frames."""
        return Look(self.mesh[indices], self.found_px[indices], self.who[indices])


@dataclass(frozen=True)
class Held:
    """A held-out clip, or some frames of it: T frames.

    Attributes:
        sample: The clip.
        footage: Its frames and codes.
        mel: (T, 80, 16), its speech.
        look: What is seen in its frames.
    """

    sample: Sample
    footage: Footage
    mel: Floats
    look: Look

    def take(self, indices: Indices) -> "Held":
        """Some of the frames."""
        footage, look = self.footage.take(indices), self.look.take(indices)
        return replace(self, footage=footage, mel=self.mel[indices], look=look)

    @property
    def mesh(self) -> Floats:
        """(T, 468, 3), what the witness sees."""
        return self.look.mesh

    @property
    def landmarks_px(self) -> Floats:
        """(T, 68, 2) in crop pixels."""
        return self.footage.landmarks_px


class Tools:
    """One model, the renderer that draws with it, the witness, and dlib's landmarks.

    Args:
        model: What is examined.
    """

    def __init__(self, model: TrainedModel) -> None:
        self.model, self.renderer, self.witness = model, Renderer(model), Witness()
        self._tracker = FaceTracker(DETECT_EVERY_N_FRAMES, MAX_GAP_S)

    def hold(self, sample: Sample, look: Look | None = None) -> Held:
        """Decodes a clip, and looks at it unless that was done before."""
        everything = np.arange(sample.n_frames)
        footage = load_footage(sample, everything)
        mel = mel_windows(sample.mel, (everything + 0.5) / float(CLIP_FPS))
        return Held(sample, footage, mel, look or self.look(footage))

    def look(self, footage: Footage) -> Look:
        """Looks at real frames."""
        images = footage.crops.images
        found_px = self.landmarks_px(images)
        return Look(self.witness.look(images, footage.landmarks_px), found_px, describe_faces(images, found_px))

    def landmarks_px(self, video: Video) -> Floats:
        """(T, 68, 2), dlib's; NaN where there is no face."""
        size_px = video.shape[1]
        return self._tracker.track(video, (size_px, size_px), float(CLIP_FPS)).landmarks_px

    def edit(self, held: Held, asked: Attributes, mel: Floats | None = None) -> Video:
        """The clip with other codes, drawn as the editor does it: from its own frames, blended in.

        Args:
            held: The clip.
            asked: The codes.
            mel: Other speech, which the lips follow; None: the clip's own, and the lips stay as they are.
        """
        crops = held.footage.crops
        heads = turn_heads(crops.camera_from_head, asked.pose_deg)
        speech, lips = (held.mel, crops.lips) if mel is None else (mel, None)
        lender = EyeLender()
        lender(crops, crops.eye_openness)  # the editor has seen what comes before a piece of a clip; here these will do
        source = lender(crops, asked.eye_openness)
        if mel is not None and self.renderer.hears:
            heard = self.renderer.heard_lips(mel)
            pose_deg, all_found = held.footage.attributes.pose_deg, np.ones(len(heard), np.bool_)
            mouths = MouthLender(heard, crops.lips, pose_deg, all_found, float(CLIP_FPS), crops.singles)
            source = joined([mouths(own, at) for at, own in enumerate(source.singles(range(len(heard))))])
        drawn = self.renderer.draw(crops, heads, source, speech, asked, lips)
        return self.renderer.blend(drawn, crops.images)

    def lids(self, footage: Footage) -> Floats:
        """(N,), what the witness sees of the eyes of N frames."""
        return lid_opening(self.witness.look(footage.crops.images, footage.landmarks_px))

    def mask(self, size_px: int) -> Floats:
        """(S, S), 1 where the head is drawn."""
        return draw_mask(size_px, self.model.params.mask_box)[0, 0].numpy()


def lids_to_openness(lids: Floats, openness: Floats, least_r: float = LEAST_LID_R) -> tuple[float, float]:
    """Factor and offset from the witness's lids to the unit of the codes, as an instrument is calibrated.

    Least squares of the lids over the codes, then inverted: real frames come out with a slope of 1, so that 1 is what a
    perfect control reaches. (Least squares of the codes over the lids would flatten whatever is measured by the square
    of their correlation: 0.87 on GRID, where dlib, which makes the codes, repeats itself to 0.02 and the lids differ by
    0.08.)

    Args:
        lids: (N,), `talkedit.evaluate.mesh.lid_opening` of real frames.
        openness: (N,), their codes.
        least_r: Their least correlation.

    Returns:
        NaN both where the two hardly agree: a witness that does not see these eyes has nothing to say of them.
    """
    reading = fit(openness, lids)
    if not reading.r >= least_r:
        return float("nan"), float("nan")
    return 1 / reading.slope, -reading.intercept / reading.slope


def shut_below(meshes: list[Floats]) -> float:
    """The lid opening half way between this person's shut and usual eyes, from real frames."""
    lids = np.concatenate([lid_opening(mesh) for mesh in meshes])
    return float((np.nanmin(lids) + np.nanmedian(lids)) / 2)
