"""Commands that need Redis."""

from click.testing import CliRunner

from router.cli import main


def test_unavailable_redis_is_one_line(tmp_path: object) -> None:
    environ = {"ROUTER_REDIS_URL": f"unix://{tmp_path}/none.sock"}
    away = CliRunner().invoke(main, ["dead-letters", "list"], env=environ)
    assert away.exit_code == 2
    assert away.stderr.startswith("router: Redis: ")
    assert away.stderr.endswith("(set ROUTER_REDIS_URL to the URL of Redis)\n")
