"""The home page: one small static page that says what this machine is, with nothing fetched from anywhere.

Its one style sheet stands in the page and is allowed by its hash, so the Content-Security-Policy can forbid the rest.
"""

from __future__ import annotations

import base64
import hashlib

_STYLE = """
:root { color-scheme: light dark; --ink: #1b2430; --soft: #5a6675; --paper: #f6f7f9; --line: #b3bcc8; --glow: #0a7c66 }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e8ecf1; --soft: #98a3b1; --paper: #12161c; --line: #4d5967; --glow: #3fd0ae }
}
* { box-sizing: border-box }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; padding: 2rem 1.25rem;
  background: var(--paper); color: var(--ink); font: 1.0625rem/1.65 system-ui, sans-serif }
main { max-width: 34rem }
svg { display: block; width: 100%; height: auto; margin-bottom: 1.5rem }
svg * { fill: none; stroke: var(--line); stroke-width: 2; stroke-linecap: round; stroke-linejoin: round }
svg .relay { stroke: var(--glow) }
svg .path { stroke: var(--glow); stroke-dasharray: 1 11; stroke-width: 4; animation: flow 1.4s linear infinite }
@keyframes flow { to { stroke-dashoffset: -24 } }
@media (prefers-reduced-motion: reduce) { svg .path { animation: none } }
h1 { margin: 0 0 .75rem; font-size: 1.75rem; line-height: 1.2; letter-spacing: -.02em }
p { margin: 0 0 1rem }
[lang=zh], footer { color: var(--soft) }
footer { margin-top: 2rem; padding-top: 1rem; border-top: 1px solid var(--line); font-size: .9375rem }
a { color: var(--glow); text-underline-offset: .2em }
"""

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>DERP relay</title>
<link rel="icon" href="data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 32 32'%3E%3C\
path d='M5 16h22' stroke='%230a7c66' stroke-width='3'/%3E%3Ccircle cx='16' cy='16' r='8' fill='%230a7c66'/%3E%3C\
/svg%3E">
<style>STYLE</style>
</head>
<body>
<main>
<svg viewBox="0 0 480 96" role="img" aria-label="Two devices, and the relay between them">
<rect x="14" y="24" width="64" height="42" rx="5"/><path d="M4 76h84"/>
<path class="path" d="M98 48h102M280 48h116"/>
<circle class="relay" cx="240" cy="48" r="28"/><path class="relay" d="M228 42h22l-6-6M252 54h-22l6 6"/>
<rect x="412" y="12" width="44" height="72" rx="7"/><path d="M429 75h10"/>
</svg>
<h1>This is a DERP relay.</h1>
<p>Devices of a <a href="https://tailscale.com/">Tailscale</a> network that cannot reach each other directly meet here.
What passes through is encrypted from end to end: the relay cannot read it.</p>
<p>There is nothing to see or to log in to.</p>
<p lang="zh">这是一台 DERP 中继：无法直连的 Tailscale 设备经由它通信。数据端到端加密，中继无法读取内容。</p>
<footer>Run with tailhub. <a href="https://tailscale.com/kb/1232/derp-servers">What is DERP?</a></footer>
</main>
</body>
</html>
"""

HOME_PAGE = _PAGE.replace("STYLE", _STYLE).encode()
HOME_STYLE_SOURCE = b"'sha256-" + base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()) + b"'"
"""What ``style-src`` must allow for the page."""
