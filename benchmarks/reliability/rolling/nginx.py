"""A real nginx before the pods: keep-alive to them, no second try, its list changed by a reload."""

import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from benchmarks.reliability.errors import NoSuchTool, ServiceFailed
from benchmarks.reliability.service.process import free_port

START_SECONDS = 10.0
# `proxy_next_upstream off`: what a pod loses is lost, as behind a Service of Kubernetes, which
# tries nothing again. Clients open a connection a request: a reload closes theirs, and a request
# that meets that would be nginx's loss and not the service's.
CONFIG = """
{user}daemon off;
pid {place}/pid;
error_log {place}/error.log info;
worker_processes 1;
events {{ worker_connections 4096; }}
http {{
    log_format each '$upstream_addr $upstream_status $status';
    access_log {place}/access.log each;
    client_body_temp_path {place}/body;
    proxy_temp_path {place}/proxy;
    fastcgi_temp_path {place}/fastcgi;
    uwsgi_temp_path {place}/uwsgi;
    scgi_temp_path {place}/scgi;
    keepalive_timeout 0;
    upstream pods {{
        {servers}
        keepalive 32;
        keepalive_timeout 60s;
    }}
    server {{
        listen 127.0.0.1:{port} backlog=1024;
        location / {{
            proxy_pass http://pods;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_next_upstream off;
            proxy_read_timeout 30s;
        }}
    }}
}}
"""


def find_nginx() -> str:
    """The command.

    Raises:
        NoSuchTool: it is not installed.
    """
    found = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if found is None:
        raise NoSuchTool("nginx is not installed: apt-get install nginx-light brings it")
    return found


def nginx_version() -> str:
    """As it says itself."""
    done = subprocess.run([find_nginx(), "-v"], capture_output=True, text=True, check=False)  # noqa: S603  ours
    return done.stderr.strip().rpartition(" ")[2]


class Nginx:
    """One that runs, and the pods it has been told of.

    Attributes:
        port: where it listens.
    """

    def __init__(self, place: Path, pods: Sequence[int]) -> None:
        self.port = free_port()
        self._place = place
        self._pods = list(pods)
        self._lock = threading.Lock()
        self._timers: list[threading.Timer] = []
        self._write()
        self._process = subprocess.Popen(  # noqa: S603  ours
            [find_nginx(), "-p", str(place), "-e", str(place / "error.log"), "-c", "nginx.conf"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def await_started(self) -> None:
        """Waits until it listens.

        Raises:
            ServiceFailed: it does not.
        """
        give_up = time.monotonic() + START_SECONDS
        while not (self._place / "pid").exists() and time.monotonic() < give_up:
            if self._process.poll() is not None:
                break
            time.sleep(0.02)
        if self._process.poll() is not None or not (self._place / "pid").exists():
            raise ServiceFailed(f"nginx did not start:\n{self.log()}")

    def add(self, pod: int) -> None:
        """Sends requests to a pod as well."""
        with self._lock:
            self._pods.append(pod)
            self._reload()

    def remove_after(self, pod: int, seconds: float) -> None:
        """Sends it no new ones from then on; those on their way go on."""
        timer = threading.Timer(seconds, self._remove, [pod])
        timer.daemon = True
        self._timers.append(timer)
        timer.start()

    def answered(self) -> Counter[int]:
        """How many requests each pod answered with 200."""
        found: Counter[int] = Counter()
        for line in (self._place / "access.log").read_text(encoding="utf-8").splitlines():
            pod, upstream, status = line.split(" ")[:3]
            if upstream == status == "200":
                found[int(pod.rpartition(":")[2])] += 1
        return found

    def log(self) -> str:
        """What it had to say of errors."""
        path = self._place / "error.log"
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        wrong = (" [error] ", " [crit] ", " [alert] ", " [emerg] ")
        return "\n".join(line for line in lines if any(word in line for word in wrong))

    def end(self) -> None:
        """Stops it."""
        for timer in self._timers:
            timer.cancel()
        self._process.terminate()
        self._process.wait(START_SECONDS)

    def _remove(self, pod: int) -> None:
        with self._lock:
            self._pods.remove(pod)
            self._reload()

    def _reload(self) -> None:
        self._write()
        self._process.send_signal(signal.SIGHUP)

    def _write(self) -> None:
        servers = " ".join(f"server 127.0.0.1:{pod} max_fails=0;" for pod in self._pods)
        user = "user root;\n" if os.geteuid() == 0 else ""
        text = CONFIG.format(place=self._place, port=self.port, servers=servers, user=user)
        written = self._place / "nginx.conf.new"
        written.write_text(text, encoding="utf-8")
        written.replace(self._place / "nginx.conf")


@contextmanager
def before(pods: Sequence[int]) -> Iterator[Nginx]:
    """Runs one before some pods.

    Raises:
        NoSuchTool: nginx is not installed.
        ServiceFailed: it does not start.
    """
    with tempfile.TemporaryDirectory(prefix="rolling-") as place:
        found = Nginx(Path(place), pods)
        try:
            found.await_started()
            yield found
        finally:
            found.end()
