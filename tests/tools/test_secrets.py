"""No key, token or password lies in what is tracked: detect-secrets looks, and what it takes for one wrongly is listed with the reason.

Line by line its detectors take half a minute; asked of whole texts first they tell the same files in a quarter of it. A comment in a file
excuses nothing.
"""

import os
import re
import subprocess
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

import pytest
from detect_secrets.core.scan import scan_file
from detect_secrets.plugins.base import BasePlugin
from detect_secrets.plugins.high_entropy_strings import HighEntropyStringsPlugin
from detect_secrets.plugins.keyword import DENYLIST, KeywordDetector
from detect_secrets.settings import default_settings, get_plugins

from tests.conftest import REPOSITORY

SHA256 = "[0-9a-f]{64}"
ALLOWED = (
    ("corpus/weights.py", SHA256, "digests of weights that are fetched"),
    ("corpus/films/catalogue/starter.yaml", SHA256, "digests of films that are fetched"),
    ("benchmarks/conversations/frozen.json", SHA256, "digests of the frozen test halves"),
    ("service/safety/distress/measured.json", SHA256, "digests of what was measured"),
    ("service/safety/distress/fitted/facts.json", f"{SHA256}|[0-9a-f]{{16}}", "digests of what was fitted"),
    ("*.py", "FEELM_[A-Z_]+", "names of variables, not what they hold"),
    ("tests/*.py", "secret|feelm|pass-w0rd|wr0ng-one|s3cret-word|a secret of some length|(0123456789abcdef){2}", "made up by the tests"),
)
"""In which files which values are no secrets, and what they are."""
PLAIN_VALUES = {".yaml", ".yml", ".toml", ".ini", ".cfg", ".conf", ".properties"}
"""Files whose values stand without quotes: the library rewrites them before it looks, so they are read in any case."""
KEYWORD = re.compile("|".join(DENYLIST), re.IGNORECASE)
Finding = tuple[str, int, str, str]
"""File, line, kind, value."""


def tracked(root: Path) -> list[Path]:
    """The files that git tracks; without git those that .gitignore does not leave out."""
    if not (root / ".git").exists():
        return list(walked(root))
    listed = subprocess.run(["git", "-C", str(root), "ls-files", "-z"], capture_output=True, text=True, check=True).stdout
    return [path for name in listed.split("\0") if name and (path := root / name).is_file()]


def walked(root: Path) -> Iterator[Path]:
    """Every file that no line of .gitignore leaves out, by its name or by its path."""
    ignored = [line.strip("/") for line in (root / ".gitignore").read_text(encoding="utf-8").splitlines()]

    def kept(path: Path) -> bool:
        return not any(fnmatch(path.relative_to(root).as_posix() if "/" in line else path.name, line) for line in ignored)

    for folder, folders, names in os.walk(root):
        folders[:] = [name for name in folders if kept(Path(folder, name))]
        yield from filter(kept, (Path(folder, name) for name in names))


def found_in(paths: list[Path], root: Path) -> list[Finding]:
    """What detect-secrets takes for secrets in these files."""
    with default_settings() as settings:
        settings.disable_filters("detect_secrets.filters.allowlist.is_line_allowlisted")
        secrets = [secret for path in paths if may_hold_one(path) for secret in scan_file(str(path))]
    return sorted((Path(one.filename).relative_to(root).as_posix(), one.line_number, one.type, one.secret_value or "") for one in secrets)


def may_hold_one(path: Path) -> bool:
    """Whether a detector finds anything in the text as a whole; a file that is no text holds none."""
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return False
    return path.suffix in PLAIN_VALUES or any(finds(plugin, path, text) for plugin in get_plugins())


def finds(plugin: BasePlugin, path: Path, text: str) -> bool:
    if isinstance(plugin, KeywordDetector):
        return any(plugin.analyze_line(str(path), line) for line in text.splitlines() if KEYWORD.search(line))
    if isinstance(plugin, HighEntropyStringsPlugin):
        return any(plugin.calculate_shannon_entropy(value) > plugin.entropy_limit for value in plugin.analyze_string(text))
    return any(plugin.analyze_string(text))


def allows(rule: tuple[str, str, str], finding: Finding) -> bool:
    return fnmatch(finding[0], rule[0]) and re.fullmatch(rule[1], finding[3]) is not None


@pytest.mark.long
def test_nothing_that_is_tracked_holds_a_secret_and_no_exception_is_out_of_use() -> None:
    findings = found_in(tracked(REPOSITORY), REPOSITORY)
    assert [finding[:3] for finding in findings if not any(allows(rule, finding) for rule in ALLOWED)] == []
    assert [rule for rule in ALLOWED if not any(allows(rule, finding) for finding in findings)] == []


@pytest.mark.parametrize(
    ("name", "line", "kind"),
    [
        ("settings.py", 'KEY = "AKIA' + 'Q3EGRT5YHBN7WLXZ"', "AWS Access Key"),
        ("key.pem", "-----BEGIN RSA " + "PRIVATE KEY-----", "Private Key"),
        ("notes.md", "https://team:" + "hunter2x@example.org/feelm", "Basic Auth Credentials"),
        ("hook.sh", "TOKEN=gh" + "p_" + "x7Kq" * 9, "GitHub Token"),
        ("deploy.yaml", "db_password" + ": Tr0ub4dor&3", "Secret Keyword"),
        ("web.js", 'const apiKey = "' + 'f81d4fae7dec11d0a76500a0c91e6bf6"', "Hex High Entropy String"),
        ("excused.py", 'PASSWORD = "' + 'Tr0ub4dor-3"  # pragma: allow' + "list secret", "Secret Keyword"),
    ],
)
def test_a_planted_key_is_found_with_its_place(tmp_path: Path, name: str, line: str, kind: str) -> None:
    (tmp_path / ".gitignore").write_text(".venv\n")
    (tmp_path / name).write_text(f"\n{line}\n", encoding="utf-8")
    findings = found_in(tracked(tmp_path), tmp_path)
    assert (name, 2, kind) in [finding[:3] for finding in findings]
    assert not any(allows(rule, finding) for rule in ALLOWED for finding in findings)


def test_with_git_and_without_the_same_files_are_looked_at(tmp_path: Path) -> None:
    (tmp_path / ".gitignore").write_text(".venv\ncache/\n*.egg-info/\ndeploy/.env\n")
    for name in ("a.py", ".venv/b.py", "room/cache/c.py", "feelm.egg-info/d", "deploy/.env", "deploy/env.example", "room/.env"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    without = set(tracked(tmp_path))
    assert without == {tmp_path / name for name in (".gitignore", "a.py", "deploy/env.example", "room/.env")}
    for command in (["init", "-q"], ["add", "-A"]):
        subprocess.run(["git", "-C", str(tmp_path), *command], check=True, capture_output=True)
    assert set(tracked(tmp_path)) == without
    assert set(tracked(REPOSITORY)) <= set(walked(REPOSITORY))
