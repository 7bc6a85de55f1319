"use strict";
(() => {
  const rows = [...document.querySelectorAll("#verdicts tr.method")];
  const text = document.getElementById("filter-text");
  const boxes = [...document.querySelectorAll("#filter input[type=checkbox]")];
  const count = document.getElementById("filter-count");
  const apply = () => {
    const part = text.value.trim().toLowerCase();
    const wanted = new Set(boxes.filter((box) => box.checked).map((box) => box.value));
    const all = wanted.size === boxes.length;
    let shown = 0;
    for (const row of rows) {
      const states = [...row.querySelectorAll("td[data-state]")].map((cell) => cell.dataset.state);
      const fits = row.dataset.name.includes(part) && (all || states.some((state) => wanted.has(state)));
      row.hidden = !fits;
      shown += fits;
    }
    count.textContent = `${shown} of ${rows.length} shown`;
  };
  text.addEventListener("input", apply);
  boxes.forEach((box) => box.addEventListener("change", apply));
  apply();

  const reveal = () => {
    const place = location.hash && document.getElementById(location.hash.slice(1));
    if (place && place.tagName === "DETAILS") place.open = true;
  };
  addEventListener("hashchange", reveal);
  reveal();
  addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((one) => { one.open = true; }));

  const gallery = document.getElementById("pictures");
  if (!gallery) return;
  const photos = [...gallery.querySelectorAll("img.photo")].map((photo) => photo.src);
  gallery.querySelectorAll(".over").forEach((over) => {
    over.style.backgroundImage = `url(${photos[Number(over.dataset.photo)]})`;
  });
  const opacity = document.getElementById("opacity");
  const grey = document.getElementById("grey");
  const look = () => {
    gallery.style.setProperty("--strength", String(opacity.value / 100));
    gallery.classList.toggle("grey", grey.checked);
  };
  opacity.addEventListener("input", look);
  grey.addEventListener("change", look);
  look();
  const large = document.getElementById("large");
  gallery.addEventListener("click", (event) => {
    const over = event.target.closest(".over");
    if (!over) return;
    document.getElementById("large-title").textContent = over.dataset.title;
    document.getElementById("large-photo").src = photos[Number(over.dataset.photo)];
    document.getElementById("large-map").src = over.querySelector("img").src;
    large.showModal();
  });
})();
