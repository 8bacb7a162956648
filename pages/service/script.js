// The script studio: a pasted scene is read by the service, lines are changed on trial, and what changes is laid over what was.
// Data becomes text, never markup; nothing is stored, here or there.
import { EMOTIONS, ask, at, bars, button, introduce, made, mostChanged, percent, plainly, sendOnEnter, showOrigin, signed, tell, whyNamed } from "/assets/common.js";
import { nearest, picture } from "/assets/arc.js";
import { keep } from "/assets/keep.js";

const MOST_UNDO = 100, MOST_TURNS_TOLD = 8;
let text = "", analysis = null, scene = null, who = "", row = 0, edits = new Map(), history = [], changed = new Map();
let run = 0, busy = false, reading = null, ready = false;

const quoted = (words) => `“${words.length > 90 ? `${words.slice(0, 88)} …` : words}”`;
const sure = (one) => `${one.emotion} ${percent(one.confidence)}${one.read ? (one.uncertain ? ", uncertain" : "") : ", not read"}`;
const listed = (some) => some.map((one) => `${one.emotion} ${percent(one.probability)}`).join(", ");
const named = (speaker) => speaker ?? "somebody";

// A line as it stands: its words and reading after what was changed, null as reading where it is left out.
function standing(line) {
  const other = changed.get(scene.line)?.lines.find((one) => one.line === line.line);
  const words = edits.has(line.line) ? edits.get(line.line) : line.reading.text;
  return { words, now: other ? other.after : line.reading, valence: other ? other.valence_after : line.valence, moved: other ? other.moved : 0 };
}

const ownLines = () => (who ? scene.lines.filter((line) => line.reading.speaker === who) : scene.lines);

function courses() {
  const other = changed.get(scene.line);
  if (!who) return { before: scene.course, after: other?.after };
  return { before: scene.characters.find((one) => one.name === who).course, after: other?.characters.find((one) => one.name === who)?.after };
}

function showArc() {
  const lines = ownLines(), { before, after } = courses();
  const stands = lines.map(standing), here = lines.indexOf(scene.lines[row]);
  const points = stands.map((one) => (one.now ? { valence: one.valence, emotion: one.now.emotion } : null));
  const touched = lines.flatMap((line, i) => (edits.has(line.line) ? [i] : []));
  at("arc").replaceChildren(made("span", "pleasant", "axis-top"), made("span", "unpleasant", "axis-bottom"),
    picture({ before: before.valence, after: after?.valence, points, selected: here, changed: touched }));
  const arc = at("arc");
  arc.setAttribute("aria-valuemin", "1");
  arc.setAttribute("aria-valuemax", String(lines.length));
  arc.setAttribute("aria-valuenow", String(Math.max(here, 0) + 1));
  arc.setAttribute("aria-valuetext", here < 0 ? `${who} does not speak the chosen line` : spoken(lines[here]));
  at("arc-key").replaceChildren(...(after ? [made("span", "as it was", "k-was"), made("span", "with your changes", "k-now")] : [made("span", "valence, smoothed", "k-now")]),
    made("span", "a dot a line, in the colour of its emotion", "k-dot"));
  const told = [courseTold(after ?? before)];
  if (after) told.unshift(`Before: ${courseTold(before)} Now:`);
  at("arc-told").textContent = told.join(" ");
  if (at("table").open) showTable();
}

function courseTold(course) {
  if (!course.valence.length) return course.lines === 1 ? "One line draws no arc." : "No line is left.";
  const turn = (one) => `${one.kind} at line ${one.line} (${signed(one.valence)})`, by = [...course.turning].sort((one, other) => one.valence - other.valence);
  const turns = by.length <= MOST_TURNS_TOLD ? course.turning.map(turn).join(", ") : `${by.length} turns, among them the deepest ${turn(by[0])} and the highest ${turn(by.at(-1))}`;
  const form = course.shape ? `the nearest of six shapes is ${plainly(course.shape)}` : `${course.lines} lines draw no shape`;
  return `From ${signed(course.valence[0])} to ${signed(course.valence.at(-1))}; ${form}; ${turns || "no turn"}.`;
}

function spoken(line) {
  const { words, now, valence } = standing(line);
  return now ? `Line ${line.line}, ${named(line.reading.speaker)}: ${words} Read as ${sure(now)}, valence ${signed(valence)}`
    : `Line ${line.line}, ${named(line.reading.speaker)}: left out`;
}

