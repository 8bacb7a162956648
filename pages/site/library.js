"use strict";
(() => {
  const find = document.getElementById("find"), list = document.getElementById("films");
  if (!find || !list) return;
  const words = document.getElementById("words"), order = document.getElementById("order");
  const count = document.getElementById("count"), none = document.getElementById("none");
  // Accents and case do not matter for finding.
  const plain = text => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();
  const cards = [...list.children].map((card, place) => ({card, place, text: plain(card.textContent)}));
  const show = () => {
    const wanted = plain(words.value).split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const {card, text} of cards) {
      card.hidden = !wanted.every(word => text.includes(word));
      shown += !card.hidden;
    }
    count.textContent = shown === cards.length ? `${shown} film${shown === 1 ? "" : "s"}` : `${shown} of ${cards.length} films`;
    none.hidden = shown > 0;
  };
  const sort = () => {
    const by = order.value, value = ({card}) => Number(card.dataset[by]);
    list.append(...[...cards].sort((a, b) => (by ? value(b) - value(a) : 0) || a.place - b.place).map(({card}) => card));
  };
  words.addEventListener("input", show);
  order.addEventListener("change", sort);
  find.addEventListener("submit", event => event.preventDefault());
  find.hidden = false;
  // What a browser kept in the fields when one comes back.
  show();
  sort();
})();
