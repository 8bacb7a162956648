"""The film page tells what the artifacts say, tells what is missing, and lets no foreign text become markup."""

import base64
import dataclasses
import shutil
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import load_file, save_file

from corpus.contracts import FACE_COURSE, FACES, UTTERANCES, VOTES
from corpus.paths import Home, write_json
from corpus.terms import FeelmError
from pages.charts import Run
from pages.film import build_film_page, read_film_page, render_film
from pages.lines import read_lines
from pages.material import read_material, read_missing
from pages.people import Cast, read_cast
from pages.reasons import Reasons, absence
from pages.timeline import face_strip, read_face_course, read_lanes, sentence
from tests.pages.outline import Outline
from tests.pages.sample import BARE, FACELESS, HOSTILE, HOSTILE_MARKUP, N_LINES, SILENT, TALK, make_home, one_hot


def page_of(home: Home, film_id: str) -> Outline:
    return Outline(html_of(home, film_id))


def html_of(home: Home, film_id: str) -> str:
    return render_film(read_film_page(home, film_id, home.artifact("film_report", film_id) / "predictions.parquet"))


def test_every_line_stands_with_its_time_its_raters_and_the_models_reading(home: Home) -> None:
    page = read_film_page(home, TALK, home.artifact("film_report", TALK) / "predictions.parquet")
    third = page.lines[2]
    assert len(page.lines) == N_LINES
    assert (third.start_ms, third.end_ms, third.speaker) == (7000, 9500, "jonas")
    assert third.gold is not None and third.gold.emotion == "anger"
    assert third.model is not None and third.model.emotion == "surprise" and third.model.confidence == pytest.approx(0.7)
    assert third.agrees is False
    assert [reading.system for reading in third.modalities] == ["face", "voice", "text"]
    assert sum(vote.count for vote in third.votes) == 4


def test_a_line_on_which_raters_are_split_neither_agrees_nor_differs(home: Home) -> None:
    page = read_film_page(home, TALK, home.artifact("film_report", TALK) / "predictions.parquet")
    split = page.lines[6]
    assert split.gold is not None and split.gold.emotion is None
    assert split.agrees is None
    assert "raters are split" in page_of(home, TALK).words


def test_the_lead_counts_agreement_over_judged_lines(home: Home) -> None:
    assert "The model names the raters’ emotion in 10 of 13 lines (77 %). It had never seen this film." in page_of(home, TALK).words


def test_the_sync_verdict_says_how_far_the_subtitles_were_moved(home: Home) -> None:
    assert "moved by −1.24 s, stretched × 1.0427" in page_of(home, TALK).words


def test_recognised_words_are_told_with_how_sure_they_are_and_delivered_ones_are_not(home: Home, tmp_path: Path) -> None:
    assert "recognised" not in page_of(home, TALK).words
    shutil.copytree(home.root, tmp_path / "home")
    heard = Home(tmp_path / "home")
    dialogue = heard.artifact("dialogue", TALK)
    utterances = UTTERANCES.read(dialogue / "utterances.parquet").assign(source="asr", text_confidence=0.93)
    utterances.loc[0, "text_confidence"] = 0.41
    UTTERANCES.write(utterances, dialogue / "utterances.parquet")
    write_json(dialogue / "summary.json", {"verdict": None, "text_confidence": 0.87, "missing": None})
    words = page_of(heard, TALK).words
    assert "from the sound, not delivered; 87 % sure" in words
    assert words.count("recognised, 41 % sure") == 1 and words.count("recognised, 93 % sure") == N_LINES - 1


def test_a_reason_that_goes_on_about_another_is_told_alone(home: Home, tmp_path: Path) -> None:
    shutil.copytree(home.root, tmp_path / "home")
    bare = Home(tmp_path / "home")
    for name, reason in (("dialogue", "no subtitles; no word was recognised in the sound"), ("text_features", "no subtitles")):
        write_json(bare.artifact(name, SILENT) / "summary.json", {"missing": reason})
    assert read_missing(bare, SILENT)["Words"] == ("no subtitles; no word was recognised in the sound",)


