"""The observers' files of Forrest Gump: every row accounted for, and agreement as an independent computation has it."""

import csv
import io
from collections import Counter
from itertools import pairwise
from pathlib import Path

import krippendorff
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpus.annotations.batches import Batch, tables_of
from corpus.annotations.courses import presence_by_scene, read_scenes, value_course
from corpus.annotations.importers.reading import Told
from corpus.annotations.importers.studyforrest import HEADER, IMPORTER
from corpus.annotations.judgements import Delivery
from corpus.annotations.pseudonyms import Pseudonyms
from corpus.annotations.vocabulary import SCHEMES, canonical

HEAD = ",".join(HEADER)
ROW = "192.0,260.5,FORREST,LOW,POS,SELF,HAPPINESS,VERBAL,EMOFADED"
FILM = Told(film_id="forrest-gump")
FILM_MS = 7_090_000


@pytest.fixture
def read(tmp_path: Path):
    def read_text(*rows: str, name: str = "av1o01.csv", told: Told = FILM) -> Delivery:
        return IMPORTER.read({name: "\r\n".join([HEAD, *rows]).encode()}, Pseudonyms(tmp_path / "a.json"), told)

    return read_text


def accounted(delivery: Delivery) -> bool:
    repeated = sum("counted once" in repair.reason for repair in delivery.repairs)
    return delivery.rows_read == len(delivery.judgements) + len(delivery.refusals) + repeated


def test_a_row_is_one_judgement_with_all_that_it_says(read, tmp_path: Path):
    delivery = read(ROW)
    judgement = delivery.judgements[0]
    assert (judgement.start_ms, judgement.end_ms, judgement.character_id) == (192_000, 260_500, "FORREST")
    assert (judgement.emotion, judgement.scheme, judgement.direction) == ("HAPPINESS", "labs", "self")
    assert judgement.values == {"arousal": -0.5, "valence": 0.5}
    assert (judgement.cues, judgement.modality_seen) == (("verbal",), "av")
    assert judgement.note == "arousal LOW, valence POS, off EMOFADED"
    assert judgement.annotator_id == Pseudonyms(tmp_path / "b.json").of("av1o01")


def test_a_listener_without_the_picture_is_told_by_the_files_name(read):
    assert read(ROW, name="raw/ao1o03.csv").judgements[0].modality_seen == "a"


def test_several_words_of_a_cell_are_judgements_of_one_group_in_their_order(read):
    delivery = read(ROW.replace("HAPPINESS", "LOVE HAPPINESS"))
    rows = tables_of(delivery, "b").annotations
    assert [(judgement.emotion, judgement.rank) for judgement in delivery.judgements] == [("LOVE", 1), ("HAPPINESS", 2)]
    assert rows["group_id"].nunique() == 1
    assert rows["dimension"].value_counts().to_dict() == {"category": 2, "arousal": 1, "valence": 1}
    assert delivery.rows_read == 2


def test_mixed_emotions_of_one_span_and_person_survive_with_their_own_valence(read):
    delivery = read(ROW, ROW.replace("LOW,POS,SELF,HAPPINESS", "LOW,NEG,OTHER,SADNESS"))
    batch = tables_of(delivery, "b")
    assert [(j.emotion, j.rank, j.values["valence"], j.direction) for j in delivery.judgements] == [
        ("HAPPINESS", 1, 0.5, "self"),
        ("SADNESS", 2, -0.5, "other"),
    ]
    assert batch.refusals == ()
    assert sorted(batch.annotations.loc[batch.annotations["dimension"] == "valence", "value"]) == [-0.5, 0.5]


def test_a_repeated_row_is_counted_once_and_its_cues_are_kept(read):
    delivery = read(ROW, ROW, ROW.replace("VERBAL", "FACE AUDIO"))
    assert [(repair.ref, repair.reason) for repair in delivery.repairs[:2]] == [
        ("line 3", "repeats line 2: counted once"),
        ("line 4", "repeats line 2 with other cues, which are kept: counted once"),
    ]
    assert delivery.judgements[0].cues == ("face", "verbal")
    assert accounted(delivery)


