// One image at a time through model.onnx; see index.html.

import * as ort from "./node_modules/onnxruntime-web/dist/ort.wasm.min.mjs";

const SIZE = 300; // pixels; the network's input
const COLOURS = ["#e6194b", "#3cb44b", "#4363d8", "#f58231", "#911eb4", "#008080"];

const at = (id) => document.getElementById(id);
const state = (text) => { at("state").textContent = text; };

// several threads need headers that python -m http.server does not send
ort.env.wasm.numThreads = 1;
const model = await ort.InferenceSession.create("model.onnx");
const labels = (await (await fetch("labels.txt")).text()).trimEnd().split("\n");
let shown = null; // the image, and what was found in it
state("ready");

// uint8 (1, 300, 300, 3) RGB, squeezed to a square as in training
function pixels(image) {
  const canvas = new OffscreenCanvas(SIZE, SIZE);
  const context = canvas.getContext("2d");
  context.drawImage(image, 0, 0, SIZE, SIZE);
  const rgba = context.getImageData(0, 0, SIZE, SIZE).data;
  const rgb = new Uint8Array(SIZE * SIZE * 3);
  for (let i = 0; i < SIZE * SIZE; i++) {
    rgb.set(rgba.subarray(4 * i, 4 * i + 3), 3 * i);
  }
  return new ort.Tensor("uint8", rgb, [1, SIZE, SIZE, 3]);
}

// [{name, score, box}], box: xmin, ymin, xmax, ymax in 0..1
async function detect(image) {
  const outputs = await model.run({ images: pixels(image) });
  const found = [];
  for (let i = 0; i < outputs.count.data[0]; i++) {
    found.push({
      name: labels[outputs.classes.data[i]],
      score: outputs.scores.data[i],
      box: [...outputs.boxes.data.slice(4 * i, 4 * i + 4)],
    });
  }
  return found;
}

function draw() {
  const { image, found } = shown;
  const canvas = at("image");
  [canvas.width, canvas.height] = [image.width, image.height];
  const context = canvas.getContext("2d");
  context.drawImage(image, 0, 0);
  context.lineWidth = Math.max(2, image.width / 300);
  context.font = `${Math.max(12, image.width / 40)}px sans-serif`;
  at("objects").replaceChildren();
  for (const { name, score, box } of found) {
    if (score < at("least").value) break; // sorted by score
    const sides = [image.width, image.height, image.width, image.height];
    const [left, top, right, bottom] = box.map((side, i) => Math.round(side * sides[i]));
    context.strokeStyle = context.fillStyle = COLOURS[labels.indexOf(name) % COLOURS.length];
    context.strokeRect(left, top, right - left, bottom - top);
    context.fillText(`${name} ${score.toFixed(2)}`, left + 3, Math.max(top - 4, 14));
    const line = document.createElement("li");
    line.textContent = `${name} ${score.toFixed(2)} ${left} ${top} ${right} ${bottom}`;
    at("objects").append(line);
  }
}

async function show(file) {
  try {
    const image = await createImageBitmap(file);
    state("detecting");
    const start = performance.now();
    shown = { image, found: await detect(image) };
    draw();
    state(`${(performance.now() - start).toFixed(0)} ms`);
  } catch (error) {
    state(`${file.name}: ${error.message}`);
  }
}

at("file").addEventListener("change", (event) => show(event.target.files[0]));
at("least").addEventListener("input", () => shown && draw());
at("drop").addEventListener("dragover", (event) => {
  event.preventDefault();
  at("drop").classList.add("over");
});
at("drop").addEventListener("dragleave", () => at("drop").classList.remove("over"));
at("drop").addEventListener("drop", (event) => {
  event.preventDefault();
  at("drop").classList.remove("over");
  if (event.dataTransfer.files.length) show(event.dataTransfer.files[0]);
});