def test_a_silent_film_tells_its_missing_modalities_and_its_face_in_words(home: Home) -> None:
    words = page_of(home, SILENT).words
    assert "0–8 s sadness, 8–10 s surprise, 10–19.7 s joy" in words
    assert "the sound is digital silence" in words and "no subtitles" in words
    assert "No model has read this film yet" in words and "No rater has judged this film" in words


def test_a_film_without_any_artifact_still_has_a_page_that_says_so(home: Home) -> None:
    words = page_of(home, BARE).words
    assert "A film nothing could be read from" in words
    assert "no length that any stage could measure" in words and "No face could be read" in words
    assert "there are no lines to show" in words


@pytest.mark.parametrize(
    "gone", ["shots", "faces", "soundtrack", "dialogue", "scenes", "face_features", "voice_features", "scene_features", "film_report"]
)
@pytest.mark.parametrize("film_id", [TALK, SILENT])
def test_a_page_renders_without_any_one_artifact(home: Home, tmp_path: Path, gone: str, film_id: str) -> None:
    copy = Home(tmp_path / "home")
    shutil.copytree(home.root, copy.root)
    shutil.rmtree(copy.artifact(gone, film_id), ignore_errors=True)
    assert "Along the film" in page_of(copy, film_id).words


def test_gold_or_notes_may_be_missing(home: Home, tmp_path: Path) -> None:
    copy = Home(tmp_path / "home")
    shutil.copytree(home.root, copy.root)
    shutil.rmtree(copy.artifact("gold_labels"))
    shutil.rmtree(copy.artifact("annotations"))
    words = page_of(copy, TALK).words
    assert "Nobody has judged this film yet" in words and "No rater has judged this film" in words


def test_an_unknown_film_is_a_clear_error(home: Home, tmp_path: Path) -> None:
    with pytest.raises(FeelmError, match="feelm run --film nowhere"):
        build_film_page(home, "nowhere", tmp_path / "predictions.parquet", tmp_path)


@pytest.mark.parametrize("film_id", [TALK, SILENT, BARE])
def test_foreign_text_stays_text(home: Home, film_id: str) -> None:
    html = html_of(home, film_id)
    assert HOSTILE not in html and HOSTILE_MARKUP not in html
    outline = Outline(html)
    assert [tag for tag, _ in outline.tags].count("script") == 1
    assert not [attribute for _, attributes in outline.tags for attribute in attributes if attribute.startswith("on")]


def test_titles_lines_speakers_headings_and_notes_are_shown_as_they_were_written(home: Home) -> None:
    words = page_of(home, TALK).words
    assert f"The second cup {HOSTILE}" in words
    assert HOSTILE_MARKUP in words
    assert f"rater-2 notes {HOSTILE}" in words
    assert "She smiles, but her hands do not." in words


@pytest.mark.parametrize("film_id", [TALK, SILENT, BARE])
def test_a_page_holds_no_inline_style_and_its_policy_lets_none_in(home: Home, film_id: str) -> None:
    html = html_of(home, film_id)
    assert not [attributes for _, attributes in Outline(html).tags if "style" in attributes]
    policy = next(attributes["content"] or "" for _, attributes in Outline(html).tags if "http-equiv" in attributes)
    assert "unsafe" not in policy and policy.split("style-src ")[1].split(";")[0].count("sha256-") == 2
    assert '@"placed"' not in html


def test_characters_have_arcs_and_what_raters_dispute_stands_with_their_votes(home: Home) -> None:
    words = page_of(home, TALK).words.replace("\xa0", " ")
    assert "Arcs of the characters" in words and "mara 7 lines, 50 % of what is said; to the model mostly" in words
    disputed = words.split("What raters dispute")[1].split("Every line")[0]
    assert "0:19.0 · jonas" in disputed and "joy 1 fear 1 disgust 1" in disputed


