"""The texts of all findings in English: for each code what was expected and found, and what to do.

The template language is that of `tailhub.findings.finding`. Commands stand in backticks, whole, ready to copy.
"""

from __future__ import annotations

TEXTS: dict[str, tuple[str, str]] = {
    "TH030": (
        "{protocol} port {port} is taken by [[program?{program} (pid {pid})||a program that this user may not see]].",
        "[[program?Stop it||Find it with `sudo ss {ss_flags} 'sport = :{port}'` and stop it]], or use "
        "[[free_port?a free port: `{flag:={host}:{free_port}}`||another port: `{flag:={host}:PORT}`]].",
    ),
    "TH031": (
        "This user may not listen on {protocol} port {port}: low ports need a privilege.",
        "Use a higher port (`{flag:={host}:[[free_port?{free_port}||PORT]]}`), or allow this one: "
        "`sudo sysctl net.ipv4.ip_unprivileged_port_start={port}`, or `AmbientCapabilities=CAP_NET_BIND_SERVICE` in a "
        "systemd unit, or `sudo setcap cap_net_bind_service=+ep $(readlink -f {python!q})` (for every program that "
        "this Python runs).",
    ),
    "TH032": (
        "{flag}: {host} is not an address of this machine.",
        "[[private?For this machine only: `{flag:=127.0.0.1:{port}}`."
        "||Listen on all of its addresses, `{flag:=:{port}}`; if others reach this machine by {host}, as behind the "
        "NAT of a cloud, add `--address {host}`.]]",
    ),
    "TH033": (
        "{flag}: expected HOST:PORT, found `{text}`.",
        "[[suggestion?Write `{flag:={suggestion}}`. ]]"
        "[[quoted?The quotes are part of the value: in a compose file's list write `- NAME=VALUE`, without quotes. ]]"
        "HOST is empty, `localhost`, an IPv4 address or an IPv6 address in brackets, PORT a number up to 65535 or "
        "`https`, `http`, `stun`, as in `:8443`, `192.0.2.5:8443`, `[2001:db8::5]:8443`; `off` switches the listener "
        "off.",
    ),
    "TH034": (
        "This kernel has no {family}, so {flag} serves the other family only.",
        "Nothing to do unless clients need {family}[[sysctl?; `sysctl {sysctl}` tells whether it was switched off]].",
    ),
    "TH035": (
        "Cannot listen on {text} ({flag}): {reason}.",
        "[[unix?Remove what is in the way, or choose another directory with `--state-dir DIR`."
        "||[[path?Make its directory, remove what is in the way, or choose a shorter or another path: "
        "`{flag:=unix:/run/tailhub/relay.sock}`."
        "||Choose another address with `{flag:=HOST:PORT}`, or switch it off with `{flag:=off}`.]]]]",
    ),
    "TH036": (
        "This process may open {limit} files, enough for about {clients} clients.",
        "For more, raise the hard limit before the start: `LimitNOFILE=65536` in a systemd unit, "
        "`--ulimit nofile=65536` for a container.",
    ),
    "TH037": (
        "--listen and --stun-listen are both off: there is nothing left to do.",
        "Leave one of them on: `--listen :8443` relays, `--stun-listen :3478` answers STUN.",
    ),
    "TH040": (
        "The state directory {path} is in use by [[program?{program}||a running relay]][[pid? (pid {pid})]].",
        "[[pid?Stop that one (`kill {pid}`)||Stop that one]], or give this one a directory and ports of its own: "
        "`tailhub relay --state-dir DIR --listen :PORT --stun-listen :PORT --admin-listen off`.",
    ),
    "TH041": (
        "The state directory {path} is not writable for {user}[[mode? (mode {mode}[[owner?, owner {owner}]])]].",
        "[[container_user?On the machine that runs this container hand over the directory that is mounted there, "
        "`sudo chown -R {container_user} DIR`, or let the container make a volume of its own: "
        "`docker run -v tailhub:{path} …`||"
        "[[mode?[[own?Give its owner the right, `chmod u+rwx {path!q}`"
        "||Hand it over, `sudo chown -R {user!q} {path!q}`]]"
        "||Have it made, `sudo install -d -m 700 -o {user!q} {path!q}`]], or choose another: "
        "`tailhub relay --state-dir DIR`]].",
    ),
    "TH042": (
        "For the relay's state, {path} should be a directory, and is something else.",
        "[[movable?Move it away, `mv {path!q} {path!q}.old`, or choose||Choose]] another: `tailhub relay --state-dir "
        "DIR`.",
    ),
    "TH043": (
        "The state directory {path} belongs to this container and goes with it: the next container has a new pin, and "
        "every client is cut off.",
        "Keep it outside: `docker run -v tailhub:{path} …`, or under `volumes:` in a compose file `- tailhub:{path}`.",
    ),
    "TH044": (
        "There is other state in {other}, and this relay uses {path}: its pin is not the one of the other state.",
        "To go on with the other: `tailhub relay --state-dir {other!q}`; to move it here, stop both relays and "
        "`sudo cp -a {other!q}/. {path!q}/`.",
    ),
    "TH045": (
        '{path}: expected a relay key, JSON `{{"PrivateKey": "privkey:<64 hex digits>"}}`, found '
        "something else[[reason? ({reason})]].",
        "Bring the file back from a backup, or move it away to have a new one made: `mv {path!q} {path!q}.old` (the "
        "pin stays; a region id that was made from the key changes).",
    ),
    "TH046": (
        "{path} is not readable for {user}[[mode? (mode {mode}[[owner?, owner {owner}]])]].",
        "[[container_user?Two ways out. On the machine that runs this container let user {container_user} read the "
        "file: `sudo setfacl -m u:{container_user}:r FILE`, or `sudo chown {container_user} FILE` if no other program "
        "needs it (a directory also `x`). Or run the container as root with one capability; in its compose file: "
        '`user: "0:0"`, `cap_drop: [ALL]`, `cap_add: [DAC_OVERRIDE]`||'
        "Let that user read it, and enter the directories above it: `sudo setfacl -m u:{user}:r {path!q}`, or "
        "`sudo chown {user!q} {path!q}` if no other program needs the file]].",
    ),
    "TH047": (
        "{option}: there is no file {path}.",
        "Check the path; a relative one counts from {directory}.",
    ),
    "TH048": (
        "{path}: expected 64 hexadecimal digits, a mesh key, found {length} characters that are none.",
        "All relays of a region share one: copy it from another relay, or make it, `(umask 077; openssl rand -hex 32 "
        "> mesh.key)`, and use `--mesh-key-file mesh.key`.",
    ),
    "TH049": (
        "{path} is a secret and other users may read it (mode {mode}).",
        "`chmod 600 {path!q}`",
    ),
    "TH050": (
        "{present} is there and {missing} is not; neither is made anew, for a new certificate has a new pin and cuts "
        "off every client.",
        "Bring {missing} back from a backup; or accept a new pin: `mv {present!q} {present!q}.old`, start the relay, "
        "and give the map that `tailhub derpmap` prints to every client.",
    ),
    "TH051": (
        "The key in {key} does not belong to the certificate in {cert}.",
        "Compare `openssl x509 -noout -pubkey -in {cert!q}` with `openssl pkey -pubout -in {key!q}` and name a pair "
        "with `--cert FILE --key FILE`; the certificate of the server comes first in its file.",
    ),
    "TH052": (
        "The key in {path} is encrypted, and nobody is there to type its passphrase.",
        "Make a copy without: `(umask 077; openssl pkey -in {path!q} -out plain.key)`, and use `--key plain.key`.",
    ),
    "TH053": (
        "{path}: expected PEM (`-----BEGIN {label}-----`), found "
        "[[empty?an empty file||[[found?`-----BEGIN {found}-----`||something else]]]].",
        "[[empty?Bring it back from where it came.||[[found?Perhaps `--cert` and `--key` are the wrong way round."
        "||From DER: `openssl {command} -inform der -in {path!q} -out new.pem`; from PKCS#12: "
        "`openssl pkcs12 -in {path!q} -nodes -out new.pem`.]]]]",
    ),
    "TH054": (
        "The certificate in {path} has expired on {date}: clients refuse it.",
        "[[pinned?Make a new one, which has a new pin: `mv {path!q} {path!q}.old; mv {key!q} {key!q}.old`, start the "
        "relay, and give the map that `tailhub derpmap` prints to every client."
        "||Renew it where it comes from and start the relay again; if the date is wrong, check the clock with "
        "`date`.]]",
    ),
    "TH055": (
        "The certificate in {path} is valid from {date} only: until then clients refuse it.",
        "Check this machine's clock (`timedatectl`), then the certificate.",
    ),
    "TH056": (
        "The pinned certificate in {path} expires on {date}, in {days} days.",
        "A new one has a new pin, which has to reach every client first: `tailhub cert renew` makes it beside this one "
        "and says how to change over without an outage.",
    ),
    "TH057": (
        "The pinned certificate in {path} has the names {names}, not {host}: clients that go by that name refuse it. A "
        "certificate with the name has a new pin.",
        "`tailhub cert renew --hostname {host}` makes one beside it and says how to change over without an outage.",
    ),
    "TH058": (
        "The certificate in {path} has [[names?the names {names}||no DNS name]], not {host}: clients that go by that "
        "name refuse it.",
        "[[names?Name the relay as its certificate does, `--hostname NAME`, or get||Get]] a certificate for {host}.",
    ),
    "TH059": (
        "The file {path} has the relay's certificate alone, without the chain to its CA: clients that do not know its "
        "issuer, {issuer}, refuse it.",
        "Use the file with the chain, of certbot for example `fullchain.pem` instead of `cert.pem`. Nothing to do if "
        "the issuer is a CA of your own that all clients trust.",
    ),
    "TH060": (
        "{option}: expected a number from 900 to 999, found `{text}`.",
        "Those are the ids that Tailscale leaves to its users: `{option:=947}`; without it the id is made from "
        "the relay's key.",
    ),
    "TH061": (
        "{option}: expected an IP address that others can dial, found `{text}`.",
        "As in `{option:=203.0.113.7}` or `{option:=2001:db8::7}`, without port or brackets; a name goes to "
        "`--hostname`.",
    ),
    "TH062": (
        "{option}: expected a DNS name, found `{text}`.",
        "[[suggestion?Write `{option:={suggestion}}`.||As in `{option:=derp.example.com}`, without scheme, port or path"
        "[[is_host?; an address goes to `--address`]].]]",
    ),
    "TH063": (
        "{option}: expected `blank` or a URL, found `{text}`.",
        "As in `{option:=blank}` or `{option:=https://www.example.com/}`.",
    ),
    "TH064": (
        "{option}: expected a port from 1 to 65535, found `{text}`.",
        "As in `{option:={example}}`.",
    ),
    "TH065": (
        "{option} needs {missing} too.",
        "Give both, `{option:={value}}` and `{missing:={missing_value}}`, or neither.",
    ),
    "TH066": (
        "--lang: expected `en` or `zh`, found `{text}`.",
        "Write `--lang en` or `--lang zh`; without it the locale decides (LC_ALL, LC_MESSAGES, LANG).",
    ),
    "TH067": (
        "{option}: expected at most one IPv4 and one IPv6 address, found {addresses}.",
        "Keep the one that clients use: `{option:={first}}`.",
    ),
    "TH068": (
        "{one} and {other} exclude each other.",
        "Write one of them.",
    ),
    "TH069": (
        "[[unknown?There is no `{message}`[[near?; like it there is {near}]]||[[lacking?`{message}` needs a value"
        "||[[extra?`{message}` is more than is understood||{message}]]]]]].",
        "`{command} --help` lists what there is.",
    ),
    "TH070": (
        "Nobody on the Internet can open a connection to this machine over IPv4: it is behind a NAT"
        "[[address?, its own address is {address}[[seen? and others see {seen}]]]].",
        "It works for devices on the same network. For others run it on a machine with a public address, or forward "
        "the ports on the router and name its address: `tailhub relay --address IP`.",
    ),
    "TH071": (
        "The sources disagree about this machine's address: {answers}.",
        "[[chosen?The map has {chosen}; if that is wrong, say which one others use: `tailhub relay --address IP`."
        "||A VPN or a proxy on this machine is the usual cause. Say which one others use: `tailhub relay --address "
        "IP`.]]",
    ),
    "TH072": (
        "This relay has an IPv6 address only, {address}: clients on networks without IPv6, many phones for example, "
        "cannot use it.",
        "Nothing to do if all of yours have IPv6; else name a public IPv4 address: `tailhub relay --address IP`.",
    ),
    "TH073": (
        "This container is behind a bridge[[address? as {address}]], an address that nobody outside can use; STUN may "
        "tell clients the bridge's address instead of their own.",
        "Best: `docker run --network host …`. Else publish TCP {port}[[stun_port? and UDP {stun_port}]] and say what "
        "others use: `tailhub relay --address IP --public-port PORT[[stun_port? --stun-public-port PORT]]`.",
    ),
    "TH074": (
        "No name can be looked up: this machine has no working DNS.",
        "The relay runs without it; finding the address by STUN and `--bootstrap-dns-names` stay off. Check "
        "/etc/resolv.conf.",
    ),
    "TH075": (
        "STUN requests come from {source}, an address of this machine's own container network: clients are told it "
        "instead of their own and cannot connect directly.",
        'Run the container with `--network host`, or set `"userland-proxy": false` in /etc/docker/daemon.json and '
        "restart Docker.",
    ),
    "TH076": (
        "No address was found that others could use.",
        "Name it: `tailhub relay --address IP`, or `tailhub relay --hostname NAME`.",
    ),
    "TH077": (
        "[[resolved?{host} leads to {resolved}||{host} leads to no address]], and this machine has {address}.",
        "[[resolved?Correct the name's A and AAAA records, or wait until DNS has caught up||Make A or AAAA records for "
        "it]]; clients go by the name.",
    ),
    "TH078": (
        "This machine has further addresses that others might use: {others}.",
        "To put one of them into the map: `tailhub relay --address IP`.",
    ),
    "TH079": (
        "The address that others use has changed from {before} to {now}: the map that clients have still names the old "
        "one.",
        "Give them the new map, `tailhub derpmap`; for an address that changes often use a name with dynamic DNS, "
        "`tailhub relay --hostname NAME`.",
    ),
    "TH080": (
        "No relay answers at {path}[[reason? ({reason})]].",
        "Start one, `tailhub relay`, or name its state directory, `--state-dir DIR`; ask as the user that runs it.",
    ),
    "TH081": (
        "The output could not be written: {reason}.",
        "Make room where it goes, or send it elsewhere.",
    ),
    "TH082": (
        "`tailhub relay` does not run on {platform}.",
        "It needs Linux: a small server, a container or WSL.",
    ),
    "TH083": (
        "The clock says {now}, a time before this version of tailhub was made ({built}).",
        "Set it: `sudo timedatectl set-ntp true`; certificates are judged by the date.",
    ),
    "TH084": (
        "{path}: {reason}.",
        "[[look?To look at it: `{look}`.||Check the disk and the file's owner: `df {path!q}; ls -ld {path!q}`.]]",
    ),
    "TH085": (
        "Several workers cannot share a port on this system ({platform}).",
        "Leave `--workers` out, or write `--workers 1`; several work on Linux.",
    ),
    "TH086": (
        "{option}: expected a number from 1 to {most}, or `auto`, found `{text}`.",
        "As in `{option:=3}`; `auto` takes one worker up to two cores, else one for each core but one.",
    ),
    "TH090": (
        "{place}: expected [[text?text||[[number?a whole number||[[truth?true or false||[[texts?text, or a list of "
        "texts||a table]]]]]]]], found `{found}`.",
        "As in `{place:={example}}`.",
    ),
    "TH091": (
        "{place}: there is no such setting.",
        "[[near?Write `{near}`||Take it out]]; `tailhub config init` lists all settings.",
    ),
    "TH092": (
        "{place}: [[relay?this is a setting of the whole relay, not of one listener||with {table} in the file, a "
        "listener's settings stand there]].",
        "[[relay?Write it at the top of the file, above the first `{table}`||Write it below the first `{table}`]].",
    ),
    "TH093": (
        "Line {line} of {path} cannot be read as TOML: {reason}.",
        "[[suggestion?Write `{suggestion}`||Text stands in quotes, as in `{example}`; a comment begins with #]].",
    ),
    "TH094": (
        "The variable {name} is set, and there is no such setting.",
        "[[near?Perhaps `{near}` is meant; ||]]`tailhub config show` lists the settings and where each comes from.",
    ),
    "TH095": (
        "{path} is not text in UTF-8 (line {line}).",
        "Save it as UTF-8 in the editor, or convert it: `iconv -f GB18030 -t UTF-8 {path!q} > new.toml`.",
    ),
    "TH096": (
        "{place}: every listener but the first needs an address of its own.",
        "Add a line, as in `{example}`.",
    ),
    "TH097": (
        "{one} and {other} ask for the same TCP port, {port}.",
        "Give one of them another: `{other:=:{free}}`.",
    ),
    "TH098": (
        "The pinned certificate in {path} has the name {name}, which tells scanners what runs here although "
        "{option} is on.",
        "It stays as it is, for a new one has a new pin: `tailhub cert renew` makes one beside it without that name "
        "and says how to change over without an outage.",
    ),
    "TH105": (
        "{path} has no certificate with its key: [[certs?certificates are in {certs} files||no file has a "
        "certificate]], [[keys?keys in {keys}||no file has a key]][[both?, and none belongs to another]].",
        "Put both there, in PEM: fullchain.pem and privkey.pem, NAME.crt and NAME.key, or whatever your tool writes.",
    ),
    "TH106": (
        "{path} has changed and cannot be used, so the certificate from before is still served.",
        "{reason} It is tried again by itself, within half a minute.",
    ),
    "TH107": (
        "The certificate from {path} expires in {days} days, on {date}.",
        "Renew it with the tool that made it: new files are served as soon as they are there, without a restart.",
    ),
    "TH108": (
        "{option}: there is no directory {path}.",
        "Check the path; a relative one counts from {directory}.",
    ),
    "TH110": (
        "{option}: expected a name or an address for which the certificate is to be, found neither.",
        "Say which: `{hostname:=derp.example.com}`, or the relay's public address, as in `--address 203.0.113.7`.",
    ),
    "TH111": (
        "{option}: no challenge can work for {name}: tls-alpn-01 needs public port 443, http-01 needs public port 80"
        "[[address?||, and dns-01 needs a command that writes to the DNS]].",
        "Do one of these: let clients come to port 443 (`{public_port:=443}` if it is forwarded to here); answer on "
        "port 80 (`{http_listen:=:80}`)[[address?; addresses have no third way||; or name the command "
        "(`{hook:=COMMAND}`)]].",
    ),
    "TH112": (
        "{challenge}: ACME servers look at port {needed}, [[port?and the relay is at port {port}||and the relay is not "
        "there]].",
        "Nothing to do if port {needed} is forwarded to the relay, or if the server is your own and looks elsewhere; "
        "else choose another challenge with {option}.",
    ),
    "TH113": (
        "{option}: expected tls-alpn-01, http-01 or dns-01, found `{text}`.",
        "Leave it out for the one that can work, or write for example `{option:=http-01}`.",
    ),
    "TH114": (
        "The certificate for {name} comes from {server} by {challenge}; by ports and hooks [[possible?{possible} can "
        "work||no challenge can work with a public CA]].",
        "Nothing to do.",
    ),
    "TH115": (
        "There is no certificate for {name} yet: until {server} has issued one, clients get a self-made one, which "
        "they refuse.",
        "Nothing to do but wait a minute; the log says how it went.",
    ),
    "TH116": (
        "No new certificate for {name} ({failures} in a row): {reason}.",
        "[[served_to?The old one is still served; it is valid to {served_to}. ||Clients cannot connect until there is "
        "one. ]]It is tried again at {retry}; `tailhub config check` says which challenge can work.",
    ),
    "TH117": (
        "{option}: expected the https URL of an ACME server's directory, found `{text}`.",
        "Leave it out for Let's Encrypt, or write for example `{option:=https://acme.zerossl.com/v2/DV90}`.",
    ),
    "TH118": (
        "{option} was given without {missing}; the CA gives both together.",
        "Give both, or neither.",
    ),
    "TH119": (
        "{option}: dns-01 needs a command that writes the record, and there is none.",
        "Name it: `{hook:=COMMAND}`. It finds the name in CERTBOT_DOMAIN and the text of the TXT record "
        "_acme-challenge.NAME in CERTBOT_VALIDATION.",
    ),
    "TH120": (
        "{option}: http-01 needs the plain HTTP port, and that is off.",
        "Switch it on: `{http_listen:=:80}`.",
    ),
    "TH121": (
        "{option}: dns-01 is for names, and {name} is an address.",
        "Write `{option:=tls-alpn-01}` or `{option:=http-01}`.",
    ),
    "TH130": (
        "{option}: expected an IP address or a network, found `{text}`.",
        "[[suggestion?Write `{option:={suggestion}}`.||As in `{option:=127.0.0.1}` or `{option:=10.0.0.0/8}`: the "
        "addresses from which the proxy connects.]]",
    ),
    "TH131": (
        "{option}: expected NAME=HOST:PORT, each name once, found `{text}`.",
        "As in `{option:=www.example.com=127.0.0.1:4443}`, `{option:=*.example.com=unix:/run/web.sock}`, or for all "
        "other names `{option:=*=127.0.0.1:4443}`; `{option:=*=proxy:127.0.0.1:4443}` tells that server the client's "
        "address with a PROXY header, for which it must be set up.",
    ),
    "TH132": (
        "{option} gives {name} to another server, and that is the relay's own name.",
        "Take it out: what is for `*` never includes it.",
    ),
    "TH133": (
        "{option} needs TLS: without it a client asks for no name.",
        "Leave it out, or let the relay speak TLS itself: `{tls:=true}`.",
    ),
    "TH150": (
        "systemd passed a socket for {name}, and no listener of the relay asks for it.",
        "Let the socket unit and the relay's configuration name the same addresses and ports.",
    ),
    "TH151": (
        "This machine is not run by systemd, so there is no service to install.",
        "Let the init system or a container start `{command}` and restart it when it ends.",
    ),
    "TH152": (
        "Only root may change services.",
        "`sudo {command}`",
    ),
    "TH153": (
        "The service's user `{user}` cannot start {program}: {reason}.",
        "Install tailhub where every user may read it: `sudo python3 -m venv /opt/tailhub && "
        "sudo /opt/tailhub/bin/pip install tailhub && sudo /opt/tailhub/bin/tailhub service install`",
    ),
    "TH154": (
        "The service {name} does not come up: {reason}.",
        "`journalctl -u {name} -n 30` shows what it said[[restored?. The unit from before is in place again]].",
    ),
    "TH155": (
        "There is no service {name} on this machine.",
        "`sudo {command}`",
    ),
    "TH175": (
        "This start would make a new certificate in {path}, and there is other state in {other} of a relay on the same "
        "port ({port}): every client that pins its certificate would be cut off.",
        "To go on with that state: `tailhub relay --state-dir {other!q}`; to move it here: "
        "`sudo tailhub state export state.tar --state-dir {other!q}`, then `sudo tailhub state import state.tar "
        "--state-dir {path!q}`; for new state all the same: `tailhub relay --new-state`.",
    ),
    "TH176": (
        "The name of a pinned certificate has 1 to 32 letters, digits, - or _, found `{text}`.",
        'As in `tailhub cert renew --name 2036`, or `pin = "2036"` in the configuration file.',
    ),
    "TH177": (
        "There is state in {path} already ({entries}), and nothing was changed.",
        "To replace it write `--force` too: what is there is then moved into a directory of its own, never deleted.",
    ),
    "TH178": (
        "{path} is not a whole export of a relay's state: {reason}. Nothing was changed.",
        "Make it again where the relay is, `tailhub state export state.tar`, and copy it byte for byte.",
    ),
    "TH179": (
        "{path} has neither a relay's key (derper.key) nor a self-signed certificate with its key (NAME.crt and "
        "NAME.key).",
        "Name the directory with the certificate, and the key file if it is elsewhere: `tailhub state import DIR "
        "--key-file FILE`; a certificate from a CA is not moved but served from where it is: `tailhub relay --cert "
        "FILE --key FILE`.",
    ),
    "TH180": (
        "{path} has several self-signed certificates, of which any may be the pinned one: {names}.",
        "Keep the one that clients pin there and move the others away; "
        "`openssl x509 -in FILE -outform der | sha256sum` gives the pin of each.",
    ),
    "TH181": (
        "{path} is there already, and a pinned certificate is never made anew.",
        "Choose another name, `tailhub cert renew --name NAME`; `tailhub cert show` lists those that there are.",
    ),
    "TH182": (
        "The self-signed certificate {source} was taken over as {path}, as it is.",
        "Nothing to do: clients that pin it notice nothing. The old files are not read any more.",
    ),
    "TH183": (
        "There is no relay's state in {path}.",
        "Say where it is, `--state-dir DIR`: a relay prints the directory when it starts. Root's is in "
        "/var/lib/tailhub.",
    ),
    "TH184": (
        "{path} is there already, and is not overwritten.",
        "Choose another name, or move it away: `mv {path!q} {path!q}.old`",
    ),
    "TH190": (
        "{option}: expected a number from 0 to {most}, found `{text}`.",
        "As in `{option:=5}`.",
    ),
    "TH191": (
        "{place}: `{found}` was taken as `{taken}`.",
        "Write `{place:={taken}}`; in a compose file's list quotes are part of the value.",
    ),
    "TH192": (
        "{place}: expected [[bool?true or false||[[duration?a duration||a number]]]], found `{found}`.",
        "As in `{place:={example}}`.",
    ),
    "TH193": (
        "{place} is set to `{value}`, and tailhub cannot do that yet.",
        "Leave it out if the relay may run without it; until then the original does it.",
    ),
    "TH194": (
        "There is no TLS on {address} ({place}): the original speaks it on port 443 or with `-certmode manual` only.",
        "For TLS on this port: `-certmode manual` with certificate files, or `tailhub relay --listen {address}`.",
    ),
    "TH195": (
        "{place}: expected `letsencrypt` or `manual`, found `{mode}`; certificates from Google's CA are not "
        "supported by that name.",
        "Use `-certmode letsencrypt`, or `-certmode manual -certdir DIR` with files in any layout; for another CA "
        "`tailhub relay --acme --acme-directory URL`.",
    ),
    "TH210": (
        "No tailscaled answers at {path}: {reason}. While that is so, it admits nobody.",
        "[[mounted?The socket itself is mounted there, and tailscaled has made a new one since: mount its directory "
        "instead, `-v {parent}:{parent}`, and start the container again."
        "||[[denied?Let this user open it, as root or in the socket's group; a rootless container needs the socket's "
        "owner as its user."
        "||Start tailscaled on this machine (`sudo systemctl start tailscaled`), or say where its socket is, "
        "`{setting:=FILE}`; in a container mount the socket's directory, `-v /var/run/tailscale:/var/run/tailscale`."
        "]]]]",
    ),
    "TH211": (
        "The tailscaled at {path} is not connected to its tailnet (it says {state}), so it knows nobody and admits "
        "nobody.",
        "Connect it: `sudo tailscale up`",
    ),
    "TH212": (
        "{url} cannot be reached: {reason}.",
        "See whether the program there runs and this machine may connect to it, `curl -v {url!q}`; or name another "
        "one, `{setting:=https://HOST/PATH}`.",
    ),
    "TH213": (
        "While {url} cannot be reached, everyone may relay through you ({setting}).",
        "To refuse strangers then too: [[off?`{off}`||`{setting:=false}`]]",
    ),
    "TH214": (
        "{setting}: expected a URL, found `{text}`.",
        "As in `{setting:=https://headscale.example.com/verify}`; http and https are possible.",
    ),
    "TH215": (
        "{setting} has no effect without {missing}.",
        "Give both, or neither.",
    ),
    "TH220": (
        "{path}: expected [[line?JSON, and line {line} breaks its rules||[[name?a whole number of bytes in `{name}`, "
        "found `{found}`||an object, found `{found}`]]]].",
        'As in `{{"PerClientRateLimitBytesPerSec": 1250000, "PerClientRateBurstBytes": 1250000}}`: 10 Mbit/s for each '
        "client.",
    ),
    "TH221": (
        "{path} cannot be used, so the limits from before still hold.",
        "{reason} Mend it, and send SIGHUP again.",
    ),
    "TH222": (
        "{path}: `{name}` means nothing here.",
        "Known are `PerClientRateLimitBytesPerSec` and `PerClientRateBurstBytes`.",
    ),
    "TH223": (
        "{place}: {found} bytes are too few for a large packet, or for what comes in 20 ms; {taken} were taken.",
        "Write {taken} or more, or 0 for what comes in a second.",
    ),
    "TH224": (
        "{place} is a burst without a rate, so there is no limit.",
        "Give the bytes a second too: `rate_limit_bytes_per_s`, in the original's file "
        "`PerClientRateLimitBytesPerSec`.",
    ),
    "TH230": (
        "{place}: the value has a zero character, `\\u0000`, which no name, path or command can have.",
        "Take it out; a backslash in a path is written twice, or the text in single quotes.",
    ),
    "TH231": (
        "{one} and {other} ask for the same socket, {path}.",
        "Give one of them another: `{other:=unix:{path}2}`.",
    ),
    "TH232": (
        "--name: expected up to 64 letters, digits, `-` and `_`, found `{name}`.",
        "As in `--name tailhub2`; its unit, state and configuration are called so.",
    ),
    "TH233": (
        "An import into {path} was cut off, and is not at its end.",
        "Start the relay there once, which finishes it: `tailhub relay --state-dir {path!q}`",
    ),
    "TH234": (
        "{option}: `{text}` leads back to the relay itself.",
        "Name the socket of the other server, or leave it out.",
    ),
    "TH240": (
        "{place}: expected an address to listen on, found the name `{name}`, which has none here ({reason}).",
        "Write an address of this machine, or nothing before the colon to listen on all of them: "
        "`{place:=:{port}}`. `getent hosts {name!q}` shows whether the name is known.",
    ),
    "TH241": (
        "{place}: expected a port, found the service `{service}`, which this machine does not know over TCP.",
        "Write the port's number: `{place:=:443}`.",
    ),
    "TH242": (
        "The certificate for {name} in {cache} is served here from now on, until {date} at the latest; before that it "
        "is renewed, into the state directory.",
        "Nothing to do. The files in {cache} stay as they are.",
    ),
    "TH243": (
        "Not in the export, because they are outside the state directory: {paths}.",
        "Copy them to the same places on the new machine, with owner and mode, or have them made there; a certificate "
        "that clients pin must be the very same. `tailhub config check` there tells what is missing.",
    ),
    "TH244": (
        "{path} was not there, so the relay's key was copied to it from {source}.",
        "Nothing to do: the relay is the same as before it was moved.",
    ),
    "TH250": (
        "{url} cannot be reached: {reason}.",
        "[[clock?See whether this machine's clock is right, `date -u`; if it is, the server needs a new certificate."
        "||See whether this machine may connect to it, `curl -v {url!q}`, or name another one: "
        "`{setting:=https://HOST}`.]]",
    ),
    "TH251": (
        "{url} does not accept the credential ({reason}): it has expired, was revoked, or is for something else.",
        "[[headscale?Make a new API key, `headscale apikeys create`, and give it in {setting}."
        "||Make a new one at https://login.tailscale.com/admin/settings/oauth, with the scope `devices:core:read` (an "
        "OAuth client does not expire), and give its secret in {setting}.]]",
    ),
    "TH252": (
        "{url} knows the credential in {setting}, which may not read devices ({reason}).",
        "Give the OAuth client the scope `devices:core:read` (in Tailscale's console: Devices, Core, Read); an access "
        "token has its owner's rights, who must be an admin.",
    ),
    "TH253": (
        "{url} knows no such tailnet ({reason}).",
        "Leave {setting} out, which means the credential's own tailnet, or write the tailnet's ID or its name as the "
        "console's General settings show it: `{setting:=example.com}`.",
    ),
    "TH254": (
        "{url} answers with something that is no list of devices: {reason}.",
        "See whether that is the API's URL, without a path of its own, and no proxy answers in its place: "
        "`{setting:=https://HOST}`.",
    ),
    "TH255": (
        "The credential for {url} expires on {at}[[days?, in {days} days]]; from then on its list of devices cannot be "
        "read.",
        "[[headscale?Make a new API key, `headscale apikeys create --expiration 365d`, and give it in {setting}."
        "||Make an OAuth client, which does not expire, at https://login.tailscale.com/admin/settings/oauth with the "
        "scope `devices:core:read`; or a new access token for {setting}.]]",
    ),
    "TH256": (
        "[[path?{path}, which {setting} names:||{setting}:]] expected {expected}, found {found}.",
        "Give what the other side showed when it was made, whole and on one line, and nothing else.",
    ),
    "TH257": (
        "{setting}: expected a URL[[more? without user, password and query]], found `{text}`[[more? with more]].",
        "As in `{setting:={example}}`; http and https are possible.",
    ),
    "TH260": (
        "{place}: expected a database's URL, `off`, or nothing for a file in the state directory; {reason}.",
        "As in `{place:=postgresql://tailhub:PASSWORD@db.example.com/tailhub}`.",
    ),
    "TH261": (
        "The store is a PostgreSQL database, and the Python module {module} that speaks to it is not installed.",
        "`pip install 'tailhub[postgres]'`, into the environment that the relay runs in.",
    ),
    "TH262": (
        "The store at {where} cannot be reached: {reason}.",
        "Packets go on; what is counted meanwhile is kept in memory and written when the database is back. See that it "
        "runs and that this machine reaches it.",
    ),
    "TH263": (
        "The store {path} cannot be written: {reason}.",
        "Packets go on; what is counted meanwhile is kept in memory until it can. Make room, or give the file back to "
        "the relay's user.",
    ),
    "TH264": (
        "The store {path} is damaged ({reason}). It was moved to {aside}, and a new one begun.",
        "Usage and remembered admissions start from nothing. `sqlite3 {aside!q} .recover` reads what can still be read"
        "[[backups?; to go back to the last copy, stop the relay and put the newest file of {backups} in its place]].",
    ),
    "TH265": (
        "The store {where} was written by a newer tailhub: its tables are of version {found}, and this one knows "
        "{known}.",
        "Install the newer tailhub again[[backups?, or stop the relay and put the newest file of {backups} in its "
        "place; what was counted after it is lost then||, or restore the tables from the schema tailhub_backup_… of "
        "the same database]].",
    ),
    "TH266": (
        "The store {where} has the tables of an older tailhub (version {found}).",
        "Start the relay once, which brings them up to date.",
    ),
    "TH267": (
        "[[off?Nothing is counted: the store is switched off||There is no store at {where}]].",
        '[[off?Take `store = "off"` out of the configuration||Start the relay, which makes it; if its state is '
        "elsewhere, name the place: `tailhub usage --state-dir DIR`]].",
    ),
    "TH268": (
        "The database at {where} refuses: {reason}.",
        "Packets go on, nothing is written. See that the user and the database exist and that the user may make "
        "tables there: `GRANT CREATE ON DATABASE tailhub TO tailhub`, `GRANT CREATE ON SCHEMA public TO tailhub`.",
    ),
    "TH269": (
        "[[backwards?{option}: {text} is not after the beginning"
        "||{option}: expected a [[month?month||day]], found `{text}`]].",
        "[[month?As in `{option} 2026-11`||As in `{option} 2026-11-27`; --until is the first day that is not "
        "counted any more]].",
    ),
    "TH270": (
        "{place}: expected {words}, found `{found}`.",
        "Write one of these, or leave it out.",
    ),
    "TH271": (
        "{place}: `{found}` is no time zone that this machine knows.",
        "Write a name such as `Europe/Berlin` or `UTC`; `timedatectl list-timezones` lists them. Where there are none, "
        "install the system's tzdata package.",
    ),
    "TH272": (
        "{place} is a burst without a rate, so there is no limit.",
        "Give the bytes a second too: `{rate:=1250000}`",
    ),
    "TH273": (
        "{place}: who is over the quota could send nothing at all.",
        "Write the bytes a second that it may still send, or `over_quota` as `refuse`.",
    ),
    "TH274": (
        "{place} is a quota, but usage is not kept: {store} is `off`.",
        "Leave {store} out, and usage is kept in a file of the state directory.",
    ),
    "TH280": (
        "{setting}: expected hold or close, found {text}.",
        "hold keeps a refused client's connection open, so that its user reads why and it waits quietly; close ends "
        "it, as the original does.",
    ),
    "TH281": (
        "{setting}: expected at most {most} characters, found {length}.",
        "It is shown in one line of `tailscale status`: say in a sentence or two whom to ask.",
    ),
    "TH285": (
        "{path}, line {line}: expected `nodekey:<64 hex digits> NAME [tenant=TENANT] # comment`, found `{word}`. The "
        "line counts for nothing, the others do.",
        "Mend it, take it out, or put a `#` before it; no restart is needed.",
    ),
    "TH286": (
        "{path}, line {line} has the key of line {first}, and only that one counts.",
        "Take one of them out.",
    ),
    "TH287": (
        "The allow list {path} cannot be read[[keys?; its {keys} keys from before go on to be admitted, and no others"
        "||, so it admits nobody]].",
        "{reason} No restart is needed after that.",
    ),
    "TH288": (
        "The allow list {path} has no key, so it admits nobody.",
        "`tailhub allow pending` shows who was refused, `tailhub allow approve 1 --name NAME` lets the first of them "
        "in, `tailhub allow add nodekey:… --name NAME` anybody.",
    ),
    "TH289": (
        "This relay has no allow list.",
        'Start it with one: `tailhub relay --allow-list on`, or `allow_list = "on"` in its configuration file.',
    ),
    "TH290": (
        "[[number?There is no refused client with the number {text} on the list that was last shown"
        "||[[entry?The allow list has neither a key nor a name {text}"
        "||Expected a node key, `nodekey:` and 64 hexadecimal digits, or a short one of a client that was here, found "
        "`{text}`]]]].",
        "[[number?`tailhub allow pending` shows them||[[entry?`tailhub allow list` shows what is on it"
        "||`tailscale status --json` on the device shows its key as `PublicKey`]]]].",
    ),
    "TH291": (
        "{text} stands for several keys: {keys}.",
        "Write one of them whole.",
    ),
    "TH292": (
        "[[key?The allow list has another key with the name {text}: {key}"
        "||Expected a name of up to 64 characters without spaces, `#` and `=`, found `{text}`]].",
        "[[key?Take another name, or put the new key in the place of that one: `--replace`"
        "||As in `--name alice-phone`]].",
    ),
    "TH293": (
        "{place}: [[relay?this is a setting of the whole relay, not of one tenant||only tenants have this, in a "
        "{table} table]].",
        "[[relay?Write it at the top of the file, above the first `{table}`||Write it below a `{table}`]].",
    ),
    "TH294": (
        "{place}: expected a table for each tenant, found `{found}`.",
        'Write `{table}` at the end of the file, and below it `name = "friends"` and what belongs to that tenant.',
    ),
    "TH295": (
        "{place}: [[name?[[other?there is a tenant {name} already ({other})||expected 1 to 63 letters of English, "
        "digits and . _ -, and not default, found `{name}`]]||a tenant needs a name]].",
        "As in `{place:=friends}`; its counters and its log lines are called so.",
    ),
    "TH296": (
        "{place}: nobody says who belongs to the tenant {name}, so nobody does.",
        'Say whom to ask below its name, for example `verify_url = "https://headscale.example.com/verify"` or '
        "`verify_tailscaled = true`.",
    ),
    "TH297": (
        "{place}: there is no tenant `{name}`.",
        "[[near?Write `{near}`||Others are: {names}]]; default is the tenant of the relay's own settings.",
    ),
    "TH298": (
        "{place}: another tenant asks {verifier} too ({other}). Whom it knows belongs to the first of the two; nobody "
        "comes to the second by it.",
        "Ask it for one of them.",
    ),
    "TH299": (
        "{place}: since there are tenants, only those may relay whom a tenant's verifier knows. The settings above the "
        "tables name no verifier, so nobody belongs to them (default).",
        "Nothing to do if that is meant. Otherwise name one above the first table.",
    ),
    "TH300": (
        "{place} moves clients by leaving their STUN requests unanswered, and STUN is off here.",
        "Answer STUN (`{stun:=:3478}`), or leave {place} out.",
    ),
    "TH301": (
        "{place}: expected a time of at most 24 hours such as `360`, `90s`, `6m` or `1h`, found `{text}`.",
        "Write `{place:=6m}`.",
    ),
    "TH310": (
        "There is no tenant `{text}`[[names?, only {names}||: this relay's configuration names none]].",
        "[[names?Write one of them, or nothing for the tenant of the relay's own settings||Leave the tenant out, or "
        "name it in a `{table}` table of the configuration; where that is not in its usual place, a command without a "
        "running relay needs `--config FILE`]].",
    ),
    "TH311": (
        "{place} is to be kept in the store, but there is none: {store} is `off`.",
        "Leave {store} out, and the store is a file of the state directory; relays share it by the URL of a PostgreSQL "
        "database. Or take a file as the list: `{place:=on}`.",
    ),
    "TH318": (
        "{path}, line {line}: there is no tenant `{name}`, so the key belongs to nobody and is refused.",
        "[[names?Write one of {names}; leave||Leave]] `tenant=` out for the relay's own; no restart is needed.",
    ),
    "TH319": (
        "The store {path} was removed or replaced while the relay had it open. What is there now is used, or a new one "
        "begun; what only the old one had counts no more.",
        "To put another one in its place, stop the relay first.",
    ),
}
