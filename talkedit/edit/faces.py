"""`talkedit faces`: who is in a video, in words and in a picture, with the numbers that an edit takes."""

from pathlib import Path

import cv2
import numpy as np

from talkedit.edit.people import People
from talkedit.media.video import read_frames_at
from talkedit.records import FaceTrack, Image

PICTURE_PX = 960  # longer side of a frame in the picture
MAX_FRAMES = 4
COLOURS = ((255, 209, 102), (6, 214, 160), (239, 71, 111), (17, 138, 178), (255, 255, 255), (160, 110, 255))


def sentences(people: People, speaking: int | None) -> list[str]:
    """A line a person.

    Args:
        people: Everybody.
        speaking: The index of the person who speaks, where that can be told.
    """
    lines = []
    for index, track in enumerate(people.tracks):
        at = np.flatnonzero(track.found)
        begin_s, end_s = float(people.times_s[at[0]]), float(people.times_s[at[-1]] + 1 / people.info.average_fps)
        lines.append(
            f"face {index + 1}: {begin_s:.2f} to {end_s:.2f} s, {_side_px(track):.0f} px, "
            f"in {track.found.mean():.0%} of the frames" + (", speaks" if index == speaking else "")
        )
    return lines


def draw_faces(people: People) -> bytes:
    """A PNG of a few frames, one below the other, with a numbered box around each face."""
    numbers = _frames_with_all(people.tracks)
    images = read_frames_at(people.info.path, [people.times_s[number] for number in numbers])
    drawn = [_boxed(image, people.tracks, number) for number, image in zip(numbers, images, strict=True)]
    _, png = cv2.imencode(".png", cv2.cvtColor(np.concatenate(drawn), cv2.COLOR_RGB2BGR))
    return png.tobytes()


def _side_px(track: FaceTrack) -> float:
    return float(np.median(track.boxes_xyxy_px[track.found, 2] - track.boxes_xyxy_px[track.found, 0]))


def _frames_with_all(tracks: list[FaceTrack]) -> list[int]:
    """Few frames that show each face once: again and again the one with the most faces not shown yet."""
    found, chosen = np.stack([track.found for track in tracks]), []
    while found.any() and len(chosen) < MAX_FRAMES:
        most = np.flatnonzero(found.sum(axis=0) == found.sum(axis=0).max())
        chosen.append(int(most[len(most) // 2]))
        found = found & ~found[:, chosen[-1]][:, None]
    return sorted(chosen)


def _boxed(image: Image, tracks: list[FaceTrack], number: int) -> Image:
    scale = PICTURE_PX / max(image.shape[:2])
    picture = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    for index, track in enumerate(tracks):
        if track.found[number]:
            x0, y0, x1, y1 = (round(edge * scale) for edge in track.boxes_xyxy_px[number].tolist())
            colour = COLOURS[index % len(COLOURS)]
            cv2.rectangle(picture, (x0, y0), (x1, y1), colour, 3)
            cv2.rectangle(picture, (x0, y0 - 44), (x0 + 40, y0), colour, cv2.FILLED)
            cv2.putText(picture, str(index + 1), (x0 + 8, y0 - 10), cv2.FONT_HERSHEY_SIMPLEX, 1.1, (0, 0, 0), 3)
    return np.asarray(picture, np.uint8)


def default_picture(source: Path) -> Path:
    """Where the picture lies if nobody says: in the folder that one is in."""
    return Path(f"{source.stem}.faces.png")
