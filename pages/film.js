"use strict";
(() => {
  const timeline = document.getElementById("timeline"), readout = document.getElementById("readout");
  if (!timeline || !readout) return;
  const duration = Number(timeline.dataset.duration);
  const rows = [...document.querySelectorAll("table.lines tbody tr")];
  const cross = Object.assign(document.createElement("div"), {className: "cross"});
  const scrub = Object.assign(document.createElement("input"), {type: "range", min: 0, max: duration, step: 100, value: 0});
  scrub.setAttribute("aria-label", "Time in the film");
  const told = document.createElement("div");
  timeline.append(cross);
  readout.append(scrub, told);
  readout.hidden = false;

  const clock = t => Math.floor(t / 60000) + ":" + (t % 60000 / 1000).toFixed(1).padStart(4, "0");
  const part = (css, text) => Object.assign(document.createElement("span"), {className: css, textContent: text});
  const copy = (row, css) => {
    const found = row.querySelector(css);
    return found ? [found.cloneNode(true)] : [];
  };
  let current = null;
  const at = t => {
    cross.style.left = 100 * t / duration + "%";
    scrub.value = t;
    scrub.setAttribute("aria-valuetext", clock(t));
    const row = rows.find(r => Number(r.dataset.start) <= t && t < Number(r.dataset.end)) || null;
    if (row !== current) {
      current?.classList.remove("now");
      row?.classList.add("now");
      current = row;
    }
    told.replaceChildren(part("clock", clock(t)));
    if (!row) return told.append(part("quiet", "between lines"));
    told.append(...copy(row, ".said"));
    for (const [css, name] of [[".c-model .verdict .chip", "model"], [".c-raters .verdict", "raters"]]) {
      const found = copy(row, css);
      if (found.length) told.append(part("quiet", name), ...found);
    }
  };
  const follow = event => {
    const box = timeline.getBoundingClientRect();
    at(Math.min(Math.max((event.clientX - box.left) / box.width, 0), 1) * duration);
  };
  timeline.addEventListener("pointermove", follow);
  timeline.addEventListener("pointerdown", follow);
  scrub.addEventListener("input", () => at(Number(scrub.value)));
  at(rows.length ? Number(rows[0].dataset.start) : 0);
})();
