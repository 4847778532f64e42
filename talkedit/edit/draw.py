"""Draws the frames of a plan: several at a time, in threads, and out again in their order."""

from bisect import bisect_right
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from itertools import groupby, islice
from typing import NamedTuple

import numpy as np
import torch

from talkedit.edit.eyes import EyeLender, borrows, first_lender
from talkedit.edit.measure import Shot
from talkedit.edit.mouths import MouthLender
from talkedit.edit.plan import Plan
from talkedit.edit.renderer import Crops, Renderer, joined, take, take_attributes
from talkedit.edit.seam import seam_ratio
from talkedit.face.geometry import cut
from talkedit.face.head import camera_of, turn_heads
from talkedit.face.paste import SeamMatcher, paste
from talkedit.media.forward import ForwardReader
from talkedit.models.lips import lip_shape
from talkedit.records import Floats, Image
from talkedit.shards.clips import heads_in_crops

MOST_THREADS = 4
# Frames that are drawn at once. Of the sample, whose crops are 336 px, the second pass takes 8.1 s of processor time by
# one, 7.3 by two, 6.7 by four, 7.0 by eight. Larger crops gain less by it, and take memory.
MOST_AT_ONCE, AT_ONCE_UP_TO_PX = 4, 384
HEARD_AT_ONCE = 256  # frames whose speech is in memory at a time: of a long shot all of it would be gigabytes


class Drawn(NamedTuple):
    """A frame with its head drawn again.

    Attributes:
        image: (H, W, 3) uint8 RGB.
        mask: (H, W) float32: where it is 0 the frame is as it was.
        seam_ratio: See `talkedit.edit.seam.seam_ratio`.
    """

    image: Image
    mask: Floats
    seam_ratio: float


@dataclass(frozen=True)
class _Prepared:
    """A frame that is to be drawn: its number, its shot's, its picture, its crop, and the crop to draw it from."""

    number: int
    shot: int
    image: Image
    crop: Crops
    source: Crops


class _Head(NamedTuple):
    """A head that is drawn, and not in its frame yet: (S, S, 3) uint8."""

    frame: _Prepared
    drawn: Image


def draw_frames(plan: Plan, renderer: Renderer, images: Iterable[Image]) -> Iterator[Drawn | None]:
    """Draws a video's frames as they are asked for.

    At most one batch a thread, and one more, is read ahead.

    Args:
        plan: What is asked.
        renderer: Draws heads.
        images: (H, W, 3) uint8 RGB each, all frames of the video in their order.

    Yields:
        For each frame in turn what was drawn, or None: it is to stay.
    """
    draughtsman, paster = _Draughtsman(plan, renderer), _Paster(plan, renderer)
    prepared = (draughtsman.prepare(number, image) for number, image in enumerate(images))
    with _threads() as (pool, n_threads):
        begun: deque[Future[list[_Head | None]]] = deque()
        n_at_once = frames_at_once(max(shot.track.size_px for shot in plan.measured.shots))
        while batch := list(islice(prepared, n_at_once)):
            begun.append(pool.submit(draughtsman.draw, batch))
            if len(begun) > n_threads:
                yield from map(paster, begun.popleft().result())
        while begun:
            yield from map(paster, begun.popleft().result())


def frames_at_once(size_px: int) -> int:
    """How many frames with crops of this side are drawn at once."""
    return max(int(MOST_AT_ONCE * min(AT_ONCE_UP_TO_PX / size_px, 1) ** 2), 1)


