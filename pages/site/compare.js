"use strict";
(() => {
  const choose = document.getElementById("choose"), trouble = document.getElementById("trouble");
  if (!choose) return;
  const known = new Set(choose?.dataset.pairs.split(" "));
  choose.addEventListener("submit", event => {
    event.preventDefault();
    const pair = [document.getElementById("a").value, document.getElementById("b").value].sort().join("/");
    const [first, second] = pair.split("/");
    if (first === second) trouble.textContent = "That is the same film twice: choose two.";
    else if (!known.has(pair)) trouble.textContent = "These two were not written beside each other; the films nearest to each are listed below.";
    else location.href = `compare/${pair}.html`;
  });
  choose.hidden = false;
})();
