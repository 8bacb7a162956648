"""From anything back to film bytes, rights and raters, and forward to what it touched: against a past that is known."""

import json
import shutil
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path

import pytest

from assets import impact as looking_ahead
from assets import lineage_targets
from assets.ancestry import EVERYTHING, FILM_LINKS
from assets.chain import STAGES
from assets.history import BEFORE_PARTS, HISTORY_PART, History
from assets.impact import Impact, read_impact
from assets.lineage import NOT_KNOWN, Graph, Kind, Node
from assets.lineage_targets import read_lineage
from assets.workspace import Workspace
from corpus.paths import content_version, file_digest, write_json
from corpus.terms import FeelmError
from ml.models import registry
from tests.assets.told_home import FEATURES, FILMS, another, deliver_judgements, pseudonym


def behind(workspace: Workspace, what: str) -> Graph:
    return read_lineage(workspace.home, what).graph


def impact(workspace: Workspace, what: str) -> Impact:
    return read_impact(workspace.home, what)


def named(graph: Graph, name: str) -> list[Node]:
    return [node for node in graph.nodes.values() if node.name == name]


def upstream(graph: Graph, node_id: str) -> set[str]:
    return {edge.upstream for edge in graph.edges.values() if edge.downstream == node_id}


def films_of(graph: Graph) -> set[str]:
    """The films whose features are in a lineage."""
    return {node.key for node in graph.nodes.values() if node.name in FEATURES}


def test_the_model_in_use_is_followed_link_by_link_to_the_raters_file(told: Workspace) -> None:
    graph, home = behind(told, "model:champion"), told.home
    versions = {name: content_version(home.artifact(name)) for name in ("emotion_model", "training_set", "gold_labels", "annotations")}
    path = ["model:2", *(f"{name}@{version}" for name, version in versions.items())]
    path.append(f"annotation_decisions/first@{content_version(home.data / 'annotation_decisions' / 'first')}")
    path.append(f"annotation_batches/first@{content_version(home.batch('first'))}")
    path.append(f"delivery/first@{file_digest(home.inbox / 'first.csv', 'md5')}")
    for later, earlier in pairwise(path):
        assert earlier in upstream(graph, later), (earlier, later)
    raters = {edge.upstream: edge.note for edge in graph.edges.values() if edge.downstream == path[-1]}
    assert raters == {f"annotator:{pseudonym(told, name)}": "16 judgements" for name in ("ana", "ben", "cai")}


def test_each_link_tells_the_code_that_made_it(told: Workspace) -> None:
    graph = behind(told, "model:champion")
    made = [node for node in graph.nodes.values() if node.kind is Kind.ARTIFACT and node.name in STAGES and NOT_KNOWN not in node.facts]
    assert {node.name for node in made} >= {"film", "scenes", *FEATURES, "annotations", "gold_labels", "training_set", "emotion_model"}
    assert all(node.facts["code"] == STAGES[node.name].code_version for node in made)


def test_a_feature_is_followed_to_the_films_bytes_its_source_and_its_rights(told: Workspace) -> None:
    graph, video = behind(told, "film:film-00"), told.home.made_films / "film-00.mp4"
    source = f"source/film-00/video@{file_digest(video, 'md5')}"
    film = f"film/film-00@{content_version(told.home.artifact('film', 'film-00'))}"
    assert graph.nodes[source].facts == {"sha256": file_digest(video), "bytes": "19", "path": str(video)}
    assert source in upstream(graph, film)
    facts = graph.nodes[film].facts
    assert (facts["title"], facts["rights"], facts["rights_ref"]) == ("Film-00", "cc0", "contract 7 on film-00")


def test_a_model_tells_its_registration_and_the_revision_of_its_data(told: Workspace) -> None:
    facts = behind(told, "model:1").nodes["model:1"].facts
    record = registry.records(told.home)[0]
    assert facts["MLflow run"] == record.registered.run_id
    assert facts["DVC revision"] == "r"
    assert facts["promoted"] == record.promoted_at


def test_an_older_model_keeps_the_films_and_rights_of_its_time(told: Workspace) -> None:
    assert films_of(behind(told, "model:2")) == {"film-00"}
    first = behind(told, "model:1")
    assert films_of(first) == {"film-00", "film-01"}
    then = [node for node in first.nodes.values() if node.name == "film" and node.key == "film-01" and node.version]
    assert [node.facts["rights"] for node in then] == ["cc0"], "today they are unknown"


