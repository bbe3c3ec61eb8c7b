"""Stripe's official command line, as a client of the sandbox: `python -m tests.stripe_cli` installs it below var/.

One version, known by the checksum of its package. npm fetches it from wherever it is set up to; nothing is trusted that
does not have the checksum. For Linux on x86-64.
"""

import base64
import hashlib
import json
import os
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGE, VERSION = "@stripe/cli-linux-x64", "1.52.0"
SHA512 = "q5x2AIP0ZSujN7iJNIdSPerRfQ/08OTWw9ukhCyxvlo2JAfu6xf8cIGhyDv6vZsQuoh4cn3c2tNJ0J+oY+Z37Q=="
BINARY = ROOT / "var" / f"stripe-cli-{VERSION}" / "stripe"


def install() -> None:
    """Put the command line at BINARY. Raises RuntimeError where the package is not the one that is known."""
    if BINARY.is_file():
        return
    with tempfile.TemporaryDirectory() as folder:
        packed = subprocess.run(
            ["npm", "pack", "--silent", "--json", f"{PACKAGE}@{VERSION}"],
            cwd=folder,
            check=True,
            stdout=subprocess.PIPE,
        )
        archive = Path(folder) / json.loads(packed.stdout)[0]["filename"]
        checksum = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
        if checksum != SHA512:
            raise RuntimeError(f"{PACKAGE} {VERSION} has the checksum sha512-{checksum}, not sha512-{SHA512}")
        unpack(archive)


def unpack(archive: Path) -> None:
    """The one file that is needed, put in place whole or not at all."""
    BINARY.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(archive) as package:
        member = package.extractfile("package/bin/stripe")
        if member is None:
            raise RuntimeError(f"{archive.name} has no bin/stripe")
        fresh = BINARY.with_suffix(".new")
        fresh.write_bytes(member.read())
    fresh.chmod(0o755)
    fresh.replace(BINARY)


class CommandLine:
    """The installed command line, speaking to one sandbox and to nobody else."""

    def __init__(self, url: str, key: str, *, home: Path) -> None:
        self.options = ["--api-base", url, "--api-key", key]
        self.environment = {
            "HOME": str(home),
            "XDG_CONFIG_HOME": str(home),
            "PATH": os.environ["PATH"],
            "NO_COLOR": "1",
            "STRIPE_CLI_TELEMETRY_OPTOUT": "1",
            # It looks for newer versions of itself: the discard port answers nothing.
            "HTTPS_PROXY": "http://127.0.0.1:9",
            "NO_PROXY": "127.0.0.1",
        }

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Raises FileNotFoundError where it is not installed."""
        command = [str(BINARY), *arguments, *self.options]
        return subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=60, check=False)

    @contextmanager
    def running(self, *arguments: str) -> Iterator["subprocess.Popen[str]"]:
        """While it listens. What it prints is read from its `stdout`, a pipe of lines."""
        command = [str(BINARY), *arguments, *self.options]
        process = subprocess.Popen(
            command, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        try:
            yield process
        finally:
            process.terminate()
            process.communicate(timeout=20)

    def offered(self) -> list[str]:
        """The events that `trigger` knows."""
        lines = self.run("trigger", "--help").stdout.partition("Supported events:")[2].splitlines()
        return [line.strip() for line in lines if line.startswith("  ") and "." in line and " " not in line.strip()]


if __name__ == "__main__":
    try:
        install()
    except (RuntimeError, OSError, subprocess.CalledProcessError) as error:
        sys.exit(f"Stripe's command line cannot be installed (it needs npm): {error}")