class _Draughtsman:
    def __init__(self, plan: Plan, renderer: Renderer) -> None:
        self._plan, self._renderer = plan, renderer
        info = plan.measured.info
        self._camera = camera_of((info.width_px, info.height_px))[None]
        shots = plan.measured.shots
        self._firsts = [shot.first for shot in shots]
        self._heads = [_turned(shot, plan.asked.pose_deg[shot.frames]) for shot in shots]
        asked_openness = plan.asked.eye_openness
        self._borrowing = [borrows(shot.attributes.eye_openness, asked_openness[shot.frames]).any() for shot in shots]
        self._shot = -1  # whose lenders these are
        self._eyes = EyeLender()
        self._mouths: MouthLender | None = None
        # One each: eyes lie ahead of the mouths that are asked for after them.
        self._with_eyes, self._with_mouths = ForwardReader(info.path), ForwardReader(info.path)

    def prepare(self, number: int, image: Image) -> _Prepared | None:
        """In the order of the frames: eyes and mouth are another frame's where that is nearer to what is asked."""
        plan = self._plan
        if number >= len(plan.shown) or not plan.measured.found[number]:
            return None
        index, is_edited = bisect_right(self._firsts, number) - 1, plan.shown[number] > 0
        if not is_edited and not self._borrowing[index]:
            return None
        crop = self._crop(plan.measured.shots[index], number, image)
        self._begin(index)
        source = self._eyes(crop, plan.asked.eye_openness[number : number + 1])
        if self._mouths and is_edited:
            source = self._mouths(source, number - self._firsts[index])
        return _Prepared(number, index, image, crop, source) if is_edited else None

    def draw(self, frames: list[_Prepared | None]) -> list[_Head | None]:
        """In any thread."""
        drawn: list[_Head | None] = []
        for shot, run in groupby(frames, key=lambda frame: None if frame is None else frame.shot):
            some = list(run)
            drawn += [None] * len(some) if shot is None else self._draw(shot, [frame for frame in some if frame])
        return drawn

    def _begin(self, index: int) -> None:
        """Lenders are of one shot."""
        if self._shot != index:
            shot = self._plan.measured.shots[index]
            self._shot, self._eyes, self._mouths = index, EyeLender(self._open_eyes_ahead(shot)), self._lips_of(shot)

    def _open_eyes_ahead(self, shot: Shot) -> Crops | None:
        at = first_lender(shot.attributes.eye_openness, self._plan.asked.eye_openness[shot.frames])
        return None if at is None else self._fetch(self._with_eyes, shot, [at])[0]

    def _lips_of(self, shot: Shot) -> MouthLender | None:
        """Who lends mouths, where there is new speech and the model hears how it shapes the lips."""
        plan, frames = self._plan, shot.frames
        if not plan.speech.is_new or not self._renderer.hears:
            return None
        times_s = plan.measured.clock.times_s[frames]
        pieces = [times_s[first : first + HEARD_AT_ONCE] for first in range(0, len(times_s), HEARD_AT_ONCE)]
        lips = self._shapes(shot)
        heard = np.concatenate([self._renderer.heard_lips(plan.speech.at(piece)) for piece in pieces])
        heard = _between(lips, heard, plan.spoken[frames])
        usable, fps = plan.measured.seen[frames], plan.measured.clock.fps
        fetch = partial(self._fetch, self._with_mouths, shot)
        return MouthLender(heard, lips, shot.attributes.pose_deg, usable, fps, fetch)

    def _shapes(self, shot: Shot) -> Floats:
        """(N, 21, 2), of the lips of all its frames."""
        track, camera = shot.track, np.broadcast_to(self._camera, (len(shot.heads), 3))
        heads = heads_in_crops(shot.heads, camera, track.frame_from_crop, track.size_px)
        return lip_shape(torch.from_numpy(track.landmark_shares()), heads).numpy()

    def _fetch(self, reader: ForwardReader, shot: Shot, places: list[int]) -> list[Crops]:
        """Crops of a shot's frames, wherever in the file these are."""
        times_s, numbers = self._plan.measured.clock.times_s, [shot.first + place for place in places]
        return [self._crop(shot, number, reader.at(Fraction(float(times_s[number])))) for number in numbers]

    def _crop(self, shot: Shot, number: int, image: Image) -> Crops:
        here = slice(number - shot.first, number - shot.first + 1)
        transforms, codes = shot.track.frame_from_crop[here], take_attributes(shot.attributes, here)
        crop = cut(image, transforms[0], shot.track.size_px)
        points = take(shot.track, here).landmark_shares()
        return Crops(crop[None], shot.heads[here], self._camera, transforms, points, codes.eye_openness, codes.emotion)

    def _draw(self, index: int, frames: list[_Prepared]) -> list[_Head | None]:
        plan, numbers = self._plan, np.array([frame.number for frame in frames])
        crops, sources = joined([frame.crop for frame in frames]), joined([frame.source for frame in frames])
        heads = self._heads[index][numbers - self._firsts[index]]
        mel = plan.speech.at(plan.measured.clock.times_s[numbers])
        lips, spoken = crops.lips, plan.spoken[numbers]
        if plan.speech.is_new:
            some_stay = self._renderer.hears and (spoken < 1).any()
            lips = _between(lips, self._renderer.heard_lips(mel), spoken) if some_stay else None
        drawn = self._renderer.draw(crops, heads, sources, mel, take_attributes(plan.asked, numbers), lips)
        return [_Head(*pair) for pair in zip(frames, drawn, strict=True)]


class _Paster:
    """Puts heads into their frames, in the frames' order: colours at the seam follow those of the frames before."""

    def __init__(self, plan: Plan, renderer: Renderer) -> None:
        self._plan, self._renderer = plan, renderer
        self._shot: int | None = None  # whose mask and colours these are

    def __call__(self, head: _Head | None) -> Drawn | None:
        if head is None:
            self._shot = None  # what comes after a gap may be of another light
            return None
        frame = head.frame
        if frame.shot != self._shot:
            shot = self._plan.measured.shots[frame.shot]
            self._shot, self._mask = frame.shot, self._renderer.paste_mask(shot.track.size_px)
            self._match = SeamMatcher(self._mask, self._plan.measured.clock.fps)
        matched = self._match(head.drawn, frame.crop.images[0])
        shown = self._mask * self._plan.shown[frame.number]
        edited, mask_in_frame = paste(frame.image, matched, shown, frame.crop.frame_from_crop[0])
        return Drawn(edited, mask_in_frame, seam_ratio(frame.image, edited, mask_in_frame))


def _between(own: Floats, heard: Floats, share: Floats) -> Floats:
    """Shapes of lips (N, 21, 2), so far from their own to what is heard."""
    return (own + share[:, None, None] * (heard - own)).astype(np.float32)


def _turned(shot: Shot, pose_deg: Floats) -> Floats:
    """The heads of a shot as they are asked for: those that are to stay, bit by bit as they are."""
    stays = (pose_deg == shot.attributes.pose_deg).all(axis=1)
    return np.where(stays[:, None, None], shot.heads, turn_heads(shot.heads, pose_deg))


@contextmanager
def _threads() -> Iterator[tuple[ThreadPoolExecutor, int]]:
    """Threads that draw a batch each, and divide torch's threads among them: small networks hardly gain by several."""
    n_of_torch = torch.get_num_threads()
    n_threads = min(n_of_torch, MOST_THREADS)
    pool = ThreadPoolExecutor(n_threads, initializer=torch.set_num_threads, initargs=(n_of_torch // n_threads,))
    try:
        yield pool, n_threads
    finally:
        pool.shutdown(cancel_futures=True)
        torch.set_num_threads(n_of_torch)  # that of threads that are yet to come
