/* A question, its answer and its sources.

data: { id, newest, question, readAs, stage, note, error, refused, copy,
        blocks: [{ kind, ordinal, runs: [{ text, style, citation }] }],
        chips: [{ marker, citation, name, page }],
        passagesLabel, passages: [{ index, name, page, snippet, reason }],
        facts, rating: { offered, given: "" | "up" | "down", corrected, note, error } }
clicked: { kind: "citation" | "passage", index }
       | { kind: "rating", rating: "up" | "down" | "" }
       | { kind: "correction", expected, notAnswerable }

Everything in `data` may be hostile: it is only ever set as textContent. */

const make = (tag, className, text) => {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== undefined && text !== null) node.textContent = text;
  return node;
};

const button = (className, text, label, onClick) => {
  const node = make("button", className, text);
  node.type = "button";
  if (label) node.setAttribute("aria-label", label);
  node.onclick = onClick;
  return node;
};

const TAGS = { plain: "span", bold: "strong", code: "code" };

function drawRun(run, data, open) {
  if (run.style !== "citation") return make(TAGS[run.style] ?? "span", "", run.text);
  const chip = data.chips.find((c) => String(c.marker) === run.text);
  const label = `Source ${run.text}${chip ? `: ${chip.name} ${chip.page}` : ""}`;
  return button("cite", run.text, label, () => open("citation", run.citation));
}

function drawBlock(block, data, open) {
  const runs = block.runs.map((run) => drawRun(run, data, open));
  if (block.kind === "bullet" || block.kind === "numbered") {
    const item = make("div", "item");
    item.setAttribute("role", "listitem");
    const body = make("span");
    body.append(...runs);
    item.append(make("span", "", block.kind === "bullet" ? "•" : `${block.ordinal}.`), body);
    return item;
  }
  const paragraph = make("p", block.kind === "heading" ? "heading" : "");
  paragraph.append(...runs);
  return paragraph;
}

function drawAnswer(data, open) {
  const answer = make("div", data.refused ? "answer refused" : "answer");
  const writing = data.stage === "writing";
  answer.setAttribute("aria-busy", String(writing));
  answer.append(...data.blocks.map((block) => drawBlock(block, data, open)));
  if (writing) (answer.lastElementChild ?? answer).classList.add("caret");
  return answer;
}

function drawStatus(data) {
  const status = make("div", "status quiet");
  status.setAttribute("role", "status");
  status.append(make("span", "pulse"), make("span", "", data.note));
  return status;
}

function drawChips(data, open) {
  const list = make("ul", "sources");
  list.setAttribute("aria-label", "Sources cited");
  for (const chip of data.chips) {
    const item = make("li");
    const node = button("chip", "", `Open source ${chip.marker}: ${chip.name} ${chip.page}`, () =>
      open("citation", chip.citation),
    );
    node.append(make("span", "number", chip.marker), make("span", "name", chip.name));
    if (chip.page) node.append(make("span", "page", chip.page));
    item.append(node);
    list.append(item);
  }
  return list;
}

function drawPassages(data, open, expanded) {
  const details = make("details");
  details.open = expanded;
  const list = make("ul", "passages");
  for (const passage of data.passages) {
    const item = make("li");
    const node = button("passage", "", "", () => open("passage", passage.index));
    const where = make("div", "where");
    where.append(make("span", "", passage.name), make("span", "quiet", passage.page));
    node.append(where, make("div", "snippet", passage.snippet));
    if (passage.reason) node.append(make("div", "reason", passage.reason));
    item.append(node);
    list.append(item);
  }
  details.append(make("summary", "", data.passagesLabel), list);
  return details;
}

async function copyText(text) {
  if (navigator.clipboard && window.isSecureContext) {
    await navigator.clipboard.writeText(text);
    return;
  }
  // Plain http on another host has no clipboard interface.
  const area = document.createElement("textarea");
  area.value = text;
  document.body.append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
}

function drawThumb(data, rating, label, send) {
  const given = data.rating.given === rating;
  const thumb = button(`thumb ${rating}`, "", label, () =>
    send({ kind: "rating", rating: given ? "" : rating }),
  );
  thumb.title = `${label}. It is kept with the words that the answer quotes, for review.`;
  thumb.setAttribute("aria-pressed", String(given));
  return thumb;
}