def test_cue_words_without_a_place_stay_in_the_note_and_are_counted(read):
    delivery = read(ROW.replace("VERBAL", "AUDIO NARRATOR"), ROW.replace("192.0", "193").replace("VERBAL", "AUDIO"))
    assert delivery.judgements[0].cues == ("narrator",)
    assert delivery.judgements[0].note == "arousal LOW, valence POS, on AUDIO, off EMOFADED"
    assert delivery.repairs[-1].ref == "cues"
    assert delivery.repairs[-1].reason.endswith("AUDIO (2), EMOFADED (2)")


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (ROW.replace("LOW", "MIDDLE"), "arousal 'MIDDLE' is none of LOW, HIGH"),
        (ROW.replace("POS", ""), "valence '' is none of NEG, POS"),
        (ROW.replace("SELF", "self"), "direction 'self' is none of SELF, OTHER"),
        (ROW.replace("192.0", "1e3"), "start '1e3' is no time in seconds"),
        (ROW.replace("192.0", "-1"), "start '-1' is no time in seconds"),
        (ROW.replace("192.0", "300"), "it ends at 260.5 s, and starts at 300 s"),
        (ROW + ",", "10 cells where the first line has 9"),
        (ROW.replace("FORREST", "F" * 2000), "more than 2000 characters"),
    ],
)
def test_a_row_that_cannot_be_read_is_refused_by_line_and_the_others_go_on(read, row: str, reason: str):
    delivery = read(row, ROW)
    assert [(refusal.ref, reason in refusal.reason) for refusal in delivery.refusals] == [("line 2", True)]
    assert len(delivery.judgements) == 1
    assert accounted(delivery)


def test_facts_that_the_file_lacks_are_asked_for(read):
    assert "say which with --film" in str(read(ROW, told=Told()).fault)
    assert "say who judged with --annotator" in str(read(ROW, name="mine.csv").fault)
    told = read(ROW, name="mine.csv", told=Told(film_id="forrest-gump", annotator="Anna", modality_seen="v"))
    assert told.judgements[0].modality_seen == "v"


def test_only_files_with_this_header_are_recognised():
    assert IMPORTER.recognises({"a.csv": f"\ufeff{HEAD}\r\n{ROW}".encode()})
    assert not IMPORTER.recognises({"a.csv": HEAD.encode(), "b.csv": b"start,end\n"})


def test_the_scheme_maps_only_words_of_the_same_emotion():
    labs = SCHEMES["labs"]
    assert len(labs.emotions) + len(labs.without_place) == 22
    assert {
        word: canonical(word, "labs").emotion for word in ("HAPPINESS", "ANGERRAGE", "FEAR", "SADNESS", "HAPPYFOR", "FEARSCONFIRMED")
    } == {
        "HAPPINESS": "joy",
        "ANGERRAGE": "anger",
        "FEAR": "fear",
        "SADNESS": "sadness",
        "HAPPYFOR": None,
        "FEARSCONFIRMED": None,
    }


LINES = (ROW, ROW.replace("POS", "NEG"), ROW.replace("HAPPINESS", ""), ROW.replace("HAPPINESS", "LOVE FEAR"), "1,2", "")


@given(st.binary(max_size=300) | st.text(max_size=300).map(str.encode) | st.lists(st.sampled_from(LINES)).map("\n".join).map(str.encode))
def test_no_content_raises_and_all_is_accounted_for(tmp_path_factory: pytest.TempPathFactory, content: bytes):
    names = Pseudonyms(tmp_path_factory.getbasetemp() / "any.json")
    delivery = IMPORTER.read({"av1o01.csv": f"{HEAD}\n".encode() + content}, names, FILM)
    assert delivery.fault is not None or accounted(delivery)


# --- the real files -------------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def raw(shared_data: Path) -> dict[str, list[dict[str, str]]]:
    """Rows of each observer's file as the csv module alone reads them."""
    paths = sorted((shared_data / "studyforrest" / "raw").glob("*.csv"))
    return {path.name: list(csv.DictReader(io.StringIO(path.read_text()))) for path in paths}


@pytest.fixture(scope="session")
def film(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Delivery, Batch]:
    files = {path.name: path.read_bytes() for path in sorted((shared_data / "studyforrest" / "raw").glob("*.csv"))}
    assert IMPORTER.recognises(files)
    delivery = IMPORTER.read(files, Pseudonyms(tmp_path_factory.getbasetemp() / "film.json"), FILM)
    return delivery, tables_of(delivery, "film")


def test_every_row_of_the_film_is_accounted_for(film: tuple[Delivery, Batch], raw: dict[str, list[dict[str, str]]]):
    delivery, batch = film
    rows = [(name, *row.values()) for name, rows in raw.items() for row in rows]
    said = {row[:8] for row in rows}
    repeated = [repair for repair in delivery.repairs if "counted once" in repair.reason]
    assert (delivery.fault, delivery.refusals, batch.refusals) == (None, (), ())
    assert accounted(delivery)
    assert len(repeated) == len(rows) - len(said)
    assert len({judgement.source_ref for judgement in delivery.judgements}) == len(said)
    assert len(delivery.judgements) == sum(max(1, len(row[7].split())) for row in said)
    assert sum("with other cues" not in repair.reason for repair in repeated) >= len(rows) - len(set(rows))


