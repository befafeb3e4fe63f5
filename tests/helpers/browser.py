"""A page in headless Chromium, driven by its DevTools protocol."""

import base64
import itertools
import json
import shutil
import subprocess
import time
import urllib.request
from contextlib import contextmanager

import pytest

SECONDS = 60  # until a browser that does not answer is given up


class Page:
    """A page that is open: JavaScript to ask it, keys to press, what it complained of.

    `complaints` holds errors and warnings of its console and exceptions nobody caught,
    `requests` each address that it asked for.
    """

    def __init__(self, socket):
        self._socket, self._ids = socket, itertools.count(1)
        self.complaints, self.requests = [], []
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method, **parameters):
        number = next(self._ids)
        request = {"id": number, "method": method, "params": parameters}
        self._socket.send(json.dumps(request))
        while (answer := self._receive()).get("id") != number:
            pass
        assert "error" not in answer, answer
        return answer["result"]

    def _receive(self):
        message = json.loads(self._socket.recv())
        kind, details = message.get("method"), message.get("params")
        if kind in ("Runtime.exceptionThrown", "Log.entryAdded"):
            self.complaints.append(json.dumps(details))
        if kind == "Runtime.consoleAPICalled" and details["type"] != "log":
            self.complaints.append(json.dumps(details))
        if kind == "Network.requestWillBeSent":
            self.requests.append(details["request"]["url"])
        return message

    def open(self, path):
        self.call("Page.navigate", url=path.as_uri())
        ends = time.monotonic() + SECONDS
        while self.ask("document.readyState") != "complete":
            assert time.monotonic() < ends, "the page does not load"

    def ask(self, expression):
        """The value of a JavaScript expression, for JSON."""
        answer = self.call(
            "Runtime.evaluate", expression=expression, returnByValue=True
        )
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def press(self, key, code=0):
        for kind in ("rawKeyDown", "char", "keyUp"):
            text = {"text": "\r"} if key == "Enter" and kind == "char" else {}
            if kind == "char" and not text:
                continue
            self.call(
                "Input.dispatchKeyEvent",
                **{"type": kind, "key": key, "windowsVirtualKeyCode": code, **text},
            )

    def resize(self, width, height=900, dark=False):
        self.call(
            "Emulation.setDeviceMetricsOverride",
            **{"width": width, "height": height, "deviceScaleFactor": 1},
            mobile=width < 600,
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])

    def screenshot(self, path, whole=True):
        answer = self.call("Page.captureScreenshot", captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(answer["data"]))


@contextmanager
def browser(folder):
    """A Page in a Chromium of its own; skips, saying so, where there is none."""
    websocket = pytest.importorskip("websocket", reason="no websocket-client")
    program = shutil.which("chromium") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("no chromium here (apt-get install chromium)")
    profile = folder / "profile"
    arguments = [
        *("--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"),
        *("--disable-dev-shm-usage", "--no-first-run", "--remote-debugging-port=0"),
        *("--remote-allow-origins=*", f"--user-data-dir={profile}", "about:blank"),
    ]
    process = subprocess.Popen(
        [program, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        port = _port(profile / "DevToolsActivePort")
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/json") as answer:
            targets = json.load(answer)
        address = next(t for t in targets if t["type"] == "page")
        socket = websocket.create_connection(
            address["webSocketDebuggerUrl"], timeout=SECONDS
        )
        yield Page(socket)
        socket.close()
    finally:
        process.terminate()
        process.wait()


def _port(path):
    ends = time.monotonic() + SECONDS
    while not (path.exists() and path.read_text().count("\n")):
        assert time.monotonic() < ends, "the browser does not start"
        time.sleep(0.05)
    return path.read_text().splitlines()[0]
