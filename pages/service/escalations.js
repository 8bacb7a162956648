// The queue of people who take over: what waits, why, and what the person said last once somebody has it. Data becomes text, never markup.
import { ask, at, button, introduce, made, plainly, tell } from "/assets/common.js";

const LOOK_AGAIN_MS = 15_000, MOST = 200;
const taken = new Map();
let shown = "", looking = Promise.resolve();

const clock = (moment) => new Date(moment).toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "short" });

function ago(moment) {
  const minutes = Math.max(0, Math.floor((Date.now() - new Date(moment)) / 60_000));
  if (minutes < 1) return "less than a minute";
  if (minutes < 120) return `${minutes} ${minutes > 1 ? "minutes" : "minute"}`;
  return minutes < 2880 ? `${Math.floor(minutes / 60)} hours` : `${Math.floor(minutes / 1440)} days`;
}

// Whether colleagues were told of it, which nobody may take for granted.
function delivery(one) {
  if (one.state === "delivered") return `Sent to ${one.route}.`;
  if (one.state === "acknowledged") return `${one.taken_by} took it over on ${clock(one.taken_at)}.`;
  return one.attempts ? `Not sent to ${one.route} yet, tried ${one.attempts} ${one.attempts > 1 ? "times" : "time"}${one.fault ? `: ${one.fault}` : ""}.`
    : `Not sent to ${one.route} yet.`;
}

function item(one) {
  const row = made("li", null, one.state === "acknowledged" ? "panel taken" : "panel");
  row.append(made("h3", `${plainly(one.domain)}, since ${ago(one.at)}`), made("p", one.reason), made("p", delivery(one), "quiet"));
  const told = taken.get(one.id);
  if (told) {
    row.append(made("p", `The conversation is called ${told.conversation}. Last the person said:`));
    row.append(...told.evidence.map((words) => made("blockquote", words)));
  } else if (one.state !== "acknowledged") {
    const taking = button(["Take it over"], () => take(one.id));
    taking.dataset.id = one.id;
    row.append(taking);
  }
  return row;
}

function put(id, rows, none) {
  at(id).replaceChildren(...(rows.length ? rows : [made("li", none, "quiet none")]));
}

function show(found) {
  const focused = document.activeElement?.dataset.id;
  const [waiting, have] = [found.escalations.filter((one) => one.state !== "acknowledged"), found.escalations.filter((one) => one.state === "acknowledged")];
  put("waiting", waiting.map(item), "Nobody waits.");
  put("taken", have.map(item), "None yet.");
  at("faults").replaceChildren(...found.faults.map((fault) => made("li", fault)));
  const more = found.total - found.escalations.length;
  at("state").textContent = `${waiting.length} ${waiting.length === 1 ? "conversation waits" : "conversations wait"} for a person${more ? `; ${more} more are not shown` : ""}.`;
  if (focused) document.querySelector(`button[data-id="${CSS.escape(focused)}"]`)?.focus();
}

async function lookOnce() {
  try {
    const found = await ask(`/v1/escalations?limit=${MOST}`);
    at("unlock").hidden = true;
    if (!shown) at("trouble").textContent = "";
    const now = JSON.stringify([found, Math.floor(Date.now() / 60_000), taken.size]);
    if (now !== shown) show(found);
    shown = now;
  } catch (error) {
    at("state").textContent = "It is not known who waits: this page could not look.";
    shown = "";
    tell(error);
  }
}

// One look after another, so that what is shown is never older than what was done before.
const look = () => (looking = looking.then(lookOnce));

async function take(id) {
  const who = at("who").value.trim();
  if (!who) {
    at("trouble").textContent = "Say who takes it over: put your name above.";
    at("who").focus();
    return;
  }
  try {
    taken.set(id, await ask(`/v1/escalations/${encodeURIComponent(id)}/take`, { who }));
    at("trouble").textContent = "";
    await look();
  } catch (error) {
    await look();
    tell(error);
  }
}

at("me").addEventListener("submit", (event) => event.preventDefault());
setInterval(look, LOOK_AGAIN_MS);
introduce(look);
