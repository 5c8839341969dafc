/* What answers the questions, or how far its start has come.

data: { stage, name, facts, fraction, notice, advice, commands }
stage: starting, ready, failed.   fraction: in [0, 1] or null.   notice: "" for none. */

const make = (tag, className, text) => {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== undefined) node.textContent = text;
  return node;
};

function drawBar(data) {
  const bar = make("div", "bar");
  bar.setAttribute("role", "progressbar");
  bar.setAttribute("aria-label", data.name);
  bar.setAttribute("aria-valuenow", Math.round(data.fraction * 100));
  const done = make("div");
  done.style.width = `${data.fraction * 100}%`;
  bar.append(done);
  return bar;
}

function drawNotice(data) {
  const notice = make("details");
  notice.append(make("summary", "", data.notice), make("p", "", data.advice));
  notice.append(...data.commands.map((command) => make("code", "", command)));
  return notice;
}

export default function ({ data, parentElement }) {
  const root = parentElement.querySelector(".root");
  const drawn = JSON.stringify(data);
  if (root.dataset.drawn === drawn) return;
  root.dataset.drawn = drawn;
  const engine = make("div", `engine ${data.stage}`);
  const head = make("div", "head");
  head.setAttribute("role", "status");
  head.append(make("span", "dot"), make("span", "name", data.name));
  if (data.facts) head.append(make("span", "facts", data.facts));
  if (data.fraction !== null) head.append(drawBar(data));
  engine.append(head);
  if (data.notice) engine.append(drawNotice(data));
  root.replaceChildren(engine);
}
