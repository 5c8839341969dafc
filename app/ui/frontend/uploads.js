/* Uploaded files and what became of them.

data: { finished, files: [{ name, state, detail }] }   state: waiting, working, done, skipped
clicked: { kind: "dismiss" }

Names and reasons are hostile: they are only ever set as textContent. */

const make = (tag, className, text) => {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== undefined) node.textContent = text;
  return node;
};

const MARKS = { waiting: "", working: "", done: "✓", skipped: "!" };

function drawFile(file) {
  const row = make("li", file.state);
  const mark = make("span", "mark", MARKS[file.state]);
  mark.setAttribute("aria-hidden", "true");
  const body = make("div", "body");
  body.append(make("div", "name", file.name), make("div", "detail", file.detail));
  row.append(mark, body);
  return row;
}

export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".root");
  const drawn = JSON.stringify(data);
  if (root.dataset.drawn === drawn) return;
  root.dataset.drawn = drawn;
  const list = make("ul");
  list.setAttribute("aria-label", "Uploads");
  list.append(...data.files.map(drawFile));
  const card = make("div", "uploads");
  card.setAttribute("role", "status");
  card.append(list);
  if (data.finished) {
    const dismiss = make("button", "dismiss", "Dismiss");
    dismiss.type = "button";
    dismiss.onclick = () => setTriggerValue("clicked", { kind: "dismiss" });
    card.append(dismiss);
  }
  root.replaceChildren(card);
}
