// The mesh as a picture: relays on a ring, and between each two what links them.

import { svg } from "./dom.js";
import { count } from "./format.js";
import { linkOf } from "./mesh_links.js";
import { t } from "./words.js";

const SMALL = 560; // pixels: a phone's
const LETTER = 7.2; // pixels of a label's, on average
const WIDEST = 280; // pixels from the middle to the left and right

// Draws into `frame`, as wide as that is.
export function drawMesh(frame, nodes) {
  const width = frame.clientWidth || 640;
  const isSmall = width < SMALL;
  const height = isSmall ? 330 : 380;
  const radius = isSmall ? 21 : 25;
  const places = nodes.map((node, index) => place(index, nodes.length, width, height, radius));
  const most = Math.max(1, ...nodes.map((node) => node.bytes_per_s ?? 0));
  const lines = [];
  nodes.forEach((one, i) => nodes.slice(i + 1).forEach((other, j) => lines.push(line(one, places[i], other, places[i + 1 + j], most, radius))));
  const picture = svg("svg", { viewBox: `0 0 ${width} ${height}`, height, class: "mesh-picture", "aria-hidden": "true" }, ...lines, ...nodes.map((node, index) => point(node, places[index], { width, height, radius, isSmall })));
  frame.replaceChildren(picture);
}

function place(index, total, width, height, radius) {
  const angle = (total === 2 ? Math.PI : -Math.PI / 2) + (index * 2 * Math.PI) / total;
  const across = Math.min(width / 2 - radius - 28, WIDEST);
  return { x: width / 2 + across * Math.cos(angle), y: height / 2 + (height / 2 - radius - 32) * Math.sin(angle) };
}

// One line where both have a link, or none; an arrow where only one has.
function line(one, from, other, to, most, radius) {
  const [there, back] = [linkOf(one, other), linkOf(other, one)];
  const isUp = [there, back].map((link) => link === "up" || link === "partly");
  const tone = there === "unknown" || back === "unknown" ? "unknown" : isUp[0] && isUp[1] ? (there === "partly" ? "warn" : "good") : isUp[0] || isUp[1] ? "warn" : "bad";
  const [start, end] = isUp[1] && !isUp[0] ? [to, from] : [from, to]; // in the direction that works
  const length = Math.hypot(end.x - start.x, end.y - start.y) || 1;
  const [dx, dy] = [(end.x - start.x) / length, (end.y - start.y) / length];
  const gap = radius + 5;
  const [x1, y1, x2, y2] = [start.x + dx * gap, start.y + dy * gap, end.x - dx * gap, end.y - dy * gap];
  const rate = one.isOwn ? (other.bytes_per_s ?? 0) : 0;
  const thick = 1.8 + 4.2 * Math.sqrt(rate / most);
  const drawn = [svg("line", { x1, y1, x2, y2, "stroke-width": thick })];
  if (isUp[0] !== isUp[1] && tone === "warn") {
    const [ax, ay] = [x2 - dx * 13, y2 - dy * 13];
    drawn.push(svg("path", { d: `M${x2},${y2} L${ax - dy * 6.5},${ay + dx * 6.5} L${ax + dy * 6.5},${ay - dx * 6.5} Z` }));
  }
  return svg("g", { class: `mesh-line ${tone}` }, ...drawn);
}

// A relay with its devices; its name stands on the outer side of the ring.
function point(node, { x, y }, { width, height, radius, isSmall }) {
  const label = node.isOwn ? t("mesh.here") : short(node.name, isSmall ? 13 : 26);
  const half = (label.length * LETTER) / 2 + 4;
  const at = Math.min(Math.max(x, half), width - half);
  const under = y < height / 2 - 1 ? -radius - 10 : radius + 20;
  return svg(
    "g",
    { class: `mesh-point ${node.isOwn ? "own" : node.tone}` },
    svg("title", { text: node.name }),
    svg("circle", { cx: x, cy: y, r: radius }),
    svg("text", { x, y: y + 5, class: "mesh-count", text: node.isOwn || node.links_up > 0 ? count(node.keys ?? 0) : "–" }),
    svg("text", { x: at, y: y + under, class: "mesh-name", text: label }),
  );
}

// A host's name, as much of it as there is room for: where it begins says most.
function short(name, most) {
  const host = name.replace(/\/.*$/, "").replace(/:443$/, "");
  return host.length > most ? `${host.slice(0, most - 1)}…` : host;
}
