"""Content credentials (C2PA): what was edited, with what, from which source, signed; in the video or beside it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import c2pa
from c2pa import C2paBuilderIntent, C2paSignerInfo

import talkedit
from talkedit.edit.authority import Identity, local_anchor, local_identity
from talkedit.edit.timeline import Timeline
from talkedit.errors import MediaError, ParamsError, TalkeditError
from talkedit.manifest import file_sha256, write_atomically
from talkedit.train.artifact import WEIGHTS_FILE, TrainedModel

FORMATS = {".mp4": "video/mp4", ".mov": "video/quicktime", ".mkv": "video/x-matroska"}
NOT_EMBEDDED = (".mkv",)  # C2PA has no place in Matroska
LABEL = "org.talkedit.edit"
COMPOSITE = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"
_OFFLINE = {"remote_manifest_fetch": False}  # whoever looks at a stranger's file tells the stranger nothing
ALGORITHMS = ("es256", "es384", "ps256", "ps384", "ed25519")


@dataclass(frozen=True)
class Credentials:
    """Who signs. Without a certificate, an authority of this machine's own.

    Attributes:
        certificate: PEM file, the signer's certificate first and then those above it.
        key: PEM file, the signer's private key.
        algorithm: Of `ALGORITHMS`, as the key has it.
    """

    certificate: Path | None = None
    key: Path | None = None
    algorithm: str = ALGORITHMS[0]

    def __post_init__(self) -> None:
        for name in ("certificate", "key"):
            path = getattr(self, name)
            object.__setattr__(self, name, path and Path(path))  # which may be given as words

    def identity(self) -> Identity:
        """Certificates and key.

        Raises:
            ParamsError: One of the files is missing or cannot be read, or the algorithm is not known.
            TalkeditError: This machine's own authority cannot be made.
        """
        if self.algorithm not in ALGORITHMS:
            raise ParamsError(f"signing algorithm is {self.algorithm!r}: give one of {', '.join(ALGORITHMS)}")
        if self.certificate is None and self.key is None:
            return local_identity()
        if self.certificate is None or self.key is None:
            raise ParamsError("to sign takes a certificate and its key; give both --certificate and --key, or neither")
        try:
            return Identity(self.certificate.read_bytes(), self.key.read_bytes())
        except OSError as error:
            raise ParamsError(f"{error.filename}: cannot be read ({error.strerror}); check the path") from error


class Seal:
    """Signs one output.

    Args:
        credentials: Who signs.
        source: What was edited.
        out: What the output will be called.

    Raises:
        ParamsError: The certificate or key cannot be used.
    """

    def __init__(self, credentials: Credentials, source: Path, out: Path) -> None:
        self._source, self._out = source, out
        self._format = FORMATS[out.suffix.lower()]
        self._manifest: dict[str, Any] = {}
        self._sidecar: bytes | None = None
        identity = credentials.identity()
        try:
            info = C2paSignerInfo(credentials.algorithm.encode(), identity.chain, identity.key, None)
            self._signer = c2pa.Signer.from_info(info)
        except (c2pa.C2paError, ValueError) as error:
            raise ParamsError(
                f"{credentials.certificate or 'the local certificate'}: cannot sign ({_words(error)}); it must be PEM, "
                f"issued by an authority for e-mail protection or document signing, and fit the key and "
                f"--signing-algorithm {credentials.algorithm}"
            ) from error

    def describe(self, model: TrainedModel, timeline: Timeline, others: Mapping[str, Path]) -> None:
        """Says what is done, before it is.

        Args:
            model: With what.
            timeline: What was asked for.
            others: Further inputs by their role, such as ``audio``.
        """
        edit = {
            "asked": timeline.said(),
            "source": _named(self._source),
            "model": {"person": str(model.card.get("person")), "sha256": file_sha256(model.folder / WEIGHTS_FILE)},
            **{role: _named(path) for role, path in others.items()},
        }
        version = talkedit.__version__
        action = {
            "action": "c2pa.edited",
            "softwareAgent": {"name": "talkedit", "version": version},
            "digitalSourceType": COMPOSITE,
            "description": "The head of the person was drawn again by a neural network.",
        }
        self._manifest = {
            "claim_generator_info": [{"name": "talkedit", "version": version}],
            "title": self._out.name,
            "format": self._format,
            "assertions": [
                {"label": "c2pa.actions", "data": {"actions": [action]}},
                {"label": LABEL, "data": edit},
            ],
        }

    def sign(self, video: Path) -> None:
        """Signs a complete file in its place; where it cannot hold the credentials they wait for `write_sidecar`.

        Raises:
            MediaError: It cannot be signed.
        """
        signed = video.with_name(f"{video.stem}.signed{video.suffix}")
        embedded = self._out.suffix.lower() not in NOT_EMBEDDED
        try:
            with self._builder() as builder, open(video, "rb") as unsigned, open(signed, "w+b") as target:
                if not embedded:
                    builder.set_no_embed()
                credentials = builder.sign(self._signer, self._format, unsigned, target)
            if embedded:
                signed.replace(video)
            else:
                self._sidecar = credentials
        except c2pa.C2paError as error:
            advice = "free some space, or add --no-provenance and label the video yourself"
            raise MediaError(self._out, f"cannot be signed ({_words(error)}); {advice}") from error
        finally:
            signed.unlink(missing_ok=True)

    def _builder(self) -> c2pa.Builder:
        kind, parent = _format_of(self._source), {"title": self._source.name, "relationship": "parentOf"}
        if kind in c2pa.Reader.get_supported_mime_types():
            builder = self._empty_builder({})
            try:
                with open(self._source, "rb") as stream:
                    builder.add_ingredient(json.dumps(parent), kind, stream)
            except c2pa.C2paError:  # ffmpeg reads what the library does not: a film cut off, or with more at its end
                builder.close()
            else:
                return builder
        return self._empty_builder({"ingredients": [parent | {"format": kind}]})

    def _empty_builder(self, ingredients: dict[str, Any]) -> c2pa.Builder:
        builder = c2pa.Builder(json.dumps(self._manifest | ingredients), _frugal())
        builder.set_intent(C2paBuilderIntent.EDIT)
        return builder

    def write_sidecar(self) -> Path | None:
        """Writes the credentials beside the output, if it does not hold them itself."""
        if self._sidecar is None:
            return None
        path = sidecar_of(self._out)
        write_atomically(path, self._sidecar)
        return path


@dataclass(frozen=True)
class Findings:
    """What a file's content credentials say.

    Attributes:
        state: ``Trusted`` (signed by this machine's own authority), ``Valid`` (intact; who signed is unknown here) or
            ``Invalid`` (changed since it was signed).
        manifest: The active manifest, as C2PA's JSON.
        problems: Codes of what failed.
    """

    state: str
    manifest: dict[str, Any]
    problems: list[str]

    @property
    def edit(self) -> dict[str, Any]:
        """What talkedit says it did; empty if it was not talkedit."""
        found = [each["data"] for each in self.manifest.get("assertions", []) if each["label"] == LABEL]
        return found[0] if found and isinstance(found[0], dict) else {}

    @property
    def verdict(self) -> str:
        """The state in a sentence."""
        if self.state == "Trusted":
            return "intact since it was signed by this machine's own authority, which nobody else vouches for"
        if self.state == "Valid":
            return "intact since it was signed; whether to trust the signer is for you to say"
        return f"has been changed since it was signed, or its credentials are damaged ({', '.join(self.problems)})"

    def details(self) -> list[tuple[str, str]]:
        """What is said, name by name; a stranger wrote it, so what would move a terminal's cursor is spelt out."""
        signature = self.manifest.get("signature_info", {})
        makers = [
            f"{each.get('name')} {each.get('version', '')}" for each in self.manifest.get("claim_generator_info", [])
        ]
        actions = [
            str(action.get("action", ""))
            for each in self.manifest.get("assertions", [])
            if each["label"].startswith("c2pa.actions")
            for action in each["data"].get("actions", [])
        ]
        said = [
            ("signed by", str(signature.get("common_name") or signature.get("issuer"))),
            ("made with", ", ".join(makers)),
        ]
        said += [("actions", ", ".join(actions))]
        said += [("from", str(each.get("title"))) for each in self.manifest.get("ingredients", [])]
        said += [(name, json.dumps(value)) for name, value in self.edit.items()]
        return [(_spelt(name), _spelt(value)) for name, value in said]


def inspect(video: Path) -> Findings | None:
    """Reads and checks a video's content credentials; None if it has none.

    Raises:
        MediaError: There is no such file, or what is in it cannot be read.
    """
    if not video.is_file():
        raise MediaError(video, "there is no such file; check the path")
    anchor, sidecar = local_anchor(), sidecar_of(video)
    trust = {"verify_trust": bool(anchor)}
    settings = {"verify": _OFFLINE | trust} | ({"trust": {"user_anchors": anchor}} if anchor else {})
    try:
        held = sidecar.read_bytes() if sidecar.is_file() else None
        context = c2pa.Context(settings=c2pa.Settings.from_dict(settings))
        with open(video, "rb") as stream:
            if held is None and _format_of(video) not in c2pa.Reader.get_supported_mime_types():
                return None
            reader = c2pa.Reader.try_create(_format_of(video), stream, held, context)
            if reader is None:
                return None
            results = (reader.get_validation_results() or {}).get("activeManifest", {})
            problems = [each["code"] for each in results.get("failure", [])]
            return Findings(str(reader.get_validation_state()), reader.get_active_manifest() or {}, problems)
    except c2pa.C2paError as error:
        words = _words(error)
        told = "lie elsewhere and are not fetched" if words.startswith("Remote") else "cannot be read"
        raise MediaError(video, f"its content credentials {told} ({words})") from error
    except OSError as error:
        raise TalkeditError(f"{error.filename}: cannot be read ({error.strerror})") from error


def _frugal() -> c2pa.Context:
    """Signs in memory that does not grow with the file: as it is, the library holds it twice.

    Copies in the making go to the disk, and the film is hashed in pieces (a Merkle tree) rather than as one. Matroska,
    which the library does not know, it still holds once.
    """
    core = {"backing_store_memory_threshold_in_mb": 8, "merkle_tree_chunk_size_in_kb": 1024}
    return c2pa.Context(settings=c2pa.Settings.from_dict({"core": core, "verify": _OFFLINE}))


def sidecar_of(video: Path) -> Path:
    """Where the credentials of a file that cannot hold them lie."""
    return video.with_name(f"{video.name}.c2pa")


def _named(path: Path) -> dict[str, str]:
    return {"name": path.name, "sha256": file_sha256(path)}


def _spelt(text: str) -> str:
    return "".join(character if character.isprintable() else repr(character)[1:-1] for character in text)


def _format_of(path: Path) -> str:
    """By a file's first bytes, since names say anything; by its name where these are not known."""
    with open(path, "rb") as file:
        first = file.read(12)
    if first[4:8] == b"ftyp":
        return FORMATS[".mov" if first[8:] == b"qt  " else ".mp4"]
    if first[:4] == b"RIFF" and first[8:] == b"AVI ":
        return "avi"
    if first[:4] == b"\x1aE\xdf\xa3":
        return FORMATS[".mkv"]
    suffix = path.suffix.lower().removeprefix(".")
    return suffix if suffix and f".{suffix}" not in FORMATS else "bin"


def _words(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
