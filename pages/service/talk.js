// The conversation: what is said goes to /v1/respond, and all that the answer came of is shown. Data becomes text, never markup.
import { USUAL_MARK, ask, at, bars, button, introduce, made, mostChanged, percent, plainly, sendOnEnter, showOrigin, signed, tell, whyNamed } from "/assets/common.js";
import { keep } from "/assets/keep.js";

const MOST_TURNS = 60, SHOWN = 5;
const turns = [], whys = new Map();
let conversation = null, domains = [], busy = false, answer = null, run = 0;

function put(node) {
  at("log").querySelector(".empty")?.remove();
  at("log").append(node);
  at("log").scrollTop = at("log").scrollHeight;
  return node;
}

function bubble(turn, kind) {
  const node = made("div", null, `turn ${kind}`);
  node.append(made("small", turn.speaker === "user" ? "You" : "The program"), made("span", turn.text));
  return put(node);
}

function showReading(reading, states, after) {
  const box = made("div", null, "reading");
  const told = reading.read ? `Recognised: ${reading.emotion}, ${percent(reading.confidence)}${reading.uncertain ? " (uncertain)" : ""}`
    : "Not read: it has no words of a language that the model knows";
  box.append(made("p", told), bars(reading.probabilities, "All emotions", "", true));
  if (states.length) {
    const part = made("div", null, "states apart");
    part.append(made("p", "States"), bars(Object.fromEntries(states.map((one) => [one.state, one.value])), "States"));
    const reasons = states.flatMap((one) => one.because.map((why) => `${plainly(one.state)}: ${why}`));
    if (reasons.length) {
      const more = made("details");
      const list = made("ul", null, "quiet");
      list.append(...reasons.map((reason) => made("li", reason)));
      more.append(made("summary", "What spoke for them"), list);
      part.append(more);
    }
    box.append(part);
  }
  after.after(box);
}

function mark(text) {
  for (const choice of at("why").querySelectorAll(".candidates button")) {
    choice.setAttribute("aria-pressed", String(choice.dataset.text === text));
  }
}

function sayInstead(text) {
  if (!answer || busy) return;
  answer.turn.text = text;
  answer.node.querySelector("span").textContent = text;
  mark(text);
}

function candidate(one, mayBeSaid) {
  const facts = [`${plainly(one.strategy)}, by ${plainly(one.writer)}${one.source ? ` (${one.source})` : ""}`,
    `foreseen: ${one.reaction} (${percent(one.probabilities[one.reaction])})`, `effect ${signed(one.effect)}`,
    `way ${percent(one.share)}`, `nearness ${one.related.toFixed(2)}`];
  const choice = button([made("span", one.text), made("small", facts.join(" · "))], () => sayInstead(one.text));
  choice.disabled = !mayBeSaid;
  choice.dataset.text = one.text;
  const item = made("li");
  item.append(choice);
  return item;
}

function showHandOver(given) {
  const parts = [];
  if (given.kind === "hand_over") {
    parts.push(made("p", given.reached === false ? "A person is needed, and could not be reached: no colleague knows of this yet."
      : "A person takes over: the conversation was put into the queue of the people who answer here.", "statement"));
    if (given.reply) parts.push(made("p", given.reply.reason));
    if (given.escalation) parts.push(made("p", `It is known there as ${given.escalation}.`, "quiet"));
  } else if (given.kind === "check") {
    parts.push(made("p", "Before anything else it asks whether somebody is in danger.", "statement"));
  }
  if (given.distress.failed) parts.push(made("p", "It could not be looked whether somebody is in danger.", "trouble"));
  if (given.distress.why.length) {
    const list = made("ul", null, "because");
    list.append(...given.distress.why.map((why) => made("li", why)));
    parts.push(list);
  }
  return parts;
}

function showReply(reply, mayBeSaid) {
  const best = reply.candidates.find((one) => one.text === reply.text);
  const list = made("ol", null, "candidates");
  const items = reply.candidates.map((one) => candidate(one, mayBeSaid));
  list.append(...items.slice(0, SHOWN));
  const parts = best ? [made("p", `Way of answering: ${plainly(best.strategy)}`, "statement"), made("p", reply.reason)] : [];
  parts.push(made("h3", `How well each way suits this turn (most: ${plainly(reply.suits_most)})`), bars(reply.strategies, "Ways of answering", "ways"));
  if (reply.because.length) {
    const because = made("ul", null, "because");
    because.append(...reply.because.map((why) => made("li", why)));
    parts.push(made("p", `What spoke most for ${plainly(reply.suits_most)}:`), because);
  }
  if (best) parts.push(made("h3", `Reaction foreseen: ${best.reaction}`), bars(best.probabilities, "Reaction foreseen", "", true, reply.usual),
    made("p", `${whyNamed(best.reaction, best.probabilities, reply.usual)} ${USUAL_MARK}`, "quiet"));
  parts.push(made("h3", "What it might have said"), made("p", `${mayBeSaid ? "Choose one to say it instead." : "None of these is said: what was decided above stands."} `
    + "Effect is how far the reaction foreseen is what is wished for here (−1 to +1), way how well its way of answering fits, nearness how close it is to the talk.", "quiet"), list);
  if (items.length > SHOWN) {
    const others = made("details"), rest = made("ol", null, "candidates");
    rest.start = SHOWN + 1;
    rest.append(...items.slice(SHOWN));
    others.append(made("summary", `The other ${items.length - SHOWN}`), rest);
    parts.push(others);
  }
  if (reply.refused.length) {
    const refused = made("details");
    const items = made("ul", null, "refusals");
    for (const one of reply.refused) {
      const item = made("li", one.text);
      item.append(made("small", ` ${one.reason}`));
      items.append(item);
    }
    refused.append(made("summary", `Refused: ${reply.refused.length}`), items);
    parts.push(refused);
  }
  return parts;
}