@pytest.mark.parametrize("film_id", [TALK, SILENT, BARE])
def test_a_page_loads_nothing_from_elsewhere(home: Home, film_id: str) -> None:
    for tag, attributes in page_of(home, film_id).tags:
        for name in ("src", "href", "action", "data", "poster", "srcset"):
            target = attributes.get(name) or ""
            assert target.startswith(("data:image/jpeg", "#")) or not target, (tag, target)


@pytest.mark.parametrize("film_id", [TALK, SILENT, BARE])
def test_headings_descend_step_by_step_and_every_chart_is_named(home: Home, film_id: str) -> None:
    tags = page_of(home, film_id).tags
    levels = [int(tag[1]) for tag, _ in tags if tag in ("h1", "h2", "h3", "h4")]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    assert all(
        attributes.get("aria-label")
        for tag, attributes in tags
        if (tag == "svg" and not attributes.get("aria-hidden")) or attributes.get("role") == "img"
    )


def test_ids_are_unique_and_every_link_in_the_page_has_its_end(home: Home) -> None:
    tags = page_of(home, TALK).tags
    ids = [attributes["id"] for _, attributes in tags if attributes.get("id")]
    assert len(ids) == len(set(ids))
    assert {(attributes.get("href") or "")[1:] for tag, attributes in tags if tag == "a"} <= set(ids)


def test_the_same_artifacts_give_the_same_bytes(tmp_path: Path, home: Home) -> None:
    again = make_home(tmp_path / "again")
    assert html_of(again, TALK) == html_of(home, TALK)


def test_a_long_film_stays_small_and_shows_at_most_sixty_pictures(tmp_path: Path) -> None:
    home = make_home(tmp_path)
    shots = home.artifact("shots", TALK)
    table = pd.read_parquet(shots / "shots.parquet")
    long = pd.concat([table.assign(index=table["index"] + 11 * k, start_ms=table["start_ms"] + 44_000 * k) for k in range(20)])
    long["end_ms"] = long["start_ms"] + 4000
    long["shot_id"] = [f"{TALK}.shot{index:04d}" for index in long["index"]]
    long.to_parquet(shots / "shots.parquet")
    summary = build_film_page(home, TALK, home.artifact("film_report", TALK) / "predictions.parquet", tmp_path)
    assert summary.thumbnails <= 60
    assert summary.page_bytes < 3_000_000


def test_a_face_that_leaves_the_picture_leaves_a_gap(tmp_path: Path) -> None:
    home = make_home(tmp_path)
    rows = [{"t_ms": t, "track_id": "a"} | one_hot("fear", 0.9) for t in (0, 500, 1200, 1700, 9000, 9600)]
    FACE_COURSE.write(FACE_COURSE.frame(rows), home.artifact("face_features", SILENT) / "course.parquet")
    course = read_face_course(read_material(home, SILENT, tmp_path / "none.parquet"))
    assert course is not None
    assert course.sentence == "0–2 s fear, 9–10 s fear"


def test_a_restless_course_is_told_by_shares() -> None:
    runs = [Run(k * 1000, (k + 1) * 1000, ("joy", "anger")[k % 2]) for k in range(20)]
    assert sentence(runs, 20_000) == "joy 50\xa0%, anger 50\xa0% of the time"


def test_the_surest_face_of_each_part_of_the_film_is_shown(tmp_path: Path) -> None:
    crops = np.zeros((3, 64, 64, 3), np.uint8)
    crops[1, ..., 0] = 250
    rows = [
        {"film_id": "f", "shot_id": "s", "track_id": f"t{row}", "t_ms": t, "score": score, "crop_row": row}
        | dict.fromkeys(("x", "y", "width", "height"), 0.5)
        for row, (t, score) in enumerate([(100, 0.6), (900, 0.9), (23_500, 0.7)])
    ]
    FACES.write(FACES.frame(rows), tmp_path / "faces.parquet")
    save_file({"crops": crops}, tmp_path / "crops.safetensors")
    strip = face_strip(tmp_path, duration_ms=24_000)
    assert [slot for slot, face in enumerate(strip) if face] == [0, 23]
    jpeg = np.frombuffer(base64.b64decode(str(strip[0]).split(",")[1]), np.uint8)
    red = cv2.imdecode(jpeg, cv2.IMREAD_COLOR)[32, 32]
    assert red[2] > 240 and red[0] < 10


