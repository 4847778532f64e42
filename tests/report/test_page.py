"""The page holds all that it shows, and a real browser loads it and plays its videos."""

import json
import re
import shutil
import subprocess
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from typing import ClassVar

import cv2
import numpy as np
import pytest

from talkedit.errors import TalkeditError
from talkedit.evaluate.outputs import write_beside, write_clips, write_emotions, write_json, write_matrix
from talkedit.records import EMOTIONS
from talkedit.report.page import build_page
from talkedit.report.tables import Line, Table
from talkedit.train.judges import CARD_FILE, JudgesCard

from .. import tiny

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
LONGEST_S = 120
# Tells the server of each picture and video whether it is there, and of each video whether it plays.
LOOK = """<script>addEventListener('DOMContentLoaded', async () => {
const low = document.querySelector('details').getBoundingClientRect().top / innerHeight;
const folded = [...document.querySelectorAll('details')].filter(part => !part.open).length;
document.querySelectorAll('details').forEach(part => part.open = true);
const plays = await Promise.all([...document.querySelectorAll('video')].map(video => new Promise(done => {
  video.ontimeupdate = () => video.currentTime > 0 && done(video.videoWidth);
  video.onerror = () => done(-1);
  video.muted = true;
  video.play().catch(() => done(-2));
  setTimeout(() => done(0), 60000);
})));
const images = [...document.querySelectorAll('img[alt]')];
await Promise.all(images.map(image => image.decode()));
const svgs = [...document.querySelectorAll('svg')].filter(svg => svg.getBoundingClientRect().width > 100).length;
await fetch('/found', {method: 'POST', body: JSON.stringify(
  {plays, svgs, folded, low, images: images.map(image => image.naturalWidth)})});
});</script><img src="/wait">"""


