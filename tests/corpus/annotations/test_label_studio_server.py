"""Collecting from Label Studio: every annotation once, every edit, and nothing lost when the tool is down, fails or answers nonsense."""

import base64
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from corpus.annotations.batches import build_annotations, build_batch, scan_inbox
from corpus.annotations.label_studio_config import labelling_config
from corpus.annotations.label_studio_server import PAGE, TASK_KEY, Collected, LabelStudio, ToolUnavailable, batch_file, collect
from corpus.annotations.sidecars import read_told
from corpus.contracts import ANNOTATIONS
from corpus.paths import Home
from corpus.terms import FeelmError
from tests.corpus.annotations.label_studio_double import TOKEN, Double, double


@pytest.fixture
def server() -> Iterator[Double]:
    with double() as running:
        yield running


@pytest.fixture
def tool(server: Double) -> LabelStudio:
    return LabelStudio(server.url, TOKEN, limit_s=0.5)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


def task(name: str, *versions: str) -> dict[str, Any]:
    data = {TASK_KEY: name, "film_id": name, "fps": 25, "perspective": "portrayed", "video": f"/x/{name}.mp4"}
    return {"data": data, "predictions": [{"model_version": version, "result": []} for version in versions]}


def region(start: int, label: str = "joy") -> dict[str, Any]:
    value = {"ranges": [{"start": start, "end": start + 24}], "timelinelabels": [label]}
    return {"id": "r1", "from_name": "emotion", "to_name": "video", "type": "timelinelabels", "value": value}


@pytest.fixture
def filled(server: Double, tool: LabelStudio) -> Double:
    tool.add_tasks(tool.create_project("Feelm", labelling_config()), [task("f1"), task("f2")])
    return server


def delivered(collected: Collected) -> list[dict[str, Any]]:
    assert collected.delivered is not None
    found: list[dict[str, Any]] = json.loads(collected.delivered.path.read_bytes())
    return found


def judged(home: Home) -> list[tuple[str, str, int]]:
    """Film, emotion and start of what a batch of each inbox file holds, united."""
    batches = []
    for item in scan_inbox(home):
        out = home.batch(item.batch_id)
        out.mkdir(parents=True, exist_ok=True)
        build_batch(item.path, item.batch_id, home.root / "annotators.json", out)
        batches.append(out)
    united = home.artifact("annotations")
    united.mkdir(parents=True, exist_ok=True)
    build_annotations(batches, united)
    table = ANNOTATIONS.read(united / "annotations.parquet")
    return sorted(zip(table["film_id"], table["label"], table["start_ms"].astype(int), strict=True))


class TestProject:
    def test_a_project_is_found_by_its_exact_title_and_its_tasks_are_imported_once(self, filled: Double, tool: LabelStudio):
        assert tool.project("feelm") is None
        project = tool.project("Feelm")
        assert project is not None
        assert tool.add_tasks(project, [task("f1"), task("f2"), task("f3")]) == 1
        assert tool.add_tasks(project, [task("f1"), task("f2"), task("f3")]) == 0
        assert [one["data"][TASK_KEY] for one in filled.tasks] == ["f1", "f2", "f3"]
        assert filled.projects[0]["label_config"].encode() == labelling_config()

    def test_every_rater_is_given_every_film_and_nobody_submits_nothing(self, filled: Double):
        """The tool's own defaults: a task is done when one rater has judged it, and an annotation may be empty."""
        assert filled.projects[0]["maximum_annotations"] >= 100
        assert filled.projects[0]["enable_empty_annotation"] is False

    def test_the_suggestions_that_are_shown_are_those_of_one_version_or_none(self, filled: Double, tool: LabelStudio):
        project = tool.project("Feelm")
        assert project is not None
        tool.show_suggestions(project, "champion 2")
        assert {name: filled.projects[0][name] for name in ("show_collab_predictions", "model_version")} == {
            "show_collab_predictions": True,
            "model_version": "champion 2",
        }
        tool.show_suggestions(project, None)
        assert filled.projects[0]["show_collab_predictions"] is False

    def test_an_import_that_broke_off_is_completed(self, server: Double, tool: LabelStudio):
        project = tool.create_project("Feelm", labelling_config())
        tool.add_tasks(project, [task("f1")])
        server.fault, server.fault_of = 500, "/import"
        with pytest.raises(ToolUnavailable):
            tool.add_tasks(project, [task("f1"), task("f2")])
        server.fault = None
        assert tool.add_tasks(project, [task("f1"), task("f2")]) == 1

    def test_a_task_that_is_there_gets_the_new_champions_prediction_once(self, server: Double, tool: LabelStudio):
        project = tool.create_project("Feelm", labelling_config())
        for _ in range(2):
            tool.add_tasks(project, [task("f1", "champion 1")])
            tool.add_tasks(project, [task("f1", "champion 2")])
        assert [one["model_version"] for one in server.tasks[0]["predictions"]] == ["champion 1", "champion 2"]

    def test_more_tasks_than_a_page_are_all_known(self, server: Double, tool: LabelStudio):
        project = tool.create_project("Feelm", labelling_config())
        server.answer("POST", "/api/projects/1/import", {}, [task(f"f{n}") for n in range(2 * PAGE)])
        assert len({one["id"] for one in tool.tasks(project, "id")}) == 2 * PAGE
        assert tool.add_tasks(project, [task(f"f{n}") for n in range(2 * PAGE + 1)]) == 1

    def test_a_folder_is_named_to_the_tool_once(self, filled: Double, tool: LabelStudio, tmp_path: Path):
        project = tool.project("Feelm")
        assert project is not None
        for _ in range(2):
            tool.serve_folder(project, tmp_path)
        assert [(one["project"], one["path"]) for one in filled.storages] == [(1, str(tmp_path))]


