"use strict";

const data = JSON.parse(document.getElementById("data").textContent);

function element(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

// sorting: a click on a head sorts by its column, another one turns it round
function value(row, column) {
  const raw = row.cells[column].dataset.value;
  return raw === undefined ? row.cells[column].textContent : Number(raw);
}

function sort(table, column) {
  const head = table.tHead.rows[0].cells[column];
  const isText = head.dataset.text !== undefined;
  const before = head.getAttribute("aria-sort");
  const ascending = before === "none" ? isText : before === "descending";
  const body = table.tBodies[0];
  const rows = [...body.rows].sort((one, other) => {
    const a = value(one, column), b = value(other, column);
    if (isText) return ascending ? a.localeCompare(b) : b.localeCompare(a);
    if (Number.isNaN(a) || Number.isNaN(b)) return Number.isNaN(a) - Number.isNaN(b);
    return ascending ? a - b : b - a;
  });
  for (const cell of table.tHead.rows[0].cells) cell.setAttribute("aria-sort", "none");
  head.setAttribute("aria-sort", ascending ? "ascending" : "descending");
  body.append(...rows);
}

for (const table of document.querySelectorAll("table.sortable")) {
  for (const head of table.tHead.rows[0].cells) {
    const button = head.querySelector("button");
    button.addEventListener("click", () => sort(table, head.cellIndex));
  }
}

// images: each is in the page once, the boxes are drawn over it
const KINDS = ["true positives", "false positives", "class confusions", "misses"];

function words(box) {
  const [kind, classId, score, , other] = box;
  const name = data.classes[classId - 1];
  if (KINDS[kind] === "misses") return `miss: ${name}`;
  const said = `${name} ${score.toFixed(2)}`;
  return KINDS[kind] === "class confusions" ? `${said}, is ${data.classes[other - 1]}` : said;
}

function draw(number, model) {
  const source = data.images[number];
  const boxes = data.boxes[model][number];
  const figure = element("figure");
  const frame = element("div", "image");
  const image = element("img");
  image.src = source.src;
  image.width = source.width;
  image.height = source.height;
  const counts = KINDS.map((_, kind) => boxes.filter((box) => box[0] === kind).length);
  const told = KINDS.map((name, i) => `${name}: ${counts[i]}`).filter((_, i) => counts[i]);
  image.alt = `${source.name}: ${told.join(", ") || "no boxes"}`;
  frame.append(image);
  for (const box of [...boxes].reverse()) {
    const [left, top, right, bottom] = box[3];
    const drawn = element("div", `box ${KINDS[box[0]].replace(" ", "-")}`);
    drawn.style.cssText =
      `left:${left * 100}%;top:${top * 100}%;` +
      `width:${(right - left) * 100}%;height:${(bottom - top) * 100}%`;
    drawn.title = words(box);
    drawn.append(element("span", "", words(box)));
    frame.append(drawn);
  }
  figure.append(frame, element("figcaption", "", image.alt));
  return figure;
}

function show(model) {
  const same = document.getElementById("same");
  same.replaceChildren(...data.same.map((number) => draw(number, model)));
  const worst = document.getElementById("worst");
  worst.replaceChildren(...data.worst[model].map((number) => draw(number, model)));
  if (!data.worst[model].length) worst.append(element("p", "soft", "No errors."));
  for (const part of document.querySelectorAll("[data-model]")) {
    part.hidden = Number(part.dataset.model) !== model;
  }
}

for (const input of document.querySelectorAll(".switch input")) {
  input.addEventListener("change", () => show(Number(input.value)));
}
const labels = document.getElementById("labels");
labels.addEventListener("change", () => {
  document.getElementById("detections").classList.toggle("labels", labels.checked);
});
show(Number(document.querySelector(".switch input:checked").value));
