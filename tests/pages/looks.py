"""How a page looks: whether every text stands out from what is behind it, and whether a phone shows it without sideways scrolling.

Contrast is computed as WCAG 2.2 has it, in the browser, for every text that is shown (text nodes, generated content, SVG text and what
stands in fields): colours are mixed down through every translucent layer, so that `color-mix`, alpha and opacity count as they are seen.
"""

from __future__ import annotations

from typing import Literal

from tests.e2e.browser import Page

PHONE, DESKTOP = 390, 1280
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")

POOR = """(() => {
  const context = Object.assign(document.createElement("canvas"), {width: 1, height: 1}).getContext("2d", {willReadFrequently: true});
  const known = new Map();
  const rgba = css => {
    if (!known.has(css)) {
      context.clearRect(0, 0, 1, 1);
      context.fillStyle = "#000";
      context.fillStyle = css;
      context.fillRect(0, 0, 1, 1);
      const [r, g, b, a] = context.getImageData(0, 0, 1, 1).data;
      known.set(css, [r, g, b, a / 255]);
    }
    return known.get(css);
  };
  const over = (top, below) => {
    const a = top[3] + below[3] * (1 - top[3]);
    const mixed = [0, 1, 2].map(i => a ? (top[i] * top[3] + below[i] * below[3] * (1 - top[3])) / a : 0);
    return [...mixed, a];
  };
  const luminance = colour => {
    const [r, g, b] = colour.slice(0, 3).map(v => v / 255).map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const canvas = rgba(getComputedStyle(document.documentElement).colorScheme.includes("dark")
    && matchMedia("(prefers-color-scheme: dark)").matches ? "#121212" : "#ffffff");
  // The colours behind an element, and how much of its text is left by opacity.
  const behind = element => {
    let below = [0, 0, 0, 0], left = 1;
    for (let e = element; e; e = e.parentElement) {
      const style = getComputedStyle(e);
      below = over(below, rgba(style.backgroundColor));
      below[3] *= Number(style.opacity);
      left *= Number(style.opacity);
    }
    return [over(below, canvas), left];
  };
  // In a drawing, what was drawn earlier where the text stands lies between it and the page.
  const drawnBehind = (label, below) => {
    const box = label.getBoundingClientRect(), x = box.x + box.width / 2, y = box.y + box.height / 2;
    for (const shape of label.ownerSVGElement.querySelectorAll("rect, circle, path")) {
      const at = shape.getBoundingClientRect(), style = getComputedStyle(shape);
      const earlier = shape.compareDocumentPosition(label) & Node.DOCUMENT_POSITION_FOLLOWING;
      if (!earlier || style.fill === "none" || x < at.left || x > at.right || y < at.top || y > at.bottom) continue;
      const fill = rgba(style.fill).slice();
      fill[3] *= Number(style.fillOpacity) * Number(style.opacity);
      below = over(fill, below);
    }
    return below;
  };
  const judge = (element, style, text) => {
    const size = parseFloat(style.fontSize);
    if (!size || style.visibility !== "visible" || !text.trim()) return null;
    let [below, left] = behind(element);
    const label = element instanceof SVGElement && element.closest("text");
    if (label) below = drawnBehind(label, below);
    const ink = rgba(label ? style.fill : style.color).slice();
    ink[3] *= left;
    const seen = over(ink, below), [light, dark] = [luminance(seen), luminance(below)].sort((a, b) => b - a);
    const ratio = (light + 0.05) / (dark + 0.05);
    const needed = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700) ? 3 : 4.5;
    const names = typeof element.className === "string" ? element.className : "";
    const told = `${element.tagName.toLowerCase()}.${names} ${JSON.stringify(text.trim().slice(0, 50))}`;
    return ratio < needed ? `${ratio.toFixed(2)} < ${needed}: ${told}` : null;
  };
  const clipped = element => element.closest(".hidden, .skip:not(:focus), noscript, script, style, template, title");
  const found = new Set();
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || clipped(element) || !element.getClientRects().length) continue;
    found.add(judge(element, getComputedStyle(element), walker.currentNode.data));
  }
  for (const element of document.body.querySelectorAll("*")) {
    if (clipped(element) || !element.getClientRects().length) continue;
    for (const part of ["::before", "::after"]) {
      const style = getComputedStyle(element, part);
      if (!["none", "normal"].includes(style.content)) found.add(judge(element, style, style.content.replace(/^"|"$/g, "")));
    }
    if ("placeholder" in element) found.add(judge(element, getComputedStyle(element, "::placeholder"), element.placeholder));
    if ("value" in element && !["range", "checkbox", "radio", "hidden", "color"].includes(element.type)) {
      found.add(judge(element, getComputedStyle(element), String(element.value)));
    }
  }
  found.delete(null);
  return [...found];
})()"""

WIDE = """(() => {
  const width = document.documentElement.clientWidth;
  const wide = [...document.body.querySelectorAll("*")].filter(e => e.getBoundingClientRect().right > width + 1
    && e.getClientRects().length && !e.closest(".scroll, .hidden, .skip"));
  const names = wide.map(e => `${e.tagName.toLowerCase()}.${e.className?.baseVal ?? e.className}`);
  return document.documentElement.scrollWidth > width + 1 ? [`the page is ${document.documentElement.scrollWidth} wide`, ...names] : names;
})()"""


def show(page: Page, scheme: Literal["light", "dark"] = "light", width: int = DESKTOP, height: int = 900) -> None:
    """Have the page shown in a colour scheme and as wide as that (up to 500 px as a phone)."""
    page._send("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
    page._send("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width <= 500)


def poor_contrast(page: Page) -> list[str]:
    """Every shown text whose contrast is below WCAG AA (4.5, or 3 where it is large), with its ratio; none where all can be read."""
    found: list[str] = page.ask(POOR)
    return found


def too_wide(page: Page) -> list[str]:
    """What stands out of the window to the right, without what scrolls by itself (`.scroll`); none where nothing does."""
    found: list[str] = page.ask(WIDE)
    return found
