"""The `modgan` command: edit, list, info, train."""

from __future__ import annotations

import argparse
import json
import runpy
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from PIL import Image
from tqdm import tqdm

from modgan.component import UnknownName
from modgan.data.images import DataError, open_image, sheet
from modgan.files import replacing
from modgan.graph import Graph
from modgan.spec import InterfaceError
from modgan.train.run import Recipe
from modgan.train.run import main as train_main
from modgan.zoo import DEFAULT, Zoo, ZooError, compose, inspect, load, released

PICTURES = {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff"}
MISTAKES = (InterfaceError, UnknownName, ZooError, DataError, OSError)  # what users can mend


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    parser = argparse.ArgumentParser(prog="modgan", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for add in (_add_edit, _add_list, _add_info, _add_train):
        add(commands)
    given, rest = parser.parse_known_args(argv)
    if rest and given.command != "train":
        parser.error(f"unknown arguments: {' '.join(rest)}")
    try:
        return int(given.act(given, rest))
    except MISTAKES as error:
        print(f"modgan {given.command}: {error}", file=sys.stderr)
        return 2


def _add_edit(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser("edit", help="change attributes of pictures")
    parser.add_argument("images", nargs="+", type=Path, metavar="IMAGE", help="pictures, folders")
    parser.add_argument("--set", action="append", required=True, metavar="NAME=LABEL",
                        help="an attribute and its new label, once for each edit")
    parser.add_argument("--order", help="names in the order to apply them: smile,hair; "
                        "else the order of --set")
    parser.add_argument("--masks", action="store_true", help="also write where each edit acts")
    parser.add_argument("--zoo", default=DEFAULT, help="a zoo file or the name of a released one")
    parser.add_argument("-o", "--out", type=Path, required=True,
                        help="a .png for one picture, a folder for more")
    parser.set_defaults(act=_edit)


def _edit(given: argparse.Namespace, _: Sequence[str]) -> int:
    """Edit every picture; those that cannot be read are named at the end."""
    values = _values(given.set)
    order = _order(given.order, values)
    zoo = load(given.zoo)
    graph = compose(["E", *(_transformer(zoo, name) for name in order), "R"], zoo)
    sources = _pictures(given.images)
    targets = _targets(sources, given.out)
    failed = []
    for source, target in tqdm(zip(sources, targets, strict=True), total=len(sources), disable=len(sources) < 2):
        try:
            _edit_one(graph, source, values, target, given.masks)
        except DataError as error:
            failed.append(str(error))
    for line in failed:
        print(f"modgan edit: {line}", file=sys.stderr)
    print(f"{len(sources) - len(failed)} of {len(sources)} edited: {given.out}")
    return 1 if failed else 0
