"""Imports go down only: the contracts of pyproject.toml."""

from importlinter.cli import EXIT_STATUS_SUCCESS, lint_imports


def test_the_contracts_are_kept(capsys: object) -> None:
    assert lint_imports(no_cache=True) == EXIT_STATUS_SUCCESS, capsys.readouterr().out  # type: ignore[attr-defined]
