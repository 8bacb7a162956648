"""The bundle holds what a home has, tells what it lacks, and its manifest vouches for it."""

import json

import pytest

from corpus.paths import Home, file_digest, write_json
from ml.evaluation.findings import Interval
from ml.evaluation.report import CorpusReport, SystemScore, ValidationReport
from service.safety import compliance
from service.safety.compliance import Route, build_compliance
from service.safety.disclosure import DisclosureLog, disclosure
from service.safety.distress.rules import all_rules
from service.safety.escalation import SECRET, WEBHOOK, Escalation, Queue


def score(system: str, kind: str, value: float) -> SystemScore:
    same = Interval(value)
    return SystemScore(system, kind, 10, same, same, same, value, None, None, {"film-a": value, "film-b": value / 2}, {}, {}, {}, [])


@pytest.fixture
def lived(tmp_path) -> Home:
    """A home with cards, a report, an escalation and people who were told."""
    home = Home(tmp_path / "home")
    for name in ("model_card", "dataset_card"):
        home.artifact(name).mkdir(parents=True)
        (home.artifact(name) / "README.md").write_text(f"# {name}\n")
        (home.artifact(name) / "card.html").write_text(f"<h1>{name}</h1>")
    scores = [score("fused", "fused", 0.6), score("human", "human", 0.8)]
    corpus = CorpusReport("films", 2, 10, 10, scores, [], [], groups_withheld={"genre: noir": 3})
    ValidationReport("v1", {"films": "research"}, [corpus], None, [], {}, []).write(home.artifact("validation_report") / "report.json")
    Queue(home, None).add(Escalation.new("support", "c-1", "why", ["evidence of c-1"], "route"))
    DisclosureLog(home).add("c-1", "support", disclosure(["chatbot", "text"], "de"))
    return home


def read(folder, name):
    return json.loads((folder / name).read_text(encoding="utf-8"))


def test_the_bundle_of_a_home(lived, tmp_path):
    out = tmp_path / "bundle"
    bundle = build_compliance(lived, out, {}, [Route("support", "people", "A person takes over.")])
    assert bundle.lacking == ()
    (corpus,) = read(out, "scores.json")["corpora"]
    assert corpus["by_film"] == {"film-a": 0.6, "film-b": 0.3} and corpus["human_ceiling"] == 0.8
    assert corpus["groups_withheld"] == {"genre: noir": 3}
    assert len(read(out, "uses.json")["profiles"]) == 168 and "Not legal advice" in read(out, "uses.json")["notice"]
    assert read(out, "escalations.json")["counts"]["waiting"] == 1 and WEBHOOK in read(out, "escalations.json")["faults"][0]
    assert read(out, "disclosure_log.json")["by_language"] == {"de": 1}
    assert read(out, "oversight.json") == [{"domain": "support", "queue": "people", "told": "A person takes over."}]
    assert set(read(out, "distress.json")["rules"]) == {rules.language for rules in all_rules()}
    assert (out / "model_card.html").read_text() == "<h1>model_card</h1>"
    everything = "".join(path.read_text(encoding="utf-8") for path in out.iterdir())
    assert "c-1" not in everything, "no conversation is named"


def test_the_manifest_and_the_index_vouch_for_every_file(lived, tmp_path):
    out = tmp_path / "bundle"
    bundle = build_compliance(lived, out, {})
    manifest = read(out, "manifest.json")
    assert set(manifest) == {path.name for path in out.iterdir()} - {"manifest.json"}
    assert all(file_digest(out / name) == digest for name, digest in manifest.items())
    index = (out / "index.md").read_text(encoding="utf-8")
    page = (out / "index.html").read_text(encoding="utf-8")
    for piece in bundle.pieces:
        if piece.lacking is None:
            assert manifest[piece.name] in index and manifest[piece.name] in page


def test_an_empty_home_gives_a_bundle_that_says_what_lacks(tmp_path):
    bundle = build_compliance(Home(tmp_path / "home"), tmp_path / "bundle", {})
    assert {piece.name for piece in bundle.lacking} == {"model_card.md", "dataset_card.md", "scores.json", "oversight.json"}
    assert "feelm run" in (tmp_path / "bundle" / "index.md").read_text()


def test_measured_recall_is_shown_and_a_change_of_rules_since_is_told(lived, tmp_path, monkeypatch):
    measured = tmp_path / "measured.json"
    monkeypatch.setattr(compliance, "MEASURED", measured)
    now = {rules.language: rules.digest for rules in all_rules()}
    write_json(measured, {"rules_sha256": now, "files": {"a": {"recall": 0.99}}})
    build_compliance(lived, tmp_path / "one", {})
    held = read(tmp_path / "one", "distress.json")
    assert held["measured"]["files"]["a"]["recall"] == 0.99 and held["measured_before_a_change"] is False
    write_json(measured, {"rules_sha256": {**now, "en": "other"}, "files": {}})
    build_compliance(lived, tmp_path / "two", {})
    assert read(tmp_path / "two", "distress.json")["measured_before_a_change"] is True


def test_the_rules_that_stand_here_are_those_that_were_measured_and_find_98_of_100_dangerous_turns():
    measured = json.loads(compliance.MEASURED.read_text(encoding="utf-8"))
    now = {rules.language: rules.digest for rules in all_rules()}
    assert measured["rules_sha256"] == now, "rules were changed: `python -m benchmarks.distress` measures them again"
    found = measured["files"]["distress-test.jsonl"]
    assert found["dangerous"] >= 500 and found["recall_at_least"] >= 0.98
    for stratum in ("typos", "multilingual", "quoted_line"):
        held = found["strata"][stratum]
        assert held["found"] / held["cases"] >= 0.95, stratum


def test_writing_again_replaces_the_whole(lived, tmp_path):
    out = tmp_path / "bundle"
    build_compliance(lived, out, {})
    (out / "stray.txt").write_text("x")
    build_compliance(lived, out, {WEBHOOK: "https://example.org/", SECRET: "0123456789abcdef"})
    assert not (out / "stray.txt").exists() and read(out, "escalations.json")["target_set"] is True
    assert "0123456789abcdef" not in "".join(path.read_text(encoding="utf-8") for path in out.iterdir())