function showTable() {
  const [head, body] = [at("table").querySelector("thead"), at("table").querySelector("tbody")];
  const columns = ["Line", "Who", "Words", "Read as", "Valence", ...(changed.has(scene.line) ? ["Before", "Valence before"] : [])];
  const top = made("tr");
  top.append(...columns.map((name) => { const cell = made("th", name); cell.scope = "col"; return cell; }));
  head.replaceChildren(top);
  body.replaceChildren(...ownLines().map((line) => {
    const { words, now, valence } = standing(line), one = made("tr");
    const cells = [String(line.line), named(line.reading.speaker), words ?? "left out", now ? sure(now) : "–", now ? signed(valence) : "–"];
    if (changed.has(scene.line)) cells.push(sure(line.reading), signed(line.valence));
    one.append(...cells.map((told) => made("td", told)));
    return one;
  }));
}

function option(line, i) {
  const { words, now, moved } = standing(line), one = made("div", null, "line");
  one.id = `line-${i}`;
  one.setAttribute("role", "option");
  one.setAttribute("aria-selected", String(i === row));
  if (who && line.reading.speaker !== who) one.classList.add("other");
  if (edits.has(line.line)) one.classList.add("edited");
  const facts = made("small");
  facts.append(made("i", null, `dot e-${(now ?? line.reading).emotion}`), now ? sure(now) : "left out");
  if (now && now.emotion !== line.reading.emotion) facts.append(`, was ${sure(line.reading)}`);
  else if (now && moved >= 0.05) facts.append(`, moved by ${percent(moved)}`);
  one.append(made("b", String(line.line)), made("span", line.reading.speaker ?? "", "speaker"), made("span", words ?? line.reading.text, words === null ? "said gone" : "said"), facts);
  one.addEventListener("click", () => select(i));
  return one;
}

function showLines() {
  at("lines").replaceChildren(...scene.lines.map(option));
  at("lines").setAttribute("aria-activedescendant", `line-${row}`);
  keepInSight(at("lines").children[row]);
  const told = changed.get(scene.line)?.told;
  at("changes").textContent = edits.size ? `${edits.size} ${edits.size > 1 ? "lines are" : "line is"} changed. ${told ?? ""}` : "Nothing is changed.";
  at("undo").disabled = busy || !history.length;
  at("anew").hidden = !edits.size;
}

function showLine() {
  const line = scene.lines[row], { words, now } = standing(line);
  at("h-line").textContent = `Line ${line.line}${line.reading.speaker ? `, ${line.reading.speaker}` : ""}`;
  at("words").value = words ?? "";
  at("restore").disabled = busy || !edits.has(line.line);
  const parts = [];
  if (!now) parts.push(made("p", "It is left out.", "statement"));
  else parts.push(made("p", `Read as ${sure(now)}`, "statement"), bars(now.probabilities, "All emotions", "", true));
  if (now?.uncertain) parts.push(made("p", now.read ? "Uncertain: no emotion stands out, so it may be read in several ways." : "Its words are in no language that is read here: this is what the lines around suggest.", "quiet"));
  if (courses().after) parts.push(picture({ before: courses().before.valence, after: courses().after.valence }));
  if (edits.has(line.line)) parts.push(made("p", `It was ${quoted(line.reading.text)}: ${sure(line.reading)}.`));
  parts.push(...asRead(line));
  at("reading").replaceChildren(...parts);
  at("suggestions").replaceChildren();
}

// What was told of a line when the scene was read.
function asRead(line) {
  const parts = [], facts = made("ul", null, "bullets");
  if (line.alternatives.length) facts.append(made("li", `It may also be read as ${listed(line.alternatives)}.`));
  if (line.words && line.scene) facts.append(made("li", `By themselves its words say ${listed([line.words])}; the scene without them suggests ${listed([line.scene])}.`));
  for (const tip of line.tips) facts.append(made("li", `Without line ${tip.line}, ${quoted(tip.text)}, it would read as ${tip.emotion}.`));
  const { who: hearer, emotion, probabilities, change } = line.foreseen;
  const against = change ? ` ${mostChanged(change)}` : "";
  facts.append(made("li", `Foreseen of ${hearer ?? "whoever hears it"}: ${emotion}. ${whyNamed(emotion, probabilities, analysis.usual)}${against}`));
  if (edits.has(line.line) || changed.has(scene.line)) parts.push(made("p", "When the scene was read, before your changes:", "quiet"));
  parts.push(facts);
  return parts;
}