def test_what_has_no_stamp_is_said_to_be_unknown(told: Workspace, tmp_path: Path) -> None:
    copy = another(told, tmp_path)
    copy.home.stamp("annotations").unlink()
    for record in registry.records(copy.home):
        shutil.rmtree(registry.version_folder(copy.home, record.registered) / HISTORY_PART)
    graph = behind(copy, "model:champion")
    (annotations,) = named(graph, "annotations")
    assert "no stamp" in annotations.facts[NOT_KNOWN]
    assert upstream(graph, annotations.id) == set()
    assert not named(graph, "annotator")


def test_a_version_without_a_history_rests_on_what_its_card_names(told: Workspace, tmp_path: Path) -> None:
    copy = another(told, tmp_path)
    record = registry.records(copy.home)[0]
    shutil.rmtree(registry.version_folder(copy.home, record.registered) / HISTORY_PART)
    graph = behind(copy, "model:1")
    (training_set,) = named(graph, "training_set")
    assert "not kept" in training_set.facts[NOT_KNOWN]
    assert upstream(graph, training_set.id) == {"film:film-00", "corpus:meld"}, "the grounds of its card"


def learned(found: Impact) -> dict[int, tuple[bool | None, int | None]]:
    return {model.version: (model.learned, model.n_units) for model in found.models}


def test_withdrawing_a_film_names_the_models_that_learned_from_it(told: Workspace) -> None:
    found = impact(told, "film:film-01")
    assert learned(found) == {1: (True, 8), 2: (False, 0)}
    assert "8 of its 16 units" in found.models[0].why
    assert "not trained on" in found.models[1].why
    assert Path(found.models[0].report or "").is_file() and found.models[1].report is None


def test_withdrawing_a_film_of_the_model_in_use_touches_the_predictions_of_every_film(told: Workspace) -> None:
    assert learned(impact(told, "film:film-00")) == {1: (True, 8), 2: (True, 8)}
    assert [one.film_id for one in impact(told, "film:film-00").predictions] == list(FILMS)
    assert [one.film_id for one in impact(told, "film:film-02").predictions] == ["film-02"]


def test_a_film_touches_its_own_gold_and_what_is_made_of_it(told: Workspace) -> None:
    found = impact(told, "film:film-01")
    assert found.gold_units == [f"film-01.u{i:05d}" for i in range(8)]
    assert found.artifacts["text_features"] == 1
    assert found.artifacts["gold_labels"] == 1


def test_a_raters_votes_taught_exactly_the_models_that_used_them(told: Workspace) -> None:
    ana, dora = impact(told, f"annotator:{pseudonym(told, 'ana')}"), impact(told, f"annotator:{pseudonym(told, 'dora')}")
    assert learned(ana) == {1: (True, 16), 2: (True, 8)}
    assert learned(dora) == {1: (False, 0), 2: (False, 0)}, "her film was never taken"
    assert dora.gold_units == [f"film-02.u{i:05d}" for i in range(8)]


def test_a_batch_and_its_file_touched_the_same(told: Workspace) -> None:
    batch, file = impact(told, "batch:first"), impact(told, f"file:{told.home.inbox / 'first.csv'}")
    assert learned(batch) == learned(file) == {1: (True, 16), 2: (True, 8)}
    assert batch.gold_units == file.gold_units == [f"{film}.u{i:05d}" for film in FILMS[:2] for i in range(8)]


def test_whose_votes_taught_an_older_model_is_unknown_where_it_was_not_kept(told: Workspace, tmp_path: Path) -> None:
    copy = another(told, tmp_path)
    shutil.rmtree(registry.version_folder(copy.home, registry.records(copy.home)[0].registered) / HISTORY_PART)
    assert learned(impact(copy, f"annotator:{pseudonym(copy, 'ana')}")) == {1: (None, None), 2: (True, 8)}
    assert learned(impact(copy, "film:film-00"))[1] == (True, None), "its card names the film"


def test_a_refused_delivery_is_not_what_is_in_use(told: Workspace, tmp_path: Path) -> None:
    copy = another(told, tmp_path)
    before = behind(copy, "model:champion")
    deliver_judgements(copy, "second.csv", ("dora", "evil"), ("film-02",), emotion="anger")
    path = copy.home.data / "annotation_decisions" / "second" / "decision.json"
    assert json.loads(path.read_text())["accepted"] is True, "a replaced file is a new delivery"
    after = behind(copy, "model:champion")
    evil = f"annotator:{pseudonym(copy, 'evil')}"
    assert evil not in before.nodes and evil not in after.nodes, "the gold in use was made before it came"
    assert learned(impact(copy, f"annotator:{pseudonym(copy, 'evil')}")) == {1: (False, 0), 2: (False, 0)}


