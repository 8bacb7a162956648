"""An escalation reaches a person, or somebody is told that it did not: through dead targets, killed processes and a full disk."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import pytest

from corpus.paths import Home
from corpus.terms import FeelmError
from service.safety import escalation as escalating
from service.safety.escalation import (
    LATE_S,
    LONGEST_PAUSE_S,
    SIGNATURE,
    WEBHOOK,
    Courier,
    Escalation,
    Queue,
    State,
    Target,
    is_signed,
    pause_s,
    read_target,
    signature,
)
from service.safety.escalation import (
    SECRET as SECRET_VARIABLE,
)
from tests.loopback import free_port
from tests.service.safety.receiver import SECRET, Receiver, receiver

PROJECT = Path(__file__).parents[3]


def new(conversation: str = "c-1", key: str | None = None) -> Escalation:
    return Escalation.new("support", conversation, "plain words of danger", ["en/suicide/strong/1: “I want to die”"], "people-on-duty", key)


@pytest.fixture
def hook():
    with receiver() as own:
        yield own


@pytest.fixture
def queue(tmp_path: Path, hook: Receiver) -> Queue:
    return Queue(Home(tmp_path), Target(hook.url, SECRET))


def due_now(queue: Queue) -> None:
    """As if the pauses were over."""
    with sqlite3.connect(queue.path) as base:
        base.execute("UPDATE escalations SET next_attempt=0")


def test_what_is_handed_over_arrives_signed_with_its_id_and_evidence(queue, hook):
    one = new()
    handed = queue.hand_over(one, "de")
    assert handed.kept and handed.delivered and "112" in handed.told
    ((headers, body),) = hook.got
    assert headers["Idempotency-Key"] == one.id and is_signed(SECRET, body, headers[SIGNATURE], time.time())
    sent = json.loads(body)["escalation"]
    assert sent["conversation"] == "c-1" and sent["route"] == "people-on-duty" and sent["evidence"] == list(one.evidence)
    assert queue.get(one.id).state is State.DELIVERED and queue.faults() == ()


def test_a_signature_holds_for_its_body_its_secret_and_its_time():
    header = signature(SECRET, b"body", 1000)
    assert is_signed(SECRET, b"body", header, 1100)
    assert not is_signed(SECRET, b"another", header, 1100)
    assert not is_signed("another secret", b"body", header, 1100)
    assert not is_signed(SECRET, b"body", header, 2000)
    assert not is_signed(SECRET, b"body", "nonsense", 1000)


def test_a_person_takes_it_over_once(queue):
    one = new()
    queue.hand_over(one)
    taken = queue.acknowledge(one.id, "Ada")
    assert taken.state is State.ACKNOWLEDGED and taken.acknowledged_by == "Ada"
    assert queue.acknowledge(one.id, "Ben").acknowledged_by == "Ada"
    with pytest.raises(FeelmError, match="no escalation"):
        queue.acknowledge("none", "Ada")
    with pytest.raises(FeelmError, match="who takes"):
        queue.acknowledge(one.id, " ")


def test_the_same_key_is_kept_and_sent_once(queue, hook):
    assert new(key="turn-3").id == new(key="turn-3").id != new(key="turn-4").id
    for _ in range(3):
        queue.hand_over(new(key="turn-3"))
    queue.deliver()
    assert len(hook.got) == 1 and len(queue.all()) == 1


def test_a_target_that_fails_is_tried_again_with_growing_pauses_and_the_same_key(queue, hook):
    hook.answers[:] = [503, 429, 400, 302, 200]
    one = new()
    handed = queue.hand_over(one)
    assert handed.kept and not handed.delivered
    waits = []
    for _ in range(4):
        assert queue.deliver() == 0
        waits.append(queue.get(one.id).next_attempt - time.time())
        due_now(queue)
        queue.deliver()
    assert queue.get(one.id).state is State.DELIVERED and len(hook.got) == 5
    assert {headers["Idempotency-Key"] for headers, _ in hook.got} == {one.id}
    assert waits[0] < waits[1] < waits[2] and queue.counts().failed_attempts == 4
    assert pause_s(1) < pause_s(2) and pause_s(10_000) == LONGEST_PAUSE_S


def test_what_waits_long_is_told(queue, hook, monkeypatch):
    hook.answers[:] = [500]
    queue.hand_over(new())
    assert queue.faults() == () and queue.counts().waiting == 1
    monkeypatch.setattr(escalating, "LATE_S", -1.0)
    (fault,) = queue.faults()
    assert "undelivered" in fault and "500" in fault and hook.url not in fault
    assert LATE_S > 0


def test_without_a_target_it_is_kept_told_and_the_person_is_told_what_to_do(tmp_path):
    queue = Queue(Home(tmp_path), None)
    handed = queue.hand_over(new())
    assert handed.kept and not handed.delivered and "could not reach a person" in handed.told and "911" in handed.told
    assert WEBHOOK in queue.faults()[0] and queue.deliver() == 0


def test_a_target_that_does_not_answer_is_cut_off(queue, hook, monkeypatch):
    monkeypatch.setattr(escalating, "ANSWER_S", 0.3)
    hook.delay_s = 5.0
    began = time.monotonic()
    handed = queue.hand_over(new())
    assert not handed.delivered and time.monotonic() - began < 3
    assert "no answer" in str(queue.get(handed.escalation.id).fault)


def test_a_dead_target_that_comes_back_gets_everything(tmp_path):
    port = free_port()
    queue = Queue(Home(tmp_path), Target(f"http://127.0.0.1:{port}/", SECRET))
    for number in range(3):
        assert not queue.hand_over(new(f"c-{number}")).delivered
    with receiver(port) as hook:
        due_now(queue)
        assert queue.deliver() == 3
    assert [json.loads(body)["escalation"]["conversation"] for _, body in hook.got] == ["c-0", "c-1", "c-2"]


def test_the_courier_delivers_by_itself(queue, hook):
    queue.add(new())
    courier = Courier(queue, every_s=0.05)
    courier.start()
    hook.wait(1)
    courier.stop()
    assert queue.counts().delivered == 1 and queue.counts().median_delivery_s is not None


def test_many_at_once_send_each_once(queue, hook):
    hook.delay_s = 0.05
    for number in range(8):
        queue.add(new(f"c-{number}"))
    others = [Queue(Home(queue.path.parents[1]), queue.target) for _ in range(4)]
    threads = [threading.Thread(target=own.deliver) for own in others]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(hook.got) == 8 and queue.counts().delivered == 8


def run(home: Path, url: str, code: str, **more: object) -> subprocess.Popen[str]:
    """A process of its own that has `queue` and `new`."""
    head = f"""
        import resource, signal, sys, time
        from pathlib import Path
        from corpus.paths import Home
        from service.safety import escalation
        from service.safety.escalation import Escalation, Queue, Target
        escalation.CLAIM_S = 0.5
        queue = Queue(Home(Path({str(home)!r})), Target({url!r}, {SECRET!r}) if {url!r} else None)
        new = Escalation.new("support", "c-9", "danger", ["evidence"], "route")
    """
    program = textwrap.dedent(head) + textwrap.dedent(code)
    environment = {**os.environ, "PYTHONPATH": str(PROJECT)}
    return subprocess.Popen([sys.executable, "-c", program], cwd=PROJECT, env=environment, stdout=subprocess.PIPE, text=True, **more)


def test_a_process_killed_while_it_sends_loses_nothing(tmp_path, hook):
    hook.delay_s = 30.0
    process = run(tmp_path, hook.url, "queue.hand_over(new)")
    hook.wait(1, for_s=30)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    hook.delay_s = 0.0
    queue = Queue(Home(tmp_path), Target(hook.url, SECRET))
    (waiting,) = queue.all(State.WAITING)
    time.sleep(0.6)
    assert queue.deliver() == 1
    keys = [headers["Idempotency-Key"] for headers, _ in hook.got]
    assert keys == [waiting.id, waiting.id] and queue.get(waiting.id).state is State.DELIVERED


def test_a_process_killed_after_keeping_loses_nothing(tmp_path, hook):
    process = run(tmp_path, "", "queue.add(new); print('kept', flush=True); time.sleep(60)")
    assert process.stdout is not None and process.stdout.readline() == "kept\n"
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert Queue(Home(tmp_path), Target(hook.url, SECRET)).deliver() == 1


FULL = """
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    queue.all()
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
    handed = queue.hand_over(new)
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    print(handed.kept, handed.delivered, queue.counts().unkept, "could not reach" in handed.told, flush=True)
    print(*queue.faults(), flush=True)
    print(queue.deliver(), queue.counts().unkept, queue.counts().waiting, flush=True)
