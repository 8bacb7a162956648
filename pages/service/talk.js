// The conversation: what is said goes to /v1/respond, and all that the answer came of is shown. Data becomes text, never markup.
"use strict";
(() => {
  const MOST_TURNS = 60;
  const at = (id) => document.getElementById(id);
  const turns = [];
  let key = "", conversation = null, domains = [], busy = false, answer = null, run = 0;

  function made(tag, text, kind) {
    const one = document.createElement(tag);
    if (text !== undefined && text !== null) one.textContent = text;
    if (kind) one.className = kind;
    return one;
  }
  const plainly = (name) => String(name).replaceAll("_", " ");
  const percent = (share) => `${Math.round(100 * share)} %`;
  const signed = (value) => `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(2)}`;

  async function ask(path, body) {
    const headers = { Accept: "application/json" };
    if (key) headers.Authorization = `Bearer ${key}`;
    if (body) headers["Content-Type"] = "application/json";
    const response = await fetch(path, { method: body ? "POST" : "GET", headers, body: body ? JSON.stringify(body) : undefined });
    if (response.ok) return response.json();
    if (response.status === 401) at("unlock").hidden = false;
    const problem = await response.json().catch(() => ({ title: `The service answered ${response.status}`, detail: "" }));
    throw new Error([problem.title, problem.detail].filter(Boolean).join(": "));
  }

  function tell(error) {
    at("trouble").textContent = error instanceof TypeError ? "The service cannot be reached: is it still running?" : error.message;
  }

  function bars(shares, label, kind, named) {
    const list = made("ul", null, `bars ${kind || ""}`);
    list.setAttribute("aria-label", label);
    for (const [name, share] of Object.entries(shares)) {
      const row = made("li", null, named ? `e-${name}` : "");
      const bar = made("i");
      bar.setAttribute("aria-hidden", "true");
      bar.style.setProperty("--s", String(Math.min(1, Math.max(0, share))));
      row.append(made("span", plainly(name)), bar, made("b", percent(share)));
      list.append(row);
    }
    return list;
  }

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
    box.append(made("p", told), bars(reading.probabilities, "The seven emotions", "", true));
    if (states.length) {
      const part = made("div", null, "states apart");
      part.append(made("p", "States"), bars(Object.fromEntries(states.map((one) => [one.state, one.value])), "States"));
      const reasons = states.flatMap((one) => one.reasons.map((reason) => `${plainly(one.state)}: ${reason}`));
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
    for (const button of at("why").querySelectorAll(".candidates button")) {
      button.setAttribute("aria-pressed", String(button.dataset.text === text));
    }
  }

  function sayInstead(text) {
    if (!answer || busy) return;
    answer.turn.text = text;
    answer.node.querySelector("span").textContent = text;
    mark(text);
  }

  function candidate(one, mayBeSaid) {
    const button = made("button");
    button.type = "button";
    button.disabled = !mayBeSaid;
    button.dataset.text = one.text;
    const facts = [`${plainly(one.strategy)}, by ${plainly(one.writer)}`, `foreseen: ${one.reaction}`, `effect ${signed(one.effect)}`,
      `share ${one.share.toFixed(2)}`, `related ${one.related.toFixed(2)}`];
    button.append(made("span", one.text), made("small", facts.join(" · ")));
    button.addEventListener("click", () => sayInstead(one.text));
    const item = made("li");
    item.append(button);
    return item;
  }

  function showHandOver(given) {
    const parts = [];
    if (given.kind === "hand_over") {
      parts.push(made("p", given.reached === false ? "A person is needed, and could not be reached: no colleague knows of this yet."
        : "A person takes over: the conversation was put into the queue of the people who answer here.", "statement"));
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
    const because = made("ul", null, "because");
    because.append(...reply.because.map((why) => made("li", why)));
    const list = made("ol", null, "candidates");
    list.append(...reply.candidates.map((one) => candidate(one, mayBeSaid)));
    const parts = [made("p", `Way of answering: ${plainly(best ? best.strategy : reply.strategy)}`, "statement"), made("p", reply.reason)];
    if (reply.because.length) parts.push(because);
    parts.push(made("h3", `How well each way suits this turn (most: ${plainly(reply.suits_most)})`), bars(reply.strategies, "Ways of answering", "ways"));
    if (best) parts.push(made("h3", `Reaction foreseen: ${best.reaction}`), bars(best.probabilities, "Reaction foreseen", "", true));
    parts.push(made("h3", "What it might have said"), made("p", mayBeSaid ? "Choose one to say it instead." : "None of these is said: what was decided above stands.", "quiet"), list);
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
      at("why").replaceChildren(...showHandOver(given), ...(given.reply ? showReply(given.reply, given.kind === "reply") : []));
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

  async function foresee(text) {
    const mine = run;
    setBusy(true);
    at("trouble").textContent = "";
    try {
      const before = turns.slice(0, -1).slice(-MOST_TURNS);
      const found = await ask("/v1/anticipate", { turns: before, candidates: [{ text, speaker: "agent" }] });
      if (mine !== run) return;
      const [reaction] = found.reactions;
      const parts = [made("h3", `Reaction foreseen: ${reaction.emotion}`), bars(reaction.probabilities, "Reaction foreseen to your own reply", "", true)];
      if (reaction.change) {
        const [name, most] = Object.entries(reaction.change).reduce((best, one) => Math.abs(one[1]) > Math.abs(best[1]) ? one : best);
        parts.push(made("p", `Most changed against what was felt last: ${name}, ${signed(most)}.`, "quiet"));
      }
      at("foreseen").replaceChildren(...parts);
    } catch (error) {
      if (mine === run) tell(error);
    } finally {
      if (mine === run) setBusy(false);
    }
  }

  function startAgain() {
    run += 1;
    turns.length = 0;
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
      const [model, found] = await Promise.all([ask("/v1/model"), ask("/v1/domains")]);
      const { model_version: version, trained_on: taught, declared_use: use, caveat } = model.origin;
      at("origin").textContent = `Model ${version}, taught by ${taught}, declared use: ${use}.${caveat ? ` ${caveat}` : ""}`;
      domains = found.domains;
      at("domain").replaceChildren(...domains.map((one) => new Option(one.title, one.name)));
      at("unlock").hidden = true;
      at("trouble").textContent = "";
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
  at("words").addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    at("say").requestSubmit();
  });
  at("what-if").addEventListener("submit", (event) => {
    event.preventDefault();
    const text = at("own").value.trim();
    if (text && !busy && answer) foresee(text);
  });
  at("instead").addEventListener("click", () => { const text = at("own").value.trim(); if (text) sayInstead(text); });
  at("unlock").addEventListener("submit", (event) => { event.preventDefault(); key = at("key").value; at("key").value = ""; begin(); });
  at("domain").addEventListener("change", () => { startAgain(); showGoal(); });
  at("again").addEventListener("click", startAgain);
  begin();
})();
