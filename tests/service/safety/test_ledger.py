"""Records are added and never changed unnoticed."""

import json
import multiprocessing

import pytest

from corpus.terms import FeelmError
from service.safety.ledger import append, read


def test_records_come_back_in_order(tmp_path):
    path = tmp_path / "a.jsonl"
    for number in range(5):
        append(path, {"n": number, "what": "ä\n“"})
    assert [record["n"] for record in read(path)] == list(range(5))
    assert read(tmp_path / "none.jsonl") == []


@pytest.mark.parametrize("change", ["alter", "remove", "garbage"])
def test_a_change_by_hand_is_noticed(tmp_path, change):
    path = tmp_path / "a.jsonl"
    for number in range(3):
        append(path, {"n": number})
    lines = path.read_text().splitlines()
    if change == "alter":
        lines[1] = json.dumps({**json.loads(lines[1]), "n": 9}, sort_keys=True)
    elif change == "remove":
        del lines[1]
    else:
        lines[1] = "x"
    path.write_text("\n".join(lines) + "\n")
    with pytest.raises(FeelmError, match="line [23]"):
        read(path)


def test_a_half_written_line_never_counted_and_is_cut_off(tmp_path):
    path = tmp_path / "a.jsonl"
    append(path, {"n": 0})
    with path.open("ab") as stream:
        stream.write(b'{"n": 1, "bef')
    assert [record["n"] for record in read(path)] == [0]
    append(path, {"n": 2})
    assert [record["n"] for record in read(path)] == [0, 2]


def _write(path, first):
    for number in range(20):
        append(path, {"n": first + number})


def test_processes_do_not_get_into_each_other_s_way(tmp_path):
    path = tmp_path / "a.jsonl"
    writers = [multiprocessing.get_context("spawn").Process(target=_write, args=(path, 100 * i)) for i in range(3)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert len(read(path)) == 60
