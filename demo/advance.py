"""`python -m demo.advance 31d`: moves the time of the demo that runs in this folder, whatever its port."""

import json
import re
import subprocess
import sys

from demo.place import ROOT, Place

SPAN = re.compile(r"\d+(\.\d+)?[smhdw]?")


def main(words: list[str]) -> int:
    """Returns the exit status."""
    span = words[0].strip() if words else ""
    if not SPAN.fullmatch(span):
        return _complain(f"BY={span} is no span of time. Time goes forward: write BY=31d, BY=12h or BY=2w.")
    handover = Place(port=0).handover
    if not handover.is_file():
        return _complain("No demo runs here. Start one: make demo")
    sandbox = json.loads(handover.read_text())["sandbox"]
    command = [sys.executable, "-m", "sandbox", "advance", span, "--url", sandbox]
    return subprocess.run(command, cwd=ROOT, check=False).returncode  # noqa: S603 - our own command


def _complain(words: str) -> int:
    print(words, file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
