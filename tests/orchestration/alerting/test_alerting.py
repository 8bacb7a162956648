"""Alerts on their way, with a real web server and a real mail server on loopback."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from corpus.paths import Home
from corpus.posting import Undelivered
from corpus.terms import FeelmError
from orchestration.alerting.alert import LONGEST_MESSAGE, Alert, AlertKind, shortened
from orchestration.alerting.outbox import Outbox
from orchestration.alerting.sending import mail, post
from orchestration.alerting.settings import AlertSettings, Mailbox, read_settings
from tests.orchestration.alerting.servers import Mailroom, free_port, mailroom, silence, webhook

ALERT = Alert(
    "check-1-abc",
    AlertKind.CHECK_FAILED,
    "2026-11-27T05:22:00+00:00",
    "Check label_in_vocabulary failed on annotation_batches b-1",
    "1 row says 'happyish'",
    asset="annotation_batches",
    partition="b-1",
    check="label_in_vocabulary",
    run_id="1",
    link="http://127.0.0.1:3000/runs/1",
)


def numbered(number: int) -> Alert:
    return replace(ALERT, alert_id=f"run-{number}", at=f"2026-11-27T05:22:{number:02d}+00:00")


def to_hook(url: str) -> AlertSettings:
    return AlertSettings(url, None, "http://127.0.0.1:3000")


def box(room: Mailroom, *recipients: str) -> Mailbox:
    return Mailbox("127.0.0.1", room.port, "feelm@studio.example", recipients or ("team@studio.example",))


def test_a_webhook_gets_a_text_as_slack_shows_it_and_what_failed_as_fields():
    with webhook() as hook:
        post(hook.url, ALERT, 5)
    headers, content = hook.posts[0]
    assert headers["Idempotency-Key"] == "check-1-abc" and headers["Content-Type"].startswith("application/json")
    lines = ["Check label_in_vocabulary failed on annotation_batches b-1", "1 row says 'happyish'", "http://127.0.0.1:3000/runs/1"]
    assert content["text"].splitlines() == lines
    assert content["alert"] == {
        "alert_id": "check-1-abc",
        "kind": "check_failed",
        "at": "2026-11-27T05:22:00+00:00",
        "what": lines[0],
        "message": lines[1],
        "asset": "annotation_batches",
        "partition": "b-1",
        "check": "label_in_vocabulary",
        "run_id": "1",
        "link": lines[2],
    }


def test_a_quoted_message_calls_nobody_in_slack():
    with webhook() as hook:
        post(hook.url, replace(ALERT, message="<!channel> & co"), 5)
    assert "&lt;!channel&gt; &amp; co" in hook.posts[0][1]["text"]
    assert hook.posts[0][1]["alert"]["message"] == "<!channel> & co"


def test_a_message_is_bounded_and_holds_text_alone():
    assert len(shortened("x" * 10_000)) == LONGEST_MESSAGE
    assert shortened("film \udcff.mkv") == "film ?.mkv"


def test_a_mail_says_what_failed_where_and_is_known_by_its_id():
    with mailroom() as room:
        mail(box(room), "team@studio.example", replace(ALERT, message="größer\n.\nBcc: x@y.example"), 5)
    (letter,) = room.letters
    assert letter["Subject"] == "Feelm: Check label_in_vocabulary failed on annotation_batches b-1"
    assert (letter["From"], letter["To"]) == ("feelm@studio.example", "team@studio.example")
    assert letter["Message-ID"] == "<check-1-abc@feelm.studio.example>" and letter["Bcc"] is None
    assert letter.get_content().splitlines() == [ALERT.what, "größer", ".", "Bcc: x@y.example", ALERT.link]


def test_a_mail_server_that_asks_for_a_login_gets_it_and_a_wrong_password_is_told_without_it():
    with mailroom(asks_login=True) as room:
        mail(replace(box(room), user="feelm", password="pass-w0rd"), "team@studio.example", ALERT, 5)
        with pytest.raises(Undelivered, match="the server answered 535") as refused:
            mail(replace(box(room), user="feelm", password="wr0ng-one"), "team@studio.example", ALERT, 5)
    assert len(room.letters) == 1 and room.logins[0] == ("feelm", "pass-w0rd")
    assert "wr0ng" not in str(refused.value)


@pytest.mark.parametrize(("status", "reachable"), [(404, True), (302, True), (500, False), (429, False)])
def test_a_webhook_that_answers_otherwise_has_not_taken_the_alert(status: int, reachable: bool):
    with webhook() as hook:
        hook.status = status
        with pytest.raises(Undelivered, match=f"it answered {status}") as refused:
            post(hook.url, ALERT, 5)
    assert refused.value.reachable is reachable and "s3cret" not in str(refused.value)
    assert not hook.posts


def test_a_side_that_answers_a_byte_at_a_time_is_cut_off_in_time():
    with silence() as port:
        for send in (
            lambda: post(f"http://127.0.0.1:{port}/s3cret", ALERT, 0.6),
            lambda: mail(Mailbox("127.0.0.1", port, "a@b.example", ("c@d.example",)), "c@d.example", ALERT, 0.6),
        ):
            started = time.monotonic()
            with pytest.raises(Undelivered, match=r"no answer within 0\.6 s|cannot") as cut:
                send()
            assert time.monotonic() - started < 3
            assert not cut.value.reachable and "s3cret" not in str(cut.value)


def test_what_a_dead_target_missed_it_gets_once_when_it_is_back_and_the_other_gets_nothing_twice(tmp_path: Path):
    outbox, port = Outbox(Home(tmp_path)), free_port()
    outbox.add([numbered(1), numbered(2)])
    with webhook() as hook:
        settings = AlertSettings(hook.url, Mailbox("127.0.0.1", port, "a@b.example", ("c@d.example",)), "")
        for _ in range(3):
            round_ = outbox.deliver(settings)
            assert (round_.done, round_.waiting) == (0, 2)
            assert round_.faults == ("e-mail: Connection refused",)
        with mailroom() as room:
            settings = replace(settings, mail=replace(settings.mail, port=room.port))
            assert outbox.deliver(settings).done == 2
            assert outbox.deliver(settings).done == 0
    assert hook.alert_ids == ["run-1", "run-2"]
    assert [letter["Message-ID"] for letter in room.letters] == ["<run-1@feelm.b.example>", "<run-2@feelm.b.example>"]


def test_the_same_event_is_told_once_whether_it_waits_or_was_sent(tmp_path: Path):
    outbox = Outbox(Home(tmp_path))
    with webhook() as hook:
        assert outbox.add([ALERT, numbered(1)]) == 2
        assert outbox.add([ALERT]) == 0
        outbox.deliver(to_hook(hook.url))
        assert Outbox(Home(tmp_path)).add([ALERT, numbered(1)]) == 0
        outbox.deliver(to_hook(hook.url))
    assert hook.alert_ids == ["check-1-abc", "run-1"] or hook.alert_ids == ["run-1", "check-1-abc"]


def test_a_refused_alert_holds_up_no_other_and_a_refused_recipient_no_other(tmp_path: Path):
    outbox = Outbox(Home(tmp_path))
    outbox.add([numbered(1)])
    with mailroom() as room:
        room.refused = {"gone@studio.example"}
        settings = AlertSettings(None, box(room, "gone@studio.example", "team@studio.example"), "")
        for _ in range(2):
            assert outbox.deliver(settings).waiting == 1
        assert [letter["To"] for letter in room.letters] == ["team@studio.example"]
        room.refused = set()
        assert outbox.deliver(settings).done == 1
    assert [letter["To"] for letter in room.letters] == ["team@studio.example", "gone@studio.example"]


def test_a_round_ends_in_time_however_many_wait_and_the_next_one_goes_on(tmp_path: Path):
    outbox = Outbox(Home(tmp_path))
    outbox.add([numbered(number) for number in range(6)])
    with webhook() as hook:
        hook.waits_s = 0.3
        started = time.monotonic()
        first = outbox.deliver(to_hook(hook.url), budget_s=0.5, answer_s=2)
        assert time.monotonic() - started < 2.5
        assert 0 < first.done < 6
        hook.waits_s = 0
        assert outbox.deliver(to_hook(hook.url)).done == 6 - first.done
    assert hook.alert_ids == [f"run-{number}" for number in range(6)]


def test_a_target_that_does_not_answer_is_asked_once_a_round(tmp_path: Path):
    outbox = Outbox(Home(tmp_path))
    outbox.add([numbered(number) for number in range(6)])
    with silence() as port:
        started = time.monotonic()
        outbox.deliver(to_hook(f"http://127.0.0.1:{port}/"), answer_s=0.5)
        assert time.monotonic() - started < 2
    assert [entry.fault is None for entry in outbox.waiting()] == [False, True, True, True, True, True]


def test_two_processes_do_not_send_side_by_side(tmp_path: Path):
    outbox = Outbox(Home(tmp_path))
    with webhook() as hook:
        hook.waits_s = 0.5
        outbox.add([ALERT])
        with ThreadPoolExecutor(2) as pool:
            rounds = list(pool.map(lambda one: one.deliver(to_hook(hook.url)), [outbox, Outbox(Home(tmp_path))]))
    assert sorted(round_.done for round_ in rounds) == [0, 1]
    assert hook.alert_ids == ["check-1-abc"]
    assert ("another process is sending",) in [round_.faults for round_ in rounds]


def test_without_a_target_everything_waits(tmp_path: Path):
    outbox = Outbox(Home(tmp_path))
    outbox.add([ALERT])
    assert outbox.deliver(AlertSettings(None, None, "")).waiting == 1


def test_nothing_secret_lies_in_the_home_or_in_the_settings_shown(tmp_path: Path):
    outbox = Outbox(Home(tmp_path))
    outbox.add([ALERT])
    environment = {
        "FEELM_ALERT_WEBHOOK": f"http://127.0.0.1:{free_port()}/services/s3cret-path",
        "FEELM_ALERT_SMTP": f"127.0.0.1:{free_port()}",
        "FEELM_ALERT_FROM": "a@b.example",
        "FEELM_ALERT_TO": "c@d.example",
        "FEELM_ALERT_USER": "s3cret-user",
        "FEELM_ALERT_PASSWORD": "s3cret-word",
    }
    settings = read_settings(environment)
    delivery = outbox.deliver(settings)
    assert len(delivery.faults) == 2
    written = "".join(path.read_text() for path in tmp_path.rglob("*") if path.is_file())
    assert "s3cret" not in written + repr(settings) + json.dumps(delivery.faults)


@pytest.mark.parametrize(
    ("environment", "told"),
    [
        ({"FEELM_ALERT_WEBHOOK": "s3cret.example"}, "FEELM_ALERT_WEBHOOK is no http"),
        ({"FEELM_ALERT_SMTP": "mail.example"}, "FEELM_ALERT_SMTP is not host:port"),
        ({"FEELM_ALERT_SMTP": "mail.example:25", "FEELM_ALERT_FROM": "a@b.example"}, "FEELM_ALERT_TO not"),
        ({"FEELM_ALERT_SMTP": "m:25", "FEELM_ALERT_FROM": "a@b.example", "FEELM_ALERT_TO": "x\ny@z"}, "no e-mail address"),
    ],
)
def test_a_setting_that_cannot_be_meant_so_is_named_without_its_value(environment: dict[str, str], told: str):
    with pytest.raises(FeelmError, match=told) as error:
        read_settings(environment)
    assert "s3cret" not in str(error.value)


def test_settings_name_several_recipients_and_empty_ones_are_none():
    environment = {"FEELM_ALERT_SMTP": "[::1]:465", "FEELM_ALERT_FROM": "a@b.example", "FEELM_ALERT_TO": "c@d.example, e@f.example"}
    found = read_settings({**environment, "FEELM_ALERT_WEBHOOK": " ", "FEELM_UI_URL": "https://dagster.studio.example/"})
    assert found.mail == Mailbox("::1", 465, "a@b.example", ("c@d.example", "e@f.example"), "a@b.example", None)
    assert found.webhook is None and found.sends
    assert found.run_link("1") == "https://dagster.studio.example/runs/1"
    assert not read_settings({}).sends
