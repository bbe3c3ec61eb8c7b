"""The environment: what is refused at the start, and that every variable is written down."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.sandboxes import Sandbox

ROOT = Path(__file__).resolve().parents[2]
PLAIN = {"PATH": os.environ["PATH"], "SECRET_KEY": "for-tests-alone-" + "x" * 40, "FOYER_STRIPE_KEY": "rk_live_1234"}
ASKED_FOR = re.compile(r"""(?:env\.\w+|listed|environ\.get)\(\s*"([A-Z_]+)\"""")


def start(folder: Path, *, module: str = "config.settings", **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", f"import {module}"],
        cwd=ROOT,
        env={**PLAIN, "FOYER_VAR": str(folder), **variables},
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.parametrize(
    ("name", "value"), [("DEBUG", "1"), ("FOYER_DEMO", "1"), ("STRIPE_API_BASE", "http://127.0.0.1:4242")]
)
def test_a_site_for_play_does_not_start_with_a_live_key(tmp_path: Path, name: str, value: str) -> None:
    refused = start(tmp_path, **{name: value})
    assert refused.returncode != 0
    assert f"FOYER_STRIPE_KEY is a live key: take a test key, or unset {name}." in refused.stderr
    assert "rk_live_1234" not in refused.stderr
    assert start(tmp_path, **{name: value, "FOYER_STRIPE_KEY": "rk_test_1234"}).returncode == 0


def test_a_real_site_starts_with_a_live_key(tmp_path: Path) -> None:
    assert start(tmp_path).returncode == 0


def test_several_web_workers_do_not_start_on_one_sqlite_file(tmp_path: Path) -> None:
    refused = start(tmp_path, module="config.wsgi", WEB_CONCURRENCY="3")
    assert refused.returncode != 0
    assert "3 web workers would share one SQLite database" in refused.stderr
    assert start(tmp_path, module="config.wsgi", WEB_CONCURRENCY="1").returncode == 0
    postgres = "postgresql://foyer@/foyer?host=/nowhere"
    assert start(tmp_path, module="config.wsgi", WEB_CONCURRENCY="3", DATABASE_URL=postgres).returncode == 0


def test_what_the_readme_says_for_a_first_site_makes_one(tmp_path: Path) -> None:
    """Its own commands, in a folder of their own: nothing but this machine is needed."""
    shutil.copytree(ROOT / "config", tmp_path / "config")
    shutil.copy(ROOT / ".env.example", tmp_path / ".env.example")
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    (tmp_path / ".venv" / "bin" / "python").symlink_to(sys.executable)
    said = re.findall(r"^(?:cp|echo) .*\.env$", (ROOT / "README.md").read_text(), re.MULTILINE)
    assert len(said) == 3
    tell = "import json; from config import env as e; print(json.dumps({n: e.env.str(n, default='') for n in NAMES}))"
    names = ["SECRET_KEY", "ENCRYPTION_KEYS", "SITE_URL", "DATABASE_URL", "EMAIL_URL", "CELERY_BROKER_URL", "CACHE_URL"]
    commands = "\n".join([*said, f'{sys.executable} -c "NAMES = {names}; {tell}"'])
    answer = subprocess.run(
        ["sh", "-ec", commands], cwd=tmp_path, env={"PATH": os.environ["PATH"]}, capture_output=True
    )
    found = json.loads(answer.stdout)
    assert len(found["SECRET_KEY"]) > 50
    assert len(found["ENCRYPTION_KEYS"]) > 50
    assert found["SECRET_KEY"] != found["ENCRYPTION_KEYS"]
    assert [found[name] for name in names[2:]] == ["http://127.0.0.1:8000", "", "", "", ""]


@pytest.mark.parametrize("document", [".env.example", "docs/deploy.md"])
def test_every_variable_is_written_down(document: str) -> None:
    code = "".join(path.read_text() for path in (ROOT / "config").glob("*.py"))
    asked_for = set(ASKED_FOR.findall(code))
    assert {"SECRET_KEY", "ALLOWED_HOSTS", "FOYER_STRIPE_KEY", "WEB_CONCURRENCY"} <= asked_for
    assert asked_for - set(re.findall(r"\b[A-Z_]{4,}\b", (ROOT / document).read_text())) == set()


def test_a_checkout_without_a_site_of_its_own_says_that_it_speaks_of_the_demo(tmp_path: Path) -> None:
    (tmp_path / "config").mkdir()
    shutil.copy(ROOT / "config" / "env.py", tmp_path / "config" / "env.py")
    asked = [sys.executable, "-c", "from config.env import SITE_URL; print(SITE_URL)"]

    def said(**variables: str) -> tuple[str, str]:
        found = subprocess.run(asked, cwd=tmp_path, env=variables, capture_output=True, text=True, check=True)
        return found.stdout.strip(), found.stderr.strip()

    assert said() == ("http://127.0.0.1:8000", "")
    note = tmp_path / "var" / "demo" / "environment"
    note.parent.mkdir(parents=True)
    note.write_text("SITE_URL=http://127.0.0.1:8123\n")
    assert said() == (
        "http://127.0.0.1:8123",
        "There is no .env and no SECRET_KEY: this is about the demo in var/demo.",
    )
    assert said(SECRET_KEY="") == ("http://127.0.0.1:8000", "")


def test_two_demos_in_one_browser_keep_their_own_cookies(tmp_path: Path) -> None:
    tell = "from config import settings as s; print(s.SESSION_COOKIE_NAME, s.CSRF_COOKIE_NAME)"
    said = [
        subprocess.run(
            [sys.executable, "-c", tell],
            cwd=ROOT,
            env={**PLAIN, "FOYER_STRIPE_KEY": "", "FOYER_VAR": str(tmp_path), "FOYER_DEMO": "1", "SITE_URL": site},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for site in ("http://127.0.0.1:4700", "http://127.0.0.1:4706")
    ]
    assert said == ["session_4700 csrf_4700", "session_4706 csrf_4706"]


@pytest.mark.parametrize("span", ["nonsense", "-1d", "", "3 years"])
def test_a_span_of_time_that_is_none_is_refused_in_words(tmp_path: Path, span: str) -> None:
    refused = advance(tmp_path, span)
    assert refused.returncode == 1
    assert refused.stderr.strip() == f"BY={span} is no span of time. Time goes forward: write BY=31d, BY=12h or BY=2w."


def test_time_moves_in_the_demo_that_runs_here(tmp_path: Path, sandbox: Sandbox) -> None:
    assert advance(tmp_path, "2d").stderr.strip() == "No demo runs here. Start one: make demo"
    (tmp_path / "demo.json").write_text(json.dumps({"sandbox": sandbox.url}))
    before = sandbox.get("/sandbox/clock")["now"]
    assert "It is now" in advance(tmp_path, "2d").stdout
    assert sandbox.get("/sandbox/clock")["now"] - before >= 2 * 24 * 60 * 60


def advance(folder: Path, span: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "demo.advance", span],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "FOYER_DEMO_DIR": str(folder)},
        capture_output=True,
        text=True,
        timeout=60,
    )
