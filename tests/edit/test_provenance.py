"""Content credentials: signed, read again, and noticed when anything changes."""

import json
import shutil
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import c2pa
import pytest
from c2pa import C2paSignerInfo
from cryptography import x509

from talkedit.edit.authority import AUTHORITY_FILE, CHAIN_FILE, KEY_FILE, authority_folder, local_identity
from talkedit.edit.editor import Editor
from talkedit.edit.provenance import LABEL, Credentials, Findings, Seal, inspect, sidecar_of
from talkedit.edit.report import write_report
from talkedit.edit.timeline import Timeline
from talkedit.errors import MediaError, ParamsError, TalkeditError
from talkedit.manifest import file_sha256
from talkedit.media.ffmpeg import ffmpeg_path
from talkedit.media.rewrite import Encoding, rewrite_video

from ..films import remake

FAST = Encoding(preset="ultrafast")
DIGITAL_CAPTURE = "http://cv.iptc.org/newscodes/digitalsourcetype/digitalCapture"


@pytest.fixture(autouse=True)
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An authority of the test's own."""
    monkeypatch.setenv("TALKEDIT_AUTHORITY", str(tmp_path / "authority"))
    return authority_folder()


def sealed(editor: Editor, source: Path, out: Path, credentials: Credentials | None = None) -> Path | None:
    """The source, not edited but signed as if it were."""
    seal = Seal(credentials or Credentials(), source, out)
    seal.describe(editor.model, Timeline(yaw_deg="+8"), {})
    rewrite_video(source, out, lambda images: (None for _ in images), FAST, seal=seal.sign)
    return seal.write_sidecar()


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
def test_what_was_done_is_signed_and_a_changed_byte_is_noticed(
    editor: Editor, second: Path, tmp_path: Path, suffix: str
) -> None:
    out = tmp_path / f"out{suffix}"
    sidecar = sealed(editor, second, out)
    assert sidecar == (sidecar_of(out) if suffix == ".mkv" else None)
    found = inspect(out)
    assert found is not None
    assert (found.state, found.problems) == ("Trusted", [])
    assert found.edit["asked"] == {"yaw_deg": {"stretches": [{"value": "+8"}]}}
    assert found.edit["source"] == {"name": "second.mp4", "sha256": file_sha256(second)}
    assert dict(found.details())["actions"] == "c2pa.opened, c2pa.edited"
    content = bytearray(out.read_bytes())
    content[len(content) // 2] ^= 1
    out.write_bytes(content)
    changed = inspect(out)
    assert changed is not None
    assert changed.state == "Invalid"
    assert "has been changed since it was signed" in changed.verdict


def test_an_edit_is_signed_unless_told_not_to(editor: Editor, second: Path, tmp_path: Path) -> None:
    editor.edit(second, tmp_path / "signed.mp4", Timeline(yaw_deg="+4"), FAST)
    editor.edit(second, tmp_path / "plain.mp4", Timeline(yaw_deg="+4"), FAST, credentials=None)
    assert inspect(tmp_path / "signed.mp4") is not None
    assert inspect(tmp_path / "plain.mp4") is None


def test_what_told_of_an_earlier_output_goes_with_it(editor: Editor, second: Path, tmp_path: Path) -> None:
    """The report on out.mkv; that on out.mp4, which would have the same name, is another file's and stays."""
    out, folder = tmp_path / "out.mkv", tmp_path / "authority"
    write_report(editor.edit(second, out, Timeline(yaw_deg="+4"), FAST), editor)
    names = {path.name for path in tmp_path.iterdir() if path != folder}
    assert names == {"out.mkv", "out.mkv.c2pa", "out.report.json", "out.report.html"}
    report = (tmp_path / "out.report.json").read_text()
    editor.edit(second, out, Timeline(yaw_deg="+5"), FAST, credentials=None)
    assert {path.name for path in tmp_path.iterdir() if path != folder} == {"out.mkv"}
    assert inspect(out) is None
    for others in (report.replace("out.mkv", "out.mp4"), "[]", "no JSON"):
        (tmp_path / "out.report.json").write_text(others)
        editor.edit(second, out, Timeline(yaw_deg="+5"), FAST, credentials=None)
        assert (tmp_path / "out.report.json").read_text() == others


def test_the_authority_is_made_once_named_for_what_it_is_and_unknown_elsewhere(
    editor: Editor, second: Path, tmp_path: Path, authority: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = local_identity()
    assert local_identity() == first
    assert (authority / KEY_FILE).stat().st_mode & 0o077 == 0
    signer, issuer = x509.load_pem_x509_certificates((authority / CHAIN_FILE).read_bytes())
    signer.verify_directly_issued_by(issuer)
    assert "verified by nobody" in signer.subject.rfc4514_string()
    assert (authority / AUTHORITY_FILE).read_bytes() in first.chain
    sealed(editor, second, tmp_path / "out.mp4")
    monkeypatch.setenv("TALKEDIT_AUTHORITY", str(tmp_path / "another machine's"))
    found = inspect(tmp_path / "out.mp4")
    assert found is not None
    assert (found.state, found.problems) == ("Valid", [])


def test_a_folder_with_files_of_others_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "company.pem").write_text("theirs")
    (tmp_path / "footage").mkdir()
    monkeypatch.setenv("TALKEDIT_AUTHORITY", str(tmp_path))
    with pytest.raises(
        TalkeditError, match=r"has company\.pem in it, which is no certificate of talkedit's; set TALKEDIT"
    ):
        local_identity()
    assert {path.name for path in tmp_path.iterdir()} == {"company.pem", "footage"}


def test_a_certificate_of_ones_own_signs(editor: Editor, second: Path, tmp_path: Path, authority: Path) -> None:
    local_identity()
    own = Credentials(authority / CHAIN_FILE, authority / KEY_FILE)
    sealed(editor, second, tmp_path / "out.mp4", own)
    assert inspect(tmp_path / "out.mp4") is not None


def test_a_certificate_that_cannot_sign_is_said_before_any_work(editor: Editor, second: Path, tmp_path: Path) -> None:
    (tmp_path / "no.pem").write_text("no certificate")
    out = tmp_path / "out.mp4"
    for credentials, sentence in (
        (Credentials(tmp_path / "no.pem", tmp_path / "no.pem"), r"no\.pem: cannot sign \("),
        (Credentials(tmp_path / "none.pem", tmp_path / "no.pem"), r"none\.pem: cannot be read"),
        (Credentials(tmp_path / "no.pem"), "give both --certificate and --key"),
        (Credentials(algorithm="rot13"), "signing algorithm is 'rot13': give one of es256"),
    ):
        with pytest.raises(ParamsError, match=sentence):
            editor.edit(second, out, Timeline(yaw_deg=4), FAST, credentials)
    assert not out.exists()


SIGN = """
import sys
from pathlib import Path
from talkedit.bench.machine import peak_resident_mb
from talkedit.edit.provenance import Credentials, Seal
video = Path(sys.argv[1])
seal = Seal(Credentials(), Path(sys.argv[2]), video)
before_mb = peak_resident_mb()
seal.sign(video)
print(peak_resident_mb() - before_mb)
"""


def test_signing_takes_no_memory_for_the_film(second: Path, tmp_path: Path) -> None:
    video = tmp_path / "long.mp4"
    noise = "nullsrc=s=640x360:r=25:d=2,noise=alls=100:allf=t"
    encoding = ["-c:v", "libx264", "-preset", "ultrafast", "-qp", "0"]
    subprocess.run([ffmpeg_path(), "-loglevel", "error", "-f", "lavfi", "-i", noise, *encoding, video], check=True)
    done = subprocess.run([sys.executable, "-c", SIGN, video, second], capture_output=True, text=True, check=True)
    assert float(done.stdout) < video.stat().st_size / 1e6 * 0.6
    assert inspect(video) is not None


def test_a_file_without_credentials_and_one_that_is_not_there(second: Path, tmp_path: Path) -> None:
    assert inspect(second) is None
    with pytest.raises(MediaError, match="there is no such file"):
        inspect(tmp_path / "none.mp4")


def test_a_film_is_what_is_in_it_whatever_it_is_called(editor: Editor, second: Path, tmp_path: Path) -> None:
    """Matroska that is named .mp4 can be signed all the same, and a signed film that is named .mkv still says so."""
    named = remake(second, tmp_path / "matroska.mkv", codec=("-c", "copy")).rename(tmp_path / "named.mp4")
    sealed(editor, named, tmp_path / "out.mp4")
    shutil.copyfile(tmp_path / "out.mp4", tmp_path / "renamed.mkv")
    found = inspect(tmp_path / "renamed.mkv")
    assert found is not None
    assert found.state == "Trusted"
    assert dict(found.details())["from"] == "named.mp4"


def test_what_a_stranger_wrote_moves_no_cursor_and_breaks_nothing() -> None:
    signature = {"common_name": "me\x1b[2J\nsigned by: BBC"}
    makers = [{"name": "x\r\u202e", "version": "1"}]
    edits = [{"label": LABEL, "data": {"asked\n": "\x1b[31m"}}]
    manifest = {"signature_info": signature, "claim_generator_info": makers, "assertions": edits}
    details = Findings("Valid", manifest, []).details()
    assert all(text.isprintable() for pair in details for text in pair)
    assert details[0] == ("signed by", "me\\x1b[2J\\nsigned by: BBC")
    assert Findings("Valid", {"assertions": [{"label": LABEL, "data": ["x"]}]}, []).edit == {}


def test_a_source_that_only_ffmpeg_reads_is_named_in_credentials_all_the_same(
    editor: Editor, second: Path, tmp_path: Path
) -> None:
    source = tmp_path / "more.mp4"
    source.write_bytes(second.read_bytes() + b"\xff\xff\xff\xf0what a camera appends")
    sealed(editor, source, tmp_path / "out.mp4")
    found = inspect(tmp_path / "out.mp4")
    assert found is not None
    assert found.state == "Trusted"
    assert dict(found.details())["from"] == "more.mp4"
    assert found.edit["source"] == {"name": "more.mp4", "sha256": file_sha256(source)}


def test_nobody_is_asked_for_credentials_that_lie_elsewhere(editor: Editor, second: Path, tmp_path: Path) -> None:
    asked: list[str] = []

    class Stranger(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(404)
            self.end_headers()

    source, identity = tmp_path / "theirs.mp4", local_identity()
    signer = c2pa.Signer.from_info(C2paSignerInfo(b"es256", identity.chain, identity.key, None))
    created = {"action": "c2pa.created", "digitalSourceType": DIGITAL_CAPTURE}
    assertions = [{"label": "c2pa.actions", "data": {"actions": [created]}}]
    manifest = {"claim_generator_info": [{"name": "x"}], "format": "video/mp4", "assertions": assertions}
    with ThreadingHTTPServer(("127.0.0.1", 0), Stranger) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        with c2pa.Builder(json.dumps(manifest)) as builder, open(second, "rb") as film, open(source, "w+b") as target:
            builder.set_no_embed()
            builder.set_remote_url(f"http://127.0.0.1:{server.server_port}/secret.c2pa")
            builder.sign(signer, "video/mp4", film, target)
        with pytest.raises(MediaError, match="lie elsewhere and are not fetched"):
            inspect(source)
        sealed(editor, source, tmp_path / "out.mp4")
        server.shutdown()
    assert asked == []
    found = inspect(tmp_path / "out.mp4")
    assert found is not None
    assert found.state == "Trusted"
