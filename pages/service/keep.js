// What a page shows, as one file: with its styles inside, without scripts, forms and choices, so that it opens anywhere and asks nobody.
import { at, made } from "/assets/common.js";

const LEFT_OUT = "script, link, noscript, nav, form, .skip, .live, #trouble";
const OF_USE = ["role", "tabindex", "aria-activedescendant", "aria-busy", "aria-selected", "aria-pressed", "aria-orientation",
  "aria-describedby", "aria-valuemin", "aria-valuemax", "aria-valuenow", "aria-valuetext"];
const POLICY = "default-src 'none'; style-src 'unsafe-inline'";

// A choice becomes what was chosen, what can be pressed becomes what it says, and nothing claims to be of use any more.
function still(page) {
  for (const choice of page.querySelectorAll("select[id]")) {
    choice.replaceWith(made("strong", at(choice.id).selectedOptions[0]?.textContent ?? ""));
  }
  for (const one of page.querySelectorAll(LEFT_OUT)) one.remove();
  for (const button of page.querySelectorAll("button")) {
    const box = made("div", null, "button-was");
    if (button.getAttribute("aria-pressed") === "true") box.append(made("b", "Said:"));
    box.append(...button.childNodes);
    button.replaceWith(box);
  }
  for (const one of page.querySelectorAll(".arc[role], .lines-box, .line, .log")) for (const name of OF_USE) one.removeAttribute(name);
}

function head(page, title, styles) {
  const policy = made("meta"), look = made("style", styles);
  policy.setAttribute("http-equiv", "Content-Security-Policy");
  policy.setAttribute("content", POLICY);
  page.querySelector("meta[charset]").after(policy);
  page.querySelector("title").textContent = `${title} · Feelm`;
  page.querySelector("head").append(look);
}

// Have the browser save the page: `title` is its heading there, `name` begins its file's, and `more` may change the copy.
export async function keep(title, name, more) {
  const sheets = [...document.querySelectorAll("link[rel=stylesheet]")];
  const styles = await Promise.all(sheets.map(async (sheet) => {
    const response = await fetch(sheet.href);
    if (!response.ok) throw new Error("The page's styles cannot be loaded, so it cannot be saved.");
    return response.text();
  }));
  const page = document.documentElement.cloneNode(true), now = new Date();
  page.classList.add("kept");
  more?.(page);
  still(page);
  head(page, title, styles.join("\n"));
  page.querySelector("h1").textContent = title;
  page.querySelector("#origin").after(made("p", `Saved on ${now.toLocaleString("en-GB", { dateStyle: "long", timeStyle: "short" })}. Nothing here changes any more.`, "quiet"));
  const link = made("a");
  link.href = URL.createObjectURL(new Blob([`<!doctype html>\n${page.outerHTML}\n`], { type: "text/html" }));
  link.download = `${name}-${now.toISOString().slice(0, 10)}.html`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
