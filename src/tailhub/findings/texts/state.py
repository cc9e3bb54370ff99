"""What the findings of `tailhub.findings.state` say."""

from __future__ import annotations

ENGLISH: dict[str, tuple[str, ...]] = {
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
        "The directory was made by somebody else, by root for example when the relay was tried with sudo.",
        "The relay does not start as this user.",
    ),
    "TH042": (
        "For the relay's state, {path} should be a directory, and is something else.",
        "[[movable?Move it away, `mv {path!q} {path!q}.old`, or choose||Choose]] another: `tailhub relay --state-dir "
        "DIR`.",
        "A file or a device has the name that the directory is to have.",
        "The relay does not start.",
    ),
    "TH043": (
        "The state directory {path} belongs to this container and goes with it: the next container has a new pin, and "
        "every client is cut off.",
        "Keep it outside: `docker run -v tailhub:{path} …`, or under `volumes:` in a compose file `- tailhub:{path}`.",
        "Whatever a container writes outside of a volume is thrown away with it, at each update.",
        "Nothing yet. After the next update every client that pins the certificate is cut off.",
    ),
    "TH044": (
        "There is other state in {other}, and this relay uses {path}: its pin is not the one of the other state.",
        "To go on with the other: `tailhub relay --state-dir {other!q}`; to move it here, stop both relays and "
        "`sudo cp -a {other!q}/. {path!q}/`.",
        "The relay was run before by another user, by sudo or as a service, and kept its state there.",
        "Clients whose map has the pin of the other state reject this relay's certificate.",
    ),
    "TH045": (
        '{path}: expected a relay key, JSON `{{"PrivateKey": "privkey:<64 hex digits>"}}`, found '
        "something else[[reason? ({reason})]].",
        "Bring the file back from a backup, or move it away to have a new one made: `mv {path!q} {path!q}.old` (the "
        "pin stays; a region id that was made from the key changes).",
        "The file was damaged, edited, or is another one.",
        "The relay does not start.",
    ),
    "TH046": (
        "{path} is not readable for {user}[[mode? (mode {mode}[[owner?, owner {owner}]])]].",
        "[[container_user?Two ways out. On the machine that runs this container let user {container_user} read the "
        "file: `sudo setfacl -m u:{container_user}:r FILE`, or `sudo chown {container_user} FILE` if no other program "
        "needs it (a directory also `x`). Or run the container as root with one capability; in its compose file: "
        '`user: "0:0"`, `cap_drop: [ALL]`, `cap_add: [DAC_OVERRIDE]`||'
        "Let that user read it, and enter the directories above it: `sudo setfacl -m u:{user}:r {path!q}`, or "
        "`sudo chown {user!q} {path!q}` if no other program needs the file]].",
        "The relay runs as this user, and the file or a directory above it is closed to it. Whoever looks as "
        "root sees no fault.",
        "The relay does not start, or goes on with what the file said before.",
    ),
    "TH047": (
        "{option}: there is no file {path}.",
        "Check the path; a relative one counts from {directory}.",
        "The path is mistyped, the file was moved, or it is a link to a place where nothing is.",
        "The relay does not start.",
    ),
    "TH048": (
        "{path}[[line?, line {line}]]: expected 64 hexadecimal digits, a mesh key, found [[other?{length} "
        "characters that are none||{length} zeros]].",
        "All relays of a region share one: copy it from another relay, or make it, `(umask 077; openssl rand -hex 32 "
        "> mesh.key)`, and use `--mesh-key-file mesh.key`.",
    ),
    "TH049": (
        "{path} is a secret and other users may read it (mode {mode}).",
        "`chmod 600 {path!q}`",
        "It was made or copied with a mode that lets others read.",
        "Who can log in on this machine can pass for this relay, or run it.",
    ),
    "TH175": (
        "This start would make a new certificate in {path}, and there is other state in {other} of a relay on the same "
        "port ({port}): every client that pins its certificate would be cut off.",
        "To go on with that state: `tailhub relay --state-dir {other!q}`; to move it here: "
        "`sudo tailhub state export state.tar --state-dir {other!q}`, then `sudo tailhub state import state.tar "
        "--state-dir {path!q}`; for new state all the same: `tailhub relay --new-state`.",
        "The relay was run before by another user, by sudo or as a service, and its clients pin the "
        "certificate of that state.",
        "The relay does not start by itself; with new state every client would be cut off.",
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
    "TH233": (
        "An import into {path} was cut off, and is not at its end.",
        "Start the relay there once, which finishes it: `tailhub relay --state-dir {path!q}`",
        "Power or a process was cut off while state was moved in.",
        "Nothing is lost; commands that read the state wait for the end.",
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
}

CHINESE: dict[str, tuple[str, ...]] = {
    "TH040": (
        "状态目录 {path} 正被[[program? {program}||另一个运行中的中继]][[pid?（pid {pid}）]]使用。",
        "[[pid?停掉它（`kill {pid}`）||停掉它]]，或给这个中继另外的目录和端口："
        "`tailhub relay --state-dir DIR --listen :PORT --stun-listen :PORT --admin-listen off`。",
    ),
    "TH041": (
        "用户 {user} 不能写入状态目录 {path}[[mode?（权限 {mode}[[owner?，属主 {owner}]]）]]。",
        "[[container_user?请在运行此容器的机器上，把挂载到那里的目录交给它：`sudo chown -R {container_user} DIR`，"
        "或让容器自建卷：`docker run -v tailhub:{path} …`||"
        "[[mode?[[own?给属主加上权限：`chmod u+rwx {path!q}`||把目录交给该用户：`sudo chown -R {user!q} {path!q}`]]"
        "||请管理员创建：`sudo install -d -m 700 -o {user!q} {path!q}`]]，或另选目录："
        "`tailhub relay --state-dir DIR`]]。",
        "这个目录是别的用户建立的，例如用 sudo 试运行时由 root 建立。",
        "中继无法以这个用户启动。",
    ),
    "TH042": (
        "存放中继状态的 {path} 应为目录，实际不是。",
        "[[movable?移走它：`mv {path!q} {path!q}.old`，或]]另选目录：`tailhub relay --state-dir DIR`。",
        "有文件或设备占用了这个目录的名称。",
        "中继无法启动。",
    ),
    "TH043": (
        "状态目录 {path} 属于这个容器，会随容器一起消失：下一个容器的证书指纹会变，所有客户端都将断开。",
        "请放到容器外：`docker run -v tailhub:{path} …`，或在 compose 文件的 `volumes:` 下写 `- tailhub:{path}`。",
        "容器写在卷之外的内容，每次更新都会随容器丢弃。",
        "暂时没有影响。下次更新之后，锁定证书的客户端都会断开。",
    ),
    "TH044": (
        "{other} 里有另一份状态，而本中继使用 {path}：两者的证书指纹不同。",
        "要沿用那一份：`tailhub relay --state-dir {other!q}`；要搬到这里，先停掉两个中继，再执行 `sudo cp -a "
        "{other!q}/. {path!q}/`。",
        "以前用另一个用户、sudo 或服务运行过中继，状态保存在那里。",
        "map 里是那一份指纹的客户端不接受本中继的证书。",
    ),
    "TH045": (
        '{path}：应为中继密钥，即 JSON `{{"PrivateKey": "privkey:<64 位十六进制>"}}`，'
        "实际不是[[reason?（{reason}）]]。",
        "请从备份恢复，或移走它以生成新密钥：`mv {path!q} {path!q}.old`（证书指纹不变；由密钥得出的区域编号会变）。",
        "文件损坏了、被改过，或是另一个文件。",
        "中继无法启动。",
    ),
    "TH046": (
        "用户 {user} 不能读取 {path}[[mode?（权限 {mode}[[owner?，属主 {owner}]]）]]。",
        "[[container_user?有两种办法。一是在运行此容器的机器上，让用户 {container_user} 能读取它："
        "`sudo setfacl -m u:{container_user}:r FILE`；如果没有其他程序用它，也可以 `sudo chown {container_user} FILE`"
        "（目录还需要 `x`）。二是让容器以 root 运行，只保留一项能力，在 compose 文件里写："
        '`user: "0:0"`、`cap_drop: [ALL]`、`cap_add: [DAC_OVERRIDE]`||'
        "请让该用户能读取它并能进入上级目录：`sudo setfacl -m u:{user}:r {path!q}`；如果没有其他程序用它，也可以 "
        "`sudo chown {user!q} {path!q}`]]。",
        "中继以这个用户运行，而这个文件或它的上级目录不对该用户开放。用 root 查看则一切正常。",
        "中继无法启动，或继续使用文件以前的内容。",
    ),
    "TH047": (
        "{option}：文件 {path} 不存在。",
        "请检查路径；相对路径从 {directory} 算起。",
        "路径写错了、文件被移走了，或是一个指向不存在位置的链接。",
        "中继无法启动。",
    ),
    "TH048": (
        "{path}[[line? 第 {line} 行]]：应为 mesh 密钥（64 位十六进制），"
        "实际是[[other? {length} 个其他字符|| {length} 个零]]。",
        "同一区域的所有中继共用一个：请从另一台中继复制，或用 `(umask 077; openssl rand -hex 32 > mesh.key)` 生成，"
        "再用 `--mesh-key-file mesh.key`。",
    ),
    "TH049": (
        "{path} 是机密文件，其他用户却可以读取（权限 {mode}）。",
        "`chmod 600 {path!q}`",
        "它在建立或复制时，权限允许了其他用户读取。",
        "能登录本机的人可以冒充或操作这个中继。",
    ),
    "TH175": (
        "这次启动会在 {path} 里生成新证书，而 {other} 里有同一端口（{port}）的中继的另一份状态："
        "锁定那张证书的客户端都会断开。",
        "要沿用那一份：`tailhub relay --state-dir {other!q}`；要搬到这里：`sudo tailhub state export state.tar "
        "--state-dir {other!q}`，然后 `sudo tailhub state import state.tar --state-dir {path!q}`；"
        "确实要新的状态：`tailhub relay --new-state`。",
        "以前用另一个用户、sudo 或服务运行过中继，客户端锁定的是那份状态的证书。",
        "中继不会自行启动；使用新的状态会让所有客户端断开。",
    ),
    "TH176": (
        "锁定证书的名称应为 1 到 32 个字母、数字、- 或 _，实际是 `{text}`。",
        '例如 `tailhub cert renew --name 2036`，或在配置文件中写 `pin = "2036"`。',
    ),
    "TH177": (
        "{path} 里已经有状态（{entries}），没有做任何改动。",
        "要替换它，请加上 `--force`：原有的文件会移到单独的目录里，不会删除。",
    ),
    "TH178": (
        "{path} 不是完整的中继状态导出文件：{reason}。没有做任何改动。",
        "请在中继所在的机器上重新导出（`tailhub state export state.tar`），并原样复制过来。",
    ),
    "TH179": (
        "{path} 里既没有中继密钥（derper.key），也没有自签名证书及其密钥（NAME.crt、NAME.key）。",
        "请指出证书所在的目录，密钥文件在别处时一并指出：`tailhub state import DIR --key-file FILE`；"
        "CA 签发的证书不用搬，直接使用原来的文件：`tailhub relay --cert FILE --key FILE`。",
    ),
    "TH180": (
        "{path} 里有多张自签名证书，无法判断客户端锁定的是哪一张：{names}。",
        "请只保留客户端锁定的那一张，把其余的移走；`openssl x509 -in FILE -outform der | sha256sum` 可得出每张的指纹。",
    ),
    "TH181": (
        "{path} 已经存在；锁定的证书从不重新生成。",
        "请换一个名称：`tailhub cert renew --name NAME`；`tailhub cert show` 会列出已有的证书。",
    ),
    "TH182": (
        "自签名证书 {source} 已原样接管为 {path}。",
        "不必处理：锁定它的客户端不受影响。原来的文件不再使用。",
    ),
    "TH183": (
        "{path} 里没有中继的状态。",
        "请用 `--state-dir DIR` 指出它在哪里：中继启动时会打印这个目录。root 的在 /var/lib/tailhub。",
    ),
    "TH184": (
        "{path} 已经存在，不会覆盖它。",
        "请换一个文件名，或先移走它：`mv {path!q} {path!q}.old`",
    ),
    "TH233": (
        "向 {path} 的导入中途中断，还没有完成。",
        "请在那里启动一次中继，它会完成导入：`tailhub relay --state-dir {path!q}`",
        "搬入状态时断电或进程被终止。",
        "没有丢失任何东西；读取状态的命令要等导入完成。",
    ),
    "TH243": (
        "以下文件在状态目录之外，不在导出的文件里：{paths}。",
        "请把它们连同属主和权限复制到新机器的相同位置，或在那里重新生成；客户端锁定的证书必须是同一张。"
        "在新机器上运行 `tailhub config check` 会列出缺少什么。",
    ),
    "TH244": (
        "{path} 不存在，已把 {source} 里的中继密钥复制到那里。",
        "不必处理：中继与搬迁之前是同一个。",
    ),
}
