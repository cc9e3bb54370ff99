from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tailhub.findings import Severity
from tailhub.tools.client_log import ClientLog, LogLine, State, read_client_log
from tailhub.tools.client_log.history import HOME_CHANGES, MOST_LINES, MOST_REGIONS, OFTEN
from tailhub.tools.client_log.meaning import finding_of, severity_of

REFUSED = "derphttp.Client.Recv connect to region {0} (r{0}): dial tcp4 127.0.0.1:1: connect: connection refused"
CONNECTED = "magicsock: derp-900 connected; connGen=1"
ENDED = "magicsock: [0xc1] derp.Recv(derp-900): derp.Recv: EOF"


def at(second: int, text: str) -> str:
    minute, hour = second // 60 % 60, 17 + second // 3600
    return f"2026/11/27 {hour}:{minute:02}:{second % 60:02} {text}"


def refused(region: int = 900) -> str:
    return f"magicsock: [0xc1] derp.Recv(derp-{region}): {REFUSED.format(region)}"


def read(*texts: str) -> ClientLog:
    """A log with one line a second."""
    return read_client_log(at(second, text).encode() + b"\n" for second, text in enumerate(texts))


def only(log: ClientLog) -> LogLine:
    (line,) = log.found
    return line


def test_how_often_and_since_when() -> None:
    """Lines of one kind and region are counted, with their first and last time, and the region's state since when."""
    log = read("x", refused(), refused(), refused(), "y")
    assert (only(log).count, only(log).first[-2:], only(log).last[-2:]) == (3, "01", "03")
    (region,) = log.regions
    assert (region.name, region.state, region.since[-2:], region.failures) == ("r900", State.FAILING, "01", 3)
    assert severity_of(only(log)) is Severity.ERROR


def test_a_later_connection_means_that_it_is_over() -> None:
    """What went wrong before a region connects is over, and nothing is wrong then."""
    log = read(refused(), CONNECTED)
    assert only(log).is_over
    assert log.is_healthy
    assert log.regions[0].state is State.CONNECTED
    assert severity_of(only(log)) is Severity.NOTE


def test_a_connection_before_it_does_not() -> None:
    """What goes wrong after a region was connected is not over."""
    log = read(CONNECTED, refused())
    assert not log.is_healthy
    assert log.regions[0].state is State.FAILING


def test_another_regions_connection_does_not() -> None:
    """A connection to one region says nothing of another."""
    assert not read(refused(901), CONNECTED).is_healthy


def test_a_log_with_the_newest_line_first() -> None:
    """A log in reverse order, as `journalctl -r` gives it, is told by its times, and means the same."""
    lines = [at(second, text).encode() for second, text in enumerate([refused(), refused(), CONNECTED])]
    log = read_client_log(reversed(lines))
    assert log.is_reversed
    assert (log.first[-2:], log.last[-2:]) == ("00", "02")
    assert (only(log).is_over, only(log).first[-2:], only(log).last[-2:]) == (True, "00", "01")
    assert log.regions[0].state is State.CONNECTED
    assert not read_client_log(
        reversed([at(second, text).encode() for second, text in enumerate([CONNECTED, refused()])])
    ).is_healthy


def test_eof_without_a_connection_is_a_refusal() -> None:
    """A relay that closes right after the client's login has not let it in; one that closes later has just ended."""
    assert [(line.name, line.code) for line in read(ENDED, ENDED).found] == [("not_let_in", "TH458")]
    assert [(line.name, line.code) for line in read(CONNECTED, ENDED, CONNECTED).found] == [("ended", "")]


def test_connections_that_are_cut_again_and_again() -> None:
    """Several connections that live for a short time mean that somebody cuts them, and after how long."""
    texts = [text for _ in range(OFTEN) for text in (CONNECTED, *["x"] * 59, ENDED)]
    line = only(read(*texts, CONNECTED))
    assert (line.name, line.code, line.values["seconds"], line.is_over) == ("cut", "TH404", "60", False)
    assert only(read(*texts[: (OFTEN - 1) * 61], CONNECTED)).name == "ended"
    long = [text for _ in range(2 * OFTEN) for text in (CONNECTED, *["x"] * 1000, ENDED)]
    assert only(read(*long, *texts[:61], CONNECTED)).name == "ended"


def test_the_title_of_a_page_that_came_instead() -> None:
    """A page goes on in the lines behind the error; its title tells a proxy without a relay from a web server."""
    start = "derphttp.Client.Recv connect to region 900 (r900): GET failed: <nil>: <html>\r"
    for title, code in (("502 Bad Gateway", "TH028"), ("404 Not Found", "TH027")):
        log = read_client_log(
            line.encode() for line in (at(0, start), f"<head><title>{title}</title></head>\r", "<body>\r", at(9, "x"))
        )
        assert (only(log).code, only(log).count, title in only(log).said) == (code, 1, True)
    assert only(read(start, "x")).code == "TH027"
    assert [line.code for line in read(start, refused()).found] == ["TH006", "TH027"]
    assert only(read(start, CONNECTED)).is_over


def test_a_restart_ends_connections() -> None:
    """A client that starts again has no connection until it says so, and the log says its version."""
    log = read(CONNECTED, 'Program starting: v1.102.5-t1, Go 1.26.8: []string{"tailscaled"}')
    assert log.version == "1.102.5-t1"
    assert log.regions[0].state is State.CLOSED


def test_the_home_comes_first() -> None:
    """Of what is wrong, that of the home region comes first."""
    log = read("magicsock: home is now derp-905 (r905)", refused(901), refused(905))
    assert [line.region for line in log.found] == [905, 901]
    assert [one.region for one in log.regions if one.is_home] == [905]


