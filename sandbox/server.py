"""gunicorn, embedded: one worker because the state lives in its memory, threads because requests wait."""

from pathlib import Path
from typing import Any

from gunicorn.app.base import BaseApplication  # type: ignore[import-untyped]  # gunicorn has no types
from gunicorn.arbiter import Arbiter  # type: ignore[import-untyped]

from sandbox.listening import MOST as MOST_LISTENERS


class Server(BaseApplication):
    """`port` 0 takes a free one; `port_file` says which, once the address is listened on. `threads` answer requests."""

    def __init__(self, *, host: str, port: int, threads: int, port_file: str, key: str) -> None:
        self.port_file, self.key = port_file, key
        self.wishes: dict[str, Any] = {
            "bind": f"[{host}]:{port}" if ":" in host else f"{host}:{port}",
            "workers": 1,
            "worker_class": "gthread",
            "threads": threads + MOST_LISTENERS,
            "control_socket_disable": True,
            "graceful_timeout": 1,
            "timeout": 120,
            "limit_request_line": 0,  # a longer query would be refused before we can say so in Stripe's words
            "keepalive": 300,  # longer than any client of a test is idle: none meets a connection as it is closed
            "loglevel": "warning",
            "when_ready": self.tell_port,
            "post_worker_init": start_threads,
        }
        super().__init__()

    def load_config(self) -> None:
        for name, value in self.wishes.items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        from sandbox.wsgi import application

        return application

    def tell_port(self, arbiter: Arbiter) -> None:
        port = arbiter.LISTENERS[0].sock.getsockname()[1]
        if self.port_file:
            Path(self.port_file).write_text(f"{port}\n")
        print(f"Sandbox: http://{self.wishes['bind'].rsplit(':', 1)[0]}:{port}/sandbox/", flush=True)
        print(f"Key:     {self.key}  (Ctrl-C stops it)", flush=True)


def start_threads(worker: object) -> None:
    """Deliveries and the clock live in the process that serves, after the fork."""
    from sandbox.box import box

    box().start()
