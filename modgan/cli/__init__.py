"""The `modgan` command: edit, translate, mix, list, info, train, report, pack, convert."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from modgan.card import page
from modgan.cli import pictures, training
from modgan.component import UnknownName
from modgan.data.images import DataError
from modgan.spec import InterfaceError
from modgan.zoo import ZooError, inspect, load, released

MISTAKES = (InterfaceError, UnknownName, ZooError, DataError, OSError)  # what users can mend
LINES = {"list", "info"}  # commands that only print: their reader may have seen enough


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    parser = argparse.ArgumentParser(prog="modgan", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for add in (*pictures.COMMANDS, _add_list, _add_info, *training.COMMANDS):
        add(commands)
    given, rest = parser.parse_known_args(argv)
    if rest and given.command != "train":
        parser.error(f"unknown arguments: {' '.join(rest)}")
    try:
        status = int(given.act(given, rest))
        sys.stdout.flush()
        return status
    except MISTAKES as error:
        if isinstance(error, BrokenPipeError) and given.command in LINES:  # as `head` does
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 1
        print(f"modgan {given.command}: {error}", file=sys.stderr)
        return 2


def _add_list(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser("list", help="the released zoos and their graphs")
    parser.set_defaults(act=_list)


def _list(_: argparse.Namespace, __: Sequence[str]) -> int:
    for name, path in released().items():
        header = inspect(path)
        print(f"{name}: {', '.join(header['parts'])}")
        for graph, steps in header["card"]["graphs"].items():
            print(f"  {graph}: {', '.join(steps)}")
    return 0


def _add_info(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser("info", help="the parts, wirings and card of a zoo")
    parser.add_argument("zoo", help="a zoo file or the name of a released one")
    parser.add_argument("--markdown", action="store_true", help="the card alone, as a page")
    parser.set_defaults(act=_info)


def _info(given: argparse.Namespace, _: Sequence[str]) -> int:
    if given.markdown:
        print(page(Path(given.zoo).stem, inspect(given.zoo)), end="")
        return 0
    zoo = load(given.zoo)
    print(zoo)
    for name in zoo.card.graphs:
        print(f"\ngraph {name}\n{zoo.graph(name)!r}")
    print(f"\nprovenance\n{json.dumps(zoo.card.provenance, indent=1, ensure_ascii=False)}")
    for row in zoo.card.metrics:
        print(f"{row['name']}: {row['value']} ({row['split']}, n = {row['n']})")
    return 0