"""


def test_on_a_full_disk_it_is_sent_at_once(tmp_path, hook):
    told, _ = run(tmp_path, hook.url, FULL).communicate(timeout=60)
    assert told.splitlines()[0] == "False True 0 False" and len(hook.got) == 1


def test_on_a_full_disk_with_a_dead_target_the_person_is_told_and_it_is_tried_again(tmp_path):
    told, _ = run(tmp_path, f"http://127.0.0.1:{free_port()}/", FULL, stderr=subprocess.DEVNULL).communicate(timeout=60)
    first, fault, last = told.splitlines()
    assert first == "False False 1 True" and "could not be written" in fault
    assert last == "0 0 1", "once there is room it is kept in the queue"


def test_a_queue_that_cannot_be_read_is_told(tmp_path):
    queue = Queue(Home(tmp_path), None)
    queue.path.parent.mkdir(parents=True)
    queue.path.write_bytes(b"this is no database, it is only some text of sufficient length for a header " * 20)
    assert "cannot be read" in queue.faults()[0]
    assert not queue.hand_over(new()).kept


def test_only_the_owner_reads_the_queue(queue):
    queue.hand_over(new())
    assert queue.path.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("url", "secret", "told"),
    [
        ("http://example.org/x", SECRET, "https"),
        ("ftp://localhost/x", SECRET, "https"),
        ("https://", SECRET, "https"),
        ("http://[::1", SECRET, "no address"),
        ("https://example.org/x", "short", SECRET_VARIABLE),
        ("https://example.org/x", "", SECRET_VARIABLE),
    ],
)
def test_a_target_that_would_give_people_away_is_refused_and_its_value_is_not_told(url, secret, told):
    with pytest.raises(FeelmError, match=told) as caught:
        read_target({WEBHOOK: url, SECRET_VARIABLE: secret})
    assert "example.org" not in str(caught.value)


@pytest.mark.parametrize("url", ["https://example.org/x", "http://127.0.0.1:8000/x", "http://localhost/x", "http://[::1]:80/x"])
def test_https_and_this_machine_are_targets_and_secrets_are_not_shown(url):
    target = read_target({WEBHOOK: url, SECRET_VARIABLE: SECRET})
    assert target is not None and target.url == url and SECRET not in repr(target) and url not in repr(target)
    assert read_target({}) is None
