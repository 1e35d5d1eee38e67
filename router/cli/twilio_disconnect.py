"""``router twilio disconnect``: delete what ``connect`` has made."""

import click

from router.cli.output import as_json, echo
from router.cli.twilio_output import print_calls
from router.cli.twilio_session import TwilioSession, fail
from router.client.twilio_advice import of_api_error
from router.client.twilio_api import TwilioApi, TwilioApiError
from router.client.twilio_connection import read_account
from router.client.twilio_plan import DisconnectPlan, plan_disconnect


@click.command()
@click.option(
    "--url", default="", help="URL of the sink.  [default: ROUTER_TWILIO_URL, or ROUTER_PUBLIC_URL]"
)
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option(
    "--dry-run", is_flag=True, help="Print the calls that would be made, and change nothing."
)
@click.option("--json", is_flag=True, help="Print JSON.")
def disconnect(url: str, *, yes: bool, dry_run: bool, json: bool) -> None:
    """Delete what connect has made for a URL.

    The subscription goes first, then the sink. A sink or subscription that was made in another way
    stays, and is shown with the reason.
    """
    session = TwilioSession.read()
    place = session.url(url)

    async def read(api: TwilioApi) -> DisconnectPlan:
        return plan_disconnect(place, await read_account(api, place))

    plan = session.call(read, json=json)
    if dry_run:
        print_calls(plan.calls, session.hosts.events, json=json)
        return
    for line in plan.kept:
        echo(f"stays: {line}", err=json)
    if plan.calls and not yes:
        _confirm(plan, err=json)
    _delete(plan, session, json=json)
    if json:
        click.echo(as_json({"deleted": list(plan.deleted), "kept": list(plan.kept)}))
    elif not (plan.calls or plan.kept):
        echo(f"there is no sink with the URL {place}")


def _confirm(plan: DisconnectPlan, *, err: bool) -> None:
    for line in plan.deleted:
        echo(f"delete: {line}", err=err)
    click.confirm("Delete these at Twilio?", abort=True, err=err)


def _delete(plan: DisconnectPlan, session: TwilioSession, *, json: bool) -> None:
    """Make the calls in their order: a sink that a subscription uses cannot be deleted."""

    async def delete(api: TwilioApi) -> None:
        for number, (call, line) in enumerate(zip(plan.calls, plan.deleted, strict=True)):
            try:
                await api.run(call)
            except TwilioApiError as error:
                fail(of_api_error(error), plan.deleted[number:], json=json)
            echo(f"deleted: {line}", err=json)

    session.call(delete, json=json)
