"""How a relay is started: from a command line, a unit, the processes of a machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from tailhub.tools.doctor.local.launch import Launch, find_processes, flags_of, launch_of_unit, relay_words
from tailhub.tools.doctor.local.unit import find_units, parse_unit


@pytest.mark.parametrize(
    ("command", "found"),
    [
        (["/opt/t/bin/python", "-m", "tailhub", "relay", "--quiet"], (("--quiet",), False)),
        (["python3.11", "-P", "-X", "dev", "/opt/t/bin/tailhub", "relay"], ((), False)),
        (["/opt/t/bin/tailhub", "derper", "-a", ":443"], (("-a", ":443"), True)),
        (["python3", "/opt/t/bin/derper", "-a", ":443"], (("-a", ":443"), True)),
        (["/usr/local/bin/derper", "-a", ":443"], None),  # the original
        (["python3", "-m", "tailhub", "doctor", "--local"], None),
        (["python3", "-m", "tailhub.admin"], None),
        (["python3", "-c", "relay"], None),
        (["tailhub"], None),
        ([], None),
    ],
)
def test_which_commands_start_a_relay(command: list[str], found: object) -> None:
    """A relay is told from other commands of ours, from our pages' process and from the original."""
    assert relay_words(command) == found


def test_flags() -> None:
    """Flags are read as the command reads them; relative paths count from where it was started."""
    words = ["--listen=:443", "--cert", "c.pem", "--no-discover", "--address", "192.0.2.1", "--address", "2001:db8::1"]
    values, faults = flags_of([*words, "--config", "t.toml", "--lang", "zh"], Path("/srv"))
    assert faults == []
    assert values == {
        "listen": ":443",
        "cert": "/srv/c.pem",
        "discover": False,
        "address": ["192.0.2.1", "2001:db8::1"],
        "config": "/srv/t.toml",
    }


def test_flags_that_there_are_not() -> None:
    """One that is unknown is told of with the one that was meant, and so is one without its value."""
    _, faults = flags_of(["--stun-listn", "--listen"], Path("/"))
    assert [(fault.values["flag"], fault.values["near"], fault.values["lacking"]) for fault in faults] == [
        ("--stun-listn", "--stun-listen", False),
        ("--listen", "", True),
    ]


def test_a_unit() -> None:
    """Comments, continued lines, values that are taken back, and several values of one key."""
    unit = parse_unit(
        "x",
        "# ExecStart=no\n[Service]\nExecStart=a\nExecStart=\nExecStart=-/b/tailhub relay \\\n  --quiet\n"
        'Environment="A=b c" D=e\nEnvironment=F=g\nStateDirectory=x y\nPrivateTmp=yes\n',
    )
    assert unit.command == ["/b/tailhub", "relay", "--quiet"]
    assert unit.environ(Path("/nowhere")) == {
        "A": "b c", "D": "e", "F": "g", "STATE_DIRECTORY": "/var/lib/x:/var/lib/y",
    }  # fmt: skip
    assert unit.is_on("PrivateTmp")
    assert not unit.is_on("ProtectHome")


def test_units_of_a_machine(tmp_path: Path) -> None:
    """The administrator's file hides the packaged one of its name, drop-ins count, and other services do not."""
    for place, name, text in (
        ("etc/systemd/system", "tailhub.service", "[Service]\nExecStart=/a/tailhub relay\nUser=root\n"),
        (
            "etc/systemd/system/tailhub.service.d",
            "limits.conf",
            "[Service]\nLimitNOFILE=99\nEnvironmentFile=-/etc/t.env\n",
        ),
        ("usr/lib/systemd/system", "tailhub.service", "[Service]\nExecStart=/b/tailhub relay\n"),
        ("usr/lib/systemd/system", "nginx.service", "[Service]\nExecStart=/usr/sbin/nginx\n"),
        ("etc", "t.env", "# no\nTAILHUB_LISTEN=':9443'\n"),
    ):
        (tmp_path / place).mkdir(parents=True, exist_ok=True)
        (tmp_path / place / name).write_text(text)
    (unit,) = find_units(tmp_path)
    assert unit.last("LimitNOFILE") == "99"
    launch = launch_of_unit(unit, tmp_path)
    assert launch is not None
    assert launch.words == ()
    assert launch.uid == 0
    assert launch.environ is not None
    assert launch.environ["TAILHUB_LISTEN"] == ":9443"


def process(root: Path, pid: int, parent: int, *command: str) -> None:
    directory = root / f"proc/{pid}"
    directory.mkdir(parents=True)
    (directory / "cmdline").write_bytes(b"".join(word.encode() + b"\0" for word in command))
    (directory / "stat").write_text(f"{pid} (a) b) c) S {parent} 1 1 0\n")
    (directory / "environ").write_bytes(b"HOME=/srv\0A=b=c\0")


def test_processes_of_a_machine(tmp_path: Path) -> None:
    """Of the processes of one relay the first is found, with its environment; other programs are passed over."""
    process(tmp_path, 1, 0, "/sbin/init")
    process(tmp_path, 10, 1, "/v/bin/python", "-m", "tailhub", "relay")
    process(tmp_path, 11, 10, "/v/bin/python", "-m", "tailhub", "relay")
    (found,) = find_processes(tmp_path)
    assert isinstance(found, Launch)
    assert (found.pid, found.is_contained) == (10, False)
    assert found.environ == {"HOME": "/srv", "A": "b=c"}


def test_a_process_in_a_container(tmp_path: Path) -> None:
    """What has its number in another name space is told from what is ours."""
    for name, space in (("self", "pid:[1]"), ("10", "pid:[1]"), ("20", "pid:[2]")):
        if name != "self":
            process(tmp_path, int(name), 1, "/v/bin/python", "-m", "tailhub", "relay")
        (tmp_path / f"proc/{name}/ns").mkdir(parents=True)
        (tmp_path / f"proc/{name}/ns/pid").symlink_to(space)
    assert {one.pid: one.is_contained for one in find_processes(tmp_path)} == {10: False, 20: True}
