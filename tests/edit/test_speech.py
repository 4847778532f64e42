"""Speech in pieces is the same speech; new speech and references reach the edit."""

import json
from pathlib import Path

import av
import numpy as np
import pytest

from talkedit.edit import draw, speech
from talkedit.edit.editor import Editor
from talkedit.edit.mouths import MouthLender
from talkedit.edit.provenance import Credentials
from talkedit.edit.report import write_report
from talkedit.edit.speech import listen, mel_in_pieces
from talkedit.edit.summary import summary
from talkedit.edit.timeline import Timeline
from talkedit.edit.wanted import Reference, Wanted
from talkedit.media.audio import mel_spectrogram, read_audio, write_wav
from talkedit.media.rewrite import Encoding

from ..films import remake

FAST = Encoding(preset="ultrafast")


def test_a_spectrogram_in_pieces_is_the_whole_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speech, "PIECE_STEPS", 37)
    samples = np.random.default_rng(0).normal(0, 0.1, 33_333).astype(np.float32)
    whole = mel_spectrogram(samples)
    assert mel_in_pieces(samples).shape == whole.shape
    assert np.abs(mel_in_pieces(samples) - whole).max() < 1e-4


@pytest.mark.parametrize(
    ("seconds", "sentence"),
    [
        (2.5, "the new speech is 1.50 s longer than the video; its end was left out"),
        (0.4, "the new speech ends 0.60 s before the video; from there on there is silence"),
    ],
)
def test_new_speech_is_heard_and_its_length_is_told(
    editor: Editor, second: Path, tmp_path: Path, seconds: float, sentence: str
) -> None:
    noise = np.random.default_rng(0).normal(0, 0.2, int(seconds * 16_000)).astype(np.float32)
    write_wav(tmp_path / "new.wav", noise)
    wanted = Wanted(Timeline(), audio=tmp_path / "new.wav")
    report = editor.edit(second, tmp_path / "out.mp4", wanted, FAST, None)
    assert report.n_edited == 30
    done = f"{tmp_path / 'out.mp4'}: 30 of 30 frames edited, sound replaced"
    assert summary(report) == [done, sentence]
    assert summary(report, knows_whose=False) == [
        done,
        "the model does not say whose face it is of, so it was not checked that this is that person",
        sentence,
    ]
    heard = read_audio(tmp_path / "out.mp4")
    assert heard is not None
    assert len(heard) / 16_000 == pytest.approx(min(seconds, 1.0), abs=0.05)
    spoken = report.plan.speech.at(report.plan.measured.clock.times_s)
    assert (spoken[-1] == -4).all() == (seconds < 1)
    assert not np.array_equal(spoken, listen(second).at(report.plan.measured.clock.times_s))


def test_the_lips_of_a_long_shot_are_heard_in_pieces(
    editor: Editor, second: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    noise = np.random.default_rng(0).normal(0, 0.2, 16_000).astype(np.float32)
    write_wav(tmp_path / "new.wav", noise)
    wanted, heard, lent = Wanted(Timeline(), audio=tmp_path / "new.wav"), [], []
    hear = editor._renderer.heard_lips
    monkeypatch.setattr(editor._renderer, "heard_lips", lambda mel: heard.append(len(mel)) or hear(mel))
    monkeypatch.setattr(draw, "MouthLender", lambda lips, *rest: lent.append(lips) or MouthLender(lips, *rest))
    for most, lengths in ((256, [30]), (12, [12, 12, 6])):
        monkeypatch.setattr(draw, "HEARD_AT_ONCE", most)
        heard.clear()
        next(editor.frames(second, wanted))
        assert heard == lengths
    np.testing.assert_allclose(*lent, atol=1e-5)


def test_lips_are_their_own_again_where_new_speech_meets_what_is_kept(
    editor: Editor, second: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From 0.7 s (frame 21) on nothing is edited: frames 15 to 20 fade, and have the lips that they had."""
    noise = np.random.default_rng(0).normal(0, 0.2, 16_000).astype(np.float32)
    write_wav(tmp_path / "new.wav", noise)
    drawn, draw_heads = [], editor._renderer.draw

    def noted(target, heads, source, mel, asked, lips):
        drawn.extend([None] * len(mel) if lips is None else zip(lips, target.lips, strict=True))
        return draw_heads(target, heads, source, mel, asked, lips)

    monkeypatch.setattr(editor._renderer, "draw", noted)
    list(editor.frames(second, Wanted(Timeline(keep=["0.7.."]), audio=tmp_path / "new.wav")))
    assert drawn[:2] == [None, None]  # as the network hears them
    assert len(drawn) == 21
    for asked, own in drawn[16:]:
        np.testing.assert_allclose(asked, own, atol=1e-4)
    asked, own = drawn[10]
    assert np.abs(asked - own).max() > 1e-3


def test_a_reference_gives_its_pose_and_a_report_tells_of_it(
    editor: Editor, second: Path, sample_clip: Path, tmp_path: Path
) -> None:
    other = remake(sample_clip, tmp_path / "other.mp4", "-ss", "3", "-t", "1", "-an")
    wanted = Wanted(Timeline(roll_deg="+5"), reference=Reference(other, ("pose",)))
    report = editor.edit(second, tmp_path / "out.mp4", wanted, FAST, None)
    there = editor.measure(other).attributes.pose_deg
    asked = report.plan.asked.pose_deg
    n_shared = min(len(there), len(asked)) - 12  # before the way back begins, 0.3 s from its end
    assert np.abs(asked[:n_shared] - there[:n_shared] - (0, 0, 5)).max() < 0.2
    page = write_report(report, editor).read_text(encoding="utf-8")
    content = json.loads((tmp_path / "out.report.json").read_text(encoding="utf-8"))
    assert content["reference"] == {"name": "other.mp4", "take": ["pose"], "align": "time"}
    assert content["controls"]["roll_deg"]["after_mean"] > content["controls"]["roll_deg"]["before_mean"] + 2
    assert (content["n_frames"], content["passed_through"], content["cuts"]) == (30, [], [])
    assert page.count("data:image/jpeg") == 8
    assert page.count("data:image/png") == 1
    assert "://" not in page
    assert str(tmp_path) not in page


def test_a_last_frame_that_is_held_is_part_of_the_video(editor: Editor, second: Path, tmp_path: Path) -> None:
    path = tmp_path / "held.mp4"
    with av.open(str(second)) as source, av.open(str(path), "w") as held:
        stream = source.streams.video[0]
        copied = held.add_stream_from_template(stream)
        packets = [packet for packet in source.demux(stream) if packet.size]
        packets[-1].duration = round(2 / stream.time_base)
        for packet in packets:
            packet.stream = copied
            held.mux(packet)
    clock = editor.measure(path).clock
    assert len(clock.times_s) == 30
    assert clock.end_s == pytest.approx(29 * 1001 / 30000 + 2, abs=1e-3)


def test_names_of_files_may_be_words() -> None:
    wanted = Wanted(Timeline(), audio="new.wav", reference=Reference("other.mp4"))  # type: ignore[arg-type]
    assert wanted.audio == Path("new.wav")
    assert wanted.reference == Reference(Path("other.mp4"))
    assert Credentials("a.pem", "a.key") == Credentials(Path("a.pem"), Path("a.key"))  # type: ignore[arg-type]
