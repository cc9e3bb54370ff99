"""What the findings of `tailhub.findings.region_plan` say."""

from __future__ import annotations

from tailhub.findings.text import Text

ENGLISH: dict[str, Text] = {
    "TH580": Text(
        "{place}: a region's description has no such key.",
        "[[near?Did you mean `{near}`? ||]]All keys with their meaning: `tailhub region plan --example`.",
    ),
    "TH581": Text(
        "{place}: expected it in {table}, found nothing.",
        "[[example?Write for example `{example}`.||Write a table of this name, in double brackets, for each node.]] A "
        "whole description: "
        "`tailhub region plan --example`.",
    ),
    "TH582": Text(
        "{place}: expected {expected}, found {found}.",
        "Write the other value; what each key takes: `tailhub region plan --example`.",
    ),
    "TH583": Text(
        "{place}: expected nodes that differ, found {what} in line {line} already.",
        "Give each node a name of its own, and a host and port of its own.",
    ),
    "TH584": Text(
        "{place}: node {node} would be refused its configuration: {reason}.",
        "Change it in the description, in the node's keys or its `settings`.",
    ),
    "TH585": Text(
        "{place}: found among the settings of node {node}, but the plan makes this one.",
        "Take it out of `settings`[[key? and say it by the key `{key}`||: it follows from the other nodes]].",
    ),
    "TH586": Text(
        "{place}: derper {derper} cannot dial node {node}: expected a certificate that it can check, found a pin only.",
        'Write `certificate = "pinned"` and put the pair into the node\'s directory as `pinned.crt` and `pinned.key`: '
        "derper is given the certificate. Or give the node one of a CA.",
    ),
    "TH587": Text(
        "{place}: expected it at a node of kind {kind}, found it at another one.",
        "Take it out, or change the node's `kind`.",
    ),
    "TH588": Text(
        "{path}: expected a file as the plan wrote it, found another one or one that was edited; nothing was written.",
        "Write what was edited into the description (`settings`, or `options` of a derper), move the file away, and "
        "run it again.",
    ),
    "TH589": Text(
        "{option}: expected [[new?one mesh key, found two: it is being changed already||two mesh keys, found one: none "
        "is being changed]].",
        "[[new?When all nodes have both: ||To change it: ]]run it with `{other}`.",
    ),
    "TH590": Text(
        "{path}: expected a directory, or nothing, found a file.",
        "Move it away, or name another place for the plan: `--out DIR`.",
    ),
}

CHINESE: dict[str, Text] = {
    "TH580": Text(
        "{place}：区域描述里没有这个键。",
        "[[near?是不是 `{near}`？||]]所有的键及其含义：`tailhub region plan --example`。",
    ),
    "TH581": Text(
        "{place}：{table} 里应有此项，实际没有。",
        "[[example?例如写 `{example}`。||请为每个节点写一个这个名字的表，用双方括号。]]"
        "完整的示例：`tailhub region plan --example`。",
    ),
    "TH582": Text(
        "{place}：应为 {expected}，实际是 {found}。",
        "请换一个值；每个键可取的值见：`tailhub region plan --example`。",
    ),
    "TH583": Text(
        "{place}：各节点应当不同，但第 {line} 行已有 {what}。",
        "请让每个节点有自己的名字，以及自己的主机和端口。",
    ),
    "TH584": Text(
        "{place}：节点 {node} 的配置会被拒绝：{reason}。",
        "请在描述中修改该节点的键或它的 `settings`。",
    ),
    "TH585": Text(
        "{place}：节点 {node} 的 settings 里有此项，但它由规划生成。",
        "请把它从 `settings` 中去掉[[key?，改用键 `{key}`||：它由其他节点决定]]。",
    ),
    "TH586": Text(
        "{place}：derper {derper} 无法连接节点 {node}：应有它能验证的证书，实际只有 pin。",
        '请写 `certificate = "pinned"`，并把证书和私钥放进该节点的目录，名为 `pinned.crt` 和 `pinned.key`：'
        "这样 derper 会得到该证书。或者为该节点使用 CA 签发的证书。",
    ),
    "TH587": Text(
        "{place}：此项只用于类型为 {kind} 的节点，实际写在另一种节点里。",
        "请去掉它，或修改该节点的 `kind`。",
    ),
    "TH588": Text(
        "{path}：应为规划写下的文件，实际是别的文件或已被手工修改；没有写入任何内容。",
        "请把修改写进区域描述（`settings`，derper 则是 `options`），移走该文件，再运行一次。",
    ),
    "TH589": Text(
        "{option}：[[new?应只有一个 mesh 密钥，实际有两个：已在更换中||应有两个 mesh 密钥，实际一个：没有在更换]]。",
        "[[new?所有节点都有两个密钥之后，||要更换密钥，]]请用 `{other}` 运行。",
    ),
    "TH590": Text(
        "{path}：这里应为目录，或什么也没有，实际是一个文件。",
        "请移走它，或用 `--out DIR` 为规划指定别的位置。",
    ),
}
