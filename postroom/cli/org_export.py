"""`postroom org export`: the addresses that mail is taken for, as a table for another program."""

from __future__ import annotations

import click

from postroom.cli.context import opened
from postroom.cli.writing import write_out
from postroom.core.routing import address_of, address_pattern
from postroom.errors import ConfigFault, UsageFault


@click.command(short_help="Write the recipient map: the address of every org, for an MTA.")
@click.option("--postfix", is_flag=True, help="As a Postfix table: an address and a value on each line.")
@click.option("--value", default="", metavar="TEXT", help='What stands behind each address; default: "OK".')
@click.option("-o", "output", metavar="FILE", default="-", help="Write it to this file, whole or not at all.")
@click.pass_context
def export(ctx: click.Context, *, postfix: bool, value: str, output: str) -> None:
    """Write the recipient map: one address for each org and alias, by name.

    With it an MTA itself refuses mail for an org that does not exist.  A suspended org stays in it: its mail
    goes to quarantine.
    """
    if value and not postfix:
        raise UsageFault("--value is for --postfix")
    with opened(ctx) as app:
        pattern = address_pattern(app.settings.orgs.address)
        slugs = sorted({slug for entry in app.directory.every() for slug in (entry.slug, *entry.aliases)})
    addresses = [address for slug in slugs if (address := address_of(slug, pattern)) is not None]
    if len(addresses) != len(slugs):
        raise ConfigFault(
            f'orgs.address = "{pattern.template}" leaves open what an address looks like',
            fix='write it without "*": orders+{org}@intake.example.com',
        )
    end = f" {value or 'OK'}\n" if postfix else "\n"
    text = "".join(address + end for address in addresses)
    if output == "-":
        click.echo(text, nl=False)
    else:
        write_out(text.encode(), output, force=True)