class Served(BaseHTTPRequestHandler):
    """Serves one page, takes what its script found, and keeps the browser waiting until then."""

    page: ClassVar[bytes]
    found: ClassVar[dict]
    has_found: ClassVar[Event]

    def do_GET(self) -> None:
        if self.path == "/wait":
            self.has_found.wait(LONGEST_S)
        self.answer(self.page if self.path == "/" else b"")

    def do_POST(self) -> None:
        self.found |= json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.has_found.set()
        self.answer(b"")

    def answer(self, content: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Nothing is written to the terminal."""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """What an evaluation leaves, made of gradients."""
    reports = tmp_path / "reports" / "me"
    evaluate, curves = reports / "evaluate", reports / "train_generator" / "plots" / "metrics"
    evaluate.mkdir(parents=True)
    curves.mkdir(parents=True)
    write_json(reports / "evaluate.json", {"self_ssim_crop": 0.8125, "lip_correlation": None})
    write_json(reports / "evaluate_details.json", {"n_clips": 2, "yaw_deg_r": 0.5})
    write_json(evaluate / "reasons.json", {"self_fid_hed_vgg": "50 held-out frames"})
    write_matrix(
        evaluate / "disentanglement.csv",
        {
            "yaw_deg": {
                "yaw_deg": 0.75,
                "pitch_deg": float("nan"),
                "roll_deg": 0.1,
                "eye_openness": 0.2,
                "identity_dlib": 0.3,
            }
        },
    )
    scores = {"ssim_in_mask": 0.5, "ssim_crop": 0.75}
    write_clips(evaluate / "clips.csv", [("a<b", 25, scores), ("two", 25, scores)])
    write_emotions(evaluate / "emotions.csv", {"happy": dict.fromkeys(EMOTIONS, 0.125), "": dict.fromkeys(EMOTIONS, 0)})
    ramp = np.tile(np.arange(64, dtype=np.uint8)[None, :, None], (64, 1, 3))
    video = np.stack([ramp + np.uint8(4 * at) for at in range(25)])
    (evaluate / "videos").mkdir()
    for name in ("01-one.mp4", "02-two.mp4"):
        write_beside(evaluate / "videos" / name, [video, video])
    cv2.imwrite(str(evaluate / "contact_sheet.png"), ramp)
    (curves / "l1.tsv").write_text("step\tl1\n10\t0.5\n20\t0.25\n")
    judges = tmp_path / "models" / "me" / "discriminator"
    judges.mkdir(parents=True)
    card = JudgesCard(
        terms=("audio",),
        distance="l2",
        margin=1.0,
        off={"pose": "share < 0.1: the head hardly turns"},
        model=tiny.model_params(),
    )
    (judges / CARD_FILE).write_text(card.model_dump_json())
    git = ["git", "-c", "user.name=Somebody", "-c", "user.email=somebody@example.org"]
    subprocess.run([*git, "init", "--quiet"], cwd=tmp_path, check=True)
    subprocess.run([*git, "add", "--all"], cwd=tmp_path, check=True)
    subprocess.run([*git, "commit", "--quiet", "--message", "before"], cwd=tmp_path, check=True)
    write_json(reports / "evaluate.json", {"self_ssim_crop": 0.875, "lip_correlation": 0.5})
    return tmp_path


def test_every_number_stands_beside_its_change(project: Path) -> None:
    page = build_page(project, "me", [Table("Methods", [Line("EAMM", [], None, "no <release>")], ["Beware."])])
    assert '<td>self_ssim_crop</td><td class="n">0.875</td><td class="n">+0.0625</td>' in page
    assert '<td>n_clips</td><td class="n">2</td><td class="n">0</td>' in page
    assert '<td>happy</td><td class="n">0.125</td>' in page
    assert page.index("self_ssim_crop") < page.index("<video") < page.index("<img") < page.index("<details>")
    assert page.index("<details>") < page.index("yaw_deg_r")
    assert '<td>lip_correlation</td><td class="n">0.5</td><td class="n">was –</td>' in page
    assert "self_fid_hed_vgg: 50 held-out frames." in page
    assert '<td class="n">no &lt;release&gt;</td>' in page
    assert "<p>Beware.</p>" in page


def test_a_term_that_was_switched_off_is_said_on_the_first_screen(project: Path) -> None:
    page = build_page(project, "me", [])
    said = "The discriminator's pose term is switched off: share &lt; 0.1: the head hardly turns."
    assert said in page[: page.index("<details>")]


def test_nothing_is_fetched_from_anywhere(project: Path) -> None:
    page = build_page(project, "me", [])
    places = re.findall(r'(?:src|href)="([^"]{0,40})', page)
    assert len(places) >= 3
    assert [place for place in places if not place.startswith(("data:", "#"))] == []
    assert page.count("<video") == 3  # the two worst, and the better one of them on the first screen
    assert "0.75" in page  # of the matrix


def test_without_an_evaluation_it_is_said_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(TalkeditError, match="dvc repro evaluate"):
        build_page(tmp_path, "me", [])


@pytest.mark.slow
def test_in_a_browser_it_loads_and_the_videos_play(project: Path) -> None:
    browser = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if browser is None:
        pytest.skip("no Chromium is on this machine: apt install chromium")
    page = (build_page(project, "me", []) + LOOK).encode()
    served = type("ServedHere", (Served,), {"page": page, "found": {}, "has_found": Event()})
    with ThreadingHTTPServer(("127.0.0.1", 0), served) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        options = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--window-size=1280,800",
            "--autoplay-policy=no-user-gesture-required",
        ]
        options += [f"--user-data-dir={project / 'browser'}", "--dump-dom", f"http://127.0.0.1:{server.server_port}/"]
        done = subprocess.run([browser, *options], capture_output=True, text=True, check=False, timeout=LONGEST_S)
        server.shutdown()
    found = served.found
    assert found.pop("low", 9) < 1, done.stderr[-2000:]  # the first screen ends on the first screen
    assert found == {"plays": [128, 128, 128], "images": [64], "svgs": 2, "folded": 7}, done.stderr[-2000:]
