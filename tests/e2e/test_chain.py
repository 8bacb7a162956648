"""The whole chain on made films, by the command line: what it makes, what it does not do again, what it restores."""

import json
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import dagster as dg
import pandas as pd
import pytest
import yaml

from corpus.contracts import ANNOTATIONS, GOLD_LABELS, PREDICTIONS, UTTERANCES
from corpus.datasets.registry import CORPORA
from corpus.paths import Home, content_version
from ml.evaluation.report import ValidationReport
from tests.e2e.conftest import FILMS, SEED, feelm

pytestmark = pytest.mark.long

FILM_IDS = [f"made-{SEED}-{number:02d}" for number in range(1, FILMS + 1)]


@pytest.fixture
def home(small_root: Path) -> Home:
    return Home(small_root / ".feelm")


def test_every_labelled_line_is_predicted_once_by_a_model_that_never_saw_its_film(home: Home) -> None:
    predictions = PREDICTIONS.read(home.artifact("emotion_model") / "predictions.parquet")
    gold = GOLD_LABELS.read(home.artifact("gold_labels") / "gold.parquet")
    fused = predictions[predictions["system"] == "fused"].set_index("unit_id")
    labelled = gold.loc[gold["status"] == "gold", "unit_id"]
    assert set(labelled) <= set(fused.index)
    assert fused.groupby("film_id")["fold"].nunique().eq(1).all()
    assert fused.groupby("fold")["film_id"].nunique().eq(1).all()


def test_subtitles_end_up_within_a_tenth_of_a_second_of_the_speech(small_root: Path, home: Home) -> None:
    for film_id in FILM_IDS:
        truth = json.loads((small_root / "made" / film_id / "truth.json").read_text())
        utterances = UTTERANCES.read(home.artifact("dialogue", film_id) / "utterances.parquet")
        assert len(utterances) == len(truth["lines"])
        starts = pd.Series([line["start_ms"] for line in truth["lines"]])
        assert (utterances["start_ms"].reset_index(drop=True) - starts).abs().mean() < 100


def test_the_spammer_is_flagged_and_nobody_else(home: Home) -> None:
    report = ValidationReport.read(home.artifact("validation_report") / "report.json")
    assert report.agreement is not None
    assert len(report.agreement.flagged) == 1
    assert report.agreement.n_raters == 4


def test_the_cost_of_a_library_is_foretold_from_what_these_films_cost(small_root: Path, home: Home) -> None:
    told = feelm(small_root, "plan", "--films", "200", "--hours", "300", "--json")
    assert told.returncode == 0, told.stderr
    plan = json.loads(told.stdout)
    measured = {link["link"]: link["measured_films"] for link in plan["of_films"]}
    assert set(measured.values()) == {3}, measured
    stamps = [json.loads(path.read_text())["cost"] for path in (home.root / "stamps" / "film_scan").glob("*.json")]
    lengths = [json.loads(path.read_text())["duration_ms"] for path in home.artifact("shots").glob("*/stream.json")]
    scan = next(link for link in plan["of_films"] if link["link"] == "film_scan")
    expected = sum(stamp["cpu_s"] for stamp in stamps) / sum(lengths) * 300 * 1000
    assert scan["cost"]["cpu_h"]["expected"] == pytest.approx(expected)
    assert scan["peak_memory_mb"] > 50
    assert {"emotion_model", "report"} < {link["link"] for link in plan["of_whole"]}


def test_pages_stand_where_the_command_says(small_root: Path, home: Home) -> None:
    shown = json.loads(feelm(small_root, "report", "--json").stdout)
    page = Path(shown["report"])
    assert page == home.reports / "report.html"
    assert [path.stem for path in sorted((page.parent / "films").glob("*.html"))] == FILM_IDS


def dvc_outputs(root: Path) -> dict[str, str]:
    lock = yaml.safe_load((root / "dvc.lock").read_text())
    return {out["path"]: out["md5"] for stage in lock["stages"].values() for out in stage["outs"]}


def test_dagsters_data_version_is_dvcs_md5_and_the_content_itself(small_root: Path, home: Home) -> None:
    outputs = dvc_outputs(small_root)
    for asset, partition in [("faces", FILM_IDS[0]), ("dialogue", FILM_IDS[1]), ("gold_labels", None), ("emotion_model", None)]:
        folder = home.artifact(asset, partition)
        with dg.DagsterInstance.from_config(str(home.dagster)) as instance:
            filters = dg.AssetRecordsFilter(dg.AssetKey(asset), asset_partitions=[partition] if partition else None)
            event = instance.fetch_materializations(filters, limit=1).records[0].asset_materialization
        assert event is not None and event.tags is not None
        assert event.tags["dagster/data_version"] == content_version(folder) == outputs[str(folder.relative_to(small_root))]