function drawCorrection(send) {
  const form = make("form", "correction");
  const expected = make("input");
  expected.type = "text";
  expected.maxLength = 1000;
  expected.placeholder = "What would be right?";
  expected.setAttribute("aria-label", "What would be right?");
  form.onsubmit = (event) => {
    event.preventDefault();
    const said = expected.value.trim();
    if (said) send({ kind: "correction", expected: said, notAnswerable: false });
  };
  const submit = make("button", "", "Send");
  form.append(
    expected,
    submit,
    button("unanswerable", "The documents do not say", "", () =>
      send({ kind: "correction", expected: "", notAnswerable: true }),
    ),
  );
  return form;
}

function drawRating(data, send) {
  const rating = make("div", "rating");
  rating.append(
    drawThumb(data, "up", "Good answer", send),
    drawThumb(data, "down", "Bad answer", send),
  );
  const note = data.rating.error || data.rating.note;
  if (note) {
    const said = make("span", data.rating.error ? "failed" : "", note);
    said.setAttribute("role", "status");
    rating.append(said);
  }
  return rating;
}

function drawFooter(data, send) {
  const footer = make("div", "footer");
  if (data.copy) {
    const copy = button("copy", "Copy answer", "", async () => {
      await copyText(data.copy);
      copy.textContent = "Copied";
    });
    footer.append(copy);
  }
  if (data.rating.offered) footer.append(drawRating(data, send));
  if (data.facts) footer.append(make("span", "facts", data.facts));
  return footer;
}

/* A new question goes to the top, and its answer is read from there while it grows.

Streamlit makes the exchange anew when its answer ends, which breaks off a scroll that is under way
and, for a moment, makes the page too short to stand where it stood. So it goes there again, unless
the reader has moved since: the page itself remembers that, being all that stays. */
function bringIntoView(article, id) {
  if (window.paperlightShown?.id !== id) {
    window.paperlightShown?.unheard.abort();
    const shown = { id, moved: false, unheard: new AbortController() };
    const moved = (event) => {
      if (!event.target.closest?.(".st-key-stop")) shown.moved = true;
    };
    const options = { capture: true, passive: true, signal: shown.unheard.signal };
    for (const kind of ["wheel", "touchmove", "keydown", "pointerdown"]) {
      window.addEventListener(kind, moved, options);
    }
    window.paperlightShown = shown;
  }
  const shown = window.paperlightShown;
  // By the next frame the page has the height that the exchange gives it.
  requestAnimationFrame(() => {
    if (!shown.moved) article.scrollIntoView({ block: "start", behavior: "smooth" });
  });
}

export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".root");
  const drawn = JSON.stringify(data);
  if (root.dataset.drawn === drawn) return; // a redraw would lose the focus and the selection
  const isFirst = root.dataset.drawn === undefined;
  const wasOpen = root.querySelector("details")?.open;
  root.dataset.drawn = drawn;

  const send = (clicked) => setTriggerValue("clicked", clicked);
  const open = (kind, index) => send({ kind, index });
  const article = make("article", data.newest ? "exchange newest" : "exchange");
  article.dataset.stage = data.stage;
  article.append(make("h2", "question", data.question));
  if (data.readAs) article.append(make("div", "read-as quiet", `Read as: ${data.readAs}`));
  if (data.blocks.length) article.append(drawAnswer(data, open));
  if (data.note) article.append(drawStatus(data));
  if (data.error) {
    const error = make("div", "error", data.error);
    error.setAttribute("role", "alert");
    article.append(error);
  }
  if (data.chips.length) article.append(drawChips(data, open));
  if (data.passages.length) article.append(drawPassages(data, open, wasOpen ?? data.refused));
  article.append(drawFooter(data, send));
  if (data.rating.given === "down" && !data.rating.corrected) article.append(drawCorrection(send));
  root.replaceChildren(article);
  if (isFirst && data.newest) bringIntoView(article, data.id);
}
