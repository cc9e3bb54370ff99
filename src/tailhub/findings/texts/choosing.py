"""What the findings of `tailhub.findings.choosing` say."""

from __future__ import annotations

from tailhub.findings.text import Text

ENGLISH: dict[str, Text] = {
    "TH510": Text(
        "No relay answers from here: neither STUN nor HTTPS reached any region of the map ({regions} looked at).",
        "Look closer at one of them: `tailhub doctor <host:port>`.",
        "Either this machine has no way out, or a firewall between lets nothing through to the relays.",
        "A client here has no home region: nobody reaches it, and it only has direct paths that are open already.",
    ),
    "TH511": Text(
        "Clients here choose region {region}, but it does not relay: {step} fails.",
        "Find the cause: `tailhub doctor <host:port>`.\n"
        "Until then take the region out of the map, or close its STUN port.",
        "Clients choose by STUN, over UDP, which says nothing about the relay behind it.",
        "Whoever has this home cannot be reached by new peers, and its own `tailscale netcheck` says that all is well.",
    ),
    "TH512": Text(
        "No STUN answer came from {regions}, which otherwise can be used.",
        "Open its UDP port (3478 unless the map says otherwise) in the cloud's security group and in the firewall"
        " of the relay's machine.",
        "Clients compare regions by STUN as long as it answers anywhere; HTTPS counts only where no UDP comes back at"
        " all.",
        "Clients do not choose it as their home while another region answers.",
    ),
    "TH513": Text(
        "The NAT in between gives this machine another address or port for each destination.",
        "If it is your router: let it keep ports, or switch on UPnP or NAT-PMP; an open UDP port for Tailscale's 41641"
        " helps as well.",
        "The address that a STUN server sees is then not the one that a peer has to use.",
        "With peers behind such a NAT there is no direct path: their packets go through relays for good.",
    ),
    "TH514": Text(
        "No UDP came back from any relay: clients here measure by HTTPS.",
        "Let UDP out to the relays' STUN ports (3478 unless the map says otherwise), and the answers in.",
        "A firewall here, or one that all relays share, drops UDP, or none of them has STUN.",
        "A client takes 3 seconds longer to find its home, and all its packets go through relays.",
    ),
}

CHINESE: dict[str, Text] = {
    "TH510": Text(
        "从这里没有任何中继应答：map 中的区域（查看了 {regions} 个）既没有回应 STUN，也没有回应 HTTPS。",
        "请进一步检查其中一个：`tailhub doctor <主机:端口>`。",
        "要么本机无法访问外部网络，要么中间的防火墙拦截了通往所有中继的流量。",
        "这里的客户端没有 home 区域：别人连不上它，只剩已经建立的直连路径可用。",
    ),
    "TH511": Text(
        "这里的客户端会选择区域 {region}，但它并不能中继：{step} 失败。",
        "请查明原因：`tailhub doctor <主机:端口>`。\n在此之前，请把该区域从 map 中移除，或关闭它的 STUN 端口。",
        "客户端依据 STUN（UDP）做选择，而 STUN 并不能说明其后的中继是否正常。",
        "以它为 home 的设备无法被新的对端连上，而设备自己的 `tailscale netcheck` 仍显示一切正常。",
    ),
    "TH512": Text(
        "{regions} 没有回应 STUN，其余功能可用。",
        "请在云安全组和中继所在机器的防火墙中放行它的 UDP 端口（map 未另行指定时为 3478）。",
        "只要有任何区域回应 STUN，客户端就按 STUN 比较各区域；只有完全收不到 UDP 时才看 HTTPS。",
        "只要还有别的区域应答，客户端就不会选它作为 home。",
    ),
    "TH513": Text(
        "中间的 NAT 对每个目的地给本机分配不同的地址或端口。",
        "如果是您自己的路由器：请让它保持端口不变，或开启 UPnP 或 NAT-PMP；为 Tailscale 的 41641 开放一个 UDP"
        " 端口也有帮助。",
        "于是 STUN 服务器看到的地址并不是对端该用的地址。",
        "与同样处于这类 NAT 之后的对端无法直连：流量会一直经过中继。",
    ),
    "TH514": Text(
        "没有收到任何中继返回的 UDP：这里的客户端只能用 HTTPS 测量。",
        "请放行到各中继 STUN 端口（map 未另行指定时为 3478）的 UDP 及其应答。",
        "本地的防火墙、或所有中继共同的防火墙丢弃了 UDP，或者它们都没有开启 STUN。",
        "客户端要多花 3 秒才能找到 home，而且它的所有流量都会经过中继。",
    ),
}

