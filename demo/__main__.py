"""`python -m demo`: a whole site with a month behind it, on this machine, until it is stopped.

From the environment: PORT (8000; the sandbox takes the next one), RESET=1 to begin anew. Everything is in var/demo.
"""

import json
import os
import shutil
import socket
import sys
import time
from pathlib import Path

from demo.place import KEY, ROOT, Place
from demo.processes import Crew, Died, Stopped, answers

BEHIND = "36d"


def main() -> int:
    """Runs the demo; returns the exit status."""
    started = time.monotonic()
    place = Place(port=_port())
    if running := _running_site(place):
        return _complain(f"The demo already runs on {running}/ . Stop it there first (Ctrl-C).")
    if taken := _taken_port(place):
        return _complain(f"Port {taken} is in use. Choose another one: make demo PORT=8123")
    is_first = _begins_anew(place)
    if is_first:
        shutil.rmtree(place.folder, ignore_errors=True)
    try:
        with Crew(place) as crew:
            try:
                _start(crew, place, is_first=is_first)
                _hand_over(place)
                _greet(place, seconds=time.monotonic() - started)
                crew.watch()
            finally:
                place.handover.unlink(missing_ok=True)
    except Stopped:
        print("Stopped.", flush=True)
        return 0
    except Died as death:
        return _complain(str(death))
    return 0


def _begins_anew(place: Place) -> bool:
    """Asked to, or the last seeding never ended, or Stripe's webhooks and links lead to another port."""
    if os.environ.get("RESET", "") not in ("", "0") or not place.shop.is_file():
        return True
    made_for = json.loads(place.shop.read_text())["port"]
    if made_for != place.port:
        print(f"The demo was made for port {made_for}: beginning anew on {place.port}.", flush=True)
    return bool(made_for != place.port)


def _start(crew: Crew, place: Place, *, is_first: bool) -> None:
    """All at once: on a small machine most of the time goes into reading Python."""
    crew.start("sandbox", _sandbox_command(place))
    if is_first:
        print("Making a small pottery school with a month behind it. This takes about half a minute.", flush=True)
        crew.start("web", _web_command(place))
        crew.start("seed", ["-m", "demo.seed", str(place.port)])
        crew.finish("seed")
    else:
        if _schema_changed(place):
            crew.start("migrate", ["manage.py", "migrate", "--verbosity", "0"])
            crew.finish("migrate")
        crew.start("web", _web_command(place))
    _remember_schema(place)
    crew.start("worker", ["-m", "celery", "-A", "config", "worker", *_worker_options()])
    crew.start("beat", ["-m", "celery", "-A", "config", "beat", *_beat_options(place)])
    crew.wait_until("sandbox", lambda: answers(f"{place.sandbox}/sandbox/health"))
    crew.wait_until("web", lambda: answers(f"{place.site}/healthz"))
    crew.wait_until("worker", lambda: crew.says("worker", "ready."))
    crew.wait_until("beat", lambda: crew.says("beat", "Starting"))


def _sandbox_command(place: Place) -> list[str]:
    return [
        *("-m", "sandbox", "serve", "--port", str(place.port + 1), "--key", KEY, "--behind", BEHIND),
        *("--state", str(place.folder / "sandbox.sqlite3"), "--clock-file", str(place.clock_file)),
        *("--mail", str(place.mail)),
    ]


def _web_command(place: Place) -> list[str]:
    return [
        *("-m", "gunicorn", "config.wsgi", "--bind", f"127.0.0.1:{place.port}", "--no-control-socket"),
        *("--workers", "1", "--threads", "8", "--graceful-timeout", "3", "--log-level", "warning"),
    ]


def _worker_options() -> list[str]:
    """Threads: one process is enough here, and the folder broker has nobody to gossip with."""
    return ["--pool", "threads", "-c", "4", "-l", "INFO", "--without-gossip", "--without-mingle", "--without-heartbeat"]


def _beat_options(place: Place) -> list[str]:
    return ["-l", "INFO", "-s", str(place.folder / "beat"), "--pidfile="]


def _schema_changed(place: Place) -> bool:
    return not _schema_note(place).is_file() or _schema_note(place).read_text() != _schema()


def _remember_schema(place: Place) -> None:
    _schema_note(place).write_text(_schema())


def _schema_note(place: Place) -> Path:
    return place.folder / "schema"


def _schema() -> str:
    """Which migrations there are: asking Django would cost the second start half of its time."""
    return "\n".join(sorted(str(path.relative_to(ROOT)) for path in ROOT.glob("*/migrations/0*.py")))


def _hand_over(place: Place) -> None:
    """Written aside and renamed: who waits for the file never meets half of it."""
    place.note.write_text("".join(f"{name}={value}\n" for name, value in place.settings().items()))
    shop = json.loads(place.shop.read_text())
    facts = {
        "site": place.site,
        "sandbox": place.sandbox,
        "secret_key": KEY,
        "webhook_url": place.site + shop["webhook_path"],
        "mail": place.mailbox,
        "products": shop["products"],
        "people": shop["people"],
    }
    aside = place.handover.with_suffix(".part")
    aside.write_text(json.dumps(facts, indent=2) + "\n")
    aside.replace(place.handover)


def _greet(place: Place, *, seconds: float) -> None:
    people = json.loads(place.shop.read_text())["people"]
    lines = [f"    {person['email']:<22}{person['who']}" for person in people]
    print(
        f"""
Hillside Pottery is open ({seconds:.0f} s).

  the site       {place.site}/
  the console    {place.site}/console/
  Stripe         {place.sandbox}/sandbox/      a sandbox: no real money, test cards
  e-mails        {place.mailbox}

To sign in, enter one of these addresses; the code arrives among the e-mails.
{chr(10).join(lines)}

To buy as somebody new, open {place.site}/buy/studio-membership/ and pay with 4242 4242 4242 4242.
To move time: make advance BY=31d        To stop: Ctrl-C        To begin anew: RESET=1
""",
        flush=True,
    )


def _port() -> int:
    text = os.environ.get("PORT", "") or "8000"
    if not text.isdigit() or not 1 <= int(text) <= 65534:
        raise SystemExit(f"PORT is {text}: give a number from 1 to 65534.")
    return int(text)


def _running_site(place: Place) -> str:
    """The address of a demo that lives in this very folder; empty when the last one is gone."""
    if not place.handover.is_file():
        return ""
    facts = json.loads(place.handover.read_text())
    return str(facts["site"]) if answers(f"{facts['sandbox']}/sandbox/health") else ""


def _taken_port(place: Place) -> int | None:
    """The first of the two ports that somebody else listens on."""
    for port in (place.port, place.port + 1):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                return port
    return None


def _complain(words: str) -> int:
    print(words, file=sys.stderr, flush=True)
    return 1


if __name__ == "__main__":
    sys.exit(main())
