"""Write what follows from ``router/events/schemas/twilio/*.yaml``: ``make schemas``.

The Structs that conditions and events are checked against, the list of types, and docs/reference/events.md.
"""

from pathlib import Path

from support.events_page import PAGE, events_page
from support.schema_modules import FOLDER, ROOT, modules


def main() -> None:
    for name, text in modules().items():
        write(FOLDER / name, text)
    write(PAGE, events_page())


def write(path: Path, text: str) -> None:
    if not path.exists() or path.read_text() != text:
        path.write_text(text)
        print(f"{path.relative_to(ROOT)} written")


if __name__ == "__main__":
    main()
