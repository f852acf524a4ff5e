// Opens the picture over the page: a click or Enter zooms, a second one shows it in its own pixels, Escape closes.
"use strict";

document.getElementById("zoom")?.addEventListener("click", (event) => {
  if (event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  const picture = event.currentTarget.querySelector("img");
  const dialog = document.createElement("dialog");
  dialog.className = "zoom";
  dialog.setAttribute("aria-label", picture.alt);
  const shown = document.createElement("img");
  shown.src = picture.src;
  shown.alt = picture.alt;
  const close = document.createElement("button");
  close.textContent = "Close";
  close.addEventListener("click", () => dialog.close());
  shown.addEventListener("click", () => dialog.classList.toggle("actual"));
  dialog.append(close, shown);
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
});
