"""Makes the pages in ``docs/reference`` from the code: ``make reference``.

What they say is what the program says of itself: commands (`tailhub.cli.app`), settings (`tailhub.settings.table`),
metrics (`tailhub.web.metrics`, `tailhub.web.varz`, `tailhub.tools.probe.exporter`), findings (`tailhub.findings`),
lines of the log (`tailhub.log_event`) and the operator's API (`tailhub.admin.openapi`). A test keeps the pages and the
code together.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import typer
from typer.models import ArgumentInfo

from tailhub import findings
from tailhub.admin.openapi import document
from tailhub.cli.app import app
from tailhub.findings import CATALOGUE
from tailhub.findings.examples import forms
from tailhub.findings.language import Language
from tailhub.log_event import EVENTS
from tailhub.relay.stats import DROP_REASONS
from tailhub.server.audit import AuditLog
from tailhub.server.log_format import OWN_FIELDS
from tailhub.server.own_calls import BehindCalls, own_routes
from tailhub.server.stun import StunServer
from tailhub.settings import chinese
from tailhub.settings.setting import Section, Setting
from tailhub.settings.table import BY_NAME, SETTINGS, TENANT_SETTINGS
from tailhub.tools.probe.exporter import METRICS as PROBE_METRICS
from tailhub.tools.probe.paths import MOST_PATHS
from tailhub.web.metric_labels import LABELS, Label, Per, most_series
from tailhub.web.metrics import METRICS
from tailhub.web.operator_api import Route
from tailhub.web.varz import VARS

REFERENCE = Path(__file__).resolve().parent / "reference"
LANGUAGES: tuple[Language, ...] = ("en", "zh")
END: dict[Language, str] = {"en": ".md", "zh": ".zh.md"}  # of a page's file name
PAGE_TITLES: dict[Language, dict[str, str]] = {
    "en": {
        "what": "What was found",
        "means": "What it means",
        "remedy": "What to do",
        "now": "What it does to users now",
        "all": "all findings",
        "error": "error",
        "warning": "warning",
        "note": "note",
    },
    "zh": {
        "what": "发现了什么",
        "means": "这意味着什么",
        "remedy": "怎么处理",
        "now": "目前对用户的影响",
        "all": "全部编号",
        "error": "故障",
        "warning": "警告",
        "note": "提示",
    },
}
MADE = "<!-- Made from the code by docs/make_reference.py (make reference): edit there. -->"


def pages() -> dict[str, str]:
    """Name of each page to its text."""
    return {
        "cli.md": cli_page(),
        "config.md": config_page(),
        "metrics.md": metrics_page(),
        "findings.md": findings_page(),
        "api.md": api_page(),
        "logs.md": logs_page(),
        **{f"findings/{code}{END[lang]}": finding_page(code, lang) for code in CATALOGUE for lang in LANGUAGES},
    }


def table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """A Markdown table."""
    lines = [head, ("---",) * len(head), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |\n" for line in lines)


# --- command line -----------------------------------------------------------------------------------------------------


def cli_page() -> str:
    """All commands and their flags."""
    parts = [
        f"{MADE}\n# Command line\n",
        "`tailhub --version` prints the version, `tailhub COMMAND --help` what follows here.\n",
        *(command_section(words, callback) for words, callback in commands(app, "tailhub")),
        "## Exit codes\n",
        table(
            ("code", "meaning"),
            [
                ("0", "done, or ended as asked (SIGTERM, SIGINT)"),
                ("1", "the machine stands in the way: a port in use, a file that cannot be read"),
                ("2", "wrong usage: a flag, its value, or flags that do not go together"),
            ],
        ),
        "With 1 and 2 the last line on standard error says what was expected, what was found and what to do, and ends\n"
        "in a code such as `[TH030]`: [findings](findings.md).\n",
        "## Environment\n",
        table(
            ("variable", "meaning"),
            [
                ("`STATE_DIRECTORY`", "where state is kept, without `--state-dir`; systemd sets it"),
                (
                    "`XDG_STATE_HOME`",
                    "without both, an ordinary user's state is in `tailhub` below it (default `~/.local/state`); "
                    "root's is in `/var/lib/tailhub`",
                ),
                ("`TAILHUB_…`", "every flag of `tailhub relay`, and `TAILHUB_CONFIG`: [configuration](config.md)"),
                ("`LC_ALL`, `LC_MESSAGES`, `LANG`", "the language, without `--lang`: Chinese for `zh…`, else English"),
            ],
        ),
    ]
    return "\n".join(parts)


def commands(group: typer.Typer, words: str) -> Iterator[tuple[str, Callable[..., Any]]]:
    """All commands with the words that call them, those of groups behind those of the group above."""
    for command in group.registered_commands:
        if command.callback is not None and not command.hidden:
            yield f"{words} {command.name or command.callback.__name__}", command.callback
    for inner in group.registered_groups:
        if inner.typer_instance is not None:
            callback = inner.typer_instance.registered_callback
            # A group that does something by itself has flags of its own.
            if callback and callback.callback and len(inspect.signature(callback.callback).parameters) > 1:
                yield f"{words} {inner.name}", callback.callback
            yield from commands(inner.typer_instance, f"{words} {inner.name}")


def command_section(words: str, callback: Callable[..., Any]) -> str:
    """One command: what it does, and a row for each argument and flag."""
    hints = get_type_hints(callback, include_extras=True)
    rows = []
    parameters = inspect.signature(callback).parameters
    takes_settings = "listen" in parameters
    for name, parameter in parameters.items():
        if hints[name] is typer.Context:
            continue
        if takes_settings and name in BY_NAME:
            if words == "tailhub relay":
                rows.append(setting_flag(BY_NAME[name]))
            continue
        if get_origin(hints[name]) is not Annotated:
            raise TypeError(f"{callback.__name__}: {name} has no typer.Option")
        _, option = get_args(hints[name])
        if isinstance(option, ArgumentInfo):
            rows.append((f"`{option.metavar}`", "", option.help or ""))
            continue
        # In an Annotated, typer has the first name of a flag where the default of old was.
        first = option.default if isinstance(option.default, str) else "--" + name.replace("_", "-")
        names = "/".join((first, *(option.param_decls or ()))).split("/")
        value = f" {option.metavar}" if option.metavar else ""
        flag = " or ".join(f"`{one}{value}`" for one in names)
        rows.append((flag, shown_default(parameter.default, names), option.help))
    if takes_settings and words != "tailhub relay":
        rows.append(("flags of `tailhub relay`", "", "As for a start with them."))
    return f"## {words}\n\n{inspect.cleandoc(callback.__doc__ or '')}\n\n" + table(("flag", "default", "meaning"), rows)


def setting_flag(setting: Setting) -> tuple[str, str, str]:
    """The row of a setting's flag."""
    value = f" {setting.metavar}" if setting.metavar else ""
    default = setting.default_text
    if isinstance(setting.default, bool):
        default = setting.flag if setting.default else ""
    flag = " or ".join(f"`{one}{value}`" for one in setting.flags)
    return flag, f"`{default}`" if default else "", setting.help


