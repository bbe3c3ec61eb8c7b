"""`python -m sandbox serve|advance|seed|reset`: run the sandbox, move its clock, fill it, empty it."""

import argparse
import fcntl
import json
import os
import socket
import sys
import urllib.error
import urllib.request
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sandbox.box import DEMO_KEY, refuse_live_keys
from sandbox.clock import parse_span

PORT = 4242


def main(argv: list[str] | None = None) -> int:
    """Parse the command line and do what it says; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m sandbox", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    serve = commands.add_parser("serve", help="run the sandbox")
    serve.add_argument("--host", default="127.0.0.1", help="this machine alone (127.0.0.1) unless told")
    serve.add_argument("--port", type=int, default=PORT, help=f"{PORT}; 0 takes a free one")
    serve.add_argument("--state", default="var/sandbox.sqlite3", help='file (var/sandbox.sqlite3), or ":memory:"')
    serve.add_argument("--seed", type=int, default=1, help="the same number makes the same ids")
    serve.add_argument("--key", default="", help=f"the account's test key ({DEMO_KEY})")
    serve.add_argument("--clock-file", default="", help='kept at {"offset": seconds}')
    serve.add_argument("--mail", default="", help="folder of .eml files to show")
    serve.add_argument("--port-file", default="", help="where to write the port once listening")
    serve.add_argument("--exchanges", default="", help='record exchanges to this file ("-": memory only)')
    serve.add_argument("--allow-hosts", default="", help="webhook hosts besides loopback, comma separated")
    serve.add_argument(
        "--behind", type=parse_span, default=0, metavar="SPAN", help="start a new account in the past: 35d"
    )
    serve.add_argument(
        "--freeze", type=int, metavar="EPOCH", help="start a new account then, and let its time stand still"
    )
    serve.add_argument("--threads", type=int, default=16, help="requests answered at once")
    advance = commands.add_parser("advance", parents=[running()], help="move the clock: 31d, 12h, 2w")
    advance.add_argument("span")
    seed = commands.add_parser("seed", parents=[running()], help="add subscribers, many at once")
    seed.add_argument("--subscribers", type=int, default=10_000)
    seed.add_argument("--seed", type=int, default=1, help="the same mixture for the same number")
    seed.add_argument("--events", action="store_true", help="with the events of their making")
    commands.add_parser("reset", parents=[running()], help="forget everything")
    options = parser.parse_args(argv)
    if options.command == "serve":
        return run_server(options)
    options.url = options.url or f"http://127.0.0.1:{options.port}"
    try:
        print(_command(options))
    except urllib.error.HTTPError as refusal:
        return _complain(f"The sandbox refuses: {refusal.read().decode().strip()}")
    except OSError:
        return _complain(f"No sandbox answers on {options.url}. Start one: make demo, or make sandbox.")
    return 0


def running() -> argparse.ArgumentParser:
    """Where the sandbox is that is to do something."""
    parser = argparse.ArgumentParser(add_help=False)
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--port", type=int, default=PORT, help=f"of a sandbox on this machine ({PORT})")
    where.add_argument("--url", default="", help="of a sandbox anywhere")
    return parser


def _command(options: argparse.Namespace) -> str:
    """Has a running sandbox do what the command line says, and says what it did."""
    if options.command == "advance":
        told = tell(options.url, "clock", {"advance": options.span})
        now = datetime.fromtimestamp(told["now"], UTC)
        return f"It is now {now:%A, %d %B %Y, %H:%M} UTC. Things that fell due on the way: {told['done']}."
    if options.command == "seed":
        wishes = {"subscribers": options.subscribers, "seed": options.seed, "events": options.events}
        return json.dumps(tell(options.url, "seed", wishes))
    tell(options.url, "reset", {})
    return "The sandbox is empty, and its time is today."


def _complain(words: str) -> int:
    print(words, file=sys.stderr)
    return 1


def tell(url: str, what: str, wishes: dict[str, Any]) -> dict[str, Any]:
    """What a running sandbox answers."""
    request = urllib.request.Request(  # noqa: S310 - the operator names the address
        f"{url.rstrip('/')}/sandbox/{what}",
        data=json.dumps(wishes).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=600) as answer:  # noqa: S310
        told: dict[str, Any] = json.load(answer)
    return told


def run_server(options: argparse.Namespace) -> int:
    """Serve until stopped: one process, many threads, all state under one lock."""
    refuse_live_keys([*os.environ.values(), options.key])
    if is_taken(options.host, options.port):
        words = f"Something listens on {options.host}:{options.port} already, perhaps a sandbox."
        return _complain(f"{words} Choose another port: python -m sandbox serve --port 4243")
    claimed = claim_state(options.state)
    if claimed is None:
        return _complain(f"{options.state} is the state of a sandbox that runs. Choose another file: --state")
    values = {
        "SANDBOX_STATE": options.state,
        "SANDBOX_SEED": str(options.seed),
        "SANDBOX_CLOCK_FILE": options.clock_file,
        "SANDBOX_MAIL": options.mail,
        "SANDBOX_EXCHANGES": options.exchanges,
        "SANDBOX_ALLOW_HOSTS": options.allow_hosts,
        "SANDBOX_BEHIND": str(options.behind),
        "SANDBOX_FREEZE": "" if options.freeze is None else str(options.freeze),
        "DJANGO_SETTINGS_MODULE": "sandbox.settings",
    }
    if options.key:
        values["SANDBOX_KEY"] = options.key
    os.environ.update(values)
    from sandbox.server import Server

    key = options.key or DEMO_KEY
    with claimed:
        Server(
            host=options.host, port=options.port, threads=options.threads, port_file=options.port_file, key=key
        ).run()
    return 0


def claim_state(path: str) -> AbstractContextManager[object] | None:
    """A lock on the state, held as long as it is open; None where another sandbox has it, as both would write."""
    if path == ":memory:":
        return nullcontext()
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    lock = Path(f"{path}.lock").open("w")  # noqa: SIM115 - closing it is letting go of it
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.close()
        return None
    return lock


def is_taken(host: str, port: int) -> bool:
    """Whether somebody listens there; a free port (0) is never taken."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.settimeout(1)
        return port != 0 and probe.connect_ex((host, port)) == 0


if __name__ == "__main__":
    sys.exit(main())
