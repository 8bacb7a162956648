"""MELD's and EmoryNLP's protocols on small files in the sets' own form."""

import csv
import shutil
from pathlib import Path

import numpy as np
import pytest

from corpus.terms import FeelmError
from ml.evaluation.benchmarks import dialogues, run_benchmark
from tests.ml.tiny_encoder import write_encoder

MELD_HEADER = "Sr No.,Utterance,Speaker,Emotion,Sentiment,Dialogue_ID,Utterance_ID,Season,Episode,StartTime,EndTime"
EMORY_HEADER = "Utterance,Speaker,Emotion,Scene_ID,Utterance_ID,Season,Episode,Start_Time,End_Time"
TELLING = {"good": "joy", "bad": "anger", "odd": "neutral"}
EMORY_TELLING = {"good": "Joyful", "bad": "Mad", "odd": "Peaceful"}


def write_part(path: Path, header: str, telling: dict[str, str], dialogues: int, seed: int, label_shift: int = 0) -> list[str]:
    """Dialogues of five lines, each with the word that tells its emotion; returns the emotions. A shift makes every label wrong."""
    drawn, words, said = np.random.default_rng(seed), list(telling), []
    path.parent.mkdir(exist_ok=True, parents=True)
    with path.open("w", newline="", encoding="utf-8") as stream:
        rows = csv.DictWriter(stream, header.split(","), restval="1")
        rows.writeheader()
        for dialogue in range(dialogues):
            for line in range(5):
                # Joy twice as often as the others.
                word = int(drawn.choice([0, 0, 1, 2]))
                said.append(telling[words[(word + label_shift) % 3]])
                first = 1 if "Scene_ID" in header else 0
                time = f"0:{dialogue:02d}:{2 * line:02d},000", f"0:{dialogue:02d}:{2 * line + 1:02d},000"
                cells = {"Utterance": f"{drawn.choice(['the', 'a'])} {words[word]} {drawn.choice(['dog', 'cat'])} ran home"}
                cells |= {"Emotion": said[-1], "Season": 1, "Episode": 1 + dialogue % 3, "Utterance_ID": line + first}
                if first:
                    cells |= {"Speaker": "['Ross Geller']", "Scene_ID": dialogue + 1, "Start_Time": time[0], "End_Time": time[1]}
                else:
                    cells |= {"Speaker": "Ross", "Dialogue_ID": dialogue, "StartTime": time[0], "EndTime": time[1]}
                rows.writerow(cells)
    return said


@pytest.fixture
def meld(tmp_path: Path) -> Path:
    write_part(tmp_path / "meld" / "train_sent_emo.csv", MELD_HEADER, TELLING, 24, 1)
    write_part(tmp_path / "meld" / "dev_sent_emo.csv", MELD_HEADER, TELLING, 8, 2)
    return tmp_path / "meld"


def test_without_a_test_file_the_development_file_is_scored_beside_its_baselines(meld: Path, options):
    found = run_benchmark("meld", meld, None, options())
    assert found.metrics["accuracy"] >= 0.9 > found.baselines["majority"]["accuracy"] + 0.2
    assert found.baselines["tfidf_svm"]["accuracy"] >= 0.9
    assert (found.protocol.system, found.protocol.seeds, found.variants) == ("frozen", (0,), {})
    assert (found.protocol.n_train, found.protocol.n_scored) == (120, 40)
    assert found.protocol.trained_on == "train_sent_emo.csv" and "nobody's test file was given" in found.protocol.scored_on
    assert found.per_class["joy"].n + found.per_class["anger"].n + found.per_class["neutral"].n == 40
    assert found.per_class["disgust"].n == 0 and found.seconds.keys() == {"frozen"}


def test_baselines_are_what_a_naive_count_gives(meld: Path, options):
    found = run_benchmark("meld", meld, None, options())
    emotions = [row["Emotion"] for row in csv.DictReader((meld / "dev_sent_emo.csv").read_text(encoding="utf-8").splitlines())]
    assert found.baselines["majority"]["accuracy"] == pytest.approx(emotions.count("joy") / 40)
    # The first line of each five has none before it: then the majority speaks.
    right = [emotions[i] == (emotions[i - 1] if i % 5 else "joy") for i in range(40)]
    assert found.baselines["persistence"]["accuracy"] == pytest.approx(np.mean(right))


