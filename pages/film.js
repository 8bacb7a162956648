"use strict";
(() => {
  const timeline = document.getElementById("timeline"), readout = document.getElementById("readout");
  if (!timeline || !readout) return;
  const duration = Number(timeline.dataset.duration), frame = timeline.parentElement, video = document.getElementById("film");
  const rows = [...document.querySelectorAll("table.lines tbody tr")];
  const make = (tag, fields) => Object.assign(document.createElement(tag), fields);
  const part = (css, text) => make("span", {className: css, textContent: text});
  const clock = t => Math.floor(t / 60000) + ":" + (t % 60000 / 1000).toFixed(1).padStart(4, "0");

  const scrub = make("input", {type: "range", min: 0, max: duration, step: 100, value: 0, className: "scrub"});
  scrub.setAttribute("aria-label", "Time in the film");
  frame.after(scrub);
  const heads = [timeline, ...document.querySelectorAll(".along")].map(place => place.appendChild(make("div", {className: "cross"})));
  readout.hidden = false;

  const chip = box => {
    const made = part("chip", box.textContent), dot = document.createElement("i");
    dot.className = [...box.classList].find(css => css.startsWith("e-")) || "";
    if (dot.className) made.prepend(dot);
    return made;
  };
  const lanes = [...timeline.querySelectorAll(".lane-boxes.labels")].map(lane => ({
    name: lane.dataset.name,
    boxes: [...lane.querySelectorAll(".box")].map(box => ({box, start: Number(box.dataset.left), end: Number(box.dataset.left) + Number(box.dataset.width)})),
  }));
  const lines = rows.map(row => ({
    row, start: Number(row.dataset.start), end: Number(row.dataset.end), said: row.querySelector(".said"),
    speaker: row.querySelector(".c-line .when bdi")?.textContent || "",
  }));
  let now = 0, current = null;
  const tell = (t, line, share) => {
    const words = part(line ? "said" : "said quiet", line ? line.said?.textContent || "" : rows.length ? "between lines" : "");
    words.dir = "auto";
    readout.replaceChildren(part("clock", clock(t)), part("who", line?.speaker || ""), words);
    for (const {name, boxes} of lanes) {
      const found = boxes.find(({start, end}) => start - 0.001 <= share && share < end - 0.001);
      if (!found) continue;
      const pair = part("pair-of", "");
      pair.append(part("quiet", name), " ", chip(found.box));
      readout.append(pair);
    }
  };
  const at = t => {
    now = Math.min(Math.max(t, 0), duration);
    const share = 100 * now / duration;
    for (const head of heads) head.style.left = share + "%";
    scrub.value = now;
    const line = lines.find(({start, end}) => start <= now && now < end) || null;
    scrub.setAttribute("aria-valuetext", [clock(now), line?.speaker, line?.said?.textContent].filter(Boolean).join(", "));
    if (line !== current) {
      current?.row.classList.remove("now");
      line?.row.classList.add("now");
      current = line;
    }
    tell(now, line, share);
  };
  const keepInView = () => {
    const x = now / duration * timeline.offsetWidth, left = frame.scrollLeft;
    if (x < left || x > left + frame.clientWidth - 40) frame.scrollLeft = x - frame.clientWidth / 3;
  };
  const seek = t => {
    at(t);
    keepInView();
    if (video) video.currentTime = now / 1000;
  };
  const timeOf = (event, place) => {
    const box = place.getBoundingClientRect();
    return Math.min(Math.max((event.clientX - box.left) / box.width, 0), 1) * duration;
  };

  for (const place of [timeline, ...document.querySelectorAll(".along")]) {
    let held = false;
    const follow = event => video ? (at(timeOf(event, place)), video.currentTime = now / 1000) : at(timeOf(event, place));
    place.addEventListener("pointerdown", event => { if (event.button === 0) { held = true; follow(event); } });
    place.addEventListener("pointermove", event => { if (held || !video) follow(event); });
    for (const end of ["pointerup", "pointercancel", "pointerleave"]) place.addEventListener(end, () => { held = false; });
  }
  scrub.addEventListener("input", () => seek(Number(scrub.value)));
  const steps = {ArrowRight: 1000, ArrowUp: 1000, ArrowLeft: -1000, ArrowDown: -1000, PageUp: 10000, PageDown: -10000};
  scrub.addEventListener("keydown", event => {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    if (event.key in steps) seek(now + steps[event.key] * (event.shiftKey ? 5 : 1));
    else if (event.key === "Home") seek(0);
    else if (event.key === "End") seek(duration);
    else if (event.key === " " && video) video.paused ? video.play() : video.pause();
    else return;
    event.preventDefault();
  });
  document.addEventListener("click", event => {
    const moment = event.target.closest?.("[data-t]");
    if (moment) seek(Number(moment.dataset.t));
    // With the film beside it a click on a line of the timeline goes to its time, and leaves the reader where they are.
    else if (video && event.target.closest?.("#timeline a.box")) event.preventDefault();
  });
  timeline.addEventListener("keydown", event => {
    const box = event.key === "Enter" && video && event.target.closest("a.box");
    if (box) { seek(Number(box.dataset.left) / 100 * duration + 1); event.preventDefault(); }
  });

  if (video) {
    const escaped = text => text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
    const track = video.addTextTrack("subtitles", "Subtitles", document.documentElement.lang);
    for (const {start, end, said} of lines) {
      if (said && end > start) track.addCue(new VTTCue(start / 1000, end / 1000, escaped(said.textContent)));
    }
    track.mode = "showing";
    const follow = () => {
      at(video.currentTime * 1000);
      if (!video.paused && !video.ended) { keepInView(); requestAnimationFrame(follow); }
    };
    video.addEventListener("play", follow);
    video.addEventListener("timeupdate", () => { if (video.paused) follow(); });
    video.addEventListener("seeked", follow);
    video.addEventListener("error", () => {
      const told = document.getElementById("film-trouble");
      if (told) told.hidden = false;
    });
  }
  at(video || !rows.length ? 0 : Number(rows[0].dataset.start));
})();
