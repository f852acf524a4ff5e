// Every page works without this. It asks before what cannot be undone, and ticks many boxes at once.
"use strict";

document.addEventListener("submit", (event) => {
  const asked = event.submitter?.dataset.question || event.target.dataset.question;
  if (asked && !window.confirm(asked)) event.preventDefault();
});

document.addEventListener("change", (event) => {
  const name = event.target.dataset.ticks;
  if (!name) return;
  for (const box of document.querySelectorAll(`input[type=checkbox][name="${CSS.escape(name)}"]`)) {
    box.checked = event.target.checked;
  }
});
