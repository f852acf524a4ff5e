// Sends each chosen file to the storage by a signed form, several at once, with a row for each. Without it the form is sent whole.
"use strict";

const AT_ONCE = 4;
const form = document.getElementById("upload");
const input = form.elements.files;
const told = document.getElementById("told");
const waiting = [];
const counts = { chosen: 0, added: 0, failed: 0 };
let running = 0;

function sizeText(bytes) {
  const units = ["B", "KiB", "MiB", "GiB"];
  let size = bytes;
  while (size >= 1024 && units.length > 1) {
    size /= 1024;
    units.shift();
  }
  return units[0] === "B" ? `${size} B` : `${size.toFixed(1)} ${units[0]}`;
}

// Names and reasons become text, never HTML.
class Row {
  constructor(file) {
    this.name = file.name;
    const row = document.getElementById("rows").insertRow();
    [this.title, this.size, this.state, this.reason] = [0, 1, 2, 3].map(() => row.insertCell());
    this.title.textContent = file.name;
    this.size.textContent = sizeText(file.size);
    this.show("WAITING");
  }

  show(word, reason = "") {
    const status = document.createElement("span");
    status.className = `status ${word.toLowerCase()}`;
    status.textContent = word;
    this.state.replaceChildren(status);
    this.reason.textContent = reason;
  }

  progress(part) {
    if (!this.bar?.isConnected) {
      this.bar = document.createElement("progress");
      this.bar.setAttribute("aria-label", `Sending ${this.name}`);
      this.state.replaceChildren(this.bar);
    }
    this.bar.value = part;
  }

  link(address) {
    const link = document.createElement("a");
    link.href = address;
    link.textContent = this.name;
    this.title.replaceChildren(link);
  }
}

class Refusal extends Error {
  constructor(status, text) {
    let words = `The server answered ${status}.`;
    try {
      words = JSON.parse(text).message || words;
    } catch {
      // A proxy's own page.
    }
    super(words);
    this.state = status === 400 ? "REFUSED" : "ERROR";
  }
}

async function ask(word, body) {
  const answer = await fetch(`${form.dataset.address}/${word}`, {
    method: "POST",
    headers: { "Content-Type": "application/json", "X-CSRF-Token": form.elements.csrf.value },
    body: JSON.stringify(body),
  });
  const text = await answer.text();
  if (!answer.ok) throw new Refusal(answer.status, text);
  return JSON.parse(text);
}

// XMLHttpRequest, since fetch tells no progress of what it sends.
function send(signed, file, row) {
  return new Promise((resolve, reject) => {
    const body = new FormData();
    for (const [name, value] of Object.entries(signed.fields)) body.append(name, value);
    body.append("file", file);
    const request = new XMLHttpRequest();
    request.upload.addEventListener("progress", (event) => row.progress(event.loaded / event.total));
    request.addEventListener("load", () => {
      if (request.status < 300) resolve();
      else reject(new Refusal(request.status, request.responseText));
    });
    request.addEventListener("error", () => reject(new TypeError("connection")));
    request.open("POST", signed.url);
    request.send(body);
  });
}

async function headOf(file) {
  try {
    const bytes = new Uint8Array(await file.slice(0, Number(form.dataset.headBytes)).arrayBuffer());
    return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  } catch {
    throw Object.assign(new Error("the browser cannot read it; a folder cannot be uploaded"), { state: "REFUSED" });
  }
}

async function upload({ file, row, labels }) {
  try {
    const named = { ...labels, filename: file.name };
    const signed = await ask("sign", { ...named, size: file.size, head: await headOf(file) });
    if (signed.refused) throw Object.assign(new Error(signed.refused), { state: "REFUSED" });
    row.progress(0);
    await send(signed, file, row);
    row.show("COMPUTING");
    const data = await ask("register", { ...named, object_name: signed.object_name });
    row.link(data.address);
    row.show(data.state, data.reason || "");
    counts[data.state === "ERROR" ? "failed" : "added"] += 1;
  } catch (error) {
    // What the network does is a TypeError without words for a reader.
    row.show(error.state || "ERROR", error.state ? error.message : "The connection broke off; upload it again.");
    counts.failed += 1;
  }
}

function tell() {
  const left = counts.chosen - counts.added - counts.failed;
  const failed = counts.failed ? `, ${counts.failed} failed` : "";
  told.textContent = `${counts.added} of ${counts.chosen} files added${failed}${left ? "" : "."}`;
}

async function work() {
  running += 1;
  while (waiting.length) {
    await upload(waiting.shift());
    tell();
  }
  running -= 1;
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  document.getElementById("result").hidden = false;
  const labels = { tags: form.elements.tags.value, source: form.elements.source.value };
  for (const file of input.files) {
    waiting.push({ file, row: new Row(file), labels });
    counts.chosen += 1;
  }
  input.value = "";
  tell();
  for (let free = Math.min(AT_ONCE - running, waiting.length); free > 0; free -= 1) work();
});

// Dropped files are put into the form's own field.
for (const name of ["dragover", "dragleave", "drop"]) {
  document.addEventListener(name, (event) => {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    form.classList.toggle("over", name === "dragover");
    if (name === "drop" && event.dataTransfer.files.length) input.files = event.dataTransfer.files;
  });
}

window.addEventListener("beforeunload", (event) => {
  if (running) event.preventDefault();
});
