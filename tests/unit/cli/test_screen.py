from __future__ import annotations

import io
import re
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from string import Formatter

import pytest

from tailhub import findings
from tailhub.cli.screen import (
    COLUMNS,
    MIN_COLUMNS,
    AddressLine,
    Line,
    ListenLine,
    ScreenFacts,
    columns_of,
    first_contact,
    first_rejection,
    first_screen,
    plain,
    show,
)
from tailhub.cli.screen_texts import TEXTS
from tailhub.cli.text_layout import display_width
from tailhub.findings import Language
from tailhub.tailcfg.build import relay_map, relay_region
from tailhub.tailcfg.forms import policy_snippet

TRANSCRIPTS = Path(__file__).parent / "transcripts"
PIN = "sha256-raw:" + "5c1f9e" * 10 + "07aa"
AT = datetime(2026, 11, 22, 12, 4, 9)
ORIGINS: dict[Language, str] = {
    "en": "from the cloud's metadata, STUN agrees (not on an interface: normal here)",
    "zh": "来自云平台元数据，STUN 一致（不在任何接口上：云主机属正常）",
}
LANGUAGES: list[Language] = ["en", "zh"]


def snippet(**changes: object) -> str:
    facts = {"region_id": 947, "code": "my-relay", "name": "My relay", "derp_port": 8443, "stun_port": 3478}
    return policy_snippet(relay_map(relay_region(**{**facts, **changes})))


def plain_cloud(lang: Language) -> ScreenFacts:
    """No arguments, on a cloud server with ufw."""
    return ScreenFacts(
        version="0.1.0",
        addresses=(AddressLine("203.0.113.7", ORIGINS[lang]),),
        relay=ListenLine(8443),
        stun=ListenLine(3478, families=(4,)),
        derp_port=8443,
        stun_port=3478,
        certificate="own",
        valid_to=date(2036, 11, 20),
        state_dir="/home/me/.local/state/tailhub",
        policy_snippet=snippet(ipv4="203.0.113.7", cert_name=PIN),
        admin=ListenLine(9912, "127.0.0.1", (4,)),
        firewall_commands=("sudo ufw allow 8443/tcp", "sudo ufw allow 3478/udp"),
    )


def troubled_container(lang: Language) -> ScreenFacts:
    """A name, a certificate from files, published ports, no STUN, and things to say about it."""
    return ScreenFacts(
        version="0.1.0",
        hostname="derp.example.com",
        addresses=(),
        relay=ListenLine(8443, families=(4,)),
        stun=None,
        derp_port=443,
        stun_port=None,
        certificate="files",
        valid_to=date(2027, 2, 18),
        state_dir="/var/lib/tailhub",
        policy_snippet=snippet(host_name="derp.example.com", derp_port=443, stun_port=None),
        http=ListenLine(80),
        findings=(
            findings.no_dns(),
            findings.container_bridge("172.17.0.2", 8443, None),
            findings.state_not_a_mount("/var/lib/tailhub"),
        ),
    )


