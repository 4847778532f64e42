"""A video is edited where it is asked for, and everything else of it is as it was."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch

from talkedit.edit import draw
from talkedit.edit import measure as measure_module
from talkedit.edit.editor import Editor, EditReport
from talkedit.edit.measure import Measured, bridge, stretches
from talkedit.edit.plan import make_plan
from talkedit.edit.renderer import Crops, Renderer
from talkedit.edit.report import as_numbers
from talkedit.edit.speech import listen
from talkedit.edit.summary import summary
from talkedit.edit.timeline import Timeline
from talkedit.edit.wanted import Reference, Wanted
from talkedit.errors import MediaError, ModelError, ParamsError
from talkedit.face.paste import SeamMatcher, paste
from talkedit.media.rewrite import Encoding
from talkedit.media.video import probe, read_frames
from talkedit.records import Attributes, Floats, Image

from ..films import planes_of, remake, sound_of
from ..media.films import full_disk

TURN = Timeline(yaw_deg=8)
LOSSLESS = Encoding(crf=0, preset="ultrafast")
FAST = Encoding(preset="ultrafast")

# In chunks of 0.3 s that overlap by 0.4 s, emotion (smoothed by sigma 0.2 s) lacks what lies beyond 2 sigma. Without
# any overlap the pose would be off by 0.7 degrees, the emotion by 0.2.
CHUNK_S, OVERLAP_S = 0.3, 0.4
CHUNKED_POSE_DEG, CHUNKED_EMOTION = 0.001, 0.02
# The other film is encoded once more on the way: its landmarks move by less than this. The two men differ by more.
SAME_POSE_DEG = 1.5


@pytest.fixture(scope="module")
def measured(editor: Editor, second: Path) -> Measured:
    return editor.measure(second)


@pytest.fixture(scope="module")
def turned(editor: Editor, second: Path, tmp_path_factory: pytest.TempPathFactory) -> EditReport:
    """The second, edited without loss."""
    return editor.edit(second, tmp_path_factory.mktemp("turned") / "out.mp4", TURN, LOSSLESS)


def test_only_what_lies_under_the_mask_changes(
    editor: Editor, second: Path, measured: Measured, turned: EditReport
) -> None:
    assert (turned.n_frames, turned.n_edited, turned.passed_through, turned.forced) == (30, 30, [], [])
    (shot,) = measured.shots
    track = shot.track
    mask = editor._renderer.paste_mask(track.size_px)
    crop = np.zeros((track.size_px, track.size_px, 3), np.uint8)
    before, after = planes_of(second), planes_of(turned.out)
    for frame, old, new, transform in zip(read_frames(second), before, after, track.frame_from_crop, strict=True):
        in_frame = paste(frame.image, crop, mask, transform)[1] > 0
        assert 0.1 < in_frame.mean() < 0.6
        luma, *chroma = zip(old, new, strict=True)
        assert np.array_equal(luma[0][~in_frame], luma[1][~in_frame])
        assert (luma[0] != luma[1])[in_frame].mean() > 0.5
        touched = in_frame.reshape(240, 2, 320, 2).any(axis=(1, 3))
        assert all(np.array_equal(a[~touched], b[~touched]) for a, b in chroma)


def test_frames_that_are_drawn_beside_each_other_come_out_in_order_and_the_same(
    editor: Editor, second: Path, turned: EditReport, tmp_path: Path
) -> None:
    n_threads, other = torch.get_num_threads(), 1 if torch.get_num_threads() > 1 else 3
    torch.set_num_threads(other)
    try:
        report = editor.edit(second, tmp_path / "out.mp4", TURN, LOSSLESS)
        assert torch.get_num_threads() == other
    finally:
        torch.set_num_threads(n_threads)
    for old, new in zip(planes_of(turned.out), planes_of(report.out), strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(old, new, strict=True))
    assert report.seam == pytest.approx(turned.seam)


def test_times_and_sound_are_the_inputs(second: Path, turned: EditReport) -> None:
    times_s = [frame.time_s for frame in read_frames(turned.out)]
    assert times_s == [frame.time_s for frame in read_frames(second)]
    assert times_s[29] == pytest.approx(29 / 29.97, abs=1e-3)
    assert turned.rewritten.has_audio
    assert sound_of(turned.out) == sound_of(second)


def test_frames_that_come_at_uneven_times_keep_them(editor: Editor, second: Path, tmp_path: Path) -> None:
    """Every third frame left out: steps of one and two thirtieths of a second."""
    uneven = remake(second, tmp_path / "uneven.mp4", "-vf", "select='mod(n,3)'", "-fps_mode", "vfr", "-c:a", "copy")
    times_s = [frame.time_s for frame in read_frames(uneven)]
    steps_s = np.diff(np.array(times_s, np.float64))
    assert len(times_s) == 20
    assert steps_s.max() > 1.9 * steps_s.min()
    report = editor.edit(uneven, tmp_path / "out.mp4", TURN, FAST)
    assert (report.n_frames, report.n_edited) == (20, 20)
    assert [frame.time_s for frame in read_frames(tmp_path / "out.mp4")] == times_s


def test_without_sound_silence_is_heard_and_the_lips_stay_as_they_are(
    editor: Editor, second: Path, measured: Measured, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn, really_draw = list[tuple[np.ndarray, np.ndarray]](), Renderer.draw

    def spy(renderer: Renderer, target: Crops, *args) -> np.ndarray:
        drawn.append((target.lips, args[-1]))
        return really_draw(renderer, target, *args)

    monkeypatch.setattr(Renderer, "draw", spy)
    silent = remake(second, tmp_path / "silent.mp4", "-an", codec=("-c:v", "copy"))
    assert (listen(silent).at(measured.clock.times_s) == -4).all()
    assert listen(second).at(measured.clock.times_s).max() > 0
    report = editor.edit(silent, tmp_path / "out.mp4", TURN, FAST)
    assert (report.n_frames, report.n_edited, report.rewritten.has_audio) == (30, 30, False)
    assert not probe(tmp_path / "out.mp4").has_audio
    assert sum(len(shown) for shown, _ in drawn) == 30
    assert all(np.array_equal(shown, asked) for shown, asked in drawn)


def test_no_input_is_written_over(editor: Editor, second: Path, tmp_path: Path) -> None:
    speech = remake(second, tmp_path / "speech.mp4", codec=("-c", "copy"))
    for wanted in (Wanted(TURN, audio=speech), Wanted(TURN, reference=Reference(speech))):
        with pytest.raises(MediaError, match="is one of the inputs itself"):
            editor.edit(second, speech, wanted, FAST)


def test_frames_without_a_face_are_passed_through_and_reported(
    editor: Editor, sample_clip: Path, tmp_path: Path
) -> None:
    """Frames 24 to 47 are grey: 0.8 s, longer than the gap that is bridged (crop.max_gap_s, 0.4)."""
    grey = "drawbox=color=gray:t=fill:enable='between(n,24,47)'"
    source = remake(sample_clip, tmp_path / "gap.mp4", "-t", "2.4", "-vf", grey, "-c:a", "copy")
    report = editor.edit(source, tmp_path / "out.mp4", TURN, LOSSLESS)
    assert report.passed_through == [(24, 47)]
    assert report.n_edited == report.n_frames - 24
    for number, (old, new) in enumerate(zip(planes_of(source), planes_of(tmp_path / "out.mp4"), strict=True)):
        assert np.array_equal(old[0], new[0]) == (24 <= number <= 47), number


def test_a_report_tells_of_the_frames_that_show_a_face_again(turned: EditReport) -> None:
    """Where the output shows none, pose is 0 and eyes are open: that was not measured."""
    before = turned.plan.measured
    seen = np.arange(20) < 12  # of fewer frames than went in
    pose_deg = np.where(seen[:, None], 7.0, 0.0).astype(np.float32).repeat(3, axis=1)
    attributes = Attributes(pose_deg, before.attributes.emotion[:20], before.attributes.eye_openness[:20])
    again = replace(before, found=seen, attributes=attributes)
    yaw = as_numbers(turned, again)["controls"]["yaw_deg"]
    assert yaw["after_mean"] == 7.0
    asked = turned.plan.asked.pose_deg[:12, 0]
    assert yaw["asked_mean"] == pytest.approx(asked.mean(), abs=1e-4)
    assert yaw["error_mean_absolute"] == pytest.approx(np.abs(7 - asked).mean(), abs=1e-4)
    assert as_numbers(turned, replace(again, found=np.zeros(20, bool)))["controls"]["yaw_deg"] == {}


def test_an_interlaced_input_is_told_with_what_to_do(turned: EditReport) -> None:
    told = replace(turned, rewritten=replace(turned.rewritten, interlaced=True))
    (sentence,) = set(summary(told)) - set(summary(turned))
    assert f"ffmpeg -i {turned.source.name} -vf bwdif=send_frame -c:a copy OUT.mkv" in sentence


def test_what_the_footage_never_showed_is_refused_unless_forced(editor: Editor, second: Path, tmp_path: Path) -> None:
    never = Timeline(yaw_deg=35, pitch_deg=35)
    with pytest.raises(
        ModelError,
        match=r"^yaw 35 degrees at 0\.00 s: the model's footage shows .*; pitch 35 degrees at .*--force .*force=T",
    ):
        editor.edit(second, tmp_path / "out.mp4", never, FAST)
    assert not list(tmp_path.iterdir())
    report = editor.edit(second, tmp_path / "out.mp4", Wanted(never, force=True), FAST)
    assert report.n_edited == 30
    assert [sentence.split(":")[0] for sentence in report.forced] == [
        "yaw 35 degrees at 0.00 s",
        "pitch 35 degrees at 0.00 s",
    ]


def test_a_control_that_the_model_does_not_take_is_refused(editor: Editor, second: Path, tmp_path: Path) -> None:
    params = editor.model.params.model_copy(update={"attributes": ["pose"], "sources": "raw"})
    ablation = Editor(replace(editor.model, params=params))
    with pytest.raises(ModelError, match="was trained to take pose; ask for no other, or train one with more"):
        ablation.edit(second, tmp_path / "out.mp4", Wanted(Timeline(yaw_deg=3, eye_openness=0.2), force=True))
    assert list(tmp_path.iterdir()) == []


def test_outputs_that_cannot_be_are_refused_before_the_video_is_read(
    editor: Editor, second: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(editor, "measure", lambda *_: pytest.fail("the video was read"))
    for out in (tmp_path / "out.avi", tmp_path / "none" / "out.mp4", second):
        with pytest.raises(MediaError, match=out.name):
            editor.edit(second, out, TURN)


def test_sound_that_the_container_cannot_hold_is_refused_before_the_video_is_read(
    editor: Editor, second: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = remake(second, tmp_path / "in.mkv", "-c:a", "wmav2", codec=("-c:v", "copy"))
    with monkeypatch.context() as patch:
        patch.setattr(editor, "measure", lambda *_: pytest.fail("the video was read"))
        with pytest.raises(MediaError, match=r"out\.mp4: cannot hold the input's sound \(wmav2\); use \.mkv.*--reenc"):
            editor.edit(source, tmp_path / "out.mp4", TURN)
    editor.edit(source, tmp_path / "out.mp4", Wanted(TURN, reencode_audio=True), FAST)
    assert probe(tmp_path / "out.mp4").has_audio


def test_a_damaged_source_is_refused_unless_accepted(editor: Editor, second: Path, tmp_path: Path) -> None:
    begin_first = remake(second, tmp_path / "whole.mp4", "-movflags", "+faststart", codec=("-c", "copy"))
    damaged = tmp_path / "damaged.mp4"
    damaged.write_bytes(begin_first.read_bytes()[: begin_first.stat().st_size * 2 // 3])
    with pytest.raises(MediaError, match=r"damaged\.mp4: is damaged: .*--force .*accept_damage=True"):
        editor.edit(damaged, tmp_path / "out.mp4", TURN, FAST)
    assert not (tmp_path / "out.mp4").exists()
    taken = Wanted(TURN, Reference(damaged, ("pose",)))
    with pytest.raises(MediaError, match=r"damaged\.mp4: is damaged"):
        editor.edit(second, tmp_path / "out.mp4", taken, FAST)
    _, forced = editor.plan(second, replace(taken, accept_damage=True))
    assert len(forced) == 1
    assert forced[0].startswith("the reference damaged.mp4 is damaged: ")
    report = editor.edit(damaged, tmp_path / "out.mp4", Wanted(TURN, accept_damage=True), FAST)
    assert report.rewritten.damage
    assert 10 < report.n_frames < 30
    assert len(list(read_frames(tmp_path / "out.mp4"))) == report.n_frames


def test_a_failure_on_the_way_leaves_the_old_file(
    editor: Editor, second: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw, calls = editor._renderer.draw, []

    def fail_at_the_fifth(*arguments):
        calls.append(arguments)
        if len(calls) == 5:
            raise ModelError("the fifth batch cannot be drawn")
        return draw(*arguments)

    monkeypatch.setattr(editor._renderer, "draw", fail_at_the_fifth)
    out = tmp_path / "out.mp4"
    out.write_bytes(b"the old one")
    with pytest.raises(ModelError, match="the fifth batch"):
        editor.edit(second, out, TURN, FAST)
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("out.mp4", b"the old one")]


def test_a_full_disk_is_said_and_leaves_nothing(editor: Editor, second: Path, tmp_path: Path) -> None:
    with full_disk(50_000), pytest.raises(MediaError, match=r"out\.mp4: cannot be written .*free some space"):
        editor.edit(second, tmp_path / "out.mp4", TURN, FAST)
    assert not list(tmp_path.iterdir())


def test_measuring_in_chunks_has_no_seams(
    editor: Editor, second: Path, measured: Measured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measure_module, "CHUNK_S", CHUNK_S)
    monkeypatch.setattr(measure_module, "OVERLAP_S", OVERLAP_S)
    chunked, whole = editor.measure(second).attributes, measured.attributes
    assert np.abs(chunked.pose_deg - whole.pose_deg).max() < CHUNKED_POSE_DEG
    assert np.abs(chunked.emotion - whole.emotion).max() < CHUNKED_EMOTION
    assert np.array_equal(chunked.eye_openness, whole.eye_openness)


def test_speech_is_heard_at_each_frames_own_time(
    editor: Editor, second: Path, measured: Measured, tmp_path: Path
) -> None:
    """At half the rate, frame i hears what frame 2 i hears at the full one."""
    half = remake(second, tmp_path / "half.mp4", "-vf", "select='not(mod(n,2))'", "-fps_mode", "vfr", "-c:a", "copy")
    info = probe(half)
    assert info.average_fps == pytest.approx(Fraction(30_000, 2_002), rel=0.05)
    heard, all_heard = (listen(path).at(editor.measure(path).clock.times_s) for path in (half, second))
    assert np.array_equal(heard, all_heard[::2])


def test_short_gaps_between_two_faces_are_bridged() -> None:
    """At most two frames: not the three at 4 to 6, nor those at either end."""
    found = np.array([0, 1, 0, 1, 0, 0, 0, 1, 0, 0, 1, 0], bool)
    assert np.flatnonzero(bridge(found, 2)).tolist() == [1, 2, 3, 7, 8, 9, 10]
    assert np.array_equal(bridge(found, 0), found)


def joined(first: Path, other: Path, out: Path) -> Path:
    return remake(first, out, "-i", str(other), "-filter_complex", "[0:v][1:v]concat=n=2:v=1", "-r", "30000/1001")


def test_a_cut_begins_a_new_shot_and_each_is_followed_for_itself(editor: Editor, second: Path, tmp_path: Path) -> None:
    """A second of the man, and after it the same, darker and seen in a mirror; frames 30 on are that."""
    other = remake(second, tmp_path / "other.mp4", "-vf", "hflip,eq=brightness=-0.3", "-an")
    measured = editor.measure(joined(second, other, tmp_path / "joined.mp4"))
    assert (measured.cuts, measured.n_faces) == ([30], 1)
    assert [shot.first for shot in measured.shots] == [0, 30]
    alone = editor.measure(other)
    assert measured.found.all()
    difference = np.abs(measured.shots[1].attributes.pose_deg[:25] - alone.attributes.pose_deg[:25])
    assert difference.mean() < SAME_POSE_DEG


def test_who_comes_after_a_cut_is_not_taken_for_the_one_who_was_there(
    editor: Editor, second: Path, shared_media: Path, tmp_path: Path
) -> None:
    """A second of the man, and after it half a second of another with a smaller face."""
    other = remake(shared_media / "grid_s1" / "bbaf2n.mp4", tmp_path / "other.mp4", "-t", "0.5", "-r", "30000/1001",
                   "-vf", "scale=640:480", "-an")  # fmt: skip
    film = joined(second, other, tmp_path / "joined.mp4")
    measured = editor.measure(film)
    assert (measured.cuts, measured.n_faces, measured.face) == ([30], 2, 1)
    assert [shot.first for shot in measured.shots] == [0]
    assert measured.gaps == [(30, len(measured.found) - 1)]
    assert editor.measure(film, face=2).gaps == [(0, 29)]


def test_frames_come_one_by_one_for_those_who_embed_the_editor(editor: Editor, second: Path) -> None:
    before = list(read_frames(second))
    after = list(editor.frames(second, Timeline(yaw_deg="+8@0.5..", keep=["0.8.."])))
    assert [frame.time_s for frame in after] == [frame.time_s for frame in before]
    changed = [not np.array_equal(old.image, new.image) for old, new in zip(before, after, strict=True)]
    assert (any(changed[:10]), all(changed[13:24]), any(changed[24:])) == (False, True, False)  # 0.2 s to fade in
    moved = [np.abs(new.image.astype(int) - old.image).mean() for old, new in zip(before, after, strict=True)]
    assert 0 < moved[11] < moved[14] < moved[18]


def test_colours_at_the_seam_follow_the_frames_before_but_not_over_a_gap(
    editor: Editor, second: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    n_matched: list[int] = []

    class Counting(SeamMatcher):
        def __init__(self, mask: Floats, fps: float) -> None:
            super().__init__(mask, fps)
            assert fps == pytest.approx(30, abs=0.1)
            n_matched.append(0)

        def __call__(self, generated: Image, original: Image) -> Image:
            n_matched[-1] += 1
            return super().__call__(generated, original)

    monkeypatch.setattr(draw, "SeamMatcher", Counting)
    list(editor.frames(second, Timeline(yaw_deg=8, keep=["0.45..0.52"])))
    assert n_matched == [14, 14]


def test_an_edit_that_changes_nothing_is_said(editor: Editor, second: Path, tmp_path: Path) -> None:
    said = r"second\.mp4: nothing that is asked for changes any of its 30 frames, the last of which ends at 1\.00 s; "
    for wanted in (Timeline(yaw_deg="+8@3..4"), Timeline(blinks=[5]), Timeline(roll_deg=3, keep=["0.."])):
        with pytest.raises(ParamsError, match=said):
            editor.edit(second, tmp_path / "out.mp4", wanted, FAST)
    with pytest.raises(ParamsError, match=said + r".*keep; yaw at 3: begins when the video is over, at 1\.00 s"):
        editor.edit(second, tmp_path / "out.mp4", Timeline(yaw_deg="+8@3..4"), FAST)
    with pytest.raises(ParamsError, match=said):
        editor.frames(second, Timeline(pitch_deg="+0"))
    assert not list(tmp_path.iterdir())


def test_lips_of_new_speech_come_back_before_the_picture_fades(measured: Measured) -> None:
    """Frames 18 on (0.6 s) stay: there is a fade of 0.2 s (6 frames) before them, and 0.3 s (9) for the lips."""
    plan = make_plan(measured, Timeline(keep=["0.6.."]), replace(listen(measured.info.path), is_new=True))
    assert plan.shown[[0, 11]] == pytest.approx([1, 1])
    assert (plan.shown[18:] == 0).all()
    assert plan.spoken[[0, 2, 3]] == pytest.approx([1, 1, 1], abs=0.03)
    assert 0.3 < plan.spoken[7] < 0.7
    assert plan.spoken[12:] == pytest.approx(0, abs=1e-4)
    assert (make_plan(measured, TURN, listen(measured.info.path)).spoken == 1).all()


def test_towards_a_long_gap_without_a_face_all_returns_to_the_input(measured: Measured) -> None:
    """Frames 10 to 20 show no face: 0.3 s from there (9 frames) the turn is whole, beside it there is none."""
    found = np.ones(30, bool)
    found[10:21] = False
    plan = make_plan(replace(measured, found=found), TURN, listen(measured.info.path))
    assert plan.left_alone == [(10, 20)]
    before, asked = measured.attributes.pose_deg[:, 0], plan.asked.pose_deg[:, 0]
    assert asked[[0, 29]] == pytest.approx([8, 8])
    assert np.abs(asked - before)[[9, 21]].max() < 0.05 * np.abs(8 - before).max()


@pytest.mark.parametrize(
    ("flags", "found"),
    [
        ([], []),
        ([0, 0], []),
        ([1, 1, 1], [(0, 2)]),
        ([0, 1, 1, 0, 1], [(1, 2), (4, 4)]),
        ([1, 0, 0, 1, 0], [(0, 0), (3, 3)]),
    ],
)
def test_stretches(flags: list[int], found: list[tuple[int, int]]) -> None:
    assert stretches(np.array(flags, bool)) == found
