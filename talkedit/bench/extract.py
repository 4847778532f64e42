"""How fast footage becomes landmarks, crops, codes and shards, and a plain script over the same files beside it."""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import yaml

from talkedit.bench.frame_by_frame import find_all
from talkedit.errors import ParamsError
from talkedit.face.choose import FacesParams
from talkedit.face.crop import CropParams, crop_clips, plan_crops
from talkedit.face.detect import FaceDetector, LandmarkPredictor
from talkedit.face.extract import AttributesParams, build_extractors, extract_clips
from talkedit.face.find import FaceFinder
from talkedit.face.geometry import cut, grey
from talkedit.face.track import FRAMES_AT_ONCE
from talkedit.folders import read_clips
from talkedit.media.clips import segment_sources
from talkedit.media.download import DownloadParams, download
from talkedit.media.segment import SegmentParams
from talkedit.media.several import VIDEO_SUFFIXES
from talkedit.media.video import read_frames_at, write_video
from talkedit.params import load_section
from talkedit.records import CLIP_FPS, Clip, FaceTrack, Floats
from talkedit.shards.writer import ShardsParams, write_shards
from talkedit.workers import workers

PLAIN, LANDMARKS, SHARDS = "plain script", "landmarks", "all, to shards"
_PERSON = "someone"
_TIME_TOLERANCE_S = 1e-3
_LEAST_S = 1e-3  # processor time is counted in hundredths of a second


@dataclass(frozen=True)
class Timing:
    """How long a piece of work took.

    Attributes:
        name: What was done.
        n_frames: To how many frames.
        seconds: How long it took.
        cpu_s: Processor time of all threads and processes.
    """

    name: str
    n_frames: int
    seconds: float
    cpu_s: float

    @property
    def per_s(self) -> float:
        """Frames a second."""
        return self.n_frames / max(self.seconds, _LEAST_S)

    @property
    def per_s_per_core(self) -> float:
        """Frames for each second of processor time."""
        return self.n_frames / max(self.cpu_s, _LEAST_S)


class Footage:
    """Some videos of a folder, fetched and cut into clips as the first stages do it.

    Args:
        videos: A folder of videos; those below it are left out.
        n_videos: Most of them that are taken, evenly from the order of their names.
        folder: Where to work.
        params: The params.yaml whose sections say how.

    Raises:
        ParamsError: There is no video.
        TalkeditError: They cannot be used.
    """

    def __init__(self, videos: Path, n_videos: int, folder: Path, params: Path) -> None:
        self.folder, self.params = folder, params
        self.raw, self.clips_folder = folder / "raw", folder / "clips"
        files = sorted(path for path in _files(videos) if path.suffix.lower() in VIDEO_SUFFIXES)
        if not files:
            raise ParamsError(f"{videos}: holds no video; give a folder with some")
        taken = np.linspace(0, len(files) - 1, min(n_videos, len(files))).round().astype(int)
        listed = [{"id": f"v{i}", "path": str(files[i].resolve())} for i in taken]
        (folder / "sources.yaml").write_text(yaml.safe_dump({_PERSON: listed}), encoding="utf-8")
        rows = download(folder / "sources.yaml", _PERSON, self.raw, load_section(params, DownloadParams))
        segment_sources(self.raw, self.clips_folder, load_section(params, SegmentParams))
        self.files = [self.raw / row["file"] for row in rows if row["status"] == "kept"]
        self.clips: list[Clip] = read_clips(self.clips_folder)
        self.n_frames = sum(clip.n_frames for clip in self.clips)

    def finder(self) -> FaceFinder:
        """How faces are found."""
        crop, faces = load_section(self.params, CropParams), load_section(self.params, FacesParams)
        return FaceFinder(crop.detect_every_n_frames, crop.max_gap_s, faces)


def _files(folder: Path) -> Iterator[Path]:
    try:
        yield from (path for path in folder.iterdir() if path.is_file())
    except OSError as error:
        raise ParamsError(f"{folder}: is no folder that can be read ({error.strerror}); give another one") from error


def extract_in_turns(
    footage: Footage, n_workers: int, n_enlarged: int, n_rounds: int, turn_done: Callable[[], None]
) -> tuple[list[list[Timing]], float]:
    """Does the work of a plain script by it and by ours, and ours to the end, in turns.

    Args:
        footage: The clips.
        n_workers: Our processes; what starts them is timed too.
        n_enlarged: See `talkedit.bench.frame_by_frame.find_all`.
        n_rounds: Turns of each.
        turn_done: Called after each turn.

    Returns:
        For each round the timings of the plain script, of landmarks, of each stage to shards, and of these together;
        and the median distance of our landmarks to the plain script's, in pixels.
    """
    rounds, distance = [], float("nan")
    for number in range(n_rounds):
        timings: list[Timing] = []
        with _timed(timings, PLAIN) as count:
            plain = find_all(footage.files, n_enlarged)
            count(sum(len(points) for points, _ in plain))
        turn_done()
        with _timed(timings, LANDMARKS) as count:
            tracks = _find_tracks(footage, n_workers)
            count(footage.n_frames)
        turn_done()
        timings += _to_shards(footage, footage.folder / f"round_{number}", n_workers)
        turn_done()
        rounds.append(timings)
        distance = distance_px(footage, tracks, plain)
    return rounds, distance


def _find_tracks(footage: Footage, n_workers: int) -> list[FaceTrack]:
    finder = footage.finder()
    tasks = [
        (finder, footage.raw / clip.source, clip, footage.clips_folder / f"{clip.clip_id}.wav")
        for clip in footage.clips
    ]
    with workers(len(tasks), n_workers) as run_all:
        return list(run_all(_find_track, tasks))


