"""Where ``router dev`` has its data: a folder for each rules folder."""

from pathlib import Path

import pytest

from router.dev.dev_store import DevStore, stores_folder

STORES = Path("/state/router/dev")


@pytest.mark.parametrize(
    ("state_home", "home", "folder"),
    [
        ("", "/home/me", "/home/me/.local/state/router/dev"),
        ("/state", "/home/me", "/state/router/dev"),
        ("/state", "~", "/state/router/dev"),
        ("state", "/home/me", "/home/me/.local/state/router/dev"),
    ],
)
def test_stores_are_in_the_xdg_state_folder(state_home: str, home: str, folder: str) -> None:
    assert stores_folder(state_home, home) == Path(folder)


@pytest.mark.parametrize("home", ["~", ""])
def test_a_user_without_a_home_has_none(home: str) -> None:
    assert stores_folder("", home) is None


@pytest.mark.parametrize(
    ("rules", "begins"),
    [
        ("/home/me/my-router/rules", "my-router-rules-"),
        ("/srv/\u00e9a & more/rules", "a-more-rules-"),
        ("/", "rules-"),
        ("/" + "x" * 200, "x" * 40 + "-"),
        ("/a/../..", "rules-"),
        ("/\udcff", "rules-"),
    ],
)
def test_a_store_can_be_recognised(rules: str, begins: str) -> None:
    name = DevStore(STORES, Path(rules)).folder.relative_to(STORES).name
    assert name.startswith(begins)
    assert len(name) <= 40 + 11


def test_paths_that_lead_to_one_folder_have_one_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "rules").mkdir()
    (tmp_path / "link").symlink_to("rules")
    monkeypatch.chdir(tmp_path)
    paths = [Path("rules"), tmp_path / "rules", Path("link"), Path("rules/../rules/")]
    assert len({DevStore(STORES, path).folder for path in paths}) == 1


def test_folders_whose_names_look_alike_have_two() -> None:
    paths = [Path("/a/b-c/rules"), Path("/a/b/c/rules"), Path("/x/b-c/rules")]
    assert len({DevStore(STORES, path).folder for path in paths}) == 3


def test_links_in_a_circle_have_one(tmp_path: Path) -> None:
    (tmp_path / "rules").symlink_to("rules")
    assert DevStore(STORES, tmp_path / "rules").rules == tmp_path / "rules"
