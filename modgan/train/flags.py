"""The command line of a recipe: a flag for each setting, and those of every run."""

from __future__ import annotations

import argparse
import inspect
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any

from modgan.component import UnknownName
from modgan.train.loop import TrainingError
from modgan.train.recipe import Bookkeeping, Engine, Recipe
from modgan.train.run import run

NEEDED = {"seed", "steps", "decay", "ema"}
MISTAKES = (TrainingError, ValueError, UnknownName, OSError)


def main(recipe: Recipe, argv: Sequence[str] | None = None) -> None:
    """Run `recipe` as its flags say."""
    chooser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    chooser.add_argument("--variant", choices=sorted(recipe.variants), help="a named variant")
    chosen, _ = chooser.parse_known_args(argv)
    recipe = recipe.variants[chosen.variant] if chosen.variant else recipe
    parser = argparse.ArgumentParser(
        prog=f"{recipe.name}.py",
        description=sys.modules[recipe.parts.__module__].__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        parents=[chooser],
        allow_abbrev=False,
    )
    parser.add_argument("--out", type=Path, default=Path("runs") / recipe.name)
    parser.add_argument("--resume", action="store_true", help="go on from the last saved state")
    parser.add_argument("--smoke", action="store_true", help="a tiny run, in seconds")
    records = (recipe.settings, Engine(), Bookkeeping())
    _check_names(recipe)
    titles = ("settings, what is trained", "engine, on what", "bookkeeping, what is written when")
    for record, title in zip(records, titles, strict=True):
        _add_flags(parser.add_argument_group(title), record)
    given = vars(parser.parse_args(argv))
    smoke = recipe.smoke if given["smoke"] else {}
    try:
        settings, engine, book = (_changed(record, smoke, given) for record in records)
        path = run(recipe, settings, given["out"], resume=given["resume"], engine=engine, book=book)
    except MISTAKES as error:
        parser.exit(2, f"{parser.prog}: {error}\n")
    print(path)


def _check_names(recipe: Recipe) -> None:
    """Refuse settings that lack what every run needs, or take the name of a run's flag."""
    names = {item.name for item in fields(recipe.settings)}
    taken = {item.name for record in (Engine(), Bookkeeping()) for item in fields(record)}
    taken |= {"out", "resume", "smoke", "variant"}
    missing, twice = NEEDED - names, taken & names
    if missing or twice:
        raise TrainingError(
            f"recipe {recipe.name}: its settings "
            + (f"lack {', '.join(sorted(missing))}, which every run needs" if missing else "")
            + (" and " if missing and twice else "")
            + (f"name {', '.join(sorted(twice))}, which are flags of every run" if twice else "")
        )


def _add_flags(group: argparse._ArgumentGroup, record: Any) -> None:
    """One flag per field of a dataclass, explained by its comment."""
    kinds = [kind for kind in reversed(type(record).__mro__) if is_dataclass(kind)]
    source = "".join(inspect.getsource(kind) for kind in kinds)
    meanings = dict(re.findall(r"^    (\w+): .*?  # (.*)$", source, re.M))
    for item in fields(record):
        default = getattr(record, item.name)
        flag = "--" + item.name.replace("_", "-")
        meaning = f"{meanings.get(item.name, '')} ({default})".strip().replace("%", "%%")
        if isinstance(default, bool):
            action = argparse.BooleanOptionalAction
            group.add_argument(flag, dest=item.name, action=action, default=None, help=meaning)
        else:
            group.add_argument(flag, dest=item.name, type=type(default), help=meaning)


def _changed(record: Any, smoke: Mapping[str, Any], given: Mapping[str, Any]) -> Any:
    """The record with what the smoke run and then the flags say."""
    names = [item.name for item in fields(record)]
    said = {name: given[name] for name in names if given[name] is not None}
    return replace(record, **({k: v for k, v in smoke.items() if k in names} | said))