def _find_track(finder: FaceFinder, source: Path, clip: Clip, wav: Path) -> FaceTrack:
    return finder.find(source, clip, wav).track


def _to_shards(footage: Footage, out: Path, n_workers: int) -> list[Timing]:
    """Runs the stages from crop to shards."""
    timings: list[Timing] = []
    crops, attributes = out / "crops", out / "attributes"
    crop, faces = load_section(footage.params, CropParams), load_section(footage.params, FacesParams)
    codes, shards = load_section(footage.params, AttributesParams), load_section(footage.params, ShardsParams)
    with _timed(timings, "crop stage") as count:
        crop_clips(footage.raw, footage.clips_folder, crops, crop, faces, n_workers)
        count(footage.n_frames)
    with _timed(timings, "attributes stage") as count:
        extract_clips(crops, attributes, codes, n_workers)
        count(footage.n_frames)
    with _timed(timings, "shards stage") as count:
        write_shards(footage.clips_folder, crops, attributes, out / "shards", shards)
        count(footage.n_frames)
    seconds, cpu_s = sum(timing.seconds for timing in timings), sum(timing.cpu_s for timing in timings)
    return [*timings, Timing(SHARDS, footage.n_frames, seconds, cpu_s)]


def measure_steps(footage: Footage, n_clips: int) -> list[Timing]:
    """Each step by itself, in this process: decode, detect, landmarks, crop, pose, emotion, blink.

    Args:
        footage: The clips.
        n_clips: How many of them, the first ones.
    """
    crop = load_section(footage.params, CropParams)
    names = ("pose", "emotion", "blink")
    extractors = dict(zip(names, build_extractors(load_section(footage.params, AttributesParams)), strict=True))
    detect, predict, timings = FaceDetector(), LandmarkPredictor(), list[Timing]()
    for clip in footage.clips[:n_clips]:
        source, n = footage.raw / clip.source, clip.n_frames
        with _timed(timings, "decode") as count:
            images = list(read_frames_at(source, clip.times_s()))
            count(n)
        planes = [grey(image) for image in images]
        track = footage.finder().find(source, clip, footage.clips_folder / f"{clip.clip_id}.wav").track
        boxes = track.boxes_xyxy_px
        with _timed(timings, "detect") as count:
            for number in range(0, n, crop.detect_every_n_frames):
                detect(planes[number], boxes[number] if track.found[number] else None)
            count(n)
        with _timed(timings, "landmarks") as count:
            found = np.flatnonzero(track.found)
            for some in np.split(found, range(FRAMES_AT_ONCE, len(found), FRAMES_AT_ONCE)):
                predict.all([planes[number] for number in some], boxes[some])
            count(n)
        planned = plan_crops(track, float(CLIP_FPS), crop)
        with _timed(timings, "crop") as count:
            crops = [cut(*one, planned.size_px) for one in zip(images, planned.frame_from_crop, strict=True)]
            write_video(footage.folder / "crop.mp4", crops, CLIP_FPS, crop.crf)
            count(n)
        for name, extractor in extractors.items():
            with _timed(timings, name) as count:
                extractor(np.stack(crops), planned, float(CLIP_FPS))
                count(n)
    return _added_up(timings)


def _added_up(timings: Sequence[Timing]) -> list[Timing]:
    """One for each name, in the order in which these first come."""
    names = dict.fromkeys(timing.name for timing in timings)
    groups = [[timing for timing in timings if timing.name == name] for name in names]
    return [
        Timing(
            group[0].name,
            sum(timing.n_frames for timing in group),
            sum(timing.seconds for timing in group),
            sum(timing.cpu_s for timing in group),
        )
        for group in groups
    ]


def distance_px(footage: Footage, tracks: Sequence[FaceTrack], plain: Sequence[tuple[Floats, float]]) -> float:
    """The median distance of a point to the plain script's in the same frame, in pixels of the frame."""
    of_file = {file.name: found for file, found in zip(footage.files, plain, strict=True)}
    distances = []
    for clip, track in zip(footage.clips, tracks, strict=True):
        points, fps = of_file[clip.source]
        times_s = np.array([float(time_s) for time_s in clip.times_s()])
        shown = np.minimum(np.floor((times_s + _TIME_TOLERANCE_S) * fps).astype(int), len(points) - 1)
        distances.append(np.linalg.norm(track.landmarks_px - points[shown], axis=2).ravel())
    return float(np.nanmedian(np.concatenate(distances)))


def timing_rows(rounds: Sequence[Sequence[Timing]]) -> list[dict[str, Any]]:
    """The figures of each piece of work; `times_first` is how many times as fast as that of the same turn named first.

    Args:
        rounds: The same pieces of work in each.
    """
    rows = []
    for one in zip(*rounds, strict=True):
        rates, per_core = [timing.per_s for timing in one], [timing.per_s_per_core for timing in one]
        rows.append(
            {
                "name": one[0].name,
                "frames_per_s": round(median(rates), 1),
                "frames_per_s_per_core": round(median(per_core), 1),
                "times_first": round(median(rate / turn[0].per_s for rate, turn in zip(rates, rounds, strict=True)), 2),
                "times_first_per_core": round(
                    median(rate / turn[0].per_s_per_core for rate, turn in zip(per_core, rounds, strict=True)), 2
                ),
                "n_rounds": len(rounds),
            }
        )
    return rows


@contextmanager
def _timed(timings: list[Timing], name: str) -> Iterator[Callable[[int], None]]:
    """Adds a timing; what it yields takes the number of frames."""
    counted: list[int] = []
    began_s, cpu_s = time.perf_counter(), _cpu_s()
    yield counted.append
    timings.append(Timing(name, sum(counted), time.perf_counter() - began_s, _cpu_s() - cpu_s))


def _cpu_s() -> float:
    """Processor time of this process and of its children that have ended."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system
