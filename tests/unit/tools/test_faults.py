"""Every fault that a diagnosis must tell apart: its code, and the test in which it is produced.

The numbers are those of the specification's rows (41 of them, some with several faults); 42 is a mesh that is half up.
What is real in a test and what stands in, its module says. A new fault gets a line here first, then a code, then a
test.
"""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

from tailhub.findings import CATALOGUE

ROOT = Path(__file__).parents[3]
REACH = "integration/test_doctor_reach.py"
TLS = "integration/test_doctor_tls.py"
HTTP = "integration/test_doctor_http.py"
RELAYING = "integration/test_doctor_relaying.py"
PATHS = "integration/test_doctor_paths.py"
LOCAL = "integration/test_doctor_local.py"
ASKERS = "integration/test_doctor_askers.py"
ASKERS_GO = "interop/test_doctor_askers_go.py"
MAP = "unit/tools/derpmap/test_lint.py"
MAP_ASKED = "integration/test_derpmap.py"
REGION = "integration/test_region_check.py"
REGION_JUDGED = "unit/tools/region/test_judge.py"


class Fault(NamedTuple):
    """One fault; the first code is its own, further ones are those of its variants."""

    row: int
    what: str
    codes: str
    test: str


FAULTS = [
    # Reaching it
    Fault(1, "the name does not resolve", "TH001", f"{REACH}::test_a_fault_of_the_name"),
    Fault(1, "it resolves to other addresses than the map's", "TH002", f"{REACH}::test_a_fault_of_the_name"),
    Fault(1, "an AAAA record, and IPv6 is dead", "TH004", f"{REACH}::test_a_fault"),
    Fault(2, "TCP is filtered", "TH005", f"{REACH}::test_a_fault"),
    Fault(2, "TCP is closed", "TH006", f"{REACH}::test_a_fault"),
    Fault(3, "STUN is filtered", "TH003", f"{REACH}::test_a_fault"),
    Fault(3, "STUN is closed", "TH007", f"{REACH}::test_a_fault"),
    Fault(3, "something else answers STUN", "TH008", f"{REACH}::test_a_fault"),
    Fault(4, "STUN answers from another address", "TH009", f"{REACH}::test_a_fault"),
    Fault(5, "STUN sees a container's network", "TH010", f"{REACH}::test_a_fault"),
    Fault(6, "a reset on this name", "TH011", f"{REACH}::test_a_fault"),
    Fault(7, "plain HTTP", "TH012", f"{REACH}::test_a_fault"),
    Fault(7, "SSH", "TH013", f"{REACH}::test_a_fault"),
    Fault(7, "another web server", "TH026", f"{HTTP}::test_another_web_server"),
    Fault(8, "several relays behind one address", "TH029", f"{HTTP}::test_several_relays_behind_a_balancer"),
    Fault(9, "large packets vanish", "TH402", f"{PATHS}::test_what_a_path_does_to_packets"),
    # TLS
    Fault(10, "expired", "TH017", f"{TLS}::test_expired"),
    Fault(10, "expired, as its own machine sees it", "TH054", f"{LOCAL}::test_dates_and_chains"),
    Fault(10, "not yet valid", "TH018", f"{TLS}::test_not_yet_valid"),
    Fault(10, "not yet valid, as its own machine sees it", "TH055", f"{LOCAL}::test_dates_and_chains"),
    Fault(10, "expires within days", "TH019", f"{TLS}::test_expires_soon"),
    Fault(10, "expires within days, as its own machine sees it", "TH107", f"{LOCAL}::test_dates_and_chains"),
    Fault(10, "the client's clock is wrong", "TH020", f"{TLS}::test_the_clock_of_this_machine"),
    Fault(11, "another name", "TH021", f"{TLS}::test_a_certificate_for_another_name"),
    Fault(11, "another name, as its own machine sees it", "TH058", f"{LOCAL}::test_certificate_files"),
    Fault(12, "an intermediate is missing", "TH022", f"{TLS}::test_a_missing_intermediate"),
    Fault(12, "an intermediate is missing in the file", "TH059", f"{LOCAL}::test_dates_and_chains"),
    Fault(13, "self-signed, not pinned", "TH023", f"{TLS}::test_self_signed_and_not_pinned"),
    Fault(14, "the pin differs", "TH014", f"{TLS}::test_another_certificate_than_the_pinned_one"),
    Fault(14, "a pin, and further certificates", "TH015", f"{TLS}::test_a_pinned_certificate_with_a_chain"),
    Fault(14, "pinned and expired", "TH016", f"{TLS}::test_expired_and_pinned"),
    Fault(15, "InsecureForTests left on", "TH490", f"{MAP}::test_a_fault_has_its_code"),
    Fault(16, "TLS below 1.2 only", "TH024", f"{TLS}::test_tls_that_is_too_old"),
    Fault(16, "no meta certificate", "TH025", f"{HTTP}::test_a_front_as_documented_is_well"),
    Fault(17, "the key of another certificate", "TH051", f"{LOCAL}::test_certificate_files"),
    Fault(17, "an encrypted key", "TH052", f"{LOCAL}::test_certificate_files"),
    Fault(
        17, "a file that the service's user cannot read", "TH046", f"{LOCAL}::test_files_that_the_service_cannot_read"
    ),
    Fault(17, "a directory with other names", "TH105", f"{LOCAL}::test_certificate_files"),
    Fault(17, "a link to nowhere", "TH047", f"{LOCAL}::test_certificate_files"),
    # DERP
    Fault(18, "a proxy ate the upgrade", "TH027", f"{HTTP}::test_a_proxy_eats_the_upgrade"),
    Fault(18, "a proxy with nothing behind it", "TH028", f"{HTTP}::test_nothing_behind_a_proxy"),
    Fault(19, "a proxy buffers", "TH403", f"{RELAYING}::test_a_proxy_that_collects"),
    Fault(19, "a proxy cuts idle connections", "TH404", f"{PATHS}::test_a_connection_without_traffic"),
    Fault(20, "login closes after ClientInfo", "TH400", f"{RELAYING}::test_a_key_that_is_not_allowed"),
    Fault(20, "this key is not allowed", "TH401", f"{RELAYING}::test_a_key_that_is_not_allowed"),
    Fault(20, "a key that should be allowed", "TH409", f"{RELAYING}::test_a_key_that_should_be_allowed"),
    Fault(21, "a stale socket under a mount", "TH452", f"{ASKERS}::test_a_directory_that_was_made_anew_behind_a_mount"),
    Fault(21, "a socket without permission", "TH210", f"{ASKERS}::test_a_socket_that_the_relays_user_may_not_open"),
    Fault(21, "a tailscaled that is too old", "TH451", f"{ASKERS}::test_a_relay_and_those_that_it_asks"),
    Fault(21, "a verify URL that is down, closed on failure", "TH212", f"{ASKERS}::test_a_verify_url_that_is_down"),
    Fault(21, "a verify URL that answers HTML", "TH453", f"{ASKERS}::test_a_relay_and_those_that_it_asks"),
    Fault(21, "open on failure", "TH213", f"{ASKERS}::test_a_verify_url_that_is_down"),
    Fault(22, "packets are lost, by direction", "TH405", f"{PATHS}::test_what_a_path_does_to_packets"),
    Fault(22, "packets are late", "TH406", f"{RELAYING}::test_a_proxy_that_delays"),
    Fault(23, "limited by the relay", "TH407", f"{RELAYING}::test_a_limit_that_the_relay_announces"),
    Fault(24, "one key on two machines", "TH450", f"{ASKERS}::test_one_key_in_two_places"),
    # Configuration and machine
    Fault(25, "a port that is taken", "TH030", f"{LOCAL}::test_a_port_that_another_program_has"),
    Fault(25, "a privileged port", "TH031", f"{LOCAL}::test_a_port_for_which_the_service_lacks_the_privilege"),
    Fault(25, "an address that is not here", "TH032", f"{LOCAL}::test_configuration"),
    Fault(26, "a quoted address", "TH033", f"{LOCAL}::test_configuration"),
    Fault(26, "an unknown flag", "TH415", f"{LOCAL}::test_a_flag_that_there_is_not"),
    Fault(26, "both TLS modes half set", "TH065 TH110", f"{LOCAL}::test_configuration"),
    Fault(26, "a challenge that cannot work on this port", "TH112 TH111", f"{LOCAL}::test_configuration"),
    Fault(27, "few open files", "TH036", f"{LOCAL}::test_few_open_files"),
    Fault(27, "open files run out", "TH429", f"{LOCAL}::test_few_open_files"),
    Fault(27, "a small receive buffer", "TH416", f"{LOCAL}::test_requests_that_the_buffer_had_no_room_for"),
    Fault(
        27,
        "the table of connections is nearly full",
        "TH417",
        f"{LOCAL}::test_a_table_of_connections_that_is_nearly_full",
    ),
    Fault(27, "the disk is full", "TH418 TH419", f"{LOCAL}::test_disk"),
    Fault(27, "the state directory is read-only", "TH420", f"{LOCAL}::test_disk"),
    Fault(28, "a firewall here drops the port", "TH421", f"{LOCAL}::test_rules_that_drop"),
    Fault(29, "a bridge network", "TH073", f"{LOCAL}::test_a_container_behind_a_bridge"),
    Fault(29, "a user-land proxy", "TH075", f"{LOCAL}::test_a_container_behind_a_bridge"),
    Fault(29, "no IPv6 in the container", "TH422", f"{LOCAL}::test_a_container_behind_a_bridge"),
    # Map and policy
    Fault(30, "RegionID missing", "TH470 TH472", f"{MAP}::test_a_fault_has_its_code"),
    Fault(30, "RegionID differs from its key", "TH471", f"{MAP}::test_a_fault_has_its_code"),
    Fault(30, "RegionID differs from its nodes", "TH473", f"{MAP}::test_a_fault_has_its_code"),
    Fault(30, "RegionID outside 900 to 999", "TH474", f"{MAP}::test_a_fault_has_its_code"),
    Fault(30, "RegionID of an official one", "TH475", f"{MAP}::test_a_fault_has_its_code"),
    Fault(31, "STUN moved, STUNPort absent", "TH476", f"{MAP_ASKED}::test_a_port_that_the_relay_does_not_have"),
    Fault(31, "STUNPort -1", "TH477", f"{MAP}::test_a_fault_has_its_code"),
    Fault(31, "STUNOnly on the only node", "TH478", f"{MAP}::test_a_fault_has_its_code"),
    Fault(31, "DERPPort absent on an odd port", "TH479", f"{MAP_ASKED}::test_a_port_that_the_relay_does_not_have"),
    Fault(32, "duplicate node names", "TH480", f"{MAP}::test_a_fault_has_its_code"),
    Fault(32, "HostName empty", "TH481", f"{MAP}::test_a_fault_has_its_code"),
    Fault(32, "HostName with a scheme", "TH482", f"{MAP}::test_a_fault_has_its_code"),
    Fault(32, "HostName with a port", "TH483", f"{MAP}::test_a_fault_has_its_code"),
    Fault(32, "HostName an IP without CertName", "TH484", f"{MAP}::test_a_fault_has_its_code"),
    Fault(33, "CertName a DNS name", "TH485", f"{MAP}::test_a_fault_has_its_code"),
    Fault(33, "CertName and InsecureForTests", "TH486", f"{MAP}::test_a_fault_has_its_code"),
    Fault(33, "CertName and older clients", "TH487", f"{MAP}::test_a_sound_policy_has_no_finding"),
    Fault(34, "OmitDefaultRegions with one region", "TH488", f"{MAP}::test_a_fault_has_its_code"),
    Fault(34, "all regions avoided", "TH489", f"{MAP}::test_a_fault_has_its_code"),
    Fault(35, "wrong quotes", "TH464", f"{MAP}::test_a_fault_has_its_code"),
    Fault(35, "a missing comma", "TH465", f"{MAP}::test_a_fault_has_its_code"),
    Fault(35, "blanks from a web page", "TH466", f"{MAP}::test_a_fault_has_its_code"),
    Fault(35, "full-width punctuation", "TH467", f"{MAP}::test_a_fault_has_its_code"),
    Fault(35, "anything else that is not HuJSON", "TH461", f"{MAP}::test_a_fault_has_its_code"),
    # Around it
    Fault(36, "a proxy that accepts everything", "TH381", f"{REACH}::test_everything_is_caught"),
    Fault(36, "fake-ip DNS", "TH380", f"{REACH}::test_a_fault_of_the_name"),
    Fault(36, "HTTPS_PROXY", "TH382", f"{REACH}::test_everything_is_caught"),
    Fault(37, "a cloud in Tailscale's range", "TH424", f"{LOCAL}::test_rules_that_drop"),
    Fault(38, "the state is lost", "TH175", f"{LOCAL}::test_state_that_is_not_the_one_that_clients_know"),
    Fault(38, "clients pin another certificate", "TH426", f"{LOCAL}::test_clients_that_pin_another_certificate"),
    Fault(38, "another state directory", "TH044 TH425", f"{LOCAL}::test_state_that_is_not_the_one_that_clients_know"),
    Fault(39, "another port is mapped, by the map", "TH491", f"{MAP_ASKED}::test_a_port_that_the_relay_does_not_have"),
    Fault(39, "another port is mapped, on its machine", "TH423", f"{LOCAL}::test_a_container_behind_a_bridge"),
    Fault(40, "a credential that expires soon", "TH255", f"{ASKERS}::test_a_token_that_expires"),
    Fault(40, "a credential that has expired", "TH251", f"{ASKERS}::test_a_token_that_expires"),
    Fault(
        41, "the machine's own client is at home here", "TH455", f"{ASKERS_GO}::test_a_real_tailscaled_that_is_asked"
    ),
    Fault(41, "and cannot reach others", "TH454", f"{ASKERS_GO}::test_a_client_that_does_not_get_to_its_own_relay"),
    # Several relays of one region
    Fault(42, "a node is missing", "TH560", f"{REGION}::test_a_stopped_node"),
    Fault(42, "a link one way", "TH561", f"{REGION}::test_one_way"),
    Fault(42, "no link between two", "TH562", f"{REGION}::test_no_link_between_two"),
    Fault(42, "a differing mesh key", "TH563 TH564", f"{REGION}::test_another_mesh_key"),
    Fault(42, "a copied state", "TH565 TH566", f"{REGION}::test_a_copied_state"),
    Fault(42, "a mesh peer that is no node", "TH567", f"{REGION}::test_a_relay_that_is_not_in_the_map"),
    Fault(42, "versions differ", "TH568", f"{REGION_JUDGED}::test_versions"),
    Fault(42, "no mesh", "TH569", f"{REGION}::test_no_mesh"),
    Fault(42, "a node outside the mesh", "TH570", f"{REGION}::test_outside_the_mesh"),
]


