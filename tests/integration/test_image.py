"""The container image, built from its Containerfile and run as its compose files have it run. ``make image``."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

from support import require
from support.certificates import make_certificate
from support.image import ROOT, Image, ImageError, built_image, end, execute
from support.relay_process import until

pytestmark = pytest.mark.image

USER = 3478
STATE = "var/lib/tailhub"
OPTIONS = ("--no-discover", "--address", "203.0.113.7")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Image]:
    require.root("building an image")
    work = tmp_path_factory.mktemp("image")
    try:
        with built_image(work) as image:
            (image.root / ".dockerenv").touch()
            yield image
    except ImageError as error:
        require.missing("image", f"the image cannot be built here: {error}")
    finally:
        shutil.rmtree(work, ignore_errors=True)


@pytest.fixture
def image(built: Image) -> Image:
    """The image with an empty volume, and certificates that are root's alone."""
    for path in (built.root / STATE).iterdir():
        path.unlink() if not path.is_dir() else shutil.rmtree(path)
    os.chown(built.root / STATE, USER, USER)
    made = make_certificate(dns_names=["derp.example.com"], issuer=make_certificate(common_name="CA", is_ca=True))
    (built.root / "certs").mkdir(exist_ok=True)
    for name, data in (("fullchain.pem", made.pem), ("privkey.pem", made.key_pem)):
        (built.root / "certs" / name).write_bytes(data)
        (built.root / "certs" / name).chmod(0o600)
        os.chown(built.root / "certs" / name, 0, 0)
    return built


@contextmanager
def container(
    image: Image, log: Path, *, flags: Sequence[str] = OPTIONS, user: str = "", capabilities: str = "", **environ: str
) -> Iterator[subprocess.Popen[bytes]]:
    """A container that has come up, by its own health check."""
    command = image.command(*image.config["Entrypoint"], *flags, user=user, capabilities=capabilities)
    health = image.config["Healthcheck"]["Test"]
    assert health[0] == "CMD"
    with log.open("wb") as output:
        process = subprocess.Popen(command, env=image.environ | environ, stdout=output, stderr=output)
    try:
        until(lambda: execute(image, process, *health[1:], user=user).returncode == 0, "it is healthy", log.read_text)
        yield process
    finally:
        end(process)


def test_what_the_image_says(image: Image) -> None:
    """A user without rights, a volume for the state, both ports, a health check."""
    assert image.config["User"] == f"{USER}:{USER}"
    assert set(image.config["Volumes"]) == {f"/{STATE}"}
    assert set(image.config["ExposedPorts"]) == {"8443/tcp", "3478/udp"}
    assert image.config["Healthcheck"]["Test"][:2] == ["CMD", "python3"]
    assert not (image.root / "opt/tailhub/bin/pip").exists()


def test_a_relay_without_any_right(image: Image, tmp_path: Path) -> None:
    """Without a capability it serves, keeps its state to itself, prints its map and ends at SIGTERM with code 0."""
    log = tmp_path / "log"
    with container(image, log) as process:
        shown = execute(image, process, "tailhub", "derpmap")
        assert "sha256-raw:" in shown.stdout, (shown, log.read_text())
        status = (image.root / STATE / "pinned.key").stat()
        assert (status.st_uid, status.st_mode & 0o777) == (USER, 0o600)
        assert end(process) == 0
    again = image.run("tailhub", "cert", "show")
    assert again.returncode == 0, again.stderr


def test_an_unreadable_certificate_names_both_ways_out(image: Image, tmp_path: Path) -> None:
    """Root's certificate stops the relay with both ways out, each of which lets it start."""
    paths = {"TAILHUB_CERT": "/certs/fullchain.pem", "TAILHUB_KEY": "/certs/privkey.pem"}
    name = {"TAILHUB_HOSTNAME": "derp.example.com"}
    stopped = image.run(*image.config["Entrypoint"], *OPTIONS, **paths, **name)
    assert stopped.returncode == 1
    assert stopped.stderr.strip().endswith("[TH046]")
    assert f"`sudo chown {USER} FILE`" in stopped.stderr
    assert '`user: "0:0"`, `cap_drop: [ALL]`, `cap_add: [DAC_OVERRIDE]`' in stopped.stderr
    with container(image, tmp_path / "root", user="0:0", capabilities="dac_override", **paths, **name):
        pass
    for path in (image.root / "certs").iterdir():
        os.chown(path, USER, USER)
    shutil.rmtree(image.root / STATE)
    (image.root / STATE).mkdir(mode=0o700)
    os.chown(image.root / STATE, USER, USER)
    with container(image, tmp_path / "user", **paths, **name):
        pass


def test_in_place_of_a_wrapper_image(image: Image, tmp_path: Path) -> None:
    """With the variables and rights of its compose file root's certificate is served, its files called anyhow."""
    file = ROOT / "deploy" / "compose" / "from-derper-image.yaml"
    service = yaml.safe_load(file.read_text(encoding="utf-8"))["services"]["tailhub"]
    given = dict(line.split("=", 1) for line in service["environment"])
    directory = image.root / given["DERP_CERT_DIR"].lstrip("/")
    shutil.rmtree(directory, ignore_errors=True)
    shutil.copytree(image.root / "certs", directory)
    os.chown(image.root / STATE, 0, 0)
    [capability] = service["cap_add"]
    options = {"user": service["user"], "capabilities": capability.lower()}
    with container(image, tmp_path / "log", flags=(), **options, **given) as process:
        shown = execute(image, process, "tailhub", "cert", "show", user=service["user"])
        assert "derp.example.com" in shown.stdout, shown.stderr
        assert (image.root / STATE / "derper.key").stat().st_mode & 0o777 == 0o600


def test_state_that_is_not_its_own(image: Image) -> None:
    """A directory of the machine that belongs to root is refused with the command for the machine."""
    os.chown(image.root / STATE, 0, 0)
    stopped = image.run(*image.config["Entrypoint"], *OPTIONS)
    assert stopped.returncode == 1
    assert f"`sudo chown -R {USER} DIR`" in stopped.stderr


def test_chinese_needs_no_locale(image: Image) -> None:
    """With LANG=zh_CN.UTF-8, of which the image has no files, it speaks Chinese."""
    stopped = image.run(*image.config["Entrypoint"], "--region-id", "5", LANG="zh_CN.UTF-8")
    assert stopped.returncode == 2
    assert "应为 900 到 999 之间的数" in stopped.stderr
