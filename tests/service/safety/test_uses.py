"""Every combination of context, input and subject has its answer; a refusal is lifted by a recorded basis alone."""

from datetime import UTC, date, datetime, timedelta

import pytest

from corpus.paths import Home
from corpus.terms import FeelmError
from service.safety.disclosure import NAMES
from service.safety.uses import (
    Context,
    Ground,
    Input,
    Subject,
    UseProfile,
    add_basis,
    all_profiles,
    bases_path,
    decide,
    default_inputs,
    end_basis,
    read_bases,
    use_table,
)

TODAY = datetime.now(UTC).date()
OFFICE = UseProfile(Context.WORKPLACE, Input.VOICE, Subject.EMPLOYEE)


def is_banned(profile: UseProfile) -> bool:
    """Art. 5(1)(f), written a second time."""
    biometric, living = profile.input in (Input.VOICE, Input.FACE), profile.subject is not Subject.FICTIONAL
    place = profile.context in (Context.WORKPLACE, Context.EDUCATION)
    return biometric and living and (place or profile.subject in (Subject.EMPLOYEE, Subject.PUPIL))


@pytest.mark.parametrize("profile", all_profiles(), ids=str)
def test_every_use(profile):
    permission = decide(profile)
    assert permission.allowed is not is_banned(profile)
    assert "not legal advice" in permission.notice.lower()
    if not permission.allowed:
        assert all("5(1)(f)" in reason.article for reason in permission.reasons) and permission.reasons and not permission.disclosures
        with pytest.raises(FeelmError, match=r"5\(1\)\(f\).*use-basis"):
            permission.require()
        return
    living = profile.subject is not Subject.FICTIONAL
    assert ("chatbot" in permission.disclosures) is living
    assert ("voice" in permission.disclosures) is (living and profile.input is Input.VOICE)
    assert ("face" in permission.disclosures) is (living and profile.input is Input.FACE)
    assert set(permission.disclosures) <= set(NAMES)
    assert permission.reasons and all(reason.article and reason.since for reason in permission.reasons)
    assert permission.require() is permission


def test_the_dates_are_those_that_are_reported():
    dates = {rule.reason.article: rule.reason.since for rule in use_table().rules}
    assert dates["EU AI Act, Art. 5(1)(f)"] == date(2025, 2, 2)
    assert dates["EU AI Act, Art. 50(1)"] == dates["EU AI Act, Art. 50(3)"] == date(2026, 8, 2)
    assert dates["EU AI Act, Annex III, point 1(c)"] == date(2027, 12, 2)
    assert dates["EU AI Act, Art. 50(2)"] == date(2026, 12, 2)


def test_education_reads_text_alone_unless_asked():
    assert default_inputs(Context.EDUCATION) == default_inputs(Context.WORKPLACE) == (Input.TEXT,)
    for context in Context:
        assert all(decide(UseProfile(context, given, Subject.CUSTOMER)).allowed for given in default_inputs(context))


def test_a_recorded_basis_lifts_a_refusal_for_its_use_and_time(tmp_path):
    home = Home(tmp_path)
    basis = add_basis(home, OFFICE, Ground.SAFETY, "Dr. Ada", "Fatigue of crane drivers is watched", TODAY + timedelta(days=30))
    bases = read_bases(home)
    assert bases == [basis]
    allowed = decide(OFFICE, bases)
    assert allowed.allowed and allowed.basis == basis and "voice" in allowed.disclosures
    assert not decide(UseProfile(Context.WORKPLACE, Input.FACE, Subject.EMPLOYEE), bases).allowed
    assert not decide(OFFICE, bases, TODAY + timedelta(days=31)).allowed
    assert not decide(OFFICE, bases, TODAY - timedelta(days=1)).allowed


def test_a_basis_that_was_ended_holds_no_more_and_stays_in_the_file(tmp_path):
    home = Home(tmp_path)
    basis = add_basis(home, OFFICE, Ground.MEDICAL, "Dr. Ada", "Therapy of stuttering employees", TODAY)
    end_basis(home, basis.id, "Dr. Ada")
    assert read_bases(home) == [] and not decide(OFFICE, read_bases(home)).allowed
    assert basis.id in bases_path(home).read_text()
    with pytest.raises(FeelmError, match="no basis"):
        end_basis(home, basis.id, "Dr. Ada")


@pytest.mark.parametrize(
    ("profile", "who", "why", "until", "told"),
    [
        (OFFICE, " ", "a good long reason", TODAY, "who answers"),
        (OFFICE, "Ada", "because", TODAY, "why"),
        (OFFICE, "Ada", "a good long reason", TODAY - timedelta(days=1), "past"),
        (UseProfile(Context.GAME, Input.VOICE, Subject.PLAYER), "Ada", "a good long reason", TODAY, "without a basis"),
    ],
)
def test_an_empty_basis_is_refused(tmp_path, profile, who, why, until, told):
    with pytest.raises(FeelmError, match=told):
        add_basis(Home(tmp_path), profile, Ground.SAFETY, who, why, until)
    assert not bases_path(Home(tmp_path)).exists()


def test_a_table_that_is_wrong_is_refused(tmp_path):
    path = tmp_path / "uses.yaml"
    path.write_text("notice: x\ndefault_inputs: {}\nrules: []\n")
    with pytest.raises(FeelmError, match="default_inputs"):
        use_table(path)
