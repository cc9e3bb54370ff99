"""Every code there is: its short name and how bad it is. What they say is in `texts`.

A code is never reused for something else; people search for it. TH001 to TH029 are what a check from outside
sees; the tens that follow are listening, state, certificates, what was asked for, the address, and the machine.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class Severity(StrEnum):
    """How bad a finding is."""

    ERROR = "error"  # it does not work, or refuses to start
    WARNING = "warning"  # it works, but not for everyone, not safely, or not for long
    NOTE = "note"  # good to know


class Entry(NamedTuple):
    """One kind of finding."""

    name: str
    severity: Severity


_ERROR, _WARNING, _NOTE = Severity.ERROR, Severity.WARNING, Severity.NOTE

CATALOGUE: dict[str, Entry] = {
    # from outside: names, addresses, TCP, UDP, and whoever is in between
    "TH001": Entry("name-unresolved", _ERROR),
    "TH002": Entry("name-elsewhere", _WARNING),
    "TH003": Entry("stun-silent", _WARNING),
    "TH004": Entry("ipv6-dead", _WARNING),
    "TH005": Entry("tcp-filtered", _ERROR),
    "TH006": Entry("tcp-refused", _ERROR),
    "TH007": Entry("stun-refused", _WARNING),
    "TH008": Entry("not-stun", _WARNING),
    "TH009": Entry("stun-from-elsewhere", _WARNING),
    "TH010": Entry("stun-private-address", _WARNING),
    "TH011": Entry("reset-on-name", _ERROR),
    "TH012": Entry("plain-http", _ERROR),
    "TH013": Entry("not-tls", _ERROR),
    # from outside: TLS, certificates, and the web servers that stand before a relay
    "TH014": Entry("pin-differs", _ERROR),
    "TH015": Entry("pin-with-chain", _ERROR),
    "TH016": Entry("pinned-expired", _ERROR),
    "TH017": Entry("served-expired", _ERROR),
    "TH018": Entry("served-not-yet-valid", _ERROR),
    "TH019": Entry("expires-within-days", _WARNING),
    "TH020": Entry("clock-wrong", _ERROR),
    "TH021": Entry("name-not-in-certificate", _ERROR),
    "TH022": Entry("intermediate-missing", _ERROR),
    "TH023": Entry("self-signed", _ERROR),
    "TH024": Entry("tls-too-old", _ERROR),
    "TH025": Entry("meta-certificate-missing", _NOTE),
    "TH026": Entry("other-web-server", _ERROR),
    "TH027": Entry("upgrade-eaten", _ERROR),
    "TH028": Entry("nothing-behind-proxy", _ERROR),
    "TH029": Entry("several-relays", _ERROR),
    # listening
    "TH030": Entry("port-taken", _ERROR),
    "TH031": Entry("port-needs-privilege", _ERROR),
    "TH032": Entry("address-not-here", _ERROR),
    "TH033": Entry("malformed-address", _ERROR),
    "TH034": Entry("family-missing", _NOTE),
    "TH035": Entry("cannot-listen", _ERROR),
    "TH036": Entry("descriptor-limit-low", _NOTE),
    "TH037": Entry("nothing-to-serve", _ERROR),
    # state
    "TH040": Entry("state-locked", _ERROR),
    "TH041": Entry("state-not-writable", _ERROR),
    "TH042": Entry("state-not-a-directory", _ERROR),
    "TH043": Entry("state-not-a-mount", _WARNING),
    "TH044": Entry("other-state", _WARNING),
    "TH045": Entry("relay-key-malformed", _ERROR),
    "TH046": Entry("file-unreadable", _ERROR),
    "TH047": Entry("file-missing", _ERROR),
    "TH048": Entry("mesh-key-malformed", _ERROR),
    "TH049": Entry("secret-readable-by-others", _WARNING),
    # certificates
    "TH050": Entry("certificate-half", _ERROR),
    "TH051": Entry("key-mismatch", _ERROR),
    "TH052": Entry("key-encrypted", _ERROR),
    "TH053": Entry("not-pem", _ERROR),
    "TH054": Entry("certificate-expired", _ERROR),
    "TH055": Entry("certificate-not-yet-valid", _WARNING),
    "TH056": Entry("pin-expires-soon", _WARNING),
    "TH057": Entry("name-needs-new-pin", _WARNING),
    "TH058": Entry("certificate-lacks-name", _ERROR),
    "TH059": Entry("chain-missing", _WARNING),
    # what was asked for
    "TH060": Entry("bad-region-id", _ERROR),
    "TH061": Entry("bad-address", _ERROR),
    "TH062": Entry("bad-host-name", _ERROR),
    "TH063": Entry("bad-home", _ERROR),
    "TH064": Entry("bad-port", _ERROR),
    "TH065": Entry("option-needs-other", _ERROR),
    "TH066": Entry("bad-language", _ERROR),
    "TH067": Entry("too-many-addresses", _ERROR),
    "TH068": Entry("options-exclude", _ERROR),
    "TH069": Entry("wrong-usage", _ERROR),
    # the address that others use
    "TH070": Entry("not-reachable", _WARNING),
    "TH071": Entry("sources-disagree", _WARNING),
    "TH072": Entry("ipv6-only", _NOTE),
    "TH073": Entry("container-bridge", _WARNING),
    "TH074": Entry("no-dns", _NOTE),
    "TH075": Entry("stun-private-sources", _WARNING),
    "TH076": Entry("address-unknown", _WARNING),
    "TH077": Entry("host-name-elsewhere", _WARNING),
    "TH078": Entry("other-addresses", _NOTE),
    "TH079": Entry("address-changed", _WARNING),
    # the machine and the program
    "TH080": Entry("relay-not-found", _ERROR),
    "TH081": Entry("output-failed", _ERROR),
    "TH082": Entry("platform-unsupported", _ERROR),
    "TH083": Entry("clock-before-build", _WARNING),
    "TH084": Entry("file-trouble", _ERROR),
    "TH085": Entry("workers-unsupported", _ERROR),
    "TH086": Entry("bad-workers", _ERROR),
    # the configuration
    "TH090": Entry("wrong-type", _ERROR),
    "TH091": Entry("unknown-setting", _ERROR),
    "TH092": Entry("misplaced-setting", _ERROR),
    "TH093": Entry("not-toml", _ERROR),
    "TH094": Entry("unknown-variable", _WARNING),
    "TH095": Entry("not-utf8", _ERROR),
    "TH096": Entry("listen-lacking", _ERROR),
    "TH097": Entry("port-twice", _ERROR),
    "TH098": Entry("name-tells", _WARNING),
    # certificates from files
    "TH105": Entry("no-pair-in-directory", _ERROR),
    "TH106": Entry("certificate-kept", _WARNING),
    "TH107": Entry("certificate-expires-soon", _WARNING),
    "TH108": Entry("directory-missing", _ERROR),
    # certificates from an ACME server
    "TH110": Entry("acme-needs-name", _ERROR),
    "TH111": Entry("acme-no-challenge", _ERROR),
    "TH112": Entry("acme-challenge-port", _WARNING),
    "TH113": Entry("bad-acme-challenge", _ERROR),
    "TH114": Entry("acme-challenges", _NOTE),
    "TH115": Entry("acme-waiting", _NOTE),
    "TH116": Entry("acme-failed", _WARNING),
    "TH117": Entry("bad-acme-directory", _ERROR),
    "TH118": Entry("acme-eab-half", _ERROR),
    "TH119": Entry("acme-needs-hook", _ERROR),
    "TH120": Entry("acme-needs-http", _ERROR),
    "TH121": Entry("acme-challenge-not-for-address", _ERROR),
    # proxies in front, servers behind
    "TH130": Entry("bad-trusted-proxy", _ERROR),
    "TH131": Entry("bad-passthrough", _ERROR),
    "TH132": Entry("passthrough-own-name", _ERROR),
    "TH133": Entry("passthrough-needs-tls", _ERROR),
    # the service
    "TH150": Entry("socket-unused", _WARNING),
    "TH151": Entry("no-systemd", _ERROR),
    "TH152": Entry("service-needs-root", _ERROR),
    "TH153": Entry("program-out-of-reach", _ERROR),
    "TH154": Entry("service-not-up", _ERROR),
    "TH155": Entry("service-missing", _ERROR),
    # the state: other state, pins, moving
    "TH175": Entry("state-elsewhere", _ERROR),
    "TH176": Entry("bad-pin-name", _ERROR),
    "TH177": Entry("state-in-the-way", _ERROR),
    "TH178": Entry("not-a-state-export", _ERROR),
    "TH179": Entry("nothing-to-import", _ERROR),
    "TH180": Entry("several-pairs", _ERROR),
    "TH181": Entry("pin-exists", _ERROR),
    "TH182": Entry("pair-taken-over", _NOTE),
    "TH183": Entry("state-not-found", _ERROR),
    "TH184": Entry("file-in-the-way", _ERROR),
    "TH190": Entry("bad-decimal", _ERROR),
    # what was made for the original
    "TH191": Entry("value-repaired", _WARNING),
    "TH192": Entry("original-value-bad", _ERROR),
    "TH193": Entry("original-refused", _ERROR),
    "TH194": Entry("original-without-tls", _WARNING),
    "TH195": Entry("original-certmode", _ERROR),
    # who may relay
    "TH210": Entry("tailscaled-unreachable", _WARNING),
    "TH211": Entry("tailscaled-not-running", _WARNING),
    "TH212": Entry("verify-url-unreachable", _WARNING),
    "TH213": Entry("verify-fails-open", _WARNING),
    "TH214": Entry("bad-verify-url", _ERROR),
    "TH215": Entry("verify-setting-unused", _ERROR),
    # limits for each client
    "TH220": Entry("rate-config-malformed", _ERROR),
    "TH222": Entry("rate-config-unknown", _WARNING),
    "TH223": Entry("rate-burst-raised", _WARNING),
    "TH224": Entry("rate-burst-alone", _WARNING),
    # what no setting can hold
    "TH230": Entry("zero-in-value", _ERROR),
    "TH231": Entry("socket-twice", _ERROR),
    "TH232": Entry("bad-service-name", _ERROR),
    "TH233": Entry("state-unfinished", _ERROR),
    "TH234": Entry("passthrough-to-itself", _ERROR),
    # names to listen on, what others have left, what a move leaves behind
    "TH240": Entry("listen-name-unknown", _ERROR),
    "TH241": Entry("service-unknown", _ERROR),
    "TH242": Entry("acme-cache-taken-over", _NOTE),
    "TH243": Entry("export-lacks", _WARNING),
    "TH244": Entry("relay-key-copied", _NOTE),
    # lists of devices
    "TH250": Entry("device-api-unreachable", _WARNING),
    "TH251": Entry("credential-refused", _WARNING),
    "TH252": Entry("credential-lacks-scope", _WARNING),
    "TH253": Entry("tailnet-unknown", _WARNING),
    "TH254": Entry("device-list-unusable", _WARNING),
    "TH255": Entry("credential-expires", _WARNING),
    "TH256": Entry("credential-malformed", _ERROR),
    "TH257": Entry("bad-api-url", _ERROR),
    # the store
    "TH260": Entry("bad-store", _ERROR),
    "TH261": Entry("store-driver-missing", _ERROR),
    "TH262": Entry("store-unreachable", _WARNING),
    "TH263": Entry("store-not-writable", _WARNING),
    "TH264": Entry("store-corrupt", _WARNING),
    "TH265": Entry("store-newer", _ERROR),
    "TH266": Entry("store-older", _ERROR),
    "TH267": Entry("store-missing", _ERROR),
    "TH268": Entry("store-refuses", _WARNING),
    "TH269": Entry("bad-period", _ERROR),
    # limits and quotas
    "TH270": Entry("bad-choice", _ERROR),
    "TH271": Entry("bad-time-zone", _ERROR),
    "TH272": Entry("burst-without-rate", _WARNING),
    "TH273": Entry("quota-slow-nothing", _ERROR),
    "TH274": Entry("quota-needs-store", _ERROR),
    # what becomes of refused clients
    "TH280": Entry("bad-refuse", _ERROR),
    "TH281": Entry("refuse-text-long", _ERROR),
    # the allow list
    "TH285": Entry("allow-list-line", _WARNING),
    "TH286": Entry("allow-list-twice", _NOTE),
    "TH287": Entry("allow-list-kept", _WARNING),
    "TH288": Entry("allow-list-empty", _WARNING),
    "TH289": Entry("no-allow-list", _ERROR),
    "TH290": Entry("not-on-record", _ERROR),
    "TH291": Entry("several-keys", _ERROR),
    "TH292": Entry("allow-name", _ERROR),
    # tenants
    "TH293": Entry("misplaced-for-tenant", _ERROR),
    "TH294": Entry("not-a-tenant-table", _ERROR),
    "TH295": Entry("bad-tenant-name", _ERROR),
    "TH296": Entry("tenant-without-verifier", _ERROR),
    "TH297": Entry("unknown-tenant", _ERROR),
    "TH298": Entry("verifier-twice", _WARNING),
    "TH299": Entry("default-tenant-empty", _NOTE),
    # steering clients to another region
    "TH300": Entry("steer-needs-stun", _ERROR),
    "TH301": Entry("bad-duration", _ERROR),
    # an allow list that relays share
    "TH310": Entry("allow-tenant", _ERROR),
    "TH311": Entry("allow-list-needs-store", _ERROR),
    # a list or a store that somebody else has changed
    "TH318": Entry("allow-list-tenant", _WARNING),
    "TH319": Entry("store-gone", _WARNING),
    # the process of the operator's pages
    "TH330": Entry("pages-ended", _WARNING),
    "TH331": Entry("pages-do-not-run", _WARNING),
    # the operator's pages
    "TH335": Entry("pages-host-unknown", _ERROR),
    "TH336": Entry("pages-foreign", _ERROR),
    "TH337": Entry("pages-token", _ERROR),
    "TH338": Entry("relay-lost", _ERROR),
    "TH339": Entry("bad-dashboard-relay", _ERROR),
    # asking another relay's operator's pages
    "TH340": Entry("operator-unreachable", _ERROR),
    "TH341": Entry("operator-refuses", _ERROR),
    "TH342": Entry("bad-operator-url", _ERROR),
    "TH343": Entry("operator-unusable", _ERROR),
    # messages to the relay's owner
    "TH344": Entry("notify-needs-apprise", _ERROR),
    "TH345": Entry("bad-notify-url", _ERROR),
    "TH346": Entry("notify-failed", _WARNING),
    "TH347": Entry("notify-missing", _ERROR),
    "TH348": Entry("notify-file-empty", _ERROR),
    "TH349": Entry("update-index-unusable", _WARNING),
    # the log
    "TH350": Entry("bad-debug-choice", _ERROR),
    "TH351": Entry("too-many-debug-choices", _ERROR),
    # another configuration while the relay runs
    "TH355": Entry("reload-refused", _ERROR),
    "TH356": Entry("reload-failed", _ERROR),
    # an allow list that was there
    "TH357": Entry("allow-list-gone", _WARNING),
    # notices and upgrades
    "TH365": Entry("bad-notice", _ERROR),
    "TH366": Entry("too-many-notices", _ERROR),
    "TH367": Entry("upgrade-elsewhere", _ERROR),
    "TH368": Entry("upgrade-failed", _ERROR),
    "TH369": Entry("install-failed", _ERROR),
    "TH370": Entry("relay-still-old", _NOTE),
    # a reload that cannot be, or is not done yet
    "TH378": Entry("reload-late", _ERROR),
    "TH379": Entry("too-many-new-listeners", _ERROR),
    # from outside, further: whoever is in between
    "TH380": Entry("fake-ip", _ERROR),
    "TH381": Entry("everything-accepted", _ERROR),
    "TH382": Entry("proxy-in-environment", _NOTE),
    "TH383": Entry("seen-through-proxy", _NOTE),
    "TH384": Entry("dns-silent", _ERROR),
    "TH385": Entry("relay-moved", _ERROR),
    "TH386": Entry("no-route-here", _ERROR),
    "TH387": Entry("port-silent", _ERROR),
    "TH388": Entry("port-hangs-up", _ERROR),
    "TH389": Entry("some-addresses-dead", _WARNING),
    # from outside, further: web servers and certificates
    "TH390": Entry("name-refused", _ERROR),
    "TH391": Entry("handshake-failed", _ERROR),
    "TH392": Entry("authority-unknown", _ERROR),
    "TH393": Entry("clocks-differ", _WARNING),
    "TH394": Entry("certificate-unacceptable", _ERROR),
    "TH395": Entry("meta-key-differs", _ERROR),
    "TH396": Entry("no-answer-to-upgrade", _ERROR),
    "TH397": Entry("check-page-upgrades", _ERROR),
    "TH398": Entry("several-certificates", _ERROR),
    "TH399": Entry("fast-start-broken", _ERROR),
    # from outside: logging in and relaying packets
    "TH400": Entry("login-closed", _NOTE),
    "TH401": Entry("key-not-allowed", _NOTE),
    "TH402": Entry("large-packets-vanish", _ERROR),
    "TH403": Entry("answers-buffered", _WARNING),
    "TH404": Entry("idle-cut", _WARNING),
    "TH405": Entry("packets-lost", _WARNING),
    "TH406": Entry("slow-relay", _WARNING),
    "TH407": Entry("limited", _NOTE),
    "TH408": Entry("own-key-unusable", _ERROR),
    "TH409": Entry("given-key-refused", _ERROR),
    "TH410": Entry("login-silent", _ERROR),
    "TH411": Entry("login-broken", _ERROR),
    "TH412": Entry("packets-altered", _ERROR),
    "TH413": Entry("relay-notice", _NOTE),
    "TH414": Entry("relaying-fails", _ERROR),
    # on the relay: the machine
    "TH415": Entry("unknown-relay-flag", _ERROR),
    "TH416": Entry("stun-requests-lost", _WARNING),
    "TH417": Entry("connection-table-full", _WARNING),
    "TH418": Entry("disk-full", _ERROR),
    "TH419": Entry("disk-nearly-full", _WARNING),
    "TH420": Entry("state-read-only", _ERROR),
    "TH421": Entry("firewall-drops", _ERROR),
    "TH422": Entry("container-without-ipv6", _NOTE),
    "TH423": Entry("mapped-port-differs", _ERROR),
    "TH424": Entry("tailscaled-drops-cloud", _ERROR),
    "TH425": Entry("next-start-elsewhere", _WARNING),
    "TH426": Entry("clients-refuse-certificate", _WARNING),
    "TH427": Entry("service-not-running", _ERROR),
    "TH428": Entry("hidden-from-service", _ERROR),
    "TH429": Entry("descriptors-run-out", _WARNING),
    # on the relay: whoever is asked about clients, and clients' logs
    # DERP maps and policy files
    "TH460": Entry("map-unreadable", _ERROR),
    "TH461": Entry("not-hujson", _ERROR),
    "TH462": Entry("no-map-in-it", _ERROR),
    "TH463": Entry("no-tailnet-here", _ERROR),
    # bringing a map to those who hand it out
    # which region clients choose
    # measuring
    "TH515": Entry("probe-key-unusable", _WARNING),
    "TH516": Entry("nothing-to-measure", _ERROR),
    "TH517": Entry("too-much-to-measure", _ERROR),
    "TH518": Entry("nothing-came-through", _ERROR),
    "TH519": Entry("measures-the-limit", _WARNING),
    "TH520": Entry("measured-file-unusable", _ERROR),
    "TH521": Entry("exporter-cannot-listen", _ERROR),
    "TH522": Entry("time-out-of-range", _ERROR),
    # what a check was asked to look at
    "TH525": Entry("bad-target", _ERROR),
    "TH526": Entry("not-with-a-map", _ERROR),
    "TH527": Entry("no-such-region", _ERROR),
    "TH528": Entry("too-many-targets", _ERROR),
    "TH529": Entry("not-a-private-key", _ERROR),
}
