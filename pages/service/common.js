// What the service's pages share: asking the service, and putting data into the page as text, never as markup.
export const EMOTIONS = document.documentElement.dataset.emotions.split(" ");
export const at = (id) => document.getElementById(id);
export const plainly = (name) => String(name).replaceAll("_", " ");
export const percent = (share) => `${Math.round(100 * share)} %`;
export const signed = (value) => `${value <= -0.005 ? "−" : "+"}${Math.abs(value).toFixed(2)}`;
let key = "";

export function made(tag, text, kind) {
  const one = document.createElement(tag);
  if (text !== undefined && text !== null) one.textContent = text;
  if (kind) one.className = kind;
  return one;
}

// A button that sends no form; `parts` stand in it.
export function button(parts, press, kind) {
  const one = made("button", null, kind);
  one.type = "button";
  one.append(...parts);
  one.addEventListener("click", press);
  return one;
}

// Enter sends a form from its field, Shift+Enter begins a line.
export function sendOnEnter(field, form) {
  at(field).addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    at(form).requestSubmit();
  });
}

export async function ask(path, body, signal) {
  const headers = { Accept: "application/json" };
  if (key) headers.Authorization = `Bearer ${key}`;
  if (body) headers["Content-Type"] = "application/json";
  const response = await fetch(path, { method: body ? "POST" : "GET", headers, body: body ? JSON.stringify(body) : undefined, signal });
  if (response.ok) return response.json();
  if (response.status === 401) at("unlock").hidden = false;
  const problem = await response.json().catch(() => ({ title: `The service answered ${response.status}`, detail: "" }));
  throw new Error([problem.title, problem.detail].filter(Boolean).join(": "));
}

export function tell(error) {
  at("trouble").textContent = error instanceof TypeError ? "The service cannot be reached: is it still running?" : error.message;
}

// Which model answers, with what is to be minded; `begin` is called again once a key was given.
export async function introduce(begin) {
  at("unlock").addEventListener("submit", (event) => {
    event.preventDefault();
    key = at("key").value;
    at("key").value = "";
    begin();
  });
  await begin();
}

export async function showOrigin() {
  const model = await ask("/v1/model");
  const { model_version: version, trained_on: taught, declared_use: use, caveat } = model.origin;
  at("origin").replaceChildren(`Model ${version}, taught by ${taught}, declared use: ${use}.`);
  if (caveat) at("origin").append(" ", made("strong", caveat));
  at("unlock").hidden = true;
  at("trouble").textContent = "";
}

// Shares by name as bars; `usual` sets a mark at what is usual.
export function bars(shares, label, kind, named, usual) {
  const list = made("ul", null, `bars ${kind || ""}`);
  list.setAttribute("aria-label", label);
  for (const [name, share] of Object.entries(shares)) {
    const row = made("li", null, named ? `e-${name}` : "");
    const bar = made("i");
    bar.setAttribute("aria-hidden", "true");
    bar.style.setProperty("--s", String(Math.min(1, Math.max(0, share))));
    if (usual) {
      bar.classList.add("usual");
      bar.style.setProperty("--u", String(usual[name]));
    }
    row.append(made("span", plainly(name)), bar, made("b", percent(share)));
    if (usual) row.append(made("span", `usual ${percent(usual[name])}`, "hidden"));
    list.append(row);
  }
  return list;
}

const likeliest = (shares) => Object.entries(shares).reduce((best, one) => one[1] > best[1] ? one : best)[0];

// Why a reaction has the name that it has: the most probable emotion, or the one that stands out against how usual it is.
export function whyNamed(named, shares, usual) {
  const most = likeliest(shares);
  if (!usual) return "";
  if (most === named) return `Named is ${named}: at ${percent(shares[named])} it is the most probable, where ${percent(usual[named])} is usual.`;
  return `Named is ${named}: ${percent(shares[named])} where ${percent(usual[named])} is usual. The most probable is ${most} `
    + `(${percent(shares[most])}), which follows in ${percent(usual[most])} of cases anyway.`;
}

export function mostChanged(change) {
  const [name, by] = Object.entries(change).reduce((best, one) => (Math.abs(one[1]) > Math.abs(best[1]) ? one : best));
  return `Most changed against what was felt last: ${name}, ${signed(by)}.`;
}

export const USUAL_MARK = "The mark in a bar is how often the emotion follows in what the model learned from.";
