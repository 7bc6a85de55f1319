"use strict";
// The filter: by part of a name, by states and by role. It narrows every list and table of the page.
(() => {
  const panel = document.getElementById("filter");
  const text = document.getElementById("filter-text");
  const role = document.getElementById("filter-role");
  const boxes = [...panel.querySelectorAll("input[type=checkbox]")];
  const targets = [...document.querySelectorAll("[data-find]")];
  const rows = targets.filter((one) => one.matches("tr.method"));
  const flag = document.getElementById("filter-on");

  const fits = (one, part, wanted) =>
    one.dataset.find.includes(part) &&
    (!role.value || one.dataset.role === role.value) &&
    (!wanted.length || one.dataset.states === undefined ||
      one.dataset.states.split(" ").some((state) => wanted.includes(state)));

  const apply = () => {
    const part = text.value.trim().toLowerCase();
    const wanted = boxes.filter((box) => box.checked).map((box) => box.value);
    targets.forEach((one) => one.toggleAttribute("hidden", !fits(one, part, wanted)));
    const away = new Set([...document.querySelectorAll(".lines li[hidden] .pick")].map((pick) => pick.dataset.method));
    document.querySelectorAll("g.curve").forEach((one) => one.toggleAttribute("hidden", away.has(one.dataset.method)));
    document.querySelectorAll(".matrix tbody, .evidence tbody").forEach((body) => {
      const mine = [...body.querySelectorAll("[data-find]")];
      body.toggleAttribute("hidden", mine.length > 0 && mine.every((one) => one.hidden));
    });
    document.querySelectorAll(".scroll:has(> .matrix)").forEach((box) => {
      box.toggleAttribute("hidden", ![...box.querySelectorAll("tr.method")].some((row) => !row.hidden));
    });
    const shown = rows.filter((row) => !row.hidden).length;
    const active = Boolean(part || wanted.length || role.value);
    document.getElementById("filter-count").textContent = `${shown} of ${rows.length} shown`;
    document.getElementById("filter-none").hidden = shown > 0;
    document.getElementById("filter-clear").hidden = !active;
    flag.hidden = !active;
    flag.textContent = `Filter on: ${shown} of ${rows.length}. Clear`;
  };

  const clear = () => {
    text.value = "";
    role.value = "";
    boxes.forEach((box) => { box.checked = false; });
    apply();
  };

  panel.hidden = false;
  panel.addEventListener("input", apply);
  document.getElementById("filter-clear").addEventListener("click", () => { clear(); text.focus(); });
  flag.addEventListener("click", clear);
  apply();
})();
