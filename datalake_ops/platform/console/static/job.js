// Follows the log of a job that runs; once it has ended, its page is read again.
"use strict";

const log = document.getElementById("lines");
let after = Number(log.dataset.after);
let wait = 1000;

async function follow() {
  try {
    const answer = await fetch(`${log.dataset.address}?after=${after}`, { headers: { Accept: "application/json" } });
    if (answer.redirected || !answer.ok) throw new Error(answer.statusText);
    const news = await answer.json();
    const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
    if (news.lines.length) log.append(news.lines.join("\n") + "\n");
    if (atEnd) log.scrollTop = log.scrollHeight;
    const grew = news.cursor > after;
    after = news.cursor;
    if (news.ended && !grew) {
      window.location.reload();
      return;
    }
    document.querySelector("#status .status").textContent = news.status;
    const counts = document.getElementById("count-list");
    if (news.counts) {
      counts.replaceChildren(...Object.entries(news.counts).flatMap(([name, value]) => {
        const [term, told] = [document.createElement("dt"), document.createElement("dd")];
        term.textContent = name;
        told.textContent = JSON.stringify(value);
        return [term, told];
      }));
    }
    wait = 1000;
  } catch {
    wait = Math.min(wait * 2, 15000);
  }
  window.setTimeout(follow, wait);
}

log.scrollTop = log.scrollHeight;
follow();
