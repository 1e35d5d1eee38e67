"""Write the pages of docs/reference that follow from the code: ``make reference``."""

from support.reference_pages import GENERATED, ROOT


def main() -> None:
    for path, text in GENERATED.items():
        page = ROOT / path
        if not page.exists() or page.read_text("utf-8") != text():
            page.write_text(text(), "utf-8")
            print(f"{path} written")


if __name__ == "__main__":
    main()