def transcript(name: str, lang: Language) -> str:
    if name == "cloud":
        lines = [*first_screen(plain_cloud(lang), lang), Line("")]
        lines += first_contact("TCP", "198.51.100.20", AT, lang)
        lines += first_contact("STUN", "198.51.100.20", AT.replace(second=11), lang)
        lines += first_rejection("198.51.100.21", "bad certificate", AT.replace(minute=9), is_pinned=True, lang=lang)
    else:
        lines = first_screen(troubled_container(lang), lang)
    return plain(lines)


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("name", ["cloud", "container"])
def test_transcript(name: str, lang: Language) -> None:
    """The screen reads, letter for letter, as in `transcripts`."""
    assert transcript(name, lang) == (TRANSCRIPTS / f"{name}.{lang}.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize("lang", LANGUAGES)
def test_only_commands_that_exist_are_offered(lang: Language) -> None:
    """Of tailhub's commands the screen names `relay`, `derpmap`, `dashboard` and `doctor` only."""
    text = transcript("cloud", lang) + transcript("container", lang)
    assert set(re.findall(r"(?<!/)tailhub ([a-z]+)", text)) == {"relay", "derpmap", "dashboard", "doctor"}


@pytest.mark.parametrize("lang", LANGUAGES)
def test_what_is_pasted_stays_whole(lang: Language) -> None:
    """The policy snippet, with its whole pin, and each command stand on lines of their own."""
    facts = plain_cloud(lang)
    lines = plain(first_screen(facts, lang)).splitlines()
    pasted = facts.policy_snippet.splitlines()
    start = lines.index("  " + pasted[0])
    assert [line[2:] for line in lines[start : start + len(pasted)]] == pasted
    assert any(PIN in line for line in pasted)
    for command in (*facts.firewall_commands, "tailhub relay --listen 127.0.0.1:8443"):
        assert "  " + command in lines


def test_lines_fit() -> None:
    """On the plain screen no line is longer than the columns it is made for."""
    assert all(len(line.text) <= COLUMNS for line in first_screen(plain_cloud("en")))


def test_the_rule_that_opens_the_port_is_taken_back() -> None:
    """Closing the port with ufw begins with deleting the rule that the step before made."""
    commands = [line.text.strip() for line in first_screen(plain_cloud("en")) if line.style == "paste"]
    at = commands.index("sudo ufw delete allow 8443/tcp")
    assert commands[at + 1] == "sudo ufw allow from YOUR_NETWORK to any port 8443 proto tcp"


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_on_loopback_there_is_nothing_to_open_or_close(host: str) -> None:
    """A relay that listens on loopback only is said to be for this machine, and neither waited for nor closed."""
    text = plain(first_screen(replace(plain_cloud("en"), relay=ListenLine(8443, host, (4,)))))
    assert "Access   this machine" in text
    assert "ANYONE" not in text
    assert "waiting" not in text
    assert "ufw" not in text


def test_limited_access_says_for_how_many() -> None:
    """With a list of keys the screen says how many may relay and does not offer to close anything."""
    text = plain(first_screen(replace(plain_cloud("en"), allowed_keys=3)))
    assert "Access   3 keys" in text
    assert "ANYONE" not in text
    assert "proto tcp" not in text


def test_verified_access_names_who_is_asked() -> None:
    """With verifiers the screen names them and does not offer to close anything."""
    facts = replace(plain_cloud("en"), verifiers=("tailscaled", "https://headscale.example.com/verify"))
    text = " ".join(plain(first_screen(facts)).split())
    assert "Access verified clients only; asked about each: tailscaled, https://headscale.example.com/verify" in text
    assert "ANYONE" not in text
    assert "proto tcp" not in text


def test_other_relays_are_named() -> None:
    """With a mesh the screen names the relays that are dialled, of many the first ones."""
    several = tuple(f"{letter}.example.com" for letter in "abcdef")
    for names, line in (
        (several[:1], "Mesh 1 entry a.example.com"),
        (several, "Mesh 6 entries a.example.com, b.example.com, c.example.com, d.example.com, …"),
    ):
        text = " ".join(plain(first_screen(replace(plain_cloud("en"), mesh_with=names))).split())
        assert line in text
        # A map with this relay alone would take the others out of it.
        assert "derpMap" not in text
        assert "tailhub region plan" in text
        assert "tailhub derpmap --json" in text


def test_without_an_address_the_way_to_name_one_is_shown() -> None:
    """When there is no map yet, the first step is to say which address others use."""
    text = plain(first_screen(replace(plain_cloud("en"), addresses=(), policy_snippet="")))
    assert "Address  not known\n" in text
    assert "1 There is no map yet" in text
    assert "\n  tailhub relay --address IP\n" in text


def test_advertised_ports_that_differ_are_shown() -> None:
    """Where others use other ports than the relay listens on, both are named."""
    facts = replace(plain_cloud("en"), derp_port=443, stun_port=13478)
    text = plain(first_screen(facts))
    assert "valid to 2036-11-20, others use port 443\n" in text
    assert "IPv4 only, others use port 13478\n" in text
    one_line = " ".join(text.split())
    assert "open TCP 8443 and UDP 3478 on this machine, and TCP 443 and UDP 13478 in what stands before it" in one_line


def test_worst_finding_comes_first() -> None:
    """Errors come before warnings, warnings before notes."""
    mixed = (findings.no_dns(), findings.address_unknown(), findings.certificate_expired("a.crt", date(2026, 1, 1)))
    text = plain(first_screen(replace(plain_cloud("en"), findings=mixed)))
    assert text.index("ERROR TH054") < text.index("WARNING TH076") < text.index("note TH074")


def test_clients_version_is_named_when_the_certificate_is_pinned() -> None:
    """Only a pinned certificate needs newer clients."""
    needed = "Clients must be Tailscale 1.84 or newer"
    for kind, is_named in (("own", True), ("pinned", True), ("files", False)):
        assert (needed in plain(first_screen(replace(plain_cloud("en"), certificate=kind)))) is is_named


def test_rejection_of_a_certificate_from_files() -> None:
    """A certificate that is not pinned is rejected for other reasons than a wrong pin."""
    text = plain(first_rejection("198.51.100.21", "unknown ca", AT, is_pinned=False))
    assert "(TLS alert unknown ca)" in text
    assert "CertName" not in text


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("lang", LANGUAGES)
def test_colour_only_adds(lang: Language, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a terminal of any width the text is the same but for the colours."""
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.delenv("NO_COLOR", raising=False)
    lines = first_screen(plain_cloud(lang), lang)
    terminal = Terminal()
    show(lines, terminal)
    assert "\x1b[" in terminal.getvalue()
    assert re.sub(r"\x1b\[[0-9;]*m", "", terminal.getvalue()) == plain(lines)


def test_plain_text_when_redirected() -> None:
    """What does not go to a terminal has no colours."""
    stream = io.StringIO()
    show(first_screen(plain_cloud("zh"), "zh"), stream)
    assert stream.getvalue() == plain(first_screen(plain_cloud("zh"), "zh"))


def test_characters_that_cannot_be_written_do_not_stop_the_relay() -> None:
    """A stream that knows ASCII only gets question marks."""
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")
    show(first_screen(plain_cloud("zh"), "zh"), stream)
    assert b"??  203.0.113.7" in raw.getvalue()


def test_both_languages_have_the_same_words() -> None:
    """Each word of the screen is there in both languages, with the same values in it."""
    assert TEXTS["en"].keys() == TEXTS["zh"].keys()
    for key, text in TEXTS["en"].items():
        if key != "paste":
            names = [sorted(name for _, name, _, _ in Formatter().parse(t) if name) for t in (text, TEXTS["zh"][key])]
            assert names[0] == names[1], key


class Gone(io.StringIO):
    """A pipe that nobody reads any more."""

    def write(self, text: str) -> int:
        raise BrokenPipeError(32, "Broken pipe")


@pytest.mark.parametrize("closed", [True, False])
def test_output_that_takes_nothing_does_not_stop_the_relay(closed: bool) -> None:
    """A closed stream, a broken pipe or a full disk is no error."""
    stream = Gone()
    if closed:
        stream.close()
    show(first_screen(plain_cloud("en")), stream)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_prose_fits_a_narrow_terminal(lang: Language) -> None:
    """At 80 columns no line is longer, but for those to be pasted, the pin among them."""
    lines = first_screen(plain_cloud(lang), lang, 80)
    assert all(display_width(line.text) <= 80 for line in lines if line.style != "paste")


@pytest.mark.parametrize(("terminal", "wanted"), [("200", COLUMNS), ("80", 80), ("20", MIN_COLUMNS)])
def test_columns(terminal: str, wanted: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Prose is as wide as the terminal, within limits; what is redirected has one width."""
    monkeypatch.setenv("COLUMNS", terminal)
    assert columns_of(Terminal()) == wanted
    assert columns_of(io.StringIO()) == COLUMNS


def test_commands_are_whole() -> None:
    """Commands that change or ask this relay have the options that it was started with."""
    relay = "~/src/.venv/bin/tailhub relay --state-dir /srv/x"
    derpmap = "~/src/.venv/bin/tailhub derpmap --state-dir /srv/x"
    facts = replace(plain_cloud("en"), relay_command=relay, derpmap_command=derpmap)
    lines = plain(first_screen(facts)).splitlines()
    assert f"  {relay} --listen 127.0.0.1:8443" in lines
    assert f"  {derpmap} --yaml" in lines
    no_map = plain(first_screen(replace(facts, policy_snippet="", addresses=()))).splitlines()
    assert f"  {relay} --address IP" in no_map
    assert f"  {relay} --hostname NAME" in no_map


def test_a_name_that_is_not_in_the_certificate() -> None:
    """Such a name is not said to be what clients use, and asking for it again is not offered."""
    facts = replace(plain_cloud("en"), hostname="derp.example.com", is_name_in_map=False, policy_snippet="")
    text = plain(first_screen(facts))
    assert "derp.example.com   not in the certificate, so not in the map" in text
    assert "--hostname NAME" not in text


def test_no_ufw_no_rule_for_it() -> None:
    """Where ufw is not switched on, no rule for it is offered: it would close nothing."""
    assert "ufw" not in plain(first_screen(replace(plain_cloud("en"), firewall_commands=())))


def test_on_loopback_without_an_address() -> None:
    """A relay for this machine that nobody else has an address of says where the map for programs here is."""
    facts = replace(plain_cloud("en"), relay=ListenLine(8443, "127.0.0.1", (4,)), policy_snippet="", addresses=())
    lines = plain(first_screen(facts)).splitlines()
    assert lines[-1] == "  http://127.0.0.1:9912/derpmap.json"
    assert "1 The map for programs on this machine" in lines[-2]
    assert "There is no map yet" not in plain(first_screen(facts))


def test_behind_a_proxy() -> None:
    """Behind a proxy on this machine others do come, by the proxy's port, and it is the proxy that keeps them out."""
    facts = replace(
        plain_cloud("en"),
        relay=ListenLine(0, path="/run/tailhub/relay.sock"),
        derp_port=443,
        certificate="front",
        valid_to=None,
        is_behind_proxy=True,
        firewall_commands=(),
    )
    text = "\n".join(line.text for line in first_screen(facts))
    assert "unix:/run/tailhub/relay.sock" in text
    assert "open TCP 443" in text
    assert "ANYONE" in text
    assert "say so in the proxy in front" in text
    assert "--listen" not in text


def test_nothing_steers_the_terminal() -> None:
    """Characters that would do something to a terminal, from a certificate or an archive, are written out."""
    stream = io.StringIO()
    show([Line("name \x1b[2J\r\n\u202e中继")], stream)
    assert stream.getvalue() == "name \\x1b[2J\\r\\n\\u202e中继\n"
