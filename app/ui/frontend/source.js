/* A place in a document: where it is, and its text with the quoted passage marked.

data: { name, place, note, before, quote, after, tall }
Document text is hostile: it is only ever set as textContent. */

const make = (tag, className, text) => {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== undefined) node.textContent = text;
  return node;
};

export default function ({ data, parentElement }) {
  const root = parentElement.querySelector(".root");
  const drawn = JSON.stringify(data);
  if (root.dataset.drawn === drawn) return;
  root.dataset.drawn = drawn;

  const where = make("div", "where");
  where.append(make("h2", "name", data.name), make("div", "place", data.place));
  if (data.note) where.append(make("div", "note", data.note));
  const text = make("div", data.tall ? "text tall" : "text");
  text.tabIndex = 0; // a region that scrolls must be reachable by keyboard
  text.setAttribute("role", "region");
  text.setAttribute("aria-label", "Text of the page");
  const quote = make("mark", "", data.quote);
  text.append(make("span", "around", data.before));
  if (data.quote) text.append(quote);
  text.append(make("span", "around", data.after));
  root.replaceChildren(where, text);
  // Inside its own box: scrollIntoView would move the whole page.
  if (data.quote) text.scrollTop = Math.max(0, quote.offsetTop - text.offsetTop - 70);
  takeFocus(root);
}

/* The drawer closes on Escape only while it has the focus, which it does not always take where it
was opened without a pointer or a key, as screen readers do. */
function takeFocus(root) {
  const drawer = (root.getRootNode().host ?? root).closest("[role=dialog]");
  if (drawer && !drawer.contains(document.activeElement)) drawer.focus();
}
