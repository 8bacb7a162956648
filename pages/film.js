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
  const chip = box => {
    const made = part("chip", box.textContent), dot = document.createElement("i");
    dot.className = [...box.classList].find(css => css.startsWith("e-")) || "";
    if (dot.className) made.prepend(dot);
    return made;
  };
  const lanes = [...timeline.querySelectorAll(".lane-boxes.labels")].map(lane => ({
    name: lane.dataset.name,
    boxes: [...lane.querySelectorAll(".box")].map(box => ({box, start: parseFloat(box.style.left), end: parseFloat(box.style.left) + parseFloat(box.style.width)})),
  }));
  let current = null;
  const at = t => {
    const share = 100 * t / duration;
    cross.style.left = share + "%";
    scrub.value = t;
    scrub.setAttribute("aria-valuetext", clock(t));
    const row = rows.find(r => Number(r.dataset.start) <= t && t < Number(r.dataset.end)) || null;
    if (row !== current) {
      current?.classList.remove("now");
      row?.classList.add("now");
      current = row;
    }
    const said = row?.querySelector(".said");
    told.replaceChildren(part("clock", clock(t)), said ? said.cloneNode(true) : part("said quiet", rows.length && !row ? "between lines" : ""));
    for (const {name, boxes} of lanes) {
      const found = boxes.find(({start, end}) => start - 0.001 <= share && share < end - 0.001);
      if (found) told.append(part("quiet", name), chip(found.box));
    }
  };
  const follow = event => {
    const box = timeline.getBoundingClientRect();
    at(Math.min(Math.max((event.clientX - box.left) / box.width, 0), 1) * duration);
  };
  timeline.addEventListener("pointermove", follow);
  timeline.addEventListener("pointerdown", follow);
  scrub.addEventListener("input", () => {
    at(Number(scrub.value));
    const frame = timeline.parentElement;
    frame.scrollLeft = scrub.value / duration * timeline.offsetWidth - frame.clientWidth / 2;
  });
  document.addEventListener("click", event => {
    const moment = event.target.closest("[data-t]");
    if (moment) at(Number(moment.dataset.t));
  });
  at(rows.length ? Number(rows[0].dataset.start) : 0);
})();
