"""A real Alertmanager and a real Prometheus with the settings of the Compose file, and a webhook."""

import json
import os
import shutil
import tempfile
import threading
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from queue import Queue
from typing import Any

import yaml

from tests.integration.broker.ports import Port
from tests.integration.broker.process import Process, Servers

_ROOT = Path(__file__).parents[2]
_START = _ROOT / "services/alertmanager/start.sh"
_SETTINGS = _ROOT / "services/prometheus/prometheus.yml"
_IN_COMPOSE = "alertmanager:9093"

Message = dict[str, Any]


def alertmanager() -> str | None:
    """Return the path of Alertmanager, which Debian names differently; None if it is not installed."""
    return shutil.which("alertmanager") or shutil.which("prometheus-alertmanager")


class Alerting(Servers):
    """Alertmanager, started by the image's script, and Prometheus with these rules instead of its own."""

    def __init__(self, folder: Path, rules: Mapping[str, Any], webhook_url: str) -> None:
        self._folder = Path(tempfile.mkdtemp(dir=folder))
        self._ports = [Port.reserve(), Port.reserve()]
        receiver, prometheus = (f"127.0.0.1:{port.number}" for port in self._ports)
        self.configuration = self._folder / "alertmanager.yml"
        """What the script wrote."""
        self.alertmanager = self._process("alertmanager", self._alertmanager(receiver, webhook_url), receiver)
        self._prometheus = self._process(
            "prometheus", self._prometheus_command(receiver, prometheus, rules), prometheus
        )

    def start(self) -> None:
        """Start both, and wait until they answer."""
        self.alertmanager.start()
        self._prometheus.start()

    def stop(self) -> None:
        """Kill both, and release their ports."""
        for process in (self._prometheus, self.alertmanager):
            process.kill()
        for port in self._ports:
            port.release()

    def _alertmanager(self, address: str, webhook_url: str) -> list[str]:
        programs = self._folder / "bin"
        programs.mkdir()
        (programs / "alertmanager").symlink_to(alertmanager() or "alertmanager")
        environment = [f"PATH={programs}:{os.environ['PATH']}", f"TMPDIR={self._folder}"]
        environment.append(f"ALERT_WEBHOOK_URL={webhook_url}")
        options = ["--cluster.listen-address=", f"--web.listen-address={address}"]
        return ["env", *environment, "sh", str(_START), f"--storage.path={self._folder / 'state'}", *options]

    def _prometheus_command(self, receiver: str, address: str, rules: Mapping[str, Any]) -> list[str]:
        text = _SETTINGS.read_text(encoding="utf-8")
        assert _IN_COMPOSE in text
        settings = yaml.safe_load(text.replace(_IN_COMPOSE, receiver)) | {"scrape_configs": []}
        (self._folder / "prometheus.yml").write_text(yaml.safe_dump(settings), encoding="utf-8")
        (self._folder / "alerts.yml").write_text(yaml.safe_dump(dict(rules)), encoding="utf-8")
        options = [f"--web.listen-address={address}", f"--storage.tsdb.path={self._folder / 'data'}"]
        options.append("--rules.alert.resend-delay=1s")  # what was sent before it knew Alertmanager is lost
        return ["prometheus", f"--config.file={self._folder / 'prometheus.yml'}", *options]

    def _process(self, name: str, command: list[str], address: str) -> Process:
        return Process(name, command, self._folder / f"{name}.log", lambda: _is_ready(address))


@contextmanager
def webhook() -> Iterator[tuple[str, "Queue[Message]"]]:
    """Serve a webhook; provide its URL and the messages that it receives."""
    received: Queue[Message] = Queue()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received.put(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Print nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/alerts", received
        finally:
            server.shutdown()
            thread.join()


def _is_ready(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"http://{address}/-/ready", timeout=1) as response:
            return bool(response.status == 200)
    except OSError:
        return False
