"""examples/browser, in headless Chromium, against onnxruntime in Python."""

import json
import re
import shutil
import subprocess
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import cv2
import keras
import numpy as np
import pytest

import exporting
from data import read_image
from inference import runtimes
from models.weights.hub import DEFAULT
from tests.helpers.detectors import PHOTOS
from tests.helpers.exportables import exportable_of, need

PAGE = Path(__file__).parents[2] / "examples" / "browser"
PATIENCE = 60  # seconds for a browser to start and to detect; no measure of anything

# drops a file onto the page in a frame, as a hand would, and posts what it lists
DRIVER = """<!doctype html><iframe id="page" src="index.html"></iframe>
<script type="module">
const until = async (found) => {
  while (!found()) await new Promise((after) => setTimeout(after, 50));
};
const page = document.getElementById("page");
await new Promise((after) => { page.onload = after; });
const inside = page.contentDocument;
const state = () => inside.getElementById("state").textContent;
await until(() => state() === "ready");
const bytes = await (await fetch("image.png")).blob();
const data = new DataTransfer();
data.items.add(new File([bytes], "image.png", { type: "image/png" }));
const drop = new DragEvent("drop", { dataTransfer: data, bubbles: true });
inside.getElementById("drop").dispatchEvent(drop);
await until(() => /ms$|:/.test(state()));
const lines = [...inside.querySelectorAll("li")].map((line) => line.textContent);
await fetch("done", { method: "POST", body: JSON.stringify([state(), lines]) });
</script>"""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The page with the default detector beside it, and an image of 300x300."""
    if keras.backend.backend() != "tensorflow":
        pytest.skip("exports need TensorFlow")
    if shutil.which("chromium") is None:
        pytest.skip("chromium is not installed")
    if not (PAGE / "node_modules" / "onnxruntime-web").is_dir():
        pytest.skip("onnxruntime-web is not there: npm install in examples/browser")
    need("onnx")
    folder = tmp_path_factory.mktemp("site")
    for path in PAGE.iterdir():
        (folder / path.name).symlink_to(path)
    for name in ("model.onnx", "labels.txt"):  # what somebody may have put there
        (folder / name).unlink(missing_ok=True)
    ready = exportable_of(DEFAULT)
    exporting.write("onnx", ready, folder / "model.onnx")
    (folder / "labels.txt").write_text(ready.metadata.labels(), "utf-8")
    (folder / "driver.html").write_text(DRIVER, "utf-8")
    square = cv2.resize(read_image(PHOTOS / "cat.jpg"), (300, 300))
    assert cv2.imwrite(str(folder / "image.png"), square[..., ::-1])
    return folder


def browse(folder, profile):
    """What driver.html posts after it ran in Chromium."""
    posted, is_done = [], threading.Event()

    class Handler(SimpleHTTPRequestHandler):
        def do_POST(self):
            size = int(self.headers["Content-Length"])
            posted.append(json.loads(self.rfile.read(size)))
            self.send_response(204)
            self.end_headers()
            is_done.set()

        def log_message(self, *_):
            pass

    handler = partial(Handler, directory=folder)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}/driver.html"
        options = ["--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run"]
        options += ["--disable-background-networking", f"--user-data-dir={profile}"]
        with subprocess.Popen(
            ["chromium", *options, address],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as browser:
            is_done.wait(PATIENCE)
            browser.kill()
        server.shutdown()
    return posted


def test_the_page_has_what_the_script_asks_for():
    asked = re.findall(r'\bat\("(\w+)"\)', (PAGE / "detect.mjs").read_text("utf-8"))
    there = re.findall(r'id="(\w+)"', (PAGE / "index.html").read_text("utf-8"))
    assert set(asked) == set(there)


def test_a_dropped_image_is_detected_as_in_python(site, tmp_path):
    ((state, lines),) = browse(site, tmp_path)
    assert state.endswith(" ms"), state
    network = runtimes.load(site / "model.onnx", 0.5)
    (rows,) = network(read_image(site / "image.png")[None])
    rows = rows[rows[:, 1] > 0]
    assert len(lines) == len(rows) > 0
    for line, (class_id, score, *box) in zip(lines, rows, strict=True):
        name, *numbers = line.split()
        assert name == network.class_names[int(class_id) - 1]
        received = np.array(numbers, float)
        np.testing.assert_allclose(received[0], score, atol=0.006)
        np.testing.assert_allclose(received[1:], 300 * np.array(box), atol=0.51)
