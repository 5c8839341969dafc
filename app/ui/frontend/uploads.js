/* Uploaded files and what became of them.

data: { finished, files: [{ name, state, detail, needsPassword }] }
  state: waiting, working, done, skipped
clicked: { kind: "dismiss" } | { kind: "password", index, password }

Names and reasons are hostile: they are only ever set as textContent. */

const make = (tag, className, text) => {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== undefined) node.textContent = text;
  return node;
};

const MARKS = { waiting: "", working: "", done: "✓", skipped: "!" };

function drawPassword(file, index, send) {
  const form = make("form", "unlock");
  const password = make("input");
  password.type = "password";
  password.autocomplete = "off";
  password.maxLength = 1000;
  password.placeholder = "Password";
  password.setAttribute("aria-label", `Password of ${file.name}`);
  form.onsubmit = (event) => {
    event.preventDefault();
    const given = password.value;
    password.value = "";
    if (given) send({ kind: "password", index, password: given });
  };
  form.append(password, make("button", "", "Open"));
  return form;
}

function drawFile(file, index, data, send) {
  const row = make("li", file.state);
  const mark = make("span", "mark", MARKS[file.state]);
  mark.setAttribute("aria-hidden", "true");
  const body = make("div", "body");
  body.append(make("div", "name", file.name), make("div", "detail", file.detail));
  if (data.finished && file.needsPassword) body.append(drawPassword(file, index, send));
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
  const send = (clicked) => setTriggerValue("clicked", clicked);
  list.append(...data.files.map((file, index) => drawFile(file, index, data, send)));
  const card = make("div", "uploads");
  card.setAttribute("role", "status");
  card.append(list);
  if (data.finished) {
    const dismiss = make("button", "dismiss", "Dismiss");
    dismiss.type = "button";
    dismiss.onclick = () => send({ kind: "dismiss" });
    card.append(dismiss);
  }
  root.replaceChildren(card);
}
