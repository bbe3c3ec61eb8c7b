"""`python -m demo.manage COMMAND …`: manage.py, in the environment of the demo."""

import json
import os
import sys

from django.core.management import execute_from_command_line

from demo.place import Place


def main() -> int:
    place = Place(port=0)
    if not place.shop.is_file():
        print("There is no demo yet: make demo", file=sys.stderr)
        return 1
    place = Place(port=json.loads(place.shop.read_text())["port"])
    os.environ.update(place.environment() | {"LOG_LEVEL": "WARNING"})
    execute_from_command_line(sys.argv)
    return 0


if __name__ == "__main__":
    sys.exit(main())
