"""What the findings of `tailhub.findings.acme` say."""

from __future__ import annotations

ENGLISH: dict[str, tuple[str, ...]] = {
    "TH110": (
        "{option}: expected a name or an address for which the certificate is to be, found neither.",
        "Say which: `{hostname:=derp.example.com}`, or the relay's public address, as in `--address 203.0.113.7`.",
        "Without a public name or address there is nothing that a CA could vouch for.",
        "The relay does not start.",
    ),
    "TH111": (
        "{option}: no challenge can work for {name}: tls-alpn-01 needs public port 443, http-01 needs public port 80"
        "[[address?||, and dns-01 needs a command that writes to the DNS]].",
        "Do one of these: let clients come to port 443 (`{public_port:=443}` if it is forwarded to here); answer on "
        "port 80 (`{http_listen:=:80}`)[[address?; addresses have no third way||; or name the command "
        "(`{hook:=COMMAND}`)]].",
        "A CA looks at these ports of the name, or at its DNS, and nowhere else.",
        "The relay does not start: it would never get a certificate.",
    ),
    "TH112": (
        "{challenge}: ACME servers look at port {needed}, [[port?and the relay is at port {port}||and the relay is not "
        "there]].",
        "Nothing to do if port {needed} is forwarded to the relay, or if the server is your own and looks elsewhere; "
        "else choose another challenge with {option}.",
        "The CA looks at a fixed port, whatever port the relay has.",
        "Unless that port is forwarded, no certificate is issued, and clients refuse what is served.",
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
        "The CA has not answered yet, or has refused.",
        "Clients refuse the certificate that is served meanwhile.",
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
        "http-01 is answered on plain HTTP, port 80.",
        "The relay does not start.",
    ),
    "TH121": (
        "{option}: dns-01 is for names, and {name} is an address.",
        "Write `{option:=tls-alpn-01}` or `{option:=http-01}`.",
    ),
    "TH242": (
        "The certificate for {name} in {cache} is served here from now on, until {date} at the latest; before that it "
        "is renewed, into the state directory.",
        "Nothing to do. The files in {cache} stay as they are.",
    ),
}

CHINESE: dict[str, tuple[str, ...]] = {
    "TH110": (
        "{option}：需要知道证书用于哪个域名或地址，但两者都没有给出。",
        "请写明：`{hostname:=derp.example.com}`，或中继的公网地址，例如 `--address 203.0.113.7`。",
        "没有公开的域名或地址，CA 就没有可证明的对象。",
        "中继无法启动。",
    ),
    "TH111": (
        "{option}：{name} 没有可行的验证方式：tls-alpn-01 需要公网 443 端口，http-01 需要公网 80 端口"
        "[[address?||，dns-01 需要一个写入 DNS 的命令]]。",
        "请任选一种：让客户端使用 443 端口（已转发到本机时写 `{public_port:=443}`）；在 80 端口应答"
        "（`{http_listen:=:80}`）[[address?；地址没有第三种方式||；或指定写 DNS 的命令（`{hook:=COMMAND}`）]]。",
        "CA 只检查域名的这些端口或它的 DNS。",
        "中继无法启动：它永远得不到证书。",
    ),
    "TH112": (
        "{challenge}：ACME 服务器访问的是 {needed} 端口，[[port?而中继在 {port} 端口||而中继不在那里]]。",
        "如果 {needed} 端口已转发到中继，或者自己的服务器访问别的端口，则不必处理；否则请用 {option} 换一种方式。",
        "CA 只看固定的端口，与中继的端口无关。",
        "如果没有转发那个端口，就得不到证书，客户端会拒绝连接。",
    ),
    "TH113": (
        "{option}：应为 tls-alpn-01、http-01 或 dns-01，实际是 `{text}`。",
        "可以不写，自动选用可行的一种；或者例如写 `{option:=http-01}`。",
    ),
    "TH114": (
        "{name} 的证书由 {server} 签发，验证方式为 {challenge}；就端口和钩子命令来看，"
        "[[possible?可行的有 {possible}||公共 CA 没有可行的方式]]。",
        "不必处理。",
    ),
    "TH115": (
        "{name} 还没有证书：在 {server} 签发之前，客户端得到的是临时自制的证书，它们会拒绝。",
        "稍等一分钟即可；结果会写在日志里。",
        "CA 还没有答复，或拒绝了。",
        "客户端会拒绝这段时间提供的证书。",
    ),
    "TH116": (
        "没有得到 {name} 的新证书（连续第 {failures} 次）：{reason}。",
        "[[served_to?仍在使用旧证书，有效期至 {served_to}。||在得到证书之前客户端无法连接。]]"
        "下次尝试：{retry}；`tailhub config check` 会说明哪种验证方式可行。",
    ),
    "TH117": (
        "{option}：应为 ACME 服务器目录的 https 网址，实际是 `{text}`。",
        "可以不写，即使用 Let's Encrypt；或者例如写 `{option:=https://acme.zerossl.com/v2/DV90}`。",
    ),
    "TH118": (
        "给出了 {option}，却没有 {missing}；CA 会同时给出这两项。",
        "请两项都写，或者都不写。",
    ),
    "TH119": (
        "{option}：dns-01 需要一个写入 DNS 记录的命令，但没有指定。",
        "请指定：`{hook:=COMMAND}`。命令从 CERTBOT_DOMAIN 得到域名，从 CERTBOT_VALIDATION 得到 TXT 记录 "
        "_acme-challenge.NAME 的内容。",
    ),
    "TH120": (
        "{option}：http-01 需要明文 HTTP 端口，但它没有启用。",
        "请启用：`{http_listen:=:80}`。",
        "http-01 在明文 HTTP 的 80 端口上应答。",
        "中继无法启动。",
    ),
    "TH121": (
        "{option}：dns-01 只适用于域名，而 {name} 是地址。",
        "请写 `{option:=tls-alpn-01}` 或 `{option:=http-01}`。",
    ),
    "TH242": (
        "{cache} 里 {name} 的证书从现在起由本中继使用，最迟到 {date}；在那之前会续期，新证书保存在状态目录里。",
        "不必处理。{cache} 里的文件不会改动。",
    ),
}