@dataclass(frozen=True)
class Recorded:
    """What Dagster's log says of the last materialisation of an asset: its columns, and by column those that it was made from."""

    columns: frozenset[str]
    sources: dict[str, set[tuple[str, str]]]


@pytest.fixture(scope="module")
def recorded(small_root: Path) -> dict[str, Recorded]:
    """By asset that has a table, what was recorded of its columns."""
    found = {}
    with dg.DagsterInstance.from_config(str(Home(small_root / ".feelm").dagster)) as instance:
        for key in instance.all_asset_keys():
            event = instance.fetch_materializations(key, limit=1).records[0].asset_materialization
            assert event is not None
            schema, lineage = (event.metadata.get(f"dagster/column_{name}") for name in ("schema", "lineage"))
            if isinstance(schema, dg.TableSchemaMetadataValue):
                deps = lineage.column_lineage.deps_by_column if isinstance(lineage, dg.TableColumnLineageMetadataValue) else {}
                named = {column: {(dep.asset_key.to_user_string(), dep.column_name) for dep in of} for column, of in deps.items()}
                found[key.to_user_string()] = Recorded(frozenset(column.name for column in schema.schema.columns), named)
    return found


@pytest.mark.parametrize(
    "path",
    [
        # whether the raters' own words make the model right
        "report.accuracy validation_report.accuracy gold_labels.label annotations.label annotation_batches.label_raw",
        # what the model learned from them
        "report.jsd_bits validation_report.jsd_bits emotion_model.p_joy training_set.p_joy gold_labels.p_joy annotations.label"
        " annotation_batches.label_raw",
        # how strongly they felt it, in the numbers and on the scale that they used
        "film_report.intensity champion.intensity emotion_model.intensity training_set.intensity gold_labels.intensity annotations.value"
        " annotation_batches.value_raw",
    ],
)
def test_a_column_is_followed_in_dagsters_log_from_the_report_to_what_raters_gave(recorded: dict[str, Recorded], path: str) -> None:
    hops = [tuple(hop.split(".")) for hop in path.split()]
    for (asset, column), earlier in pairwise(hops):
        assert earlier in recorded[asset].sources[column], f"{asset}.{column} does not lead to {'.'.join(earlier)}"


def test_every_column_that_the_log_names_is_in_the_schema_that_its_asset_recorded(recorded: dict[str, Recorded]) -> None:
    corpora = {asset for corpus in CORPORA.values() for asset in corpus.assets.values()}
    for asset, told in recorded.items():
        assert told.sources.keys() <= told.columns, asset
        for source, column in {source for sources in told.sources.values() for source in sources}:
            assert source in corpora or column in recorded[source].columns, f"{asset} names {source}.{column}"


def test_dvc_finds_nothing_to_do_after_a_run(small_root: Path) -> None:
    status = subprocess.run([sys.executable, "-m", "dvc", "status"], cwd=small_root, capture_output=True, text=True, check=True)
    assert "up to date" in status.stdout


def test_the_clone_holds_nothing_but_ignored_files_beside_what_was_there(small_root: Path) -> None:
    assert {path.name for path in small_root.iterdir()} <= {".feelm", ".dvc", ".dvcignore", "dvc.lock", "dvc.yaml", "params.yaml", "made"}


def test_a_second_run_does_nothing_and_says_so(small_root: Path) -> None:
    done = feelm(small_root, "run")
    assert done.returncode == 0
    assert "Nothing has changed" in done.stdout


@pytest.mark.slow
def test_films_that_may_not_be_exported_are_recorded_and_never_pushed(small_root: Path, home: Home, tmp_path: Path) -> None:
    settings, config = small_root / "params.yaml", small_root / ".dvc" / "config"
    before = settings.read_text(), config.read_text()
    try:
        settings.write_text(before[0].replace("export: [cc0]", "export: []"))
        config.write_text(before[1].replace(str(home.root / "remote"), str(tmp_path / "remote")))
        done = feelm(small_root, "run")
        assert done.returncode == 0, done.stdout + done.stderr
        snapshot = json.loads((home.artifact("dataset_snapshot") / "snapshot.json").read_text())
        assert set(snapshot["kept_back"]) == set(FILM_IDS)
        remote = tmp_path / "remote" / "files" / "md5"
        there = {f"{path.parent.name}{path.name}" for path in remote.rglob("*") if path.is_file()}
        kept = {
            content_version(home.artifact(name, FILM_IDS[0])) for name in ("film", "soundtrack", "faces", "shots", "dialogue", "scenes")
        }
        assert not there & (kept | {content_version(home.artifact("training_set"))})
        assert content_version(home.artifact("emotion_model")) in there
        assert kept <= set(snapshot["outputs"].values())
    finally:
        settings.write_text(before[0])
        config.write_text(before[1])
        feelm(small_root, "run")


