"""Files that are broken, or no videos at all: a sentence each, soon, and nothing left behind."""

import random
import time
from pathlib import Path

import pytest

from talkedit.edit.editor import Editor
from talkedit.edit.timeline import Timeline
from talkedit.errors import MediaError
from talkedit.media.rewrite import Encoding

from ..films import remake

TURN = Timeline(yaw_deg="+3")
LIMIT_S = 60.0  # for a fifth of a second of video, on a busy machine; one or two are usual
N_FLIPPED = 20


@pytest.fixture(scope="module")
def short(second: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six frames, the header first."""
    out = tmp_path_factory.mktemp("short") / "short.mp4"
    return remake(second, out, "-frames:v", "6", "-an", "-movflags", "+faststart")


def attempt(editor: Editor, source: Path, out: Path) -> str | None:
    """The sentence of the refusal, or None after an edit; nothing else is left behind, and it does not take long."""
    before, begin_s = set(out.parent.iterdir()), time.perf_counter()
    try:
        report = editor.edit(source, out, TURN, Encoding(preset="ultrafast"), credentials=None)
    except MediaError as error:
        assert set(out.parent.iterdir()) == before
        assert str(error).startswith(f"{source}: ")  # noqa: PT017
        assert "\n" not in str(error)  # noqa: PT017
        return str(error)
    finally:
        assert time.perf_counter() - begin_s < LIMIT_S
    assert report.n_frames > 0
    assert set(out.parent.iterdir()) == {*before, out}
    out.unlink()
    return None


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("empty.mp4", b"", "is not a video that can be read"),
        ("text.mp4", b"yaw: 12\n" * 100, "is (not a video that can be read|text or a picture)"),
        ("table.csv", b"time,yaw\n0,1\n", "is (not a video that can be read|text or a picture)"),
        ("noise.mkv", random.Random(1).randbytes(5000), "is not a video that can be read|has no"),  # noqa: S311
        ("huge.y4m", b"YUV4MPEG2 W60000 H60000 F25:1 C420jpeg\nFRAME\n" + bytes(1000), "is not a video|has no frame"),
        ("large.y4m", b"YUV4MPEG2 W16000 H16000 F25:1 C420jpeg\nFRAME\n" + bytes(1000), "is not a video|has no frame"),
        ("box.mp4", b"\xff\xff\xff\xffftypisom" + bytes(500), "is not a video that can be read"),
    ],
)
def test_what_is_no_video_is_said(editor: Editor, tmp_path: Path, name: str, content: bytes, sentence: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(MediaError, match=rf"{name}: .*({sentence})"):
        editor.edit(tmp_path / name, tmp_path / "out.mp4", TURN)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_file_that_is_cut_off_is_refused(editor: Editor, short: Path, tmp_path: Path) -> None:
    content = short.read_bytes()
    for share in (0.01, 0.1, 0.6):
        cut = tmp_path / "cut.mp4"
        cut.write_bytes(content[: int(len(content) * share)])
        assert attempt(editor, cut, tmp_path / "out.mp4") is not None


def flipped(content: bytes, seed: int) -> bytes:
    rng, spoilt = random.Random(seed), bytearray(content)  # noqa: S311
    n_header = content.index(b"mdat")
    for _ in range(rng.randrange(1, 6)):
        place = rng.randrange(n_header) if seed % 2 else rng.randrange(len(spoilt))
        spoilt[place] ^= 1 << rng.randrange(8)
    return bytes(spoilt)


def test_flipped_bits_are_refused_or_edited(editor: Editor, short: Path, tmp_path: Path) -> None:
    """Every second file is spoilt in its header."""
    spoilt = tmp_path / "spoilt.mp4"
    for seed in range(2):
        spoilt.write_bytes(flipped(short.read_bytes(), seed))
        attempt(editor, spoilt, tmp_path / "out.mp4")


@pytest.mark.slow
def test_many_flipped_bits_are_refused_or_edited(editor: Editor, short: Path, tmp_path: Path) -> None:
    spoilt, refused = tmp_path / "spoilt.mp4", 0
    for seed in range(2, N_FLIPPED):
        spoilt.write_bytes(flipped(short.read_bytes(), seed))
        refused += attempt(editor, spoilt, tmp_path / "out.mp4") is not None
    assert 0 < refused < N_FLIPPED - 2