def shown_default(value: object, names: Sequence[str]) -> str:
    """A default as one would write it; empty when there is none."""
    if isinstance(value, bool):
        return f"`{names[0]}`" if value else ""
    return f"`{value}`" if value else ""


# --- configuration ----------------------------------------------------------------------------------------------------

CONFIG_INTRODUCTION = """\
A relay needs none of this: every setting has a default that works. What is set comes from three places. **A flag wins
over the environment, the environment over the file**: `--public-port 443`, `TAILHUB_PUBLIC_PORT=443`, or in the file
`public_port = 443` are the same setting, and the first of them that is given counts.

```
tailhub config init /etc/tailhub/tailhub.toml   # a commented example with every setting; never over an existing file
tailhub config check                            # every fault, with its line and what to do about it
tailhub config show                             # every value as a start would have it, and where it comes from
```

## The file

It is TOML, in UTF-8. `--config FILE` or `TAILHUB_CONFIG` names it, and then it must be there. Without:

| who | file |
| --- | --- |
| root | `/etc/tailhub/tailhub.toml` |
| a user | `$XDG_CONFIG_HOME/tailhub/tailhub.toml`, by default `~/.config/tailhub/tailhub.toml` |
| a user of macOS | the same with `XDG_CONFIG_HOME`, else `~/Library/Application Support/tailhub/tailhub.toml` |
| a user of Windows | `%APPDATA%\\tailhub\\tailhub.toml` |

Paths in it count from the directory that it is in; `~` is the home directory. A key that there is not is an error,
which names the line and the nearest key that there is. A variable `TAILHUB_…` that there is not is a warning. An empty
variable counts as not set. Switches are `true` or `false`, in variables also `yes`, `no`, `on`, `off`, `1`, `0`; lists
are `["A", "B"]`, in variables `A,B`.

## Several listeners

With one listener its settings stand at the top of the file. With several each has a table of its own, at the end of the
file; clients are told of the first one, and flags and variables speak of it:

```toml
stun_listen = ":3478"

[[listen]]
listen = ":8443"

[[listen]]
listen = ":8444"
pin = "next"
```

A table takes: LISTEN_SETTINGS.

## Several tenants

Several tailnets or circles of friends can use the relay without reaching each other: [how](../how-to/tenants.md). The
settings at the top are a tenant without a name, `default`; each other one has a table at the end of the file:

```toml
[[tenant]]
name = "friends"
allow_list = "friends.keys"
may_reach = ["default"]
```

TENANT_SETTINGS
A table takes besides: SETTINGS_OF_TENANTS. What is not in it has its default, whatever stands at the top.

## Changing it while the relay runs

`sudo systemctl reload tailhub`, `tailhub reload`, SIGHUP and `POST /api/v1/reload` have the relay read the file again,
and the files that it names; flags and variables are those of its start. Connections stay, no packet is lost, and it
says what has changed: [how](../how-to/changing.md). What needs a restart says so below, and stays as it was until then.
When anything is wrong nothing changes at all.

## Quiet

`quiet = true` is for relays that scanners should not recognise: the home page is blank, plain RFC 8489 STUN is not
answered (clients' own requests are), and nothing on the public ports names tailhub; a pinned certificate that is made
while it is on has a name that says nothing. `home` and `stun_rfc` can still be set. What clients need stays: a program
that speaks DERP can find out that this is a relay.
"""