def test_a_spammers_vote_is_shown_but_set_aside(tmp_path: Path) -> None:
    home = make_home(tmp_path)
    path = home.artifact("gold_labels") / "votes.parquet"
    votes = VOTES.read(path)
    votes.loc[votes["annotator_id"] == "rater-4", "weight"] = 0.0
    VOTES.write(votes, path)
    page = read_film_page(home, TALK, tmp_path / "none.parquet")
    last = page.lines[0].votes[-1]
    assert (last.raters, last.counted) == ("rater-4", False)
    assert "set aside" in page_of(home, TALK).words


def test_the_contact_sheet_shows_each_person_with_times_and_a_name_where_one_is_known(home: Home) -> None:
    page = page_of(home, TALK)
    alts = [attributes.get("alt") or "" for tag, attributes in page.tags if tag == "img" and attributes.get("alt")]
    assert [alt for alt in alts if not alt.startswith("The face at")] == [
        f"mara at {', '.join(f'0:{second:02d}' for second in range(8))}",
        f"{HOSTILE} at 0:01, 0:03, 0:05, 0:07",
        "Person 3 at 0:02, 0:05",
    ]
    assert "12 s on screen, 27 % of the film, seen 12 times; the name is 97 % sure" in page.words.replace("\xa0", " ")
    assert page.words.count("the name is 97") == 2


