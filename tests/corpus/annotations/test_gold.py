"""Gold against known truth: placing, shares, status, spam, agreement."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from corpus.annotations.batches import build_annotations, build_batch
from corpus.annotations.gold import GoldSummary, build_gold, counts_for
from corpus.annotations.pseudonyms import Pseudonyms
from corpus.annotations.spam import SpamRules, rate_raters
from corpus.contracts import GOLD_LABELS, RATERS, VOTES
from corpus.paths import content_version
from corpus.terms import EMOTIONS, PROBABILITY_COLUMNS
from tests.simulated_raters import SKILLS, Simulated, accuracy, write_csv

SIMULATED = Simulated(lines=60)
HONEST = {name: skill for name, skill in SKILLS.items() if skill}
Rows = list[dict[str, object]]


@dataclasses.dataclass(frozen=True)
class Made:
    folder: Path
    summary: GoldSummary
    gold: pd.DataFrame

    @property
    def lines(self) -> pd.DataFrame:
        return self.gold[~self.gold["unit_id"].str.contains("scene")]


def make(root: Path, rows: Rows, simulated: Simulated = SIMULATED) -> Made:
    build_batch(write_csv(root / "in.csv", rows), "in", root / "annotators.json", root / "batch")
    build_annotations([root / "batch"], root / "annotations")
    folder = root / "gold"
    folder.mkdir()
    summary = build_gold(root / "annotations", simulated.write_units(root / "units"), folder)
    return Made(folder, summary, GOLD_LABELS.read(folder / "gold.parquet"))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return make(tmp_path_factory.mktemp("gold"), SIMULATED.rows())


def test_the_spammer_is_flagged_with_a_reason_and_weighs_nothing(made: Made, tmp_path: Path):
    spammer = Pseudonyms(tmp_path / "a.json").of("Dan Dahl")
    raters = RATERS.read(made.folder / "raters.parquet").set_index("annotator_id")
    assert list(made.summary.flagged) == [spammer]
    assert raters["weight"].sort_index().tolist() == [float(name != spammer) for name in sorted(raters.index)]
    assert "MACE" in raters.loc[spammer, "reason"]
    votes = VOTES.read(made.folder / "votes.parquet")
    assert votes.loc[votes["annotator_id"] == spammer, "weight"].eq(0).all()
    assert (votes["annotator_id"] == spammer).any()


def test_gold_is_nearly_the_truth_and_better_than_with_the_spammers_votes(made: Made):
    assert accuracy(made.lines, SIMULATED.truth) > 0.95
    assert made.summary.by_status["gold"] > 0.85 * made.summary.units


def test_gold_moves_by_less_than_two_points_where_four_of_ten_raters_are_spam(tmp_path: Path):
    honest = Simulated(lines=60, films=("made-1-01",), skills=dict.fromkeys("ABCDEF", 0.8))
    guesses = Simulated(lines=60, films=("made-1-01",), skills=dict.fromkeys("WXYZ", 0.0), seed=29).rows()
    spam = [row | {"emotion": "joy"} if row["annotator"] == "Z" else row for row in guesses]
    without = make(tmp_path / "without", honest.rows(), honest)
    spammed = make(tmp_path / "with", [*honest.rows(), *spam], honest)
    assert len(spam) == pytest.approx(0.4 * (len(spam) + len(honest.rows())))
    assert set(spammed.summary.flagged) == {Pseudonyms(tmp_path / "with" / "annotators.json").of(name) for name in "WXYZ"}
    assert all(spammed.summary.flagged.values()), "the reason is recorded"
    assert abs(accuracy(spammed.lines, honest.truth) - accuracy(without.lines, honest.truth)) < 0.02
    assert abs(spammed.summary.by_status["gold"] - without.summary.by_status["gold"]) < 0.02 * without.summary.units


def test_an_edited_judgement_changes_the_gold_of_its_own_units_alone(made: Made, tmp_path: Path):
    rows = SIMULATED.rows()
    rows[7] = rows[7] | {"emotion": "disgust" if rows[7]["emotion"] != "disgust" else "joy", "created_at": "2026-02-01T00:00:00Z"}
    edited = make(tmp_path, rows)
    columns = ["label", "status", "n_raters", *PROBABILITY_COLUMNS]
    before, after = (gold.set_index("unit_id")[columns] for gold in (made.gold, edited.gold))
    changed = before.index[(before[columns[2:]] != after[columns[2:]]).any(axis=1)]
    assert set(changed) == {"made-1-01.u00007", "made-1-01.scene000"}
    pd.testing.assert_frame_equal(before.drop(changed), after.drop(changed))


def test_shares_are_smoothed_votes(made: Made):
    lines = made.lines
    assert np.allclose(lines[list(PROBABILITY_COLUMNS)].sum(axis=1), 1)
    unanimous = lines[lines["top_share"] == 1]
    assert unanimous[list(PROBABILITY_COLUMNS)].max(axis=1).to_numpy() == pytest.approx((3 + 0.5 / len(EMOTIONS)) / 3.5)
    assert (lines["n_raters"] == 3).all()


def test_status_follows_the_votes(tmp_path: Path):
    simulated = Simulated(lines=4, films=("made-1-01",), skills={"A": 1.0, "B": 1.0, "C": 1.0, "D": 1.0})
    votes = [["joy"] * 4, ["joy", "joy", "fear", "fear"], ["joy", "fear", "anger", "disgust"], ["joy", "joy", None, None]]
    rows = []
    for row in simulated.rows():
        line, rater = int(row["start_ms"]) // 2000, "ABCD".index(str(row["annotator"]))
        if (label := votes[line][rater]) is not None:
            rows.append(row | {"emotion": label})
    gold = make(tmp_path, rows, simulated).lines
    assert gold["status"].tolist() == ["gold", "ambiguous", "ambiguous", "insufficient"]
    assert gold["label"].fillna("").tolist() == ["joy", "", "", ""]
    assert gold.loc[gold.index[3], "p_joy"] == gold[list(PROBABILITY_COLUMNS)].iloc[3].max()


def test_the_order_of_rows_does_not_matter(made: Made, tmp_path: Path):
    again = make(tmp_path, SIMULATED.rows()[::-1])
    pd.testing.assert_frame_equal(again.gold, made.gold)


def test_the_same_annotations_give_the_same_bytes(made: Made, tmp_path: Path):
    assert content_version(make(tmp_path, SIMULATED.rows()).folder) == content_version(made.folder)


def test_a_judgement_counts_when_it_covers_half_of_the_unit_or_lies_within_it():
    units = np.array([[0, 1000], [1000, 3000], [0, 10_000]], dtype=float)
    spans = np.array([[0, 1000], [0, 2000], [100, 200], [2500, 3400], [3000, 4000]], dtype=float)
    counts = counts_for(spans[:, 0], spans[:, 1], units[:, 0], units[:, 1])
    assert counts.tolist() == [
        [True, False, True],
        [True, True, True],
        [True, False, True],
        [False, False, True],
        [False, False, True],
    ]


def test_a_judgement_of_the_listener_is_no_vote_on_the_speakers_line(tmp_path: Path):
    simulated = Simulated(lines=2, films=("made-1-01",), skills=HONEST)
    rows = [row | {"character": "MARA", "emotion": "joy"} for row in simulated.rows()]
    rows += [row | {"character": "Tom", "emotion": "fear"} for row in simulated.rows()]
    build_batch(write_csv(tmp_path / "in.csv", rows), "in", tmp_path / "a.json", tmp_path / "batch")
    build_annotations([tmp_path / "batch"], tmp_path / "annotations")
    paths = simulated.write_units(tmp_path / "units")
    units = pd.read_parquet(paths["made-1-01"]).assign(character_id=["mara", "mara", None])
    units.to_parquet(paths["made-1-01"])
    summary = build_gold(tmp_path / "annotations", paths, tmp_path / "gold")
    gold = GOLD_LABELS.read(tmp_path / "gold" / "gold.parquet")
    assert gold.loc[gold["unit_id"].str.contains(".u0", regex=False), "label"].tolist() == ["joy", "joy"]
    assert summary.about_others == 6
    scene = gold[gold["unit_id"].str.contains("scene")].iloc[0]
    assert (scene["status"], scene["top_share"]) == ("ambiguous", 0.5)


def test_who_judged_between_the_lines_alone_counts_for_the_scene(tmp_path: Path):
    between = [
        row | {"annotator": "Eve Ek", "start_ms": at, "end_ms": at + 100} for at, row in zip((1950, 3950), SIMULATED.rows(), strict=False)
    ]
    made = make(tmp_path, [*SIMULATED.rows(), *between])
    eve = Pseudonyms(tmp_path / "annotators.json").of("Eve Ek")
    votes = VOTES.read(made.folder / "votes.parquet")
    assert RATERS.read(made.folder / "raters.parquet").set_index("annotator_id").loc[eve, "weight"] == 1
    assert set(votes.loc[votes["annotator_id"] == eve, "unit_id"]) == {"made-1-01.scene000"}
    assert made.gold.set_index("unit_id").loc["made-1-01.scene000", "n_raters"] == 4


def test_named_units_need_no_times(tmp_path: Path):
    simulated = Simulated(lines=3, films=("made-1-01",), skills=HONEST)
    rows = []
    for row in simulated.rows():
        unit = f"made-1-01.u{int(row['start_ms']) // 2000:05d}"
        rows.append(row | {"unit_id": unit, "start_ms": "", "end_ms": "", "emotion": "disgust"})
    gold = make(tmp_path, rows, simulated).gold
    assert gold["label"].tolist() == ["disgust"] * 3


def test_agreement_is_told_with_and_without_the_flagged(made: Made):
    agreement = json.loads((made.folder / "agreement.json").read_text())
    assert agreement["alpha_unflagged"]["category"] > agreement["alpha"]["category"] + 0.2
    assert agreement["level"] == "utterance"
    assert agreement["n_judgements"] == 480
    assert 0.6 < agreement["human_ceiling"] < 0.9
    assert set(agreement["alpha_by_emotion"]) == set(EMOTIONS)


def test_intensity_is_a_mean_of_the_raters_within_their_range(made: Made):
    assert made.lines["intensity"].between(0.3, 0.8).all()
    assert made.lines["arousal"].isna().all()


def test_no_annotations_give_empty_tables_and_a_reason(tmp_path: Path):
    build_annotations([], tmp_path / "annotations")
    summary = build_gold(tmp_path / "annotations", SIMULATED.write_units(tmp_path / "units"), tmp_path / "gold")
    assert summary.missing == "no judgement lies on a unit of these films"
    assert summary.alpha == {"category": None}
    assert GOLD_LABELS.read(tmp_path / "gold" / "gold.parquet").empty


def votes_of(labels: dict[str, list[str]], lead_ms: int | None = 4000) -> pd.DataFrame:
    rows = [(i, name, label, lead_ms) for name, given in labels.items() for i, label in enumerate(given)]
    return pd.DataFrame(rows, columns=["item", "annotator_id", "label", "lead_time_ms"])


def honest_labels(n: int = 80, seed: int = 1) -> dict[str, list[str]]:
    rng = np.random.default_rng(seed)
    truth = rng.integers(len(EMOTIONS), size=n)
    return {name: [EMOTIONS[t if rng.random() < 0.7 else rng.integers(len(EMOTIONS))] for t in truth] for name in ("a", "b", "c")}


@pytest.mark.parametrize(
    ("labels", "reason"),
    [
        (["joy"] * 80, "always the same"),
        (["joy"] * 40 + ["fear"] * 40, "straight-lining"),
        ([EMOTIONS[i] for i in np.random.default_rng(9).integers(len(EMOTIONS), size=80)], "guesses"),
    ],
)
def test_each_kind_of_spam_has_its_reason(labels: list[str], reason: str):
    raters = rate_raters(votes_of(honest_labels() | {"z": labels})).set_index("annotator_id")
    assert raters["flagged"].tolist() == [False, False, False, True]
    assert raters.loc["z", "reason"].startswith(reason)


def test_a_rater_too_fast_to_have_watched_is_flagged_and_unknown_times_are_not():
    labels = honest_labels()
    fast = votes_of({"c": labels.pop("c")}, lead_ms=300)
    raters = rate_raters(pd.concat([votes_of(labels, lead_ms=None), fast])).set_index("annotator_id")
    assert raters["flagged"].tolist() == [False, False, True]
    assert "300 ms" in raters.loc["c", "reason"]


def test_a_copy_is_flagged_with_its_original_and_the_one_who_judged_first_stays():
    labels = honest_labels()
    raters = rate_raters(votes_of(labels | {"d": labels["b"], "e": labels["b"]})).set_index("annotator_id")
    assert raters["flagged"].tolist() == [False, False, False, True, True]
    assert raters.loc["d", "reason"] == "copies b: 100% of the answers on items of both"
    later = rate_raters(votes_of({"d": labels["b"]} | labels)).set_index("annotator_id")
    assert later["flagged"].to_dict() == {"a": False, "b": True, "c": False, "d": False}


def test_copies_do_not_make_guessers_of_the_others():
    labels = honest_labels()
    copies = dict.fromkeys(("copy0", "copy1"), labels["a"])
    raters = rate_raters(votes_of(labels | copies)).set_index("annotator_id")
    assert raters["flagged"].to_dict() == dict.fromkeys("abc", False) | dict.fromkeys(copies, True)


def test_raters_who_agree_because_the_lines_are_easy_are_no_copies():
    truth = [EMOTIONS[code] for code in np.random.default_rng(3).integers(len(EMOTIONS), size=80)]
    raters = rate_raters(votes_of(dict.fromkeys("abcd", truth)))
    assert not raters["flagged"].any()


def test_few_votes_flag_nobody():
    raters = rate_raters(votes_of({"a": ["joy"] * 19, "b": ["fear"] * 19}, lead_ms=10), SpamRules())
    assert not raters["flagged"].any()
    assert raters["competence"].isna().all()


def test_raters_who_share_nothing_are_judged_by_their_habits_alone():
    labels = honest_labels()
    votes = votes_of({"a": labels["a"], "b": labels["b"]})
    votes["item"] = np.arange(len(votes))
    raters = rate_raters(votes)
    assert not raters["flagged"].any()
    assert raters["leave_one_out_agreement"].isna().all()


def test_the_raters_confusions_name_what_most_of_them_mistake(tmp_path: Path):
    """Everybody takes fear for surprise more often than not, and never surprise for fear: the vote is misled, the model is not."""
    simulated = Simulated(lines=300, films=("made-1-01",), skills=dict.fromkeys("ABCDE", 1.0), emotions=("neutral", "fear", "surprise"))
    rng = np.random.default_rng(8)
    rows = [row | {"emotion": "surprise"} if row["emotion"] == "fear" and rng.random() < 0.6 else row for row in simulated.rows()]
    gold = make(tmp_path, rows, simulated).lines
    truth = gold["unit_id"].map(simulated.truth)
    afraid = gold[truth == "fear"]
    voted = afraid[list(PROBABILITY_COLUMNS)].to_numpy().argmax(axis=1)
    assert (voted == EMOTIONS.index("surprise")).mean() > 0.5
    assert (afraid["rater_model_label"] == "fear").mean() > 0.85
    assert (gold.loc[truth == "surprise", "rater_model_label"] == "surprise").all()


def test_few_units_teach_no_confusions(tmp_path: Path):
    simulated = Simulated(lines=40, films=("made-1-01",), skills=HONEST)
    assert make(tmp_path, simulated.rows(), simulated).gold["rater_model_label"].isna().all()


def test_scenes_repeat_their_lines_and_are_not_modelled(made: Made):
    is_scene = made.gold["unit_id"].str.contains("scene")
    assert made.gold.loc[is_scene, "rater_model_label"].isna().all()
    assert made.lines["rater_model_label"].notna().all()