def config_page() -> str:
    """Every setting, and how they are given."""
    listener = ", ".join(f"`{setting.name}`" for setting in SETTINGS if setting.in_listen)
    tenant = ", ".join(f"`{setting.name}`" for setting in SETTINGS if setting.in_tenant)
    alone = [setting for setting in TENANT_SETTINGS if setting.name not in BY_NAME]
    rows = [(f"`{one.name}`", f"{one.help} {chinese.MEANINGS[one.name]}") for one in alone]
    introduction = CONFIG_INTRODUCTION.replace("LISTEN_SETTINGS", listener).replace("SETTINGS_OF_TENANTS", tenant)
    introduction = introduction.replace("TENANT_SETTINGS\n", table(("key", "meaning"), rows) + "\n")
    parts = [f"{MADE}\n# Configuration\n", introduction, "## Settings\n"]
    for section in Section:
        chosen = [setting for setting in SETTINGS if setting.section is section]
        if chosen:
            rows = [setting_row(setting) for setting in chosen]
            parts += [f"### {section.value}\n", table(("key", "flag", "variable", "default", "meaning"), rows)]
    return "\n".join(parts)


def setting_row(setting: Setting) -> tuple[str, ...]:
    """A setting under its three names."""
    default = f"`{setting.default_text}`" if setting.default_text else ""
    flags = " or ".join(f"`{flag}`" for flag in setting.flags)
    variable = f"`{findings.Place.variable(setting.name)}`"
    meaning = f"{setting.help} {chinese.MEANINGS[setting.name]}"
    if setting.needs_restart:
        meaning += " *Needs a restart. 重启后生效。*"
    return f"`{setting.name}`", flags, variable, default, meaning


