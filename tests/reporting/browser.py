"""A headless Chromium driven over the WebDriver protocol with the standard library alone."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import time
from base64 import b64decode
from typing import TYPE_CHECKING, Any
from urllib import request
from urllib.error import HTTPError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--force-device-scale-factor=1",
    "--force-prefers-reduced-motion",
)
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
"""The key under which the protocol names an element."""

ENTER, ESCAPE, TAB, RIGHT, UP = "\ue007", "\ue00c", "\ue004", "\ue014", "\ue013"
STARTED = re.compile(r"successfully on port (\d+)")


def missing() -> str:
    """Return what is not installed here; empty where a browser can be driven."""
    if binary() is None:
        return "no Chromium is installed here"
    return "" if shutil.which("chromedriver") else "no chromedriver is installed here"


def binary() -> str | None:
    """Return the path of Chromium or Chrome, or None."""
    names = ("chromium", "chromium-browser", "google-chrome")
    return next((path for name in names if (path := shutil.which(name))), None)


class Refused(Exception):
    """The browser did not do what was asked; the message is its own."""


class Browser:
    """One session. Everything the browser logs is kept: console, and every request of the network stack."""

    def __init__(self, profile: Path) -> None:
        self.driver = subprocess.Popen(
            [str(shutil.which("chromedriver")), "--port=0"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self.opener = request.build_opener(request.ProxyHandler({}))
        try:
            self._begin(profile)
        except BaseException:
            self.driver.kill()
            raise

    def _begin(self, profile: Path) -> None:
        self.base = f"http://127.0.0.1:{self._port()}"
        options = {"binary": binary(), "args": [*FLAGS, f"--user-data-dir={profile}"]}
        wanted = {"goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"}}
        session = self._call("POST", "/session", {"capabilities": {"alwaysMatch": wanted}})
        self.base += f"/session/{session['sessionId']}"
        self._call("POST", "/url", {"url": "about:blank"})  # the browser's own first page has stopped loading

    def _port(self) -> int:
        assert self.driver.stdout is not None
        for line in self.driver.stdout:
            if found := STARTED.search(line):
                return int(found[1])
        raise RuntimeError("chromedriver did not start")

    def _call(self, verb: str, path: str, body: dict[str, Any] | None = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        asked = request.Request(self.base + path, data, {"Content-Type": "application/json"}, method=verb)
        try:
            with self.opener.open(asked, timeout=60) as answer:
                return json.load(answer)["value"]
        except HTTPError as fault:
            raise Refused(json.load(fault)["value"]["message"]) from fault

    def open(self, path: Path, width: int = 1280, height: int = 800) -> None:
        """Open a file at the size of a window; below 500 pixels as a phone."""
        phone = width < 500
        self.command(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=2 if phone else 1,
            mobile=phone,
        )
        self._call("POST", "/url", {"url": path.as_uri()})

    def command(self, name: str, **parameters: Any) -> Any:
        """Send a command of the DevTools protocol."""
        return self._call("POST", "/goog/cdp/execute", {"cmd": name, "params": parameters})

    def ask(self, script: str, *arguments: Any) -> Any:
        """Run a script in the page and return what it returns."""
        return self._call("POST", "/execute/sync", {"script": script, "args": list(arguments)})

    def wait(self, script: str, wanted: Any, seconds: float = 5.0) -> None:
        """Wait until a script returns what is wanted; raise ``AssertionError`` with what it returns instead."""
        end = time.monotonic() + seconds
        while (found := self.ask(script)) != wanted:
            assert time.monotonic() < end, f"{script}: {found!r}, not {wanted!r}"
            time.sleep(0.02)

    def find(self, css: str) -> str:
        """Return the first element of a selector."""
        return str(self._call("POST", "/element", {"using": "css selector", "value": css})[ELEMENT])

    def click(self, css: str) -> None:
        """Click as a mouse does: the element must be visible and not covered."""
        self._call("POST", f"/element/{self.find(css)}/click", {})

    def type(self, css: str, text: str) -> None:
        """Type into an element."""
        self._call("POST", f"/element/{self.find(css)}/value", {"text": text})

    def press(self, *keys: str) -> None:
        """Press keys, one after the other, wherever the focus is."""
        steps = [{"type": kind, "value": key} for key in keys for kind in ("keyDown", "keyUp")]
        self._call("POST", "/actions", {"actions": [{"type": "key", "id": "keys", "actions": steps}]})

    def console(self) -> list[str]:
        """Return what the console said since the last time: errors and warnings."""
        return [entry["message"] for entry in self._call("POST", "/se/log", {"type": "browser"})]

    def requests(self) -> Iterator[str]:
        """Yield the address of every request since the last time."""
        for entry in self._call("POST", "/se/log", {"type": "performance"}):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                yield message["params"]["request"]["url"]

    def picture(self, *, whole: bool = False) -> bytes:
        """Return a PNG of the window, or of the whole page."""
        return b64decode(self.command("Page.captureScreenshot", captureBeyondViewport=whole)["data"])

    def close(self) -> None:
        """End the session and the driver."""
        try:
            self._call("DELETE", "")
        finally:
            self.driver.terminate()
            self.driver.wait(10)
