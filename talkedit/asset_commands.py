"""`talkedit assets`: what is fetched from elsewhere, fetched and checked by hand."""

from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from talkedit import assets
from talkedit.asset_list import ASSETS, Asset, PackageMember
from talkedit.errors import AssetError

asset_commands = typer.Typer(no_args_is_help=True, help="Weights and the sample clip: list, fetch and verify them.")
_STATES = {None: "not fetched", True: "checked", False: "damaged"}

Names = Annotated[list[str] | None, typer.Argument(help="Which; all if none is named.", show_default=False)]


@asset_commands.command("list")
def list_assets() -> None:
    """Show what there is: size, licence, where it comes from, and whether it is here.

    talkedit assets list
    """
    table = Table(Column("name", no_wrap=True), "MB", "here", "licence", "from", box=SIMPLE_HEAD, pad_edge=False)
    for asset in ASSETS.values():
        state = Text(_STATES[assets.is_intact(asset.name)])
        size = Text(f"{asset.size_bytes / 1e6:.1f}", justify="right")
        places = Text("\n".join(_places(asset)), overflow="fold")
        table.add_row(Text(asset.name), size, state, Text(asset.licence), places)
    Console().print(table)
    print(f"kept in {assets.cache_folder()}")


@asset_commands.command("fetch")
def fetch_assets(
    names: Names = None,
    mirror: Annotated[
        Path | None,
        typer.Option(help="A folder to look into before the network.", envvar="TALKEDIT_MIRROR", exists=True),
    ] = None,
) -> None:
    """Fetch assets into the cache, so that nothing needs the network later. What is here already is only checked.

    talkedit assets fetch hopenet rmn rmn_network --mirror /media/stick/talkedit
    """
    failed = []
    for name in _known(names):
        try:
            print(f"{name}: {assets.fetch(name, mirror)}")
        except AssetError as error:
            failed.append(f"{name}: {error.problem}")
    if failed:
        raise AssetError(", ".join(line.partition(":")[0] for line in failed), " | ".join(failed))


@asset_commands.command("verify")
def verify_assets(names: Names = None) -> None:
    """Hash everything in the cache and hold it against the list; status 1 if anything is damaged.

    talkedit assets verify
    """
    states = {name: assets.is_intact(name) for name in _known(names)}
    for name, state in states.items():
        print(f"{name}: {_STATES[state]}")
    damaged = [name for name, state in states.items() if state is False]
    if damaged:
        paths = ", ".join(str(assets.cached_path(name)) for name in damaged)
        raise AssetError(", ".join(damaged), f"not what it should be: {paths}; delete it, and it is fetched again")


def _known(names: list[str] | None) -> list[str]:
    for name in names or ():
        assets.cached_path(name)
    return names or list(ASSETS)


def _places(asset: Asset) -> list[str]:
    if isinstance(asset.source, PackageMember):
        return [f"package {asset.source.requirement}"]
    return [urlsplit(url).hostname or url for url in (asset.source.url, *asset.source.mirrors)]
