"""A real nginx for tests, as a reverse proxy with its defaults, in a folder of its own."""

import shutil
from pathlib import Path
from typing import Self
from urllib.request import urlopen

from tests.integration.broker.ports import Port
from tests.integration.broker.process import Process

_DEBIAN = "/usr/sbin/nginx"  # not on the PATH of every user
_CONFIGURATION = """
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log {folder}/nginx.err;
events {{ worker_connections 256; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  server {{
    listen 127.0.0.1:{port};
    location = /is-ready {{ return 204; }}
    {server}
  }}
}}
"""


def binary() -> str | None:
    """Return the path of nginx, None if it is not installed."""
    return shutil.which("nginx") or shutil.which(_DEBIAN)


class Nginx:
    """One server block, whose directives besides `listen` are `server`."""

    def __init__(self, folder: Path, server: str) -> None:
        folder.mkdir()
        self._port = Port.reserve()
        self.url = f"http://127.0.0.1:{self._port.number}"
        configuration = folder / "nginx.conf"
        configuration.write_text(_CONFIGURATION.format(folder=folder, port=self._port.number, server=server))
        command = [binary() or "nginx", "-p", str(folder), "-c", str(configuration)]
        self._process = Process("nginx", command, folder / "nginx.log", self._is_ready)

    def __enter__(self) -> Self:
        self._process.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._port.release()

    def _is_ready(self) -> bool:
        try:
            with urlopen(f"{self.url}/is-ready", timeout=1) as answer:  # noqa: S310 - our own http URL
                return bool(answer.status == 204)
        except OSError:
            return False
