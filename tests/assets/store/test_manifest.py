"""What a manifest says of a folder, and which manifests are believed."""

import json
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.store.manifest import Manifest, ManifestError
from corpus.paths import content_version

NAMES = st.text(st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="/\\"), min_size=1, max_size=20).filter(
    lambda name: name not in (".", "..") and len(name.encode()) < 200
)


@given(st.dictionaries(st.tuples(st.sampled_from(["", "thumbs/", "a/b/"]), NAMES).map("".join), st.binary(max_size=200), max_size=6))
def test_any_folder_comes_back_from_its_manifest_with_the_version_that_dvc_and_dagster_know(files: dict[str, bytes]) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for place, content in files.items():
            if (folder / place).is_dir() or any(parent.is_file() for parent in (folder / place).parents):
                continue
            (folder / place).parent.mkdir(parents=True, exist_ok=True)
            (folder / place).write_bytes(content)
        manifest = Manifest.of_folder("faces/film-1", folder)
        assert Manifest.from_bytes(manifest.to_bytes()) == manifest
        assert manifest.version == content_version(folder)
        assert manifest.size_bytes == sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def listed(folder: Path) -> dict[str, object]:
    (folder / "sound.flac").write_bytes(b"sound")
    told: dict[str, object] = json.loads(Manifest.of_folder("soundtrack/film-1", folder).to_bytes())
    return told


@pytest.mark.parametrize("name", ["../films.yaml", "/etc/passwd", "a/../../b", "./sound.flac"])
def test_a_manifest_that_names_a_file_outside_of_its_folder_is_refused(tmp_path: Path, name: str) -> None:
    told = listed(tmp_path)
    told["files"][0]["name"] = name  # type: ignore[index]
    told["version"] = Manifest("x", ()).version
    with pytest.raises(ManifestError):
        Manifest.from_bytes(json.dumps(told).encode())


def test_a_manifest_whose_version_does_not_follow_from_its_files_is_refused(tmp_path: Path) -> None:
    told = listed(tmp_path)
    told["files"][0]["md5"] = "0" * 32  # type: ignore[index]
    with pytest.raises(ManifestError, match="soundtrack/film-1 in the store was altered"):
        Manifest.from_bytes(json.dumps(told).encode())


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"artifact": "a", "files": [{"name": "b"}], "version": "c"}', b"\xff"])
def test_what_is_no_manifest_is_refused(content: bytes) -> None:
    with pytest.raises(ManifestError, match="cannot be read"):
        Manifest.from_bytes(content)