class TestCollect:
    def test_nothing_is_delivered_before_anybody_judged(self, filled: Double, tool: LabelStudio, home: Home):
        assert collect(tool, "Feelm", home).delivered is None
        assert scan_inbox(home) == []

    def test_what_was_delivered_is_not_delivered_again_and_is_not_even_exported(self, filled: Double, tool: LabelStudio, home: Home):
        filled.annotate(0, [region(26)])
        first = collect(tool, "Feelm", home)
        assert (first.annotations, first.batch_file) == (1, "label-studio-feelm.json")
        assert judged(home) == [("f1", "joy", 1000)]
        filled.asked.clear()
        assert collect(tool, "Feelm", home).delivered is None
        assert not any(path.endswith("/export") for path in filled.asked)

    def test_new_edited_skipped_and_deleted_annotations_are_each_delivered_whole(self, filled: Double, tool: LabelStudio, home: Home):
        first = filled.annotate(0, [region(26)])
        collect(tool, "Feelm", home)
        filled.annotate(1, [region(51)], user=2)
        assert collect(tool, "Feelm", home).delivered
        assert judged(home) == [("f1", "joy", 1000), ("f2", "joy", 2000)]
        filled.edit(0, first, [region(26, "anger")])
        assert collect(tool, "Feelm", home).delivered
        assert judged(home) == [("f1", "anger", 1000), ("f2", "joy", 2000)]
        filled.annotate(1, [], user=3, was_cancelled=True)
        assert collect(tool, "Feelm", home).delivered
        filled.tasks[0]["annotations"].clear()
        assert collect(tool, "Feelm", home).delivered
        assert judged(home) == [("f2", "joy", 2000)]
        assert [item.path.name for item in scan_inbox(home)] == ["label-studio-feelm.json"]

    def test_a_task_that_was_only_touched_delivers_nothing(self, filled: Double, tool: LabelStudio, home: Home):
        filled.annotate(0, [region(26)])["prediction"] = {"created_ago": "0 minutes"}
        collect(tool, "Feelm", home)
        filled.tasks[0]["updated_at"] = filled.now()
        filled.tasks[0]["annotations"][0]["prediction"] = {"created_ago": "1 minute"}
        filled.asked.clear()
        assert collect(tool, "Feelm", home).delivered is None
        assert any(path.endswith("/export") for path in filled.asked)

    def test_an_edit_while_the_clock_stands_is_seen_by_the_next_change(self, filled: Double, tool: LabelStudio, home: Home):
        """The look is over all tasks: one that was touched last long ago is not hidden by one with a later time."""
        late = filled.annotate(0, [region(26)])
        other = filled.annotate(1, [region(26)])
        filled.edit(0, late, [region(26)])
        collect(tool, "Feelm", home)
        other["result"], other["updated_at"] = [region(26, "fear")], "2001-01-01T00:00:00Z"
        filled.tasks[1]["updated_at"] = "2001-01-01T00:00:00Z"
        assert collect(tool, "Feelm", home).delivered

    def test_names_of_drafts_authors_are_not_delivered(self, filled: Double, tool: LabelStudio, home: Home):
        filled.annotate(0, [region(26)])
        (one,) = delivered(collect(tool, "Feelm", home))
        assert set(one) == {"id", "data", "annotations"}
        assert b"anna" not in (home.inbox / "label-studio-feelm.json").read_bytes()
        assert read_told(home.inbox / "label-studio-feelm.json").format == "label-studio"

    def test_a_crash_after_the_delivery_delivers_the_same_bytes_again(
        self, filled: Double, tool: LabelStudio, home: Home, monkeypatch: pytest.MonkeyPatch
    ):
        filled.annotate(0, [region(26)])

        def crash(*_: object) -> None:
            raise KeyboardInterrupt

        with monkeypatch.context() as broken:
            broken.setattr("corpus.annotations.label_studio_server.write_json", crash)
            with pytest.raises(KeyboardInterrupt):
                collect(tool, "Feelm", home)
        before = (home.inbox / "label-studio-feelm.json").read_bytes()
        assert collect(tool, "Feelm", home).delivered
        assert (home.inbox / "label-studio-feelm.json").read_bytes() == before

    def test_another_project_of_the_same_title_does_not_replace_the_judgements_of_the_first(
        self, filled: Double, tool: LabelStudio, home: Home
    ):
        filled.annotate(0, [region(26)])
        collect(tool, "Feelm", home)
        filled.projects[0]["created_at"] = "2027-01-01T00:00:00Z"
        filled.annotate(1, [region(26)])
        with pytest.raises(FeelmError, match="another title"):
            collect(tool, "Feelm", home)
        assert judged(home) == [("f1", "joy", 1000)]

    def test_what_is_missing_or_damaged_is_said(self, filled: Double, tool: LabelStudio, home: Home):
        with pytest.raises(FeelmError, match="has no project 'Other'"):
            collect(tool, "Other", home)
        with pytest.raises(FeelmError, match="no letter or digit"):
            batch_file("!?")
        kept = home.root / "label-studio" / "collected-label-studio-feelm.json"
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_text("{")
        with pytest.raises(FeelmError, match="is damaged"):
            collect(tool, "Feelm", home)


