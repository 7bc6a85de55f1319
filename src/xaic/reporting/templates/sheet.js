// The figures of a selected cell, taken from the evidence further down; arrow keys walk through the cells.
(() => {
  const sheet = document.getElementById("sheet");
  const body = document.getElementById("sheet-body");
  const link = document.getElementById("sheet-link");
  const cells = [...document.querySelectorAll(".matrix td.cell a")];
  let selected = null;

  const piece = (tag, css, ...children) => {
    const made = document.createElement(tag);
    made.className = css;
    made.append(...children.filter((child) => child));
    return made;
  };
  const copy = (entry, css) => [...entry.querySelector(css).childNodes].map((node) => node.cloneNode(true));
  const line = (entry) => {
    const place = piece("b", "", entry.dataset.benchmark === "card" ? "card" : entry.dataset.benchmark.replace(/^[^/]*\//, ""));
    if (entry.dataset.reason !== undefined) {
      return piece("div", "sheet-row", place, piece("span", "", "not applicable"), piece("span", "because", entry.dataset.reason));
    }
    const reason = entry.nextElementSibling.querySelector(".because").textContent;
    const told = (name) => entry.querySelector(`[data-label="${name}"]`).textContent.trim();
    const figures = told("n") && !reason.includes("n = ") ? ` (${told("estimate")}, ${told("bounds")}, n = ${told("n")})` : "";
    return piece("div", "sheet-row", place, piece("span", "", ...copy(entry, ".st")),
      piece("span", "plot", ...copy(entry, ".pl")),
      piece("span", "because", reason, figures));
  };

  const close = () => {
    if (selected) selected.removeAttribute("aria-current");
    selected = null;
    sheet.hidden = true;
  };
  const show = (cell) => {
    close();
    const { method, criterion } = cell.dataset;
    const entries = [...document.querySelectorAll("#criteria [data-benchmark]")]
      .filter((one) => one.dataset.method === method && one.dataset.criterion === criterion);
    const name = cell.closest("tr").querySelector("th.name a").textContent;
    const title = document.getElementById(cell.hash.slice(1)).querySelector("summary .name").textContent;
    document.getElementById("sheet-title").textContent = `${name}: ${title}`;
    link.href = entries.length && entries[0].id ? `#${entries[0].id}` : cell.hash;
    body.replaceChildren(...entries.map(line));
    selected = cell;
    cell.setAttribute("aria-current", "true");
    sheet.hidden = false;
    const covered = cell.getBoundingClientRect().bottom + 8 - sheet.getBoundingClientRect().top;
    if (covered > 0) scrollBy(0, covered);
  };

  const walk = (cell, across, down) => {
    const row = cell.closest("tr");
    const rows = [...row.closest("table").querySelectorAll("tr.method:not([hidden])")];
    const at = [...row.cells].indexOf(cell.parentElement);
    const next = down ? rows[rows.indexOf(row) + down] : row;
    for (let i = at + across; next && i >= 0 && i < next.cells.length; i += across || next.cells.length) {
      const found = next.cells[i].querySelector("a[data-criterion]");
      if (found) return found;
    }
    return null;
  };
  const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  document.querySelectorAll(".matrix").forEach((table) => {
    const mine = [...table.querySelectorAll("td.cell a")];
    mine.forEach((cell, i) => { cell.tabIndex = i ? -1 : 0; });
    table.addEventListener("keydown", (event) => {
      const step = steps[event.key];
      const cell = event.target.closest("td.cell a");
      const next = step && cell && walk(cell, ...step);
      if (!next) return;
      event.preventDefault();
      mine.forEach((one) => { one.tabIndex = -1; });
      next.tabIndex = 0;
      next.focus();
      if (!sheet.hidden) show(next);
    });
  });

  cells.forEach((cell) => cell.addEventListener("click", (event) => {
    event.preventDefault();
    if (cell === selected) close(); else show(cell);
  }));
  document.getElementById("sheet-close").addEventListener("click", () => {
    const back = selected;
    close();
    if (back) back.focus();
  });
  document.addEventListener("keydown", (event) => { if (event.key === "Escape") close(); });
})();