function setBusy(is) {
  busy = is;
  at("send").disabled = at("foresee").disabled = at("instead").disabled = is || !domains.length;
  at("domain").disabled = is || !domains.length;
  at("keep").disabled = is || !turns.length;
  at("log").setAttribute("aria-busy", String(is));
}

async function say(text) {
  const mine = run;
  const turn = { text, speaker: "user" };
  const asked = [...turns, turn].slice(-MOST_TURNS);
  const node = bubble(turn, "user");
  at("trouble").textContent = "";
  setBusy(true);
  try {
    const question = { domain: at("domain").value, turns: asked };
    if (conversation) question.conversation = conversation;
    const given = await ask("/v1/respond", question);
    const reading = given.reply?.reading ?? (await ask("/v1/detect", { turns: asked })).turns.at(-1);
    if (mine !== run) return;
    conversation = given.conversation;
    const reply = { text: given.text, speaker: "agent" };
    turns.push(turn, reply);
    showReading(reading, given.reply?.states ?? [], node);
    if (given.disclosed) put(made("p", given.disclosed, "disclosed"));
    answer = { turn: reply, node: bubble(reply, given.kind) };
    at("own").value = given.text;
    whys.set(answer.node, [...showHandOver(given), ...(given.reply ? showReply(given.reply, given.kind === "reply") : [])]);
    at("why").replaceChildren(...whys.get(answer.node));
    at("what-if").hidden = given.kind !== "reply";
    at("foreseen").replaceChildren();
    mark(given.text);
    at("words").value = "";
  } catch (error) {
    if (mine !== run) return;
    node.remove();
    tell(error);
  } finally {
    if (mine === run) setBusy(false);
  }
}

// How what is foreseen changes against the reply as it stands, emotion by emotion.
function against(reaction, now) {
  const changes = Object.keys(reaction.probabilities).map((name) => [name, reaction.probabilities[name] - now.probabilities[name]]);
  const told = changes.filter(([, by]) => Math.abs(by) >= 0.005).sort((a, b) => Math.abs(b[1]) - Math.abs(a[1]));
  const words = told.map(([name, by]) => `${name} ${by < 0 ? "−" : "+"}${Math.abs(100 * by).toFixed(1)}`).join(", ");
  return made("p", told.length ? `Against the reply as it stands, in points: ${words}.` : "Against the reply as it stands nothing changes by half a point.");
}

async function foresee(text) {
  const mine = run;
  setBusy(true);
  at("trouble").textContent = "";
  try {
    const before = turns.slice(0, -1).slice(-MOST_TURNS);
    const said = [{ text, speaker: "agent" }, { text: answer.turn.text, speaker: "agent" }];
    const found = await ask("/v1/anticipate", { turns: before, candidates: said });
    if (mine !== run) return;
    const [reaction, now] = found.reactions;
    const usual = reaction.baselines.find((one) => one.name === "majority")?.probabilities;
    const parts = [made("h3", `Reaction foreseen: ${reaction.emotion}`),
      bars(reaction.probabilities, "Reaction foreseen to your own reply", "", true, usual),
      made("p", whyNamed(reaction.emotion, reaction.probabilities, usual), "quiet"), against(reaction, now)];
    if (reaction.change) parts.push(made("p", mostChanged(reaction.change), "quiet"));
    at("foreseen").replaceChildren(...parts);
  } catch (error) {
    if (mine === run) tell(error);
  } finally {
    if (mine === run) setBusy(false);
  }
}

// In a saved page every reply stands with what it came of, where here the last one does.
function withReasons(page) {
  const replies = at("log").querySelectorAll(".turn:not(.user)");
  page.querySelectorAll("#log .turn:not(.user)").forEach((node, i) => {
    const box = made("details", null, "came-of");
    box.append(made("summary", "Why this reply"), ...whys.get(replies[i]).map((one) => one.cloneNode(true)));
    node.after(box);
  });
}

function startAgain() {
  run += 1;
  turns.length = 0;
  whys.clear();
  conversation = answer = null;
  at("log").replaceChildren(made("p", "Nothing was said yet.", "empty"));
  at("why").replaceChildren(made("p", "Once something is answered, it is told here what the answer came of.", "empty"));
  at("what-if").hidden = true;
  at("what-if").reset();
  at("foreseen").replaceChildren();
  at("trouble").textContent = "";
  setBusy(false);
}

function showGoal() {
  const one = domains.find((domain) => domain.name === at("domain").value);
  at("goal").textContent = one ? one.goal : "";
}

async function begin() {
  try {
    const [found] = await Promise.all([ask("/v1/domains"), showOrigin()]);
    domains = found.domains;
    at("domain").replaceChildren(...domains.map((one) => new Option(one.title, one.name)));
    showGoal();
  } catch (error) {
    at("origin").textContent = "It is not known which model answers.";
    tell(error);
  }
  setBusy(false);
}

at("say").addEventListener("submit", (event) => {
  event.preventDefault();
  const text = at("words").value.trim();
  if (text && !busy && domains.length) say(text);
});
sendOnEnter("words", "say");
at("what-if").addEventListener("submit", (event) => {
  event.preventDefault();
  const text = at("own").value.trim();
  if (text && !busy && answer) foresee(text);
});
at("instead").addEventListener("click", () => { const text = at("own").value.trim(); if (text) sayInstead(text); });
at("domain").addEventListener("change", () => { startAgain(); showGoal(); });
at("again").addEventListener("click", startAgain);
at("keep").addEventListener("click", () => keep("A conversation, and what its replies came of", "feelm-talk", withReasons).catch(tell));
introduce(begin);