# --- metrics ----------------------------------------------------------------------------------------------------------

# What the original divides otherwise: key in `VARS` to where the number comes from.
DERIVED = {
    "received_by_kind": "`tailhub_packets_received_total`, of which `tailhub_disco_packets_received_total`",
    "all_clients": "`tailhub_clients` and `tailhub_remote_clients`",
    "start_unix_whole_s": "`tailhub_start_time_seconds`, whole seconds",
    "uptime_whole_s": "`tailhub_uptime_seconds`, whole seconds",
    "binary_version": "`tailhub_info`",
}


def metrics_page() -> str:
    """All metrics under both names."""
    here = {metric.key: f"`{metric.name}`" for metric in METRICS} | DERIVED
    parts = [
        f"{MADE}\n# Metrics\n",
        "On the operator's listener, `http://127.0.0.1:9912/metrics`, for Prometheus. Bytes are packet payload.\n"
        "Metrics of a service that is switched off are left out.\n",
        table(
            ("name", "type", "labels", "meaning"),
            [
                (f"`{metric.name}`", metric.kind, ", ".join(f"`{label}`" for label in metric.labels), metric.help)
                for metric in METRICS
            ],
        ),
        "## Labels\n",
        label_bounds(),
        table(
            ("label", "of", "at most", "values"),
            [
                (
                    f"`{label.name}`",
                    ", ".join(here[key] for key in label.metrics),
                    label_most(label),
                    label_words(label),
                )
                for label in LABELS
            ],
        ),
        "## Of the probe\n",
        "`tailhub probe --listen 127.0.0.1:9913` serves these at `/metrics` while it runs:\n"
        f"[how](../how-to/measuring.md). The ways that it measures, at most {MOST_PATHS}, do not change meanwhile.\n",
        table(
            ("name", "type", "labels", "meaning"),
            [
                (f"`{metric.name}`", metric.kind, ", ".join(f"`{label}`" for label in metric.labels), metric.help)
                for metric in PROBE_METRICS.values()
            ],
        ),
        "## Under the original's names\n",
        "`/debug/varz` on the public port, for callers on the relay's own machine, shows the same numbers under the\n"
        "names of Tailscale's `derper`, for dashboards and alerts that exist.\n",
        table(
            ("derper's name", "type", "here"),
            [(f"`{var.name}`", var.kind, here[var.key]) for var in VARS],
        ),
    ]
    return "\n".join(parts)


def label_bounds() -> str:
    """How many time series there can be."""
    least = {Per.TENANT: 1, Per.VERIFIER: 1, Per.LISTENER: 1, Per.WORKER: 1}
    more = {per.value: most_series({**least, per: 2}) - most_series(least) for per in least}
    return (
        "No label has more values than the table says, whatever clients or strangers do: what they may choose words\n"
        f"of is counted under a fixed number of them. A relay has at most {most_series(least)} time series; each\n"
        f"further tenant adds {more['tenant']}, each verifier {more['verifier']}, each listener {more['listener']}, "
        f"each worker {more['worker']}.\n"
    )


def label_most(label: Label) -> str:
    """How many values it has."""
    if label.per is Per.RELAY:
        return str(label.most)
    return f"one a {label.per.value}" if label.most == 1 else f"{label.most} a {label.per.value}"


def label_words(label: Label) -> str:
    """Its values; those that are words of the code are listed."""
    words = {
        "DROP_REASONS": code_list(DROP_REASONS) + ": see [the protocol](../protocol.md#drops)",
        "DISPOSITIONS": code_list(StunServer([]).dispositions()),
    }
    return words.get(label.values, label.values)


def code_list(words: tuple[str, ...] | Mapping[str, int]) -> str:
    """Words in code spans."""
    return ", ".join(f"`{word}`" for word in words)


# --- the log ----------------------------------------------------------------------------------------------------------