def test_a_home_that_flaps() -> None:
    """Many changes of the home region within minutes are a finding of their own; those of a laptop that travels not."""
    homes = [f"magicsock: home is now derp-{900 + number % 2} (r)" for number in range(HOME_CHANGES + 1)]
    assert only(read(*homes)).code == "TH446"
    assert read(*homes[:-1]).found == ()
    days = read_client_log(f"2026/11/{day + 1:02} 17:00:00 {home}".encode() for day, home in enumerate(homes))
    assert (days.found, days.home_changes) == ((), HOME_CHANGES)


def test_a_map_that_changes_again_and_again() -> None:
    """One new definition of a region is its owner's; several are a finding."""
    line = "magicsock: closing connection to derp-900 (derp-region-redefined), age 3h0m0s"
    assert only(read(line)).code == ""
    assert only(read(*[line] * OFTEN)).code == "TH442"
    months = read_client_log(f"2026/{month + 1:02}/01 17:00:00 {line}".encode() for month in range(OFTEN))
    assert only(months).code == ""


def test_health_that_is_well_again() -> None:
    """A warning that a later line takes back is over."""
    warned = "health(warnable=not-in-map-poll): error: Unable to connect to the Tailscale coordination server"
    assert not only(read(warned)).is_over
    assert only(read(warned, "health(warnable=not-in-map-poll): ok")).is_over


def test_udp_that_works_again() -> None:
    """That UDP is blocked is over when a later report has it."""
    blocked = "netcheck: UDP is blocked, trying HTTPS"
    assert not only(read('NetInfo{udp=true derp=#900 link=""}', blocked)).is_over
    assert only(read(blocked, 'NetInfo{udp=true derp=#900 link=""}')).is_over


def test_lines_that_the_client_kept_to_itself() -> None:
    """The client says how many lines it has left out."""
    log = read('[RATELIMIT] format("magicsock: [%p] derp.Recv(derp-%d): %v") (66 dropped)', '[RATELIMIT] format("x")')
    assert log.hidden == 66


def test_self_signed_is_told_once() -> None:
    """The client says apart, without the region, that a certificate is self-signed: with one region it is that one."""
    unknown = "derphttp.Client.Recv connect to region {0} (r{0}): x509: certificate signed by unknown authority"
    apart = (
        "health(warnable=tls-connection-failed): error: Tailscale could not establish an encrypted connection with "
        "'\"\"': likely intercepted connection; certificate is self-signed by CN=relay"
    )
    assert [(line.code, line.region) for line in read(unknown.format(900), apart).found] == [("TH023", 900)]
    several = read(unknown.format(900), unknown.format(901), apart)
    assert [(line.code, line.region) for line in several.found] == [("TH435", 900), ("TH435", 901), ("", None)]


def test_a_name_that_does_not_resolve_is_not_a_time_out_too() -> None:
    """While a name is looked for the client's time is over: that is no finding beside the name's."""
    lookup = "derphttp.Client.Recv connect to region 900 (r900): dial tcp4: lookup nowhere.invalid: no such host"
    late = "derphttp.Client.Recv connect to region 900 (r900): context deadline exceeded"
    assert only(read(lookup, late)).values == {"host": "nowhere.invalid"}
    assert only(read(late)).code == "TH005"


def test_a_warning_that_only_repeats_an_error() -> None:
    """That the home cannot be reached is not told beside the error that says why, whether by number or by name."""
    for relay in ("relay server with ID '900'", "'Rig' relay server"):
        warned = f"health(warnable=no-derp-connection): error: Tailscale could not connect to the {relay}."
        assert only(read(refused(), warned)).name == "refused"
        assert only(read(warned)).code == "TH449"
        assert only(read(warned, "health(warnable=no-derp-connection): ok")).is_over


def test_a_finding_has_the_clients_words() -> None:
    """A code that is the log's alone is a finding with region and words."""
    found = finding_of(only(read("derphttp.Client.Recv connect to region 900 (r900): no nodes for region 900 (r900)")))
    assert (found.code, found.values["region"]) == ("TH441", "900")
    assert "no nodes for region 900" in found.what()


def test_another_checks_finding_says_what_is_always_true() -> None:
    """Of a code whose texts depend on what a client does not say, nothing is said that may not be so."""
    pin = finding_of(
        only(read("derphttp.Client.Recv connect to region 900 (r): cert hash does not match expected cert hash"))
    )
    assert pin.remedy().startswith("Compare on the relay first")
    assert "writing" not in pin.means()
    page = finding_of(only(read("derphttp.Client.Recv connect to region 900 (r): GET failed: <nil>: x")))
    assert "nginx in its `location`" in page.remedy()
    assert "Cloudflare" not in page.remedy()


@given(st.lists(st.binary(max_size=300), max_size=20))
def test_whatever_bytes(lines: list[bytes]) -> None:
    """Bytes that are no log at all are read without an error."""
    words = (b"derp.Recv(derp-1): ", b"health(warnable=derp-region-error): error: ", b'{"text": "', b"NetInfo{")
    assert read_client_log(lines).lines == len(lines)
    read_client_log(word + line for word in words for line in lines)


def test_memory_is_bounded() -> None:
    """A log with a new region in each line keeps no more than a number of them."""
    log = read_client_log(refused(region).encode() for region in range(MOST_REGIONS + MOST_LINES))
    assert len(log.regions) == MOST_REGIONS
    assert len(log.found) <= MOST_LINES
    long = read_client_log([refused().encode() + b"x" * 100_000, f"derp.Recv(derp-{'9' * 9000}): EOF".encode()])
    assert len(only(long).said) < 1000
