"""What the findings of `tailhub.findings.certificate` say."""

from __future__ import annotations

ENGLISH: dict[str, tuple[str, ...]] = {
    "TH050": (
        "{present} is there and {missing} is not; neither is made anew, for a new certificate has a new pin and cuts "
        "off every client.",
        "Bring {missing} back from a backup; or accept a new pin: `mv {present!q} {present!q}.old`, start the relay, "
        "and give the map that `tailhub derpmap` prints to every client.",
        "One of two files that belong together was lost or copied alone.",
        "The relay does not start.",
    ),
    "TH051": (
        "The key in {key} does not belong to the certificate in {cert}.",
        "Compare `openssl x509 -noout -pubkey -in {cert!q}` with `openssl pkey -pubout -in {key!q}` and name a pair "
        "with `--cert FILE --key FILE`; the certificate of the server comes first in its file.",
        "The certificate was renewed and the key is an old one, or the files are of two different certificates.",
        "The relay does not start; one that runs serves the certificate from before.",
    ),
    "TH052": (
        "The key in {path} is encrypted, and nobody is there to type its passphrase.",
        "Make a copy without: `(umask 077; openssl pkey -in {path!q} -out plain.key)`, and use `--key plain.key`.",
        "Whoever made the key protected it with a passphrase.",
        "The relay does not start.",
    ),
    "TH053": (
        "{path}: expected PEM (`-----BEGIN {label}-----`), found "
        "[[empty?an empty file||[[found?`-----BEGIN {found}-----`||something else]]]].",
        "[[empty?Bring it back from where it came.||[[found?Perhaps `--cert` and `--key` are the wrong way round."
        "||From DER: `openssl {command} -inform der -in {path!q} -out new.pem`; from PKCS#12: "
        "`openssl pkcs12 -in {path!q} -nodes -out new.pem`.]]]]",
        "The file is in another format, is empty, or is another file.",
        "The relay does not start; one that runs serves the certificate from before.",
    ),
    "TH054": (
        "The certificate in {path} has expired on {date}: clients refuse it.",
        "[[pinned?Make a new one, which has a new pin: `mv {path!q} {path!q}.old; mv {key!q} {key!q}.old`, start the "
        "relay, and give the map that `tailhub derpmap` prints to every client."
        "||Renew it where it comes from and start the relay again; if the date is wrong, check the clock with "
        "`date`.]]",
        "It was not renewed in time, or this machine's clock is wrong.",
        "Clients end the connection when they see it.",
    ),
    "TH055": (
        "The certificate in {path} is valid from {date} only: until then clients refuse it.",
        "Check this machine's clock (`timedatectl`), then the certificate.",
        "It was made for a later day, or by a machine whose clock is ahead of this one's.",
        "Clients end the connection when they see it.",
    ),
    "TH056": (
        "The pinned certificate in {path} expires on {date}, in {days} days.",
        "A new one has a new pin, which has to reach every client first: `tailhub cert renew` makes it beside this one "
        "and says how to change over without an outage.",
        "A certificate of the relay's own is valid for ten years, and clients check its dates too.",
        "Nothing yet.",
    ),
    "TH057": (
        "The pinned certificate in {path} has the names {names}, not {host}: clients that go by that name refuse it. A "
        "certificate with the name has a new pin.",
        "`tailhub cert renew --hostname {host}` makes one beside it and says how to change over without an outage.",
        "The certificate was made before the relay got this name.",
        "Clients that pin it notice nothing; those that go by the name refuse it.",
    ),
    "TH058": (
        "The certificate in {path} has [[names?the names {names}||no DNS name]], not {host}: clients that go by that "
        "name refuse it.",
        "[[names?Name the relay as its certificate does, `--hostname NAME`, or get||Get]] a certificate for {host}.",
        "The certificate is for another host, or for a name from before.",
        "Clients that go by the name end the connection.",
    ),
    "TH059": (
        "The file {path} has the relay's certificate alone, without the chain to its CA: clients that do not know its "
        "issuer, {issuer}, refuse it.",
        "Use the file with the chain, of certbot for example `fullchain.pem` instead of `cert.pem`. Nothing to do if "
        "the issuer is a CA of your own that all clients trust.",
        "Servers must send the certificates between theirs and the CA's root themselves; a browser may fetch "
        "what is missing, Tailscale does not.",
        "Clients that do not know the issuer end the connection.",
    ),
    "TH105": (
        "{path} has no certificate with its key: [[certs?certificates are in {certs} files||no file has a "
        "certificate]], [[keys?keys in {keys}||no file has a key]][[both?, and none belongs to another]].",
        "Put both there, in PEM: fullchain.pem and privkey.pem, NAME.crt and NAME.key, or whatever your tool writes.",
        "The directory is laid out for other certificates, or the tool that fills it has not run yet.",
        "The relay does not start.",
    ),
    "TH106": (
        "{path} has changed and cannot be used, so the certificate from before is still served.",
        "{reason} It is tried again by itself, within half a minute.",
    ),
    "TH107": (
        "The certificate from {path} expires in {days} days, on {date}.",
        "Renew it with the tool that made it: new files are served as soon as they are there, without a restart.",
        "Whatever renews it has not done so yet.",
        "Nothing yet. From that day on clients end the connection.",
    ),
    "TH108": (
        "{option}: there is no directory {path}.",
        "Check the path; a relative one counts from {directory}.",
        "The path is mistyped, or the directory is not mounted.",
        "The relay does not start.",
    ),
}