def test_overlapping_emotions_characters_cues_and_directions_are_those_of_the_files(
    film: tuple[Delivery, Batch], raw: dict[str, list[dict[str, str]]]
):
    _, batch = film
    table = batch.annotations
    rows = {(name, *row.values()) for name, rows in raw.items() for row in rows}
    category, valence = table[table["dimension"] == "category"], table[table["dimension"] == "valence"]
    assert Counter(category["label_raw"]) == Counter(word for row in {row[:8] for row in rows} for word in row[7].split())
    said = {row[:8] for row in rows}
    assert Counter(valence["character_id"]) == Counter(row[3] for row in said)
    assert Counter(valence["direction"]) == Counter(row[6].lower() for row in said)
    assert Counter(valence["value"]) == Counter({"POS": 0.5, "NEG": -0.5}[row[5]] for row in said)
    for word in ("FACE", "VERBAL", "GESTURE", "CONTEXT", "NARRATOR"):
        assert valence["cues"].fillna("").str.split(",").map(lambda cues, word=word: word.lower() in cues).sum() == len(
            {row[:8] for row in rows if word in row[8].split()}
        )
    own = category[(category["character_id"] == "FORREST") & (category["start_ms"] == 2_033_000) & (category["end_ms"] == 2_036_000)]
    assert sorted(own["label_raw"]) == ["ANGERRAGE", "CONTEMPT", "FEAR", "LOVE"]


@pytest.mark.parametrize(("word", "label", "rounded"), [("ANGERRAGE", "anger", 0.63), ("FEAR", "fear", 0.55), ("SADNESS", "sadness", 0.47)])
def test_presence_by_scene_agrees_as_the_reference_package_says(
    film: tuple[Delivery, Batch], raw: dict[str, list[dict[str, str]]], shared_data: Path, word: str, label: str, rounded: float
):
    table = film[1].annotations
    scenes = read_scenes((shared_data / "studyforrest" / "movie_scenes.csv").read_text(), FILM_MS)
    seen = table[table["modality_seen"] == "av"]
    alpha = presence_by_scene(seen, label, scenes).nominal_alpha()
    starts = [start / 1000 for start, _ in scenes] + [FILM_MS / 1000]
    matrix = [
        [
            any(word in row["emotion"].split() and float(row["start"]) < end and start < float(row["end"]) for row in rows)
            for start, end in pairwise(starts)
        ]
        for name, rows in raw.items()
        if name.startswith("av")
    ]
    expected = krippendorff.alpha(reliability_data=np.array(matrix, dtype=float), level_of_measurement="nominal")
    assert alpha == pytest.approx(expected, abs=0.01)
    assert alpha == pytest.approx(rounded, abs=0.005)


def test_valence_by_second_agrees_as_the_reference_package_says(film: tuple[Delivery, Batch], raw: dict[str, list[dict[str, str]]]):
    table = film[1].annotations
    alpha = value_course(table[table["modality_seen"] == "av"], "valence", FILM_MS).interval_alpha()
    matrix = np.full((6, FILM_MS // 1000), np.nan)
    for rater, rows in enumerate(rows for name, rows in raw.items() if name.startswith("av")):
        frame = pd.DataFrame(rows).drop(columns=["oncue", "offcue"]).drop_duplicates()
        value = frame["valence"].map({"POS": 0.5, "NEG": -0.5}).to_numpy()
        start, end = (frame[side].astype(float).to_numpy() for side in ("start", "end"))
        given = [value[(start <= second) & (second < end)] for second in range(matrix.shape[1])]
        matrix[rater] = [at.mean() if len(at) else np.nan for at in given]
    expected = krippendorff.alpha(reliability_data=matrix, level_of_measurement="interval")
    assert alpha == pytest.approx(expected, abs=0.01)


def test_the_scenes_follow_one_another_to_the_films_end(shared_data: Path):
    scenes = read_scenes((shared_data / "studyforrest" / "movie_scenes.csv").read_text(), FILM_MS)
    assert len(scenes) == 205
    assert all(first[1] == second[0] for first, second in pairwise(scenes))
    assert (scenes[0][0], scenes[-1][1]) == (17_000, FILM_MS)