def logs_page() -> str:
    """All events and their fields."""
    own = code_list(OWN_FIELDS)
    return "\n".join(
        [
            f"{MADE}\n# Lines of the log\n",
            "With `log_format` `logfmt` or `json`: [how](../how-to/logs.md). Each line has " + own + " (the text that\n"
            "a person reads), with several workers `worker` (`desk`, `w0` …), and the fields of its event, but for\n"
            "those that have nothing to say. Keys are `nodekey:` and 64 hexadecimal digits, durations seconds.\n"
            "`code` and `finding` stand in any line that shows a [finding](findings.md).\n",
            table(
                ("event", "meaning", "fields"),
                [(f"`{name}`", kind.meaning, code_list(kind.fields)) for name, kind in EVENTS.items()],
            ),
            "In the steps of `debug`, `second` has the packets and bytes of the last second, and what was dropped as\n"
            "`dropped_` and the reason (see [the protocol](../protocol.md#drops)).\n",
        ]
    )


# --- findings ---------------------------------------------------------------------------------------------------------


def findings_page() -> str:
    """The list of all findings."""
    rows = [
        (f"[{code}](findings/{code}.md)", f"[{entry.name}](findings/{code}.zh.md)", entry.severity.value, *heads(code))
        for code, entry in CATALOGUE.items()
    ]
    parts = [
        f"{MADE}\n# Findings\n",
        "What tailhub can find wrong. An error line ends in the code, the first screen and `tailhub doctor` show it\n"
        "beside the text; `tailhub doctor --explain CODE` shows its page. A code never changes its meaning. The code\n"
        "leads to the page in English, the name to the one in Chinese. WORDS IN CAPITALS stand for values.\n",
        "tailhub 能发现的问题。报错行以编号结尾；第一屏和 `tailhub doctor` 把编号显示在说明旁边；\n"
        "`tailhub doctor --explain CODE` 显示该编号的说明页。编号的含义不会改变。\n"
        "点编号看英文页，点名称看中文页。大写的词代表具体的值。\n",
        table(("code", "name", "severity", "what", "说明"), rows),
    ]
    return "\n".join(parts)


def heads(code: str) -> tuple[str, str]:
    """The headline of a code in each language, on one line."""
    english, chinese = (forms(code, "what", language)[0].split("\n")[0] for language in LANGUAGES)
    return english, chinese


def finding_page(code: str, lang: Language) -> str:
    """The page of one code: each part of its text, and where the words depend on what is known, each form."""
    entry, titles = CATALOGUE[code], PAGE_TITLES[lang]
    other = f"[中文]({code}.zh.md)" if lang == "en" else f"[English]({code}.md)"
    parts = [
        f"{MADE}\n# {code} {entry.name}\n",
        f"*{titles[entry.severity.value]}* · {other} · [{titles['all']}](../findings.md)\n",
    ]
    for part in ("what", "means", "remedy", "now"):
        if texts := forms(code, part, lang):
            parts += [f"## {titles[part]}\n", *(page_text(text, part) for text in texts)]
    return "\n".join(parts)


def page_text(text: str, part: str) -> str:
    """One form of one part: a list where it has several lines, steps with numbers."""
    lines = text.split("\n")
    if len(lines) == 1:
        return f"{text}\n"
    if part == "remedy":
        return "".join(f"{number}. {line}\n" for number, line in enumerate(lines, start=1))
    return f"{lines[0]}\n\n" + "".join(f"- {line}\n" for line in lines[1:])


# --- the operator's API -----------------------------------------------------------------------------------------------