@pytest.mark.parametrize(
    "artifact",
    [pytest.param("text_features", marks=pytest.mark.slow), "gold_labels", pytest.param("validation_report", marks=pytest.mark.slow)],
)
def test_a_deleted_artifact_comes_back_the_same(small_root: Path, home: Home, artifact: str) -> None:
    folder = home.artifact(artifact, FILM_IDS[0]) if artifact == "text_features" else home.artifact(artifact)
    before = content_version(folder)
    shutil.rmtree(folder)
    done = feelm(small_root, "run")
    assert done.returncode == 0, done.stdout + done.stderr
    assert content_version(folder) == before


@pytest.mark.slow
def test_a_killed_run_completes_when_run_again(small_root: Path, tmp_path: Path) -> None:
    root = tmp_path
    assert feelm(root, "films", "add", str(small_root / "made")).returncode == 0
    shutil.copyfile(small_root / "params.yaml", root / "params.yaml")
    victim = subprocess.Popen(
        [sys.executable, "-m", "orchestration.cli", "run", "--film", FILM_IDS[0]],
        cwd=root,
        env={"FEELM_HOME": str(root / ".feelm"), "PATH": "/usr/bin:/bin", "PYTHONPATH": str(Path.cwd())},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    home = Home(root / ".feelm")
    deadline = time.monotonic() + 120
    while not list((home.data / "shots").glob(".*.tmp")) and time.monotonic() < deadline:
        time.sleep(0.05)
    victim.send_signal(signal.SIGKILL)
    victim.wait()
    assert not home.artifact("shots", FILM_IDS[0]).exists()
    done = feelm(root, "run", "--film", FILM_IDS[0])
    assert done.returncode == 0, done.stdout + done.stderr
    assert home.artifact("text_features", FILM_IDS[0]).is_dir()
    assert not list(home.data.rglob(".*.tmp"))


def test_a_bad_batch_is_refused_by_name_and_the_model_in_use_stays(small_root: Path, home: Home, tmp_path: Path) -> None:
    good = (small_root / "made" / "annotations.csv").read_text().splitlines()
    bad = tmp_path / "bad.csv"
    header = good[0].split(",")
    row = good[1].split(",")
    row[header.index("emotion")] = "happyish"
    bad.write_text("\n".join([good[0], ",".join(row)]) + "\n")
    before = content_version(home.artifact("annotations"))
    done = feelm(small_root, "annotations", "import", str(bad))
    assert done.returncode == 1
    assert "refused" in done.stdout and "happyish" in done.stdout
    ran = feelm(small_root, "run")
    assert content_version(home.artifact("annotations")) == before, ran.stdout
    (home.inbox / "bad.csv").unlink()


@pytest.mark.slow
def test_a_batch_that_is_rejected_by_name_is_waited_for_no_longer_and_gold_goes_on(small_root: Path, home: Home, tmp_path: Path) -> None:
    made = pd.read_csv(small_root / "made" / "annotations.csv", dtype=str, keep_default_na=False)
    made.head(1).assign(emotion="happyish").to_csv(tmp_path / "bad.csv", index=False)
    gold = home.artifact("gold_labels")
    before = content_version(gold)
    try:
        assert feelm(small_root, "annotations", "import", str(tmp_path / "bad.csv")).returncode == 1
        assert list(json.loads(feelm(small_root, "run", "--json").stdout)["refused"]) == ["bad"]
        rejected = feelm(small_root, "annotations", "reject", "bad.csv", "--reason", "a test of the tool")
        assert rejected.returncode == 0, rejected.stdout + rejected.stderr
        shutil.rmtree(gold)
        done = feelm(small_root, "run", "--json")
        told = json.loads(done.stdout)
        assert (done.returncode, told["refused"], told["failures"]) == (0, {}, {}), done.stdout
        assert [words.endswith(": a test of the tool") for words in told["rejected"]["bad"]] == [True]
        assert content_version(gold) == before
        annotations = ANNOTATIONS.read(home.artifact("annotations") / "annotations.parquet")
        assert set(annotations["batch_id"]) == {"first"}
        assert "Rejected by name on" in (home.reports / "annotators.md").read_text()
    finally:
        for name in ("bad.csv", ".bad.csv.rejected.json"):
            (home.inbox / name).unlink(missing_ok=True)


def test_the_champion_reads_a_sentence(small_root: Path) -> None:
    done = feelm(small_root, "detect", "Get out of my house, you liar! I hate you!", "--json")
    assert done.returncode == 0, done.stderr
    detection = json.loads(done.stdout)
    assert detection["missing"] == {"face": "only text was given", "voice": "only text was given"}
    assert detection["units"][0]["modalities"] == ["text"]
    assert sum(detection["units"][0]["probabilities"]) == pytest.approx(1, abs=1e-3)
