"""`talkedit shards`: to an object store and back."""

from pathlib import Path
from typing import Annotated

import typer

shards_commands = typer.Typer(no_args_is_help=True, help="Shards to an object store, and from there.")

Address = Annotated[str, typer.Argument(help="Such as s3://bucket/ann.", show_default=False)]


@shards_commands.command()
def push(
    folder: Annotated[Path, typer.Argument(help="Of the shards stage, such as data/ann/shards.", show_default=False)],
    address: Address,
) -> None:
    """Put shards into a store; what is there already is not sent again. S3 needs `pip install s3fs`.

    talkedit shards push data/ann/shards s3://bucket/ann
    """
    from talkedit.shards.remote import push_shards  # noqa: PLC0415 (quick help)

    sent = push_shards(folder, address)
    print(f"{address}: {len(sent)} files sent")


@shards_commands.command()
def fetch(address: Address) -> None:
    """Bring all clips into the cache, before a training asks for one after the other; print the folder for --shards.

    talkedit shards fetch s3://bucket/ann
    """
    from talkedit.shards.remote import fetch_shards  # noqa: PLC0415 (as above)

    print(fetch_shards(address))
