"""The environment: what is refused at the start, and that every variable is written down."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PLAIN = {"PATH": os.environ["PATH"], "SECRET_KEY": "for-tests-alone-" + "x" * 40, "FOYER_STRIPE_KEY": "rk_live_1234"}
ASKED_FOR = re.compile(r"""(?:env\.\w+|listed|environ\.get)\(\s*"([A-Z_]+)\"""")


def start(folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", "import config.settings"],
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
