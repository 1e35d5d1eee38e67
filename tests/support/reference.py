"""The documentation of each setting, derived from the settings model."""

import ast
import inspect
from itertools import pairwise

from router.settings import model as settings
from router.settings.environment import Variable, setting_text


def purposes() -> dict[str, str]:
    """Return the docstring of each field, on one line."""
    tree = ast.parse(inspect.getsource(settings))
    (struct,) = (
        node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "Settings"
    )
    return {
        field.target.id: " ".join(str(docstring.value.value).split())
        for field, docstring in pairwise(struct.body)
        if isinstance(field, ast.AnnAssign)
        and isinstance(field.target, ast.Name)
        and isinstance(docstring, ast.Expr)
        and isinstance(docstring.value, ast.Constant)
    }


def row(variable: Variable) -> str:
    """Return the setting's row in the table of docs/reference/settings.md."""
    default = setting_text(variable.default)
    shown = f"`{default}`" if default else ""
    text = purposes()[variable.field]
    return f"| `{variable.name}` | {shown} | {variable.values} | {text} |"


def example(variable: Variable) -> str:
    """Return the setting's line in .env.example."""
    return f"# {variable.name}={setting_text(variable.default)}"