CHINESE: dict[str, tuple[str, ...]] = {
    "TH050": (
        "有 {present}，却没有 {missing}；不会自动重新生成，因为新证书的指纹不同，所有客户端都会断开。",
        "请从备份恢复 {missing}；或者接受新的指纹：`mv {present!q} {present!q}.old`，启动中继，再把 `tailhub derpmap` "
        "输出的 map 交给所有客户端。",
        "成对的两个文件丢了一个，或只复制了一个。",
        "中继无法启动。",
    ),
    "TH051": (
        "{key} 里的密钥与 {cert} 里的证书不匹配。",
        "请比较 `openssl x509 -noout -pubkey -in {cert!q}` 和 `openssl pkey -pubout -in {key!q}`，再用 "
        "`--cert FILE --key FILE` 指定成对的文件；证书文件中服务器证书要放在最前面。",
        "证书更新了而密钥是旧的，或两个文件属于不同的证书。",
        "中继无法启动；正在运行的继续提供原来的证书。",
    ),
    "TH052": (
        "{path} 里的密钥有密码保护，而运行时没有人输入密码。",
        "请制作一份没有密码的副本：`(umask 077; openssl pkey -in {path!q} -out plain.key)`，再用 `--key plain.key`。",
        "制作密钥的人给它加了口令。",
        "中继无法启动。",
    ),
    "TH053": (
        "{path}：应为 PEM（`-----BEGIN {label}-----`），实际"
        "[[empty?是空文件||[[found?是 `-----BEGIN {found}-----`||不是]]]]。",
        "[[empty?请从它的来源处重新取得。||[[found?也许 `--cert` 和 `--key` 写反了。"
        "||DER 可这样转换：`openssl {command} -inform der -in {path!q} -out new.pem`；PKCS#12："
        "`openssl pkcs12 -in {path!q} -nodes -out new.pem`。]]]]",
        "文件是别的格式、是空的，或是另一个文件。",
        "中继无法启动；正在运行的继续提供原来的证书。",
    ),
    "TH054": (
        "{path} 里的证书已于 {date} 过期，客户端会拒绝它。",
        "[[pinned?请生成新证书（指纹会变）：`mv {path!q} {path!q}.old; mv {key!q} {key!q}.old`，启动中继，再把 "
        "`tailhub derpmap` 输出的 map 交给所有客户端。||请在证书的来源处续期，然后重新启动中继；"
        "如果觉得日期不对，请用 `date` 检查时钟。]]",
        "没有及时续期，或本机时钟不对。",
        "客户端看到它就断开连接。",
    ),
    "TH055": (
        "{path} 里的证书从 {date} 起才有效，在此之前客户端会拒绝它。",
        "请检查本机时钟（`timedatectl`），再检查证书。",
        "它是为以后的日期签发的，或签发它的机器的时钟比本机快。",
        "客户端看到它就断开连接。",
    ),
    "TH056": (
        "{path} 里已被客户端锁定的证书将于 {date} 过期，还有 {days} 天。",
        "新证书的指纹会变，要先让所有客户端得到它：`tailhub cert renew` 会在旧证书旁边生成新证书，"
        "并说明如何不中断地切换。",
        "中继自己的证书有效期十年，客户端同样检查日期。",
        "暂时没有影响。",
    ),
    "TH057": (
        "已被客户端锁定的证书 {path} 里有名称 {names}，没有 {host}：按该域名连接的客户端会拒绝它。"
        "含该域名的证书指纹会变。",
        "`tailhub cert renew --hostname {host}` 会在旧证书旁边生成新证书，并说明如何不中断地切换。",
        "证书是在中继有这个域名之前生成的。",
        "锁定它的客户端不受影响；按域名检查的客户端会拒绝。",
    ),
    "TH058": (
        "{path} 里的证书[[names?只有名称 {names}||没有任何域名]]，没有 {host}：按该域名连接的客户端会拒绝它。",
        "[[names?请用证书里的名称：`--hostname NAME`，或者]]申请包含 {host} 的证书。",
        "证书属于另一台主机，或属于以前的域名。",
        "按域名检查的客户端会断开连接。",
    ),
    "TH059": (
        "文件 {path} 里只有中继自己的证书，没有到 CA 的证书链：不认识签发者 {issuer} 的客户端会拒绝它。",
        "请用带证书链的文件，例如 certbot 的 `fullchain.pem`，而不是 `cert.pem`。如果签发者是你自己的 CA，"
        "且所有客户端都信任它，不必处理。",
        "服务器必须自己发送从它的证书到根证书之间的各级证书；浏览器会去取缺少的，Tailscale 不会。",
        "不认识签发者的客户端会断开连接。",
    ),
    "TH105": (
        "{path} 中没有成对的证书和私钥：[[certs?{certs} 个文件含证书||没有文件含证书]]，"
        "[[keys?{keys} 个文件含私钥||没有文件含私钥]][[both?，但互不匹配]]。",
        "请把两者（PEM 格式）放进去：fullchain.pem 和 privkey.pem、NAME.crt 和 NAME.key，或你的工具写出的任何文件名。",
        "目录里放的是别的证书，或者填充它的工具还没有运行过。",
        "中继无法启动。",
    ),
    "TH106": (
        "{path} 已变化，但无法使用，仍在使用之前的证书。",
        "{reason}半分钟内会自动重试。",
    ),
    "TH107": (
        "{path} 的证书将在 {days} 天后（{date}）过期。",
        "请用签发它的工具续期：新文件会自动启用，无需重启。",
        "负责续期的程序还没有续期。",
        "暂时没有影响。到期之后客户端会断开连接。",
    ),
    "TH108": (
        "{option}：目录 {path} 不存在。",
        "请检查路径；相对路径从 {directory} 算起。",
        "路径写错了，或目录没有挂载。",
        "中继无法启动。",
    ),
}
