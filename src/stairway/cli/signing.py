"""What an operator signs, away from every machine that trades."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from stairway.cli.asking import agreed_to

KEY_HELP = """Make an operator's key: FILE for his eyes alone, FILE with .pub for everybody.

[bold]Examples[/bold]

  stairway log key operator.pem

Keep the first on a machine that does not trade; the second, 32 bytes, goes to whoever is to \
believe it: as operator.pub into a run's folder, or as --operator of stairway run.

Exit: 0 made, 1 an error.
"""
SIGN_HELP = """Say which policy is in force, in a store that several machines share.

STORE is the URL of a log: postgresql://..., or redis://... with the folder that it is sent \
from (--outbox, the same each time). What is not said stays as it is.

[bold]Examples[/bold]

  stairway log sign URL --key operator.pem --policy daily --stage shadow --why "begin"

  stairway log sign URL --key operator.pem --stage retired --why "withdrawn" --yes

A password goes into the environment: STAIRWAY_POLICY_STORE=URL, and no STORE is named then.

What was agreed to is signed, or nothing: where somebody else signs meanwhile, nothing is. \
What Redis did not take waits in the outbox, and the same command sends it.

Exit: 0 signed and in force, 1 an error, not agreed to, or signed and not yet in the store.
"""
ATTEST_HELP = """Sign who was in charge of a run, change by change, as its operator.

The process that trades holds no private key: its promotions and rollbacks are on record, and \
signed by nobody. This reads them from the record, opens each model once more, and signs each \
change that is not signed yet. The key is Ed25519 as PEM; keep it on a machine that does not \
trade, and put its public half, 32 bytes, into the run's folder as operator.pub. Where there \
is no key yet, the error says how to make one.

[bold]Examples[/bold]

  stairway log attest runs/sample-1 --key operator.pem --dry-run

  stairway log attest runs/sample-1 --key operator.pem --yes

Exit: 0 signed or nothing to sign, 1 an error or not agreed to.
"""


Key = Annotated[Path, typer.Option(help="File with the operator's private key.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what would be signed.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")]


def key(
    file: Annotated[Path, typer.Argument(help="Where the private half goes, as PEM.")],
    as_json: AsJson = False,
) -> int:
    """Make a key."""
    import msgspec

    from stairway.app.issuing import make_key

    made = {"private": str(file), "public": str(make_key(file))}
    text = msgspec.json.encode(made).decode() if as_json else " ".join(made.values())
    sys.stdout.write(text + "\n")
    return 0


def sign(
    store: Annotated[
        str,
        typer.Argument(metavar="STORE", envvar="STAIRWAY_POLICY_STORE", help="URL of a log."),
    ],
    key: Key,
    why: Annotated[str, typer.Option(help="For people.")],
    policy: Annotated[
        str | None, typer.Option(help="daily, intraday, literal, or a TOML file.")
    ] = None,
    stage: Annotated[
        str | None, typer.Option(help="How far it may go: shadow, canary, champion, retired.")
    ] = None,
    settles: Annotated[
        str | None, typer.Option(help="Of two that contradict each other, which is followed.")
    ] = None,
    outbox: Annotated[Path | None, typer.Option(help="Folder, for Redis.")] = None,
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: AsJson = False,
) -> int:
    """Put a policy into force."""
    from stairway.app.issuing import Wish, issue, send_rest, would_issue

    wish = Wish.of(policy, stage, why, settles)
    answer = None if dry_run else send_rest(store, key, wish, outbox)
    if answer is None:
        answer = told = would_issue(store, key, wish)
        if not dry_run:
            if not yes:
                typer.echo(answer.as_text(), err=True, nl=False)
            if not (yes or agreed_to("sign this?")):
                return 1
            answer = issue(store, key, wish, outbox, told)
    sys.stdout.write(answer.as_json() if as_json else answer.as_text())
    return answer.exit_code


def attest(
    run: Annotated[Path, typer.Argument(help="Folder of a run.")],
    key: Key,
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: AsJson = False,
) -> int:
    """Sign who was in charge."""
    from stairway.app.attesting import sign_changes, would_sign

    answer = would_sign(run, key)
    if answer.changes and not dry_run:
        if not yes:
            typer.echo(answer.as_text(), err=True, nl=False)
        if not (yes or agreed_to("sign these?")):
            return 1
        answer = sign_changes(run, key)
    sys.stdout.write(answer.as_json() if as_json else answer.as_text())
    return 0
