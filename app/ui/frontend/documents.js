/* The list of documents.

data: { documents: [{ id, name, type, facts, title }] }
clicked: { kind: "open" | "remove", id }

Names are hostile: they are only ever set as textContent or as an attribute's value. */

const make = (tag, className, text) => {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== undefined) node.textContent = text;
  return node;
};

function drawRow(entry, click) {
  const row = make("li", "row");
  const open = make("button", "open");
  open.type = "button";
  open.title = entry.title;
  open.append(make("span", "name", entry.name));
  open.onclick = () => click("open", entry.id);
  const remove = make("button", "remove", "✕");
  remove.type = "button";
  remove.title = "Remove";
  remove.setAttribute("aria-label", `Remove ${entry.name}`);
  remove.onclick = () => click("remove", entry.id);
  const type = make("span", "type", entry.type);
  type.setAttribute("aria-hidden", "true");
  row.append(type, open, make("span", "facts", entry.facts), remove);
  return row;
}

export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".root");
  const drawn = JSON.stringify(data);
  if (root.dataset.drawn === drawn) return;
  root.dataset.drawn = drawn;
  const list = make("ul", "list");
  list.setAttribute("aria-label", "Documents");
  const click = (kind, id) => setTriggerValue("clicked", { kind, id });
  list.append(...data.documents.map((entry) => drawRow(entry, click)));
  root.replaceChildren(list);
}