API_INTRODUCTION = """\
The operator's pages are on `admin_listen` (`http://127.0.0.1:9912`) and on `admin.sock` in the state directory: the
dashboard `/`, [metrics](metrics.md) `/metrics`, `/healthz` (200 while the relay answers and finds no fault), `/readyz`
(also: it is not being emptied), the DERP map `/derpmap.json`, and this API. The same in the form of programs:
`/api/v1/openapi.json` (OpenAPI 3.1).

Over the socket everything is allowed to whoever may open it. Over TCP:

- The `Host` header must name the machine by an IP address, as `localhost` or by the relay's `hostname`.
- A page of another origin may neither read nor act; there are no CORS headers.
- Actions need the token, `Authorization: Bearer TOKEN`; reading needs it too, unless the caller is on the relay's own
  machine and no proxy (`X-Forwarded-For`, `X-Real-IP`, `Forwarded`) says that it speaks for somebody else. A proxy that
  does not say so lets everyone read who reaches it.
- The token is in `operator.token` in the state directory (`tailhub dashboard` shows it), and may be replaced any time.
- Ten wrong tokens in a row from one address, and it is answered 429 for a while.

Actions are written down: `GET audit`, the relay's log, and `audit.log` in the state directory.

Answers are JSON. What cannot be done is `{"error": {"what": …}}`, with `code`, `values` and `remedy` where it is one of
the [findings](findings.md): 400 for a request that makes no sense, 401 and 403 for who may not, 409 for what cannot be
as things are, 503 when the relay does not answer. Keys are `nodekey:HEX`, times seconds since 1970, bytes packet
payload; `_per_s` are rates between the last two snapshots, of which the relay makes at most one a second.
"""


def api_page() -> str:
    """All calls of the operator's API, and the shapes of their answers."""
    made = document([route.described() for route in relay_routes()])
    calls = [(path, method, call) for path, inner in made["paths"].items() for method, call in inner.items()]
    shapes = {name: shape for name, shape in made["components"]["schemas"].items() if name != "Error"}
    return "\n".join(
        [
            f"{MADE}\n# The operator's API\n",
            API_INTRODUCTION,
            *(api_call(method.upper(), path.removeprefix("/api/v1/"), call) for path, method, call in calls),
            "## Shapes\n",
            *(api_shape(name, shape) for name, shape in shapes.items()),
        ]
    )


def relay_routes() -> list[Route]:
    """The calls that the relay answers itself. They are described, not called, so nothing is behind them."""
    nothing: Any = dict.fromkeys(field.name for field in fields(BehindCalls))
    return own_routes(BehindCalls(**nothing | {"audit": AuditLog(Path()), "tenants": ()}))


def api_call(method: str, path: str, call: Mapping[str, Any]) -> str:
    """One call: what it is for, what it is asked, what it answers."""
    schema = call["responses"]["200"]["content"]["application/json"]["schema"]
    body = call.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
    fields = [(f"`{one['name']}`", one["in"], *field_cells(one["schema"], one)) for one in call.get("parameters", ())]
    fields += [(f"`{name}`", "body", *field_cells(one, one)) for name, one in body.get("properties", {}).items()]
    parts = [f"### {method} {path}\n", call["summary"].rstrip(".") + f". Answer: {shape_name(schema)}.\n"]
    return "\n".join([*parts, *([table(("field", "in", "type", "meaning"), fields)] if fields else [])])


def api_shape(name: str, shape: Mapping[str, Any]) -> str:
    """The fields of one shape."""
    rows = [(f"`{field}`", *field_cells(one, one)) for field, one in shape["properties"].items()]
    return f"### {name}\n\n{shape['description']}\n\n" + table(("field", "type", "meaning"), rows)


def field_cells(schema: Mapping[str, Any], of: Mapping[str, Any]) -> tuple[str, str]:
    """Type and meaning of a field."""
    default = schema.get("default")
    shown = f"default `{default}`" if default not in (None, "", 0, 0.0, False, [], {}) else ""
    return shape_name(schema), "; ".join(part for part in (of.get("description", ""), shown) if part)


def shape_name(schema: Mapping[str, Any]) -> str:
    """A type in a word or two."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "enum" in schema:
        return code_list(tuple(schema["enum"]))
    if "anyOf" in schema:
        return " or ".join(shape_name(one) for one in schema["anyOf"])
    if schema.get("type") == "array":
        return "list of " + shape_name(schema["items"])
    return str(schema.get("type", "anything"))


def main() -> None:
    """Write the pages, and take away those that are none any more."""
    made = pages()
    (REFERENCE / "findings").mkdir(parents=True, exist_ok=True)
    for path in REFERENCE.rglob("*.md"):
        if path.relative_to(REFERENCE).as_posix() not in made:
            path.unlink()
    for name, text in made.items():
        (REFERENCE / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
