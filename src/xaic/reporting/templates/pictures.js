// Pictures of the families: heat maps that can be made stronger, greyer and larger, and lines that can be brought forward.
(() => {
  const picks = [...document.querySelectorAll(".pick")];
  const raise = () => {
    const on = new Set(picks.filter((pick) => pick.getAttribute("aria-pressed") === "true").map((pick) => pick.dataset.method));
    document.querySelectorAll(".charts").forEach((charts) => charts.classList.toggle("picked", on.size > 0));
    document.querySelectorAll("g.curve").forEach((curve) => curve.classList.toggle("on", on.has(curve.dataset.method)));
  };
  picks.forEach((pick) => pick.addEventListener("click", () => {
    pick.setAttribute("aria-pressed", String(pick.getAttribute("aria-pressed") !== "true"));
    raise();
  }));

  const gallery = document.getElementById("gallery");
  if (!gallery) return;
  const large = document.getElementById("large");
  const strength = document.getElementById("strength");
  const grey = document.getElementById("grey");
  document.querySelector(".viewer").hidden = false;
  const look = () => {
    for (const place of [gallery, large]) {
      place.style.setProperty("--strength", String(strength.value / 100));
      place.classList.toggle("grey", grey.checked);
    }
  };
  strength.addEventListener("input", look);
  grey.addEventListener("change", look);
  look();

  let shown = null;
  const enlarge = (over) => {
    if (!over) return;
    shown = over;
    const under = over.querySelector("use");
    const map = document.getElementById("large-map");
    document.getElementById("large-title").textContent = over.dataset.title;
    document.getElementById("large-photo").setAttribute("href", under ? under.getAttribute("href") : "#none");
    map.className = over.querySelector("img").className;
    map.src = over.querySelector("img").src;
    map.alt = `heat map: ${over.dataset.title}`;
    if (!large.open) large.showModal();
  };
  const step = (down, across) => {
    const rows = [...shown.closest("tbody").querySelectorAll("tr.maprow:not([hidden])")].filter((row) => row.querySelector(".over"));
    const row = rows[(rows.indexOf(shown.closest("tr")) + down + rows.length) % rows.length];
    const overs = [...row.querySelectorAll(".over")];
    enlarge(overs[(Number(shown.dataset.column) + across + overs.length) % overs.length]);
  };
  gallery.addEventListener("click", (event) => enlarge(event.target.closest(".over")));
  large.querySelectorAll("[data-step]").forEach((button) => button.addEventListener("click", () => {
    step(...button.dataset.step.split(",").map(Number));
  }));
  document.getElementById("large-close").addEventListener("click", () => large.close());
  large.addEventListener("click", (event) => { if (event.target === large) large.close(); });
  large.addEventListener("close", () => { if (shown) shown.focus(); });
  large.addEventListener("keydown", (event) => {
    const steps = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
    if (!steps[event.key]) return;
    event.preventDefault();
    step(...steps[event.key]);
  });
})();