@cache
def sources_of(file: str) -> dict[str, str]:
    """The source of each test of a module, each with what the module says outside of tests: tables and fixtures."""
    text = (ROOT / "tests" / file).read_text(encoding="utf-8")
    body = ast.parse(text).body
    lines = text.splitlines()

    def source(statement: ast.stmt) -> str:
        first = min([one.lineno for one in getattr(statement, "decorator_list", [])] + [statement.lineno])
        return "\n".join(lines[first - 1 : statement.end_lineno])

    def is_test(statement: ast.stmt) -> bool:
        return isinstance(statement, ast.FunctionDef) and statement.name.startswith("test_")

    tables = "\n".join(source(one) for one in body if isinstance(one, (ast.Assign, ast.AnnAssign)))
    return {one.name: f"{tables}\n{source(one)}" for one in body if isinstance(one, ast.FunctionDef) and is_test(one)}


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{fault.row} {fault.what}")
def test_a_fault_is_produced(fault: Fault) -> None:
    """Its codes are in the catalogue, and the test that is named is there and expects them."""
    file, name = fault.test.split("::")
    assert name in sources_of(file), sorted(sources_of(file))
    for code in fault.codes.split():
        assert code in CATALOGUE
        assert code in sources_of(file)[name], code


def test_each_row_is_there() -> None:
    """No row is left out."""
    assert {fault.row for fault in FAULTS} == set(range(1, 43))


def test_each_fault_has_its_own_code() -> None:
    """No two faults are named by one code."""
    codes = [code for fault in FAULTS for code in fault.codes.split()]
    assert len(codes) == len(set(codes)), sorted(code for code in codes if codes.count(code) > 1)