def test_a_prediction_is_followed_to_its_line_its_votes_and_its_model(told: Workspace) -> None:
    graph = behind(told, "prediction:film-00.u00003")
    facts = graph.nodes["prediction:film-00.u00003"].facts
    assert facts["says"] == "joy, probability 0.40"
    assert facts["by"] == "networks of fold 1, which never saw this film"
    assert facts["line"].startswith("<i>") and facts["screenplay line"] == "13"
    assert facts["time"] == "6000 to 7500 ms"
    assert set(facts["votes (weight)"].split(", ")) == {f"{pseudonym(told, name)} fear (1.00)" for name in ("ana", "ben", "cai")}
    assert "model:2" in graph.nodes and "model:1" not in graph.nodes


def test_a_file_is_known_by_where_it_lies(told: Workspace) -> None:
    home = told.home
    record = registry.records(home)[0].registered
    for path, expected in [
        (home.artifact("gold_labels") / "votes.parquet", "gold_labels"),
        (home.artifact("text_features", "film-00") / "features.parquet", "text_features"),
        (home.made_films / "film-01.srt", "subtitles"),
        (home.inbox / "first.csv", "file"),
        (registry.version_folder(home, record) / "model" / "weights.safetensors", "model"),
    ]:
        found = read_lineage(home, f"file:{path}")
        assert [found.graph.nodes[root].name for root in found.roots] == [expected], path


def test_an_altered_artifact_is_told(told: Workspace, tmp_path: Path) -> None:
    copy = another(told, tmp_path)
    votes = copy.home.artifact("gold_labels") / "votes.parquet"
    votes.write_bytes(votes.read_bytes() + b"x")
    assert "altered" in read_lineage(copy.home, f"file:{votes}").notes[0]


def refusal(workspace: Workspace, what: str) -> str:
    with pytest.raises(FeelmError) as refused:
        read_lineage(workspace.home, what)
    return str(refused.value)


def test_what_is_not_known_is_refused_with_what_there_is(told: Workspace) -> None:
    assert "model:champion" in refusal(told, "champion")
    assert "there are 1, 2" in refusal(told, "model:7")
    assert "feelm films list" in refusal(told, "film:nowhere")
    assert pseudonym(told, "ana") in refusal(told, "annotator:ana"), "by pseudonym, never by name"
    assert "first, second" in refusal(told, "batch:third")
    assert "no file of" in refusal(told, "file:/etc/hostname")
    assert "nothing is predicted" in refusal(told, "prediction:film-00.u99999")


def test_a_film_that_left_the_catalogue_is_still_known(told: Workspace, tmp_path: Path) -> None:
    from corpus.films.catalogue.store import read_catalogue, write_catalogue

    copy = another(told, tmp_path)
    write_catalogue(copy.home.catalogue, [film for film in read_catalogue(copy.home.catalogue) if film.film_id != "film-01"])
    shutil.rmtree(copy.home.artifact("film", "film-01"))
    copy.refresh()
    assert learned(impact(copy, "film:film-01"))[1] == (True, 8)
    assert behind(copy, "model:1").nodes["film:film-01"].facts["today"] == "no longer in the catalogue"


@pytest.mark.parametrize("name", ["film:film-00", "film:film-02", "annotator:ana", "batch:first", "model:1"])
def test_a_question_that_is_not_about_all_films_reads_no_others_and_is_answered_the_same(
    told: Workspace, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    what = f"annotator:{pseudonym(told, 'ana')}" if name == "annotator:ana" else name
    asked = lineage_targets.ask(told.home, what, lineage_targets.part_ahead(what))
    of_films = {(stamp.stage, stamp.key) for stamp in asked.known.present.stamps if stamp.stage in FILM_LINKS}
    assert {key for link, key in of_films if link != "film_report"} <= {what.removeprefix("film:")}
    lineage, ahead = behind(told, what), impact(told, what)
    monkeypatch.setattr(lineage_targets, "_part_behind", lambda _: EVERYTHING)
    monkeypatch.setattr(looking_ahead, "part_ahead", lambda _: EVERYTHING)
    whole = behind(told, what)
    assert lineage.nodes == whole.nodes and lineage.edges.keys() == whole.edges.keys()
    assert ahead == impact(told, what)


def test_a_history_that_stands_in_one_file_is_read_as_it_was(told: Workspace, tmp_path: Path) -> None:
    copy = another(told, tmp_path)
    folder = registry.version_folder(copy.home, registry.records(copy.home)[0].registered)
    parted, answer = History.read(folder), impact(copy, "film:film-00")
    assert parted is not None and parted.films and parted.stamps and parted.learned is not None
    write_json(folder / BEFORE_PARTS, asdict(parted))
    shutil.rmtree(folder / HISTORY_PART)
    assert History.read(folder) == parted
    assert impact(copy, "film:film-00") == answer
