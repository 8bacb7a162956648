// Arcs as pictures: the course of valence from −1 to 1, a dot a line in the colour of its emotion. SVG is built by nodes alone.
import { EMOTIONS } from "/assets/common.js";

const WIDE = 1000, HIGH = 200, ROOM = 0.94;
const y = (valence) => (HIGH / 2) * (1 - ROOM * valence);
const x = (i, n) => (n < 2 ? WIDE / 2 : (i / (n - 1)) * WIDE);

function drawn(tag, attributes) {
  const one = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) one.setAttribute(name, value);
  return one;
}

const path = (kind, d) => drawn("path", { class: kind, d });
const dots = (places) => places.map(([px, py]) => `M${px.toFixed(1)} ${py.toFixed(1)}h0`).join("");

function courseLine(kind, valence) {
  return path(kind, valence.map((v, i) => `${i ? "L" : "M"}${x(i, valence.length).toFixed(1)} ${y(v).toFixed(1)}`).join(""));
}

// `points` are lines as {valence, emotion}, null where one is left out; `after` is a course that is laid over `before`.
export function picture({ before, after, points = [], selected = -1, changed = [] }) {
  const svg = drawn("svg", { viewBox: `0 0 ${WIDE} ${HIGH}`, preserveAspectRatio: "none", class: "arc-plot", "aria-hidden": "true", focusable: "false" });
  for (const valence of [-0.5, 0.5]) svg.append(path("grid", `M0 ${y(valence)}H${WIDE}`));
  svg.append(path("zero", `M0 ${y(0)}H${WIDE}`));
  if (selected >= 0) svg.append(path("here", `M${x(selected, points.length)} 0V${HIGH}`));
  if (before?.length) svg.append(courseLine(after ? "course was" : "course", before));
  if (after?.length) svg.append(courseLine("course", after));
  const placed = points.map((one, i) => one && [x(i, points.length), y(one.valence), one.emotion]);
  const marked = changed.filter((i) => placed[i]).map((i) => placed[i]);
  if (marked.length) svg.append(path("ring", dots(marked)));
  if (placed[selected]) svg.append(path("ring chosen", dots([placed[selected]])));
  for (const emotion of EMOTIONS) {
    const own = placed.filter((one) => one && one[2] === emotion);
    if (own.length) svg.append(path(`dots e-${emotion}${points.length > 120 ? " many" : ""}`, dots(own)));
  }
  return svg;
}

// The line nearest to where a picture was clicked.
export function nearest(box, clientX, n) {
  const { left, width } = box.getBoundingClientRect();
  return Math.max(0, Math.min(n - 1, Math.round(((clientX - left) / width) * (n - 1))));
}
