"""Write what the chart has of the settings and of its own values: ``make helm-files``."""

import json

from support.helm import CHART
from support.helm_readme import README, schema, with_table
from support.helm_settings import secret_names, settings_schema, variable_names


def main() -> None:
    written = schema()
    written["definitions"]["secretName"] = secret_names()
    written["definitions"]["settings"] = settings_schema()
    written["definitions"]["variable"]["properties"]["name"] = variable_names()
    text = json.dumps(written, indent=2, ensure_ascii=False) + "\n"
    (CHART / "values.schema.json").write_text(text, "utf-8")
    README.write_text(with_table(README.read_text("utf-8")), "utf-8")


if __name__ == "__main__":
    main()