class TestFaults:
    @pytest.mark.parametrize("fault", [500, 502, 503, 429, "slow", "cut"])
    @pytest.mark.parametrize("where", ["/", "/export", "/api/tasks"])
    def test_a_tool_that_fails_loses_nothing_and_the_next_poll_goes_on(
        self, filled: Double, tool: LabelStudio, home: Home, fault: int | str, where: str
    ):
        first = filled.annotate(0, [region(26)])
        collect(tool, "Feelm", home)
        filled.edit(0, first, [region(26, "anger")])
        filled.fault, filled.fault_of = fault, where
        began = time.monotonic()
        with pytest.raises(ToolUnavailable, match=r"127\.0\.0\.1"):
            collect(tool, "Feelm", home)
        assert time.monotonic() - began < 20
        assert judged(home) == [("f1", "joy", 1000)]
        filled.fault = None
        assert collect(tool, "Feelm", home).delivered
        assert judged(home) == [("f1", "anger", 1000)]

    def test_a_tool_that_is_not_there_is_told(self, home: Home):
        with double() as gone:
            tool = LabelStudio(gone.url, TOKEN, limit_s=0.5)
        assert not tool.is_up()
        with pytest.raises(ToolUnavailable, match="is it running"):
            collect(tool, "Feelm", home)

    @pytest.mark.parametrize("nonsense", [{}, [1], [{"data": {}}], [{"annotations": [3]}], "x"])
    def test_an_export_that_is_none_is_not_delivered(self, filled: Double, tool: LabelStudio, home: Home, nonsense: object):
        filled.annotate(0, [region(26)])
        collect(tool, "Feelm", home)
        filled.annotate(0, [region(26)])
        before, plain = (home.inbox / "label-studio-feelm.json").read_bytes(), filled.answer
        filled.answer = lambda method, path, query, body: nonsense if path.endswith("/export") else plain(method, path, query, body)  # type: ignore[method-assign]
        with pytest.raises(FeelmError, match="no list of tasks with annotations"):
            collect(tool, "Feelm", home)
        assert (home.inbox / "label-studio-feelm.json").read_bytes() == before

    def test_another_site_a_refused_token_and_a_redirection_are_told_apart(self, filled: Double, tool: LabelStudio, home: Home):
        filled.fault = "html"
        with pytest.raises(FeelmError, match="is it the right address"):
            collect(tool, "Feelm", home)
        filled.fault = "moved"
        with pytest.raises(FeelmError, match="code 302"):
            collect(tool, "Feelm", home)
        assert "GET /elsewhere" not in filled.asked
        filled.fault = None
        with pytest.raises(FeelmError, match="refuses the token") as refused:
            collect(LabelStudio(filled.url, "secret-of-mine"), "Feelm", home)
        assert "secret-of-mine" not in str(refused.value)

    @pytest.mark.parametrize("url", ["", "ftp://h/", "http://", "http://user@h/", "https://h/?a=1", "file:///etc/passwd", "http://["])
    def test_what_is_no_address_is_refused(self, url: str):
        with pytest.raises(FeelmError, match="is no address"):
            LabelStudio(url, TOKEN)

    def test_the_token_is_not_sent_in_clear_over_a_network(self):
        with pytest.raises(FeelmError, match="in clear"):
            LabelStudio("http://labels.example.org", TOKEN)
        assert LabelStudio("https://labels.example.org/ls/", TOKEN).url == "https://labels.example.org/ls"

    def test_a_token_from_a_file_may_end_its_line_and_what_is_none_is_refused(self, filled: Double, home: Home):
        assert collect(LabelStudio(filled.url, f"{TOKEN}\n"), "Feelm", home).delivered is None
        for nonsense in ("", " ", "a\nb", "ключ"):
            with pytest.raises(FeelmError, match="no token"):
                LabelStudio(filled.url, nonsense)

    def test_a_personal_access_token_is_given_for_one_that_lasts_shortly(self, filled: Double, home: Home):
        head = base64.urlsafe_b64encode(b'{"alg": "HS256", "typ": "JWT"}').decode().rstrip("=")
        filled.annotate(0, [region(26)])
        filled.asked.clear()
        assert collect(LabelStudio(filled.url, f"{head}.e30.x"), "Feelm", home).delivered
        assert filled.asked[0] == "POST /api/token/refresh"
