"""Write what follows from ``router/events/schemas/twilio/*.yaml``: ``make schemas``.

The Structs that conditions and events are checked against, the list of types, and docs/events.md.
"""

from support.schema_modules import FOLDER, modules


def main() -> None:
    for name, text in modules().items():
        path = FOLDER / name
        if not path.exists() or path.read_text() != text:
            path.write_text(text)
            print(f"{path.relative_to(FOLDER.parents[2])} written")


if __name__ == "__main__":
    main()