// Scrolls the list alone, not the page.
function keepInSight(one) {
  const box = at("lines");
  if (one.offsetTop >= box.scrollTop && one.offsetTop + one.offsetHeight <= box.scrollTop + box.clientHeight) return;
  box.scrollTop = one.offsetTop - box.clientHeight / 3;
}

function select(i) {
  const before = document.getElementById(`line-${row}`);
  row = Math.max(0, Math.min(scene.lines.length - 1, i));
  before?.setAttribute("aria-selected", "false");
  const now = document.getElementById(`line-${row}`);
  now.setAttribute("aria-selected", "true");
  at("lines").setAttribute("aria-activedescendant", now.id);
  keepInSight(now);
  showArc();
  showLine();
}

function show() {
  showArc();
  showLines();
  showLine();
}

function spot(kind, first, told) {
  const item = made("li");
  const look = () => { goTo(first); at("words").scrollIntoView({ block: "center" }); };
  item.append(button([made("b", kind), made("span", told)], look, "spot"));
  return item;
}

function goTo(number) {
  const own = analysis.scenes.findIndex((one) => one.lines.some((line) => line.line === number));
  if (analysis.scenes[own] !== scene) enter(own);
  select(scene.lines.findIndex((line) => line.line === number));
}

function showSpots() {
  const of = (number) => !who || scene.lines.find((line) => line.line === number)?.reading.speaker === who;
  const found = [];
  for (const one of who ? [] : scene.flat) {
    const strength = one.intensity_range === null ? "" : ` and intensity by ${one.intensity_range.toFixed(2)}`;
    found.push(spot("Flat", one.first, `Lines ${one.first} to ${one.last} stay ${one.emotion}: over ${one.lines} lines valence moves by ${one.valence_range.toFixed(2)}${strength}.`));
  }
  for (const one of scene.contradictory.filter(({ line }) => of(line))) {
    found.push(spot("Contradictory", one.line, `Line ${one.line}, ${quoted(one.text)}: its words say ${listed([one.words])} (valence ${signed(one.words_valence)}), the scene around leans to ${listed([one.scene])} (${signed(one.scene_valence)}). In the scene it is read as ${listed([one.read])}.`));
  }
  for (const one of scene.unsure.filter(({ line }) => of(line))) {
    found.push(spot("Unsure", one.line, `Line ${one.line}, ${quoted(one.text)}: ${one.why}; ${listed(one.between)}.`));
  }
  for (const line of scene.lines.filter(({ line: number, tips }) => tips.length && of(number))) {
    const tips = line.tips.map((tip) => `as ${tip.emotion} without line ${tip.line}`).join(", ");
    found.push(spot("Hangs on others", line.line, `Line ${line.line}, ${quoted(line.reading.text)}, would be read ${tips}.`));
  }
  at("spots").replaceChildren(...found);
  const { flat } = analysis.bounds;
  const about = analysis.spots ? `Flat are ${flat.lines} lines or more within ${flat.valence} of valence; the bounds are ours and no law of storytelling. ${edits.size ? "They are of the scene as it was read, before your changes." : ""}`
    : "Flat and unsure spots are here; contradictory lines are still being looked for …";
  at("spots-about").textContent = found.length ? about : `${analysis.spots ? "None by these bounds. " : ""}${about}`;
}

function card(title, told, course) {
  const item = made("li");
  item.append(made("h3", title));
  if (course.valence.length) item.append(picture({ before: course.valence }));
  item.append(made("p", told), made("p", courseTold(course)));
  return item;
}

function showPeople() {
  const all = analysis.course;
  const cards = [card("The whole script", `${analysis.scenes.length} ${analysis.scenes.length > 1 ? "scenes" : "scene"}, ${all.lines} lines`, all)];
  for (const one of analysis.characters) cards.push(card(one.name, `${one.lines} ${one.lines > 1 ? "lines" : "line"}, mostly ${one.emotion}, mean valence ${signed(one.valence)}`, one.course));
  at("people").replaceChildren(...cards);
  at("unspoken").hidden = !analysis.unspoken.length;
  at("unspoken").querySelector("ul").replaceChildren(...analysis.unspoken.map((one) => made("li", `Line ${one.line}, ${quoted(one.text)}: ${one.reason}.`)));
}