REMARKS: dict[str, tuple[str, str]] = {
    "choice_nothing_answered": ("no region answered", "没有区域应答"),
    "choice_nearest": (
        "nearest of those that answered[[https? without UDP, by {https}]], {best_latency}",
        "在应答的区域中[[https?（没有 UDP，通过 {https}）]]延迟最低，{best_latency}",
    ),
    "choice_moves": (
        "{best_latency}: that beats {home_latency} of {home}, its home so far, by 10 ms and a third or more",
        "{best_latency}：比目前的 home {home} 的 {home_latency} 至少低 10 ms，且至少低三分之一",
    ),
    "choice_home_gone": (
        "{home}, its home so far, did not answer; this is the nearest, {best_latency}",
        "目前的 home {home} 没有应答；这个区域延迟最低，{best_latency}",
    ),
    "choice_stays": (
        "{home} is its home, {home_latency}; {best} would be {best_latency}, but must beat it by 10 ms and by a third:"
        " {needed} or less",
        "{home} 是它的 home，{home_latency}；{best} 为 {best_latency}，"
        "但必须同时低 10 ms 且低三分之一：不超过 {needed}",
    ),
    "choice_home_heard": (
        "its home did not answer, but sent something within the last 8 seconds",
        "它的 home 没有应答，但最近 8 秒内发来过数据",
    ),
    "choice_home_alive": (
        "no region answered, but its home sent something within the last two minutes",
        "没有区域应答，但它的 home 最近两分钟内发来过数据",
    ),
    "choice_forced": ("it was told to", "它被指定使用该区域"),
    "choice_scored": (
        "{region} was measured with {latency}, and its score in the map multiplies that by {score}",
        "{region} 测得 {latency}，map 中的分值将其乘以 {score}",
    ),
    "choice_avoid": (
        "{region} has Avoid in the map, which a client's first check and one in five minutes disregard;"
        " NoMeasureNoHome keeps it from being anybody's home",
        "{region} 在 map 中设有 Avoid，但客户端的首次检查和每五分钟一次的完整检查并不理会它；"
        "要让它不成为任何人的 home，请用 NoMeasureNoHome",
    ),
    "choice_late": (
        "{region} is so much farther than three others that a client may not wait for its answer",
        "{region} 比另外三个区域远得多，客户端可能不会等到它的应答",
    ),
    "choice_others_stay": (
        "a client whose home is already one of these stays there: {regions}",
        "home 已是下列区域之一的客户端会留在原处：{regions}",
    ),
    "trouble_no_address": ("no address", "没有地址"),
    "trouble_refused": ("refused", "被拒绝"),
    "trouble_timeout": ("no answer", "没有应答"),
    "trouble_certificate": ("its certificate is not accepted", "证书不被接受"),
    "trouble_not_tls": ("not TLS", "不是 TLS"),
    "trouble_not_a_relay": ("not a DERP relay", "不是 DERP 中继"),
    "trouble_not_let_in": (
        "the key of this check is not let in[[key?; if the relay is yours, `tailhub allow add {key}` lets it in]]",
        "不放行本次检查所用的密钥[[key?；如果中继是你的，可用 `tailhub allow add {key}` 放行]]",
    ),
    "trouble_failed": ("failed: {detail}", "失败：{detail}"),
    "nat_unknown": ("unknown: too few relays saw us by UDP", "未知：通过 UDP 看到本机的中继太少"),
    "nat_none": ("none: relays see this machine's own address", "无：中继看到的就是本机自己的地址"),
    "nat_endpoint_independent": (
        "the same address for all destinations[[preserves_port? and the port kept]]: direct paths are likely",
        "对所有目的地使用同一地址[[preserves_port?并保持端口]]：很可能可以直连",
    ),
    "nat_endpoint_dependent": (
        "another mapping for each destination[[pool?, from several addresses]]: direct paths are unlikely",
        "每个目的地的映射都不同[[pool?，并使用多个地址]]：很难直连",
    ),
}
