from __future__ import annotations

import pytest

from tailhub import findings
from tailhub.exceptions import MachineError, UsageError
from tailhub.findings import Finding, Severity


class Owner:
    program = "nginx"
    pid = 12


def test_str_says_what_and_remedy_in_english() -> None:
    """`str()` of a finding is one English paragraph: what was found, then what to do."""
    assert str(findings.port_taken("--listen", "TCP", 8443, Owner(), 8444)) == (
        "TCP port 8443 is taken by nginx (pid 12). Stop it, or use a free port: `--listen :8444`."
    )


def test_render_in_chinese() -> None:
    """`render("zh")` says the same in Chinese."""
    assert findings.port_taken("--listen", "TCP", 8443, Owner(), 8444).render("zh") == (
        "TCP 端口 8443 已被占用：nginx（pid 12）。停掉它，或改用空闲端口：`--listen :8444`。"
    )


def test_unknown_owner_is_looked_for() -> None:
    """When the owner of a port is not known, the remedy has the command that finds it."""
    text = str(findings.port_taken("--stun-listen", "UDP", 3478, None, None))
    assert text == (
        "UDP port 3478 is taken by a program that this user may not see. "
        "Find it with `sudo ss -lunp 'sport = :3478'` and stop it, or use another port: `--stun-listen :PORT`."
    )


def test_nested_sections() -> None:
    """A section within a section is there only if both of its values are."""
    assert (
        findings.not_reachable("10.0.0.5", "198.51.100.9")
        .what()
        .endswith("a NAT, its own address is 10.0.0.5 and others see 198.51.100.9.")
    )
    assert findings.not_reachable("10.0.0.5").what().endswith("a NAT, its own address is 10.0.0.5.")
    assert findings.not_reachable().what().endswith("it is behind a NAT.")


def test_paths_in_commands_are_quoted() -> None:
    """A path with a space is one word in the command that is offered."""
    finding = findings.secret_readable_by_others("/srv/my relay/derper.key", 0o100644)
    assert finding.remedy() == "`chmod 600 '/srv/my relay/derper.key'`"
    assert "(mode 0644)" in finding.what()


def test_values_cannot_steer_a_terminal() -> None:
    """Control characters, line ends and lone surrogates in a value are shown, not sent."""
    text = findings.bad_home("a\x1b[31m\r\n\udc80").what()
    assert "found `a\\x1b[31m\\r\\n\\udc80`" in text


def test_values_are_not_templates() -> None:
    """Braces and brackets in a value are just text."""
    assert "found `{text} [[a?b]]`" in findings.bad_home("{text} [[a?b]]").what()


@pytest.mark.parametrize(
    ("text", "suggestion"),
    [
        ("https://derp.example.com/", "derp.example.com"),
        ("derp.example.com:8443", "derp.example.com"),
        (" derp.example.com", "derp.example.com"),
        ("https://203.0.113.7/", None),
        ("under score", None),
        ("", None),
    ],
)
def test_host_name_that_was_probably_meant(text: str, suggestion: str | None) -> None:
    """A URL or name with a port is answered with the name in it."""
    remedy = findings.bad_host_name("--hostname", text).remedy()
    assert remedy.startswith(
        f"Write `--hostname {suggestion}`" if suggestion else "As in `--hostname derp.example.com`"
    )


def test_quotes_of_a_compose_file_are_explained() -> None:
    """An address with quotes in it is answered with the reason and the value without."""
    text = str(findings.malformed_address("--listen", '":8443"', ":8443"))
    assert 'found `":8443"`' in text
    assert "Write `--listen :8443`. The quotes are part of the value" in text
    assert "quotes" not in str(findings.malformed_address("--listen", "8443", ":8443"))


def test_reason_of_a_missing_relay() -> None:
    """An error of the system is told in its words, without its number."""
    text = findings.relay_not_found("/run/x/admin.sock", FileNotFoundError(2, "No such file or directory")).what()
    assert text == "No relay answers at /run/x/admin.sock (No such file or directory)."


def test_errors_carry_findings() -> None:
    """An error shows its finding in English and keeps it for other languages."""
    finding = findings.bad_region_id("5")
    error = UsageError(finding)
    assert str(error) == str(finding)
    assert error.finding is finding
    assert (error.exit_code, MachineError(finding).exit_code) == (2, 1)


def test_name_and_severity() -> None:
    """A finding knows its short name and how bad it is."""
    finding = findings.no_dns()
    assert (finding.code, finding.name, finding.severity) == ("TH074", "no-dns", Severity.NOTE)
    assert finding == Finding("TH074")


def test_another_port_keeps_the_host() -> None:
    """A free port is offered on the host that was asked for: what was for this machine only stays that."""
    finding = findings.port_taken("--admin-listen", "TCP", 9912, None, 9913, "127.0.0.1")
    assert "`--admin-listen 127.0.0.1:9913`" in finding.remedy()
    finding = findings.port_needs_privilege("--listen", "TCP", 443, 8443, host="[::1]")
    assert "`--listen [::1]:8443`" in finding.remedy()


def test_an_address_that_is_not_here() -> None:
    """In place of a loopback address, and for the operator's pages, the wildcard is not offered."""
    assert "`--listen :8443`" in findings.address_not_here("--listen", "192.0.2.5", 8443).remedy()
    for flag, host in (("--listen", "::1"), ("--admin-listen", "192.0.2.5")):
        assert findings.address_not_here(flag, host, 99).remedy() == f"For this machine only: `{flag} 127.0.0.1:99`."


def test_state_directory_of_others() -> None:
    """The command that is offered fits: make the directory, hand it over, or give its owner the right."""
    assert "`sudo install -d -m 700 -o me /x`" in findings.state_not_writable("/x", "me").remedy()
    assert "`sudo chown -R me /x`" in findings.state_not_writable("/x", "me", 0o700, "root").remedy()
    assert "`chmod u+rwx /x`" in findings.state_not_writable("/x", "me", 0o500, "me").remedy()


def test_in_a_container_both_ways_out_are_named() -> None:
    """For an unreadable file in a container: rights on the machine outside, or root with one capability."""
    finding = findings.file_unreadable("/certs/privkey.pem", "tailhub", 0o600, "root", "3478")
    for lang in ("en", "zh"):
        remedy = finding.remedy(lang)
        assert "`sudo chown 3478 FILE`" in remedy
        assert '`user: "0:0"`' in remedy
        assert "`cap_add: [DAC_OVERRIDE]`" in remedy
        assert "/certs" not in remedy  # which is another file outside
    assert "`sudo chown -R 3478 DIR`" in findings.state_not_writable("/x", "tailhub", 0o755, "root", "3478").remedy()
