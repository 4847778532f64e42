"""How like the truth a video of a held-out clip is, whichever system made it."""

import numpy as np

from talkedit.evaluate import metrics
from talkedit.evaluate.experts import Expert
from talkedit.evaluate.features import EVERY_N_FRAMES, Features, describe_faces, identity_distance
from talkedit.evaluate.footage import Video
from talkedit.evaluate.tools import Held, Tools
from talkedit.records import Doubles, Floats


class Likeness:
    """Scores videos.

    Args:
        tools: Find landmarks.
        expert: Judges lips against speech.
    """

    def __init__(self, tools: Tools, expert: Expert) -> None:
        self._tools, self.expert = tools, expert
        self.features = Features()

    def score(self, seen: Video, held: Held, mask: Floats) -> dict[str, float]:
        """All numbers of one video by their names; arguments as of `compare`."""
        truth = held.footage.crops.images
        found = self._tools.landmarks_px(seen)
        return self._compared(seen, held, mask, found) | {
            "psnr_crop_db": metrics.psnr_db(seen, truth),
            "perceptual_hed_vgg": self.features.distance(seen, truth),
            "identity_dlib": identity_distance(describe_faces(seen, found), held.look.who),
            "sharpness_ratio": metrics.sharpness_ratio(seen, truth, mask),
        }

    def compare(self, seen: Video, held: Held, mask: Floats) -> dict[str, float]:
        """The numbers of the paper's tables alone, which take a third of the time.

        Args:
            seen: (T, S, S, 3), as large as the clip's crops.
            held: The clip.
            mask: (S, S), 1 where the head is drawn.
        """
        return self._compared(seen, held, mask, self._tools.landmarks_px(seen))

    def who(self, video: Video) -> Doubles:
        """(n, 128), descriptors of every twelfth frame of a video of which nothing is known yet."""
        some = video[::EVERY_N_FRAMES]
        return describe_faces(some, self._tools.landmarks_px(some), every_n=1)

    def real(self, held: Held) -> dict[str, float]:
        """Those of the real frames: likeness is full, and lips and speech are as they are."""
        perfect = {"ssim_crop": 1.0, "lmd_m_px256": 0.0, "lmd_f_px256": 0.0}
        return perfect | self.in_sync(held.footage.crops.images, held.look.found_px, held)

    def in_sync(self, video: Video, found: Floats, held: Held) -> dict[str, float]:
        """The expert's numbers, under its name; see `talkedit.evaluate.experts.Expert`."""
        sync = self.expert.score(video, found, held)
        return {
            f"{self.expert.name}_confidence": sync.confidence,
            f"{self.expert.name}_distance": sync.distance,
            f"{self.expert.name}_offset_frames": float(sync.offset_frames),
        }

    def _compared(self, seen: Video, held: Held, mask: Floats, found: Floats) -> dict[str, float]:
        wanted, size_px = held.look.found_px, seen.shape[1]
        mouth = metrics.lmd(found, wanted, metrics.MOUTH_POINTS, size_px)
        face = metrics.lmd(found, wanted, metrics.FACE_POINTS, size_px)
        inside, whole = metrics.ssim_inside_and_whole(seen, held.footage.crops.images, mask)
        return {
            "ssim_in_mask": inside,
            "ssim_crop": whole,
            "ssim_frame": metrics.ssim_with_surroundings(whole, *_areas_px(held)),
            "lmd_m_px256": mouth.px,
            "lmd_f_px256": face.px,
            "lmd_m_interocular": mouth.interocular,
            "lmd_f_interocular": face.interocular,
            "detection_rate": face.detection_rate,
        } | self.in_sync(seen, found, held)


def _areas_px(held: Held) -> tuple[float, float]:
    """Of the crop and of the frame, in pixels of the frame."""
    scales = np.abs(np.linalg.det(held.footage.crops.frame_from_crop[:, :2, :2]))
    width, height = held.sample.track.frame_size_px
    return float(scales.mean()) * held.sample.track.size_px**2, float(width * height)
