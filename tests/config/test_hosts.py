"""A site on its own: which names it answers to, and who may read what it writes."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tests.sandboxes import ROOT

TELL = "from config import settings; print(*settings.ALLOWED_HOSTS)"


def hosts(folder: Path, **given: str) -> list[str]:
    kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    environment = {**kept, "FOYER_VAR": str(folder), "SECRET_KEY": "x" * 50, "SITE_URL": "https://members.example"}
    told = subprocess.run(
        [sys.executable, "-c", TELL], cwd=ROOT, env={**environment, **given}, check=True, capture_output=True, text=True
    )
    return told.stdout.split()


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, ["members.example"]),
        ({"ALLOWED_HOSTS": "a.example, b.example"}, ["a.example", "b.example"]),
        ({"DEBUG": "1"}, ["members.example", "localhost", "127.0.0.1"]),
        ({"FOYER_DEMO": "1"}, ["members.example", "localhost", "127.0.0.1"]),
        ({"SITE_URL": "http://127.0.0.1:8000"}, ["127.0.0.1"]),
    ],
)
def test_a_public_site_answers_to_its_own_name_alone(
    tmp_path: Path, given: dict[str, str], expected: list[str]
) -> None:
    assert hosts(tmp_path / "var", **given) == expected


def test_what_is_written_locally_is_for_the_sites_user(tmp_path: Path) -> None:
    hosts(tmp_path / "var")
    assert stat.S_IMODE((tmp_path / "var").stat().st_mode) == 0o700