function enter(number) {
  scene = analysis.scenes[number];
  at("scene").value = String(number);
  const names = scene.characters.map((one) => one.name);
  if (!names.includes(who)) who = "";
  at("who").replaceChildren(new Option("everybody", ""), ...names.map((name) => new Option(name, name)));
  at("who").value = who;
  row = 0;
  show();
  showSpots();
}

function setBusy(is, told = "") {
  busy = is;
  at("state").textContent = told;
  for (const id of ["try", "leave", "ask"]) at(id).disabled = is;
  at("restore").disabled = is || !scene || !edits.has(scene.lines[row].line);
  at("undo").disabled = is || !history.length;
  at("studio").setAttribute("aria-busy", String(is));
}

async function read() {
  const mine = (run += 1), asked = at("text").value;
  reading?.abort();
  reading = new AbortController();
  at("trouble").textContent = "";
  setBusy(true, "Reading it …");
  try {
    const found = await ask("/v1/script/analyse", { text: asked, spots: false }, reading.signal);
    if (mine !== run) return;
    [text, analysis, edits, history, changed, who] = [asked, found, new Map(), [], new Map(), ""];
    at("scene").replaceChildren(...found.scenes.map((one, i) => new Option(`${i + 1}${one.heading ? `: ${one.heading}` : ""}`, String(i))));
    at("l-scene").hidden = found.scenes.length < 2;
    at("studio").hidden = false;
    enter(0);
    showPeople();
    setBusy(false, `${found.course.lines} lines read as ${found.layout === "lines" ? "lines alone" : found.layout === "named" ? "NAME: words" : "a screenplay"}; looking closer …`);
    await lookCloser(mine, asked);
  } catch (error) {
    if (mine !== run) return;
    setBusy(false);
    tell(error);
  }
}

// The same with all spots, which takes longer; where that fails, what is there stays.
async function lookCloser(mine, asked) {
  try {
    const found = await ask("/v1/script/analyse", { text: asked }, reading.signal);
    if (mine !== run) return;
    const number = analysis.scenes.indexOf(scene), words = at("words").value, offered = [...at("suggestions").childNodes];
    analysis = found;
    scene = found.scenes[number];
    at("state").textContent = `${found.course.lines} lines read.`;
    showLine();
    at("words").value = words;
    at("suggestions").replaceChildren(...offered);
    showSpots();
  } catch (error) {
    if (mine !== run) return;
    at("state").textContent = "";
    at("spots-about").textContent = "Contradictory lines could not be looked for; those that are flat or unsure are here. Read it again, or in parts.";
    tell(error);
  }
}

// Have the scene read with other words; where that fails everything stays as it was.
async function settle(wished, past) {
  const mine = run, changes = [...wished].map(([line, words]) => ({ line, text: words }));
  at("trouble").textContent = "";
  setBusy(true, "Reading it with your changes …");
  try {
    const found = changes.length ? await ask("/v1/script/what-if", { text, changes }) : { scenes: [] };
    if (mine !== run) return;
    [edits, history, changed] = [wished, past, new Map(found.scenes.map((one) => [one.line, one]))];
  } catch (error) {
    if (mine !== run) return;
    tell(error);
  }
  setBusy(false);
  show();
  showSpots();
}

async function change(number, words) {
  if (busy || !scene) return;
  const was = edits, wished = new Map(edits);
  const original = analysis.scenes.flatMap((one) => one.lines).find((line) => line.line === number).reading.text;
  if (words === original) wished.delete(number);
  else wished.set(number, words);
  if (same(wished, was)) return;
  await settle(wished, [...history, was].slice(-MOST_UNDO));
}

const same = (one, other) => one.size === other.size && [...one].every(([line, words]) => other.has(line) && other.get(line) === words);

async function suggest() {
  const mine = run, here = scene.lines[row].line, target = at("target").value;
  const changes = [...edits].map(([line, words]) => ({ line, text: words }));
  const place = at("place").value === "line" ? { line: here } : { scene: analysis.scenes.indexOf(scene) + 1 };
  at("trouble").textContent = "";
  setBusy(true);
  at("suggestions").replaceChildren(made("p", "Trying words, each heard in its place …", "quiet"));
  try {
    const found = await ask("/v1/script/suggest", { text, target, changes, ...place });
    if (mine !== run) return;
    const list = made("ol", null, "candidates");
    list.append(...found.best.map((one) => suggestion(one, target)));
    at("suggestions").replaceChildren(made("p", found.told), list);
  } catch (error) {
    if (mine !== run) return;
    at("suggestions").replaceChildren();
    tell(error);
  } finally {
    if (mine === run) setBusy(false);
  }
}