def test_the_strip_of_a_person_holds_its_faces_side_by_side(home: Home) -> None:
    cast = read_cast(home.artifact("face_features", TALK), 44_000)
    assert [len(person.moments_ms) for person in cast.persons] == [8, 4, 2]
    assert cast.persons[2].strip is not None
    coded = base64.b64decode(cast.persons[2].strip.partition(",")[2])
    picture = cv2.imdecode(np.frombuffer(coded, np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None and picture.shape == (64, 128, 3)
    faces = load_file(home.artifact("face_features", TALK) / "people_faces.safetensors")["crops"][2, :2]
    wanted = np.concatenate(list(faces), axis=1)[..., ::-1].astype(int)
    assert np.abs(picture.astype(int) - wanted).mean() < 12


def test_persons_beyond_the_budget_are_told_in_words(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pages.people.STRIP_BUDGET", 10)
    cast = read_cast(home.artifact("face_features", TALK), 44_000)
    assert [person.name for person in cast.persons] == ["mara"] and cast.others == 2
    # Four and two tracks of 0.8 s, and a sample of 0.2 s each.
    assert cast.others_ms == 6000
    assert "2 other persons are on screen for 6 s together" in page_of(home, TALK).words


def test_a_film_without_persons_has_no_contact_sheet(home: Home, tmp_path: Path) -> None:
    assert read_cast(tmp_path, 1000) == Cast()
    assert "Who is on screen" not in page_of(home, SILENT).words


def test_each_person_has_a_lane_of_what_the_face_shows_while_it_is_seen(home: Home) -> None:
    material = read_material(home, TALK, home.artifact("film_report", TALK) / "predictions.parquet")
    lanes = {lane.name: lane for lane in read_lanes(material, [], read_face_course(material))}
    assert {"mara’s face", f"{HOSTILE}’s face", "Person 3’s face"} <= set(lanes) and "Face names" not in lanes
    boxes = lanes["Person 3’s face"].boxes
    assert [box.text for box in boxes] == ["anger", "anger"]
    assert [round(box.left / 100 * 44_000) for box in boxes] == [2000, 5000]


def test_the_voice_stands_under_the_lines_and_the_shares_of_the_sound_under_it(home: Home) -> None:
    material = read_material(home, TALK, home.artifact("film_report", TALK) / "predictions.parquet")
    lines = read_lines(material)
    assert material.voice_course is not None
    shares = material.voice_course.assign(voice=0.5, music=0.3, noise=0.2)
    heard = read_lanes(dataclasses.replace(material, voice_course=shares), lines, None)
    names = [lane.name for lane in heard]
    assert names[names.index("Lines") :][:4] == ["Lines", "Pitch", "Loudness", "Sound"]
    assert "voice 50\xa0%, music 30\xa0%, noise 20\xa0%" in str(heard[names.index("Sound")].chart)
    assert "Sound" not in [lane.name for lane in read_lanes(material, lines, None)]


def test_what_was_measured_is_counted_by_modality_with_the_reason_for_the_rest(home: Home) -> None:
    words = page_of(home, TALK).words
    assert f"Face {N_LINES - 2} of {N_LINES}" in words and f"no face found in 2 of {N_LINES} units {HOSTILE}" in words
    assert f"Voice {N_LINES} of {N_LINES}" in words
    assert "What was measured" not in page_of(home, BARE).words


def reasons_of(home: Home, index: int) -> Reasons:
    page = read_film_page(home, TALK, home.artifact("film_report", TALK) / "predictions.parquet")
    why = page.lines[index].why
    assert why is not None
    return why


def test_a_line_tells_the_signed_share_of_each_modality_for_the_emotion_that_is_shown(home: Home) -> None:
    page = read_film_page(home, TALK, home.artifact("film_report", TALK) / "predictions.parquet")
    assert all(line.why and line.model and line.why.emotion == line.model.emotion for line in page.lines)
    why = reasons_of(home, 2)
    assert [(bar.name, bar.told) for bar in why.bars] == [("face", "60\xa0%"), ("voice", "−10\xa0%"), ("text", "30\xa0%")]
    against = [attributes for tag, attributes in page_of(home, TALK).tags if tag == "li" and attributes.get("class") == "against"]
    assert len(against) == N_LINES - FACELESS


def test_lines_that_moved_a_reading_are_quoted_and_lead_to_their_place(home: Home) -> None:
    before, after = reasons_of(home, 2).lines
    assert (before.anchor, before.t_ms, before.told) == ("line-2", 4000, "for it, odds ×2.01")
    assert (after.anchor, after.text, after.told) == ("line-4", HOSTILE_MARKUP, "against it, odds ×0.607")
    assert [one.anchor for one in reasons_of(home, 0).lines] == ["line-2"]


def test_pictures_that_decided_are_shown_as_the_network_saw_them_with_their_time(home: Home) -> None:
    first, second = reasons_of(home, 2).frames
    assert (first.t_ms, first.told, second.t_ms, second.told) == (7600, "for it, odds ×3", 8500, "against it, odds ×0.67")
    coded = base64.b64decode(str(second.picture).partition(",")[2])
    picture = cv2.imdecode(np.frombuffer(coded, np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None and picture.shape == (48, 48, 3) and abs(int(picture[20, 20, 0]) - 150) < 4


def test_pictures_beyond_the_budget_are_told_by_their_time_and_lines_that_part_come_first(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = len(str(reasons_of(home, 2).frames[0].picture))
    monkeypatch.setattr("pages.reasons.FRAME_BUDGET", 2 * size + 10)
    page = read_film_page(home, TALK, home.artifact("film_report", TALK) / "predictions.parquet")
    shown = [index for index, line in enumerate(page.lines) if line.why and any(frame.picture for frame in line.why.frames)]
    assert shown == [2] and page.lines[2].agrees is False
    assert "face at 0:01.6" in page_of(home, TALK).words


def test_a_line_without_a_face_says_so(home: Home) -> None:
    why = reasons_of(home, N_LINES - 1)
    assert [bar.name for bar in why.bars] == ["voice", "text"] and why.frames == ()
    assert page_of(home, TALK).words.count("No face here; the shares are of what is there.") == FACELESS
    assert absence(["text"]) == "No face and no voice here: text alone decides."


def test_a_film_that_no_model_read_explains_nothing(home: Home) -> None:
    assert "is found by leaving it out" in page_of(home, TALK).words
    assert "is found by leaving it out" not in page_of(home, SILENT).words
