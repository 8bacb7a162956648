"""Small changes to a line: what each makes of it, and that a file that declares none is refused with the place."""

from pathlib import Path

import pytest

from corpus.terms import EMOTIONS, FeelmError
from service.script.operations import read_operations, reworded

LINES = (
    "You must stop lying, please.",
    "I think he is just a little tired.",
    "Get out of my house! Now!",
    "Ben, this is the road, and it is closed.",
    "Don't go. Stay here.",
)


def texts(line: str, operation: str, target: str = "joy", other: str | None = "Anna") -> set[str]:
    return {one.text for one in reworded(line, target, "en", other, ("Anna", "Ben")) if one.operations == (operation,)}


@pytest.mark.parametrize(
    ("operation", "line", "becomes"),
    [
        ("soften", LINES[0], "You could please stop hiding things, please."),
        ("soften", LINES[1], "Maybe I think he is just a little tired."),
        ("sharpen", LINES[0], "You must stop lying!"),
        ("hesitate", LINES[1], "I… I think he is just a little tired."),
        ("drop_hedge", LINES[1], "He is tired."),
        ("question", LINES[4], "Don't go. Stay here?"),
        ("shorten", LINES[2], "Get out of my house!"),
        ("shorten", LINES[2], "Now!"),
        ("pause", LINES[4], "Don't go… Stay here."),
        ("address", LINES[4], "Anna, don't go. Stay here."),
        ("address", LINES[2], "Get out of my house! Now, Anna!"),
        ("calm", LINES[2], "Get out of my house. Now."),
        ("exclaim", LINES[0], "You must stop lying, please!"),
    ],
)
def test_an_operation_makes_what_it_says_of_a_line(operation: str, line: str, becomes: str) -> None:
    assert becomes in texts(line, operation)


def test_a_name_keeps_its_capital_and_nobody_is_named_twice() -> None:
    assert "Anna, Ben, this is the road, and it is closed." in texts(LINES[3], "address")
    assert texts(LINES[3], "address", other="Ben") == set()
    assert texts(LINES[4], "address", other=None) == set()


@pytest.mark.parametrize("target", EMOTIONS)
def test_what_is_felt_is_named_for_every_target(target: str) -> None:
    named = texts(LINES[4], "name_it", target)
    others = {text for other in EMOTIONS if other != target for text in texts(LINES[4], "name_it", other)}
    assert named and not named & others and all("go. Stay here." in text for text in named)


def test_another_language_has_its_own_operations_and_those_of_all() -> None:
    found = {one.text for one in reworded("Das ist nie so.", "fear", "de")}
    assert {"Das ist selten so.", "Das ist nie so. Ich habe Angst.", "Das ist nie so?"} <= found
    assert not any("scared" in text for text in found)


def test_every_declared_way_changes_some_line_and_leaves_words() -> None:
    made = {name for line in LINES for target in EMOTIONS for one in reworded(line, target, "en", "Anna") for name in one.operations}
    assert made == {operation.name for operation in read_operations() if operation.language in ("any", "en")}
    for line in LINES:
        rewordings = reworded(line, "joy", "en", "Anna")
        assert line not in {one.text for one in rewordings} and len({one.text for one in rewordings}) == len(rewordings)
        assert all(any(sign.isalpha() for sign in one.text) and one.text[0].isupper() for one in rewordings)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("en: {soften: {about: x, ways: [[{swap: a}]]}}", "en: soften: a step gives replace and by"),
        ("en: {soften: {about: x, ways: [[{replace: '(', by: ''}]]}}", "unterminated"),
        ("en: {soften: {about: x, ways: [[{replace: 'a', by: '\\2'}]]}}", "invalid group reference"),
        ("en: {soften: {about: x}}", "has no ways"),
        ("en: {soften: {about: x, targets: {bliss: []}}}", "bliss is no emotion"),
        ("[", "declares no operations"),
    ],
)
def test_a_file_that_declares_no_operation_is_refused_with_the_place(tmp_path: Path, content: str, told: str) -> None:
    path = tmp_path / "operations.yaml"
    path.write_text(content)
    with pytest.raises(FeelmError, match=told):
        read_operations(path)