function suggestion(one, target) {
  const item = made("li");
  const how = one.film === null ? one.ways : `quotes “${one.film}”`;
  const facts = [`line ${one.line}`, how, `${target} ${percent(one.before)} → ${percent(one.after)}`, `reads as ${sure(one.reading)}${one.reaches ? "" : " (not there yet)"}`];
  item.append(button([made("span", one.text), made("small", facts.join(" · "))], async () => {
    if (busy) return;
    await change(one.line, one.text);
    goTo(one.line);
  }));
  return item;
}

// The scene with the changes, in the layout in which it was read; what nobody speaks is left behind.
function written() {
  const screenplay = analysis.layout === "screenplay";
  return analysis.scenes.map((one) => {
    const said = one.lines.map((line) => [line.reading.speaker, edits.has(line.line) ? edits.get(line.line) : line.reading.text]).filter(([, words]) => words?.trim());
    const lines = said.map(([speaker, words]) => (speaker === null ? words : screenplay ? `${speaker}\n${words}\n` : `${speaker}: ${words}`));
    return [one.heading ?? (analysis.scenes.length > 1 ? "---" : null), ...lines].filter((line) => line !== null).join("\n");
  }).join("\n\n");
}

// Saved is the scene that is shown, with its table.
function save() {
  showTable();
  const title = scene.heading ? `Scene: ${scene.heading}` : "A scene and its arc";
  keep(title, "feelm-scene", (page) => page.querySelector("#table").setAttribute("open", "")).catch(tell);
}

function step(event, lines, go) {
  const steps = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1, PageDown: 10, PageUp: -10, Home: -lines.length, End: lines.length };
  if (!(event.key in steps)) return;
  event.preventDefault();
  const own = lines.indexOf(scene.lines[row]);
  go(lines[Math.max(0, Math.min(lines.length - 1, Math.max(own, 0) + (own < 0 ? 0 : steps[event.key])))]);
}

const towards = (line) => select(scene.lines.indexOf(line));

at("paste").addEventListener("submit", (event) => { event.preventDefault(); if (ready && at("text").value.trim()) read(); });
for (const one of document.querySelectorAll("[data-sample]")) {
  one.addEventListener("click", async () => {
    try {
      const response = await fetch(`/assets/${one.dataset.sample}.txt`);
      if (!response.ok) throw new Error("The sample cannot be loaded.");
      at("text").value = await response.text();
      if (ready) read();
    } catch (error) {
      tell(error);
    }
  });
}
at("scene").addEventListener("change", () => enter(Number(at("scene").value)));
at("who").addEventListener("change", () => { who = at("who").value; show(); showSpots(); });
at("arc").addEventListener("keydown", (event) => step({ key: { ArrowUp: "ArrowRight", ArrowDown: "ArrowLeft" }[event.key] ?? event.key, preventDefault: () => event.preventDefault() }, ownLines(), towards));
at("arc").addEventListener("click", (event) => towards(ownLines()[nearest(at("arc"), event.clientX, ownLines().length)]));
at("lines").addEventListener("keydown", (event) => {
  if (event.key === "Enter") { event.preventDefault(); at("words").focus(); }
  else step(event, scene.lines, towards);
});
at("edit").addEventListener("submit", (event) => { event.preventDefault(); change(scene.lines[row].line, at("words").value.trim() || null); });
sendOnEnter("words", "edit");
at("leave").addEventListener("click", () => change(scene.lines[row].line, null));
at("restore").addEventListener("click", () => change(scene.lines[row].line, scene.lines[row].reading.text));
at("undo").addEventListener("click", () => { if (!busy && history.length) settle(history.at(-1), history.slice(0, -1)); });
at("keep").addEventListener("click", save);
at("anew").addEventListener("click", () => { at("text").value = written(); read(); });
at("suggest").addEventListener("submit", (event) => { event.preventDefault(); if (!busy && scene) suggest(); });
at("table").addEventListener("toggle", () => { if (at("table").open && scene) showTable(); });
at("target").replaceChildren(...EMOTIONS.map((name) => new Option(name, name)));
at("target").value = "joy";

introduce(async () => {
  try {
    await showOrigin();
    ready = true;
  } catch (error) {
    at("origin").textContent = "It is not known which model answers.";
    tell(error);
  }
  at("read").disabled = !ready;
});