def test_with_a_test_file_that_is_scored_and_the_development_file_is_not(meld: Path, tmp_path: Path, options):
    wrong = tmp_path / "somewhere" / "test_sent_emo.csv"
    write_part(wrong, MELD_HEADER, TELLING, 6, 3, label_shift=1)
    found = run_benchmark("meld", meld, wrong, options())
    assert found.metrics["accuracy"] <= 0.1 and found.protocol.n_scored == 30
    assert (found.protocol.scored_on, found.protocol.chosen_on) == (
        "test_sent_emo.csv",
        "dev_sent_emo.csv: the temperature, nothing else",
    )
    in_folder = run_benchmark("meld", meld, wrong.parent, options())
    wrong.rename(wrong.with_name("mine.csv"))
    under_another_name = run_benchmark("meld", meld, wrong.parent, options())
    assert found.metrics == in_folder.metrics == under_another_name.metrics


def test_fine_tuning_is_a_mean_over_seeds_beside_the_quick_variant(meld: Path, options):
    told: list[tuple[str, float]] = []
    found = run_benchmark("meld", meld, None, options(seeds=(1, 2), fine_tunes=True, tell=lambda row, share: told.append((row, share))))
    assert found.protocol.system == "fine_tuned_and_frozen" and found.protocol.seeds == (1, 2)
    assert found.variants.keys() == {"frozen", "fine_tuned_one", "fine_tuned"}
    assert found.spread["nll_nats"] > 0
    assert [share for row, share in told if row == "fine-tuned-2-1"] == pytest.approx([0.0, 1 / 6, 1 / 3, 1 / 2, 2 / 3, 5 / 6, 1.0, 1.0])


def test_what_was_trained_is_not_trained_again(meld: Path, options, monkeypatch: pytest.MonkeyPatch):
    first = run_benchmark("meld", meld, None, options(fine_tunes=True))
    monkeypatch.setattr(dialogues, "tune", None)
    monkeypatch.setattr(dialogues, "FrozenText", None)
    assert run_benchmark("meld", meld, None, options(fine_tunes=True)).to_json() == first.to_json()


def test_rows_of_another_encoder_in_the_same_folder_are_not_taken(meld: Path, options, tmp_path: Path):
    home = tmp_path / "encoder"
    for seed in (3, 4):
        write_encoder(home, seed)
        run_benchmark("meld", meld, None, options(encoder=str(home)))
        shutil.rmtree(home)
    assert len(list((tmp_path / "work").iterdir())) == 2


def test_emorynlp_is_scored_in_its_own_seven_emotions(tmp_path: Path, options):
    write_part(tmp_path / "emorynlp_train_final.csv", EMORY_HEADER, EMORY_TELLING, 20, 1)
    said = write_part(tmp_path / "emorynlp_dev_final.csv", EMORY_HEADER, EMORY_TELLING, 6, 2)
    found = run_benchmark("emorynlp", tmp_path, None, options())
    assert found.protocol.classes == ("Joyful", "Mad", "Sad", "Scared", "Neutral", "Peaceful", "Powerful")
    assert found.per_class["Peaceful"].n == said.count("Peaceful") > 0
    assert found.metrics["accuracy"] >= 0.9


def test_lines_that_cannot_be_used_are_told(meld: Path, options):
    with (meld / "train_sent_emo.csv").open("a", encoding="utf-8") as stream:
        stream.write("1,the dog,Ross,hungry,1,99,0,1,1,0:00:01.000,0:00:02.000\r\n")
    notes = run_benchmark("meld", meld, None, options()).protocol.notes
    assert any("'hungry' is not one of the corpus's: 1 rows" in note for note in notes)


def test_a_part_that_is_not_there_or_empty_is_refused_by_name(meld: Path, tmp_path: Path, options):
    with pytest.raises(FeelmError, match=r"the test part of meld is not at .*test_sent_emo\.csv"):
        run_benchmark("meld", meld, tmp_path, options())
    (meld / "dev_sent_emo.csv").write_text(MELD_HEADER + "\n")
    with pytest.raises(FeelmError, match="no usable line in meld's training or development file"):
        run_benchmark("meld", meld, None, options())
    (meld / "dev_sent_emo.csv").unlink()
    with pytest.raises(FeelmError, match=r"the dev part of meld is not at .*give the folder that holds dev_sent_emo\.csv"):
        run_benchmark("meld", meld, None, options())


def test_a_benchmark_that_does_not_exist_names_the_known_ones(tmp_path: Path, options):
    with pytest.raises(FeelmError, match="there is no benchmark 'iemocap': it must be one of meld, emorynlp, xed, ravdess, crema-d"):
        run_benchmark("iemocap", tmp_path, None, options())
