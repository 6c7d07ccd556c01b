"""Commands that make zoos: train, report, pack, convert."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib.machinery import PathFinder, SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from types import ModuleType

from modgan.convert import LICENCE, cyclegan, domains, finegan, mixnmatch, munit, stargan, unit
from modgan.data.images import DataError
from modgan.data.open import open_folder
from modgan.data.pack import PER_SHARD, pack
from modgan.data.table import SPLITS
from modgan.files import replacing
from modgan.spec import InterfaceError
from modgan.train import Recipe
from modgan.train import main as train_main
from modgan.train.report import report


def _add_train(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser("train", help="run a recipe; its flags follow", add_help=False)
    parser.add_argument("recipe", type=Path, help="the path of a recipe, a Python file that is run")
    parser.set_defaults(act=_train)


def _train(given: argparse.Namespace, rest: Sequence[str]) -> int:
    if not given.recipe.is_file():
        raise DataError(f"{given.recipe}: no such recipe; give the path of a Python file")
    recipe = getattr(_imported(given.recipe), "recipe", None)
    if not isinstance(recipe, Recipe):
        raise DataError(f"{given.recipe}: defines no `recipe = Recipe(...)`; is it a recipe?")
    train_main(recipe, rest)
    return 0


def _add_report(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser("report", help="a page about a run, also while it goes on")
    parser.add_argument("run", type=Path, metavar="RUN", help="the folder of a run")
    parser.add_argument(
        "-o", "--out", type=Path, metavar="FILE", help="the page; else report.html in that folder"
    )
    parser.set_defaults(act=_report)


def _report(given: argparse.Namespace, _: Sequence[str]) -> int:
    text = report(given.run)
    out = given.out or given.run / "report.html"
    with replacing(out) as temporary:
        temporary.write_text(text, encoding="utf-8")
    print(out)
    return 0


def _imported(path: Path) -> ModuleType:
    """The module that a Python file is, under the name by which worker processes import it."""
    name = path.stem
    other = PathFinder.find_spec(name)
    package = other is not None and (other.origin or "").endswith("__init__.py")
    if package or name in sys.stdlib_module_names:
        raise DataError(f"{path}: hides Python's module {name}: give the file another name")
    loader = SourceFileLoader(name, str(path))
    try:
        loader.get_code(name)
    except (SyntaxError, ValueError) as error:
        raise DataError(f"{path}: is no Python file ({error}); give that of a recipe") from error
    spec = spec_from_loader(name, loader)
    assert spec is not None  # None only without a loader
    sys.path.insert(0, str(path.resolve().parent))  # recipes may build on each other
    module = sys.modules[name] = module_from_spec(spec)
    try:
        loader.exec_module(module)
    except TypeError as error:
        if "Recipe.__init__" not in str(error):
            raise
        raise DataError(f"{path}: {error}; see modgan.train.Recipe") from error
    return module


def _add_pack(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser("pack", help="write a labelled folder as tar shards")
    parser.add_argument("folder", type=Path, metavar="DIR", help="pictures and their table")
    parser.add_argument("-o", "--out", type=Path, required=True, help="a new folder for the shards")
    parser.add_argument("--size", type=int, help="pixels to fit pictures to; else kept as they are")
    parser.add_argument(
        "--per-shard", type=int, default=PER_SHARD, help="pictures in a shard (%(default)s)"
    )
    parser.set_defaults(act=_pack)


def _pack(given: argparse.Namespace, _: Sequence[str]) -> int:
    sources = {split: open_folder(given.folder, split=split) for split in SPLITS}
    index = pack(sources, given.out, given.size, given.per_shard, progress=True)
    counts = ", ".join(f"{split} {len(source)}" for split, source in sources.items())
    shards = sum(len(shards) for shards in index.splits.values())
    print(f"{given.out}: {counts} pictures in {shards} shards")
    return 0


def _add_convert(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser("convert", help="checkpoints of other programs as a zoo")
    sources = parser.add_subparsers(dest="source", required=True)
    star = sources.add_parser("stargan", help="{step}-G.ckpt, {step}-D.ckpt or both")
    star.add_argument(
        "--labels",
        metavar="A,B,C",
        help="what the labels mean, in order; NAME=A,B,C where each picture has exactly one of "
        "them; else CelebA's 5 or RaFD's 8",
    )
    star.set_defaults(to_zoo=stargan.to_zoo)
    cycle = sources.add_parser("cyclegan", help="*_net_G_A.pth, _G_B, _D_A, _D_B or *_net_G.pth")
    cycle.set_defaults(to_zoo=cyclegan.to_zoo)
    pair = sources.add_parser("munit", help="gen_{step}.pt of two domains, dis_{step}.pt or both")
    pair.set_defaults(to_zoo=munit.to_zoo)
    plain = sources.add_parser("unit", help="gen_{step}.pt of UNIT, dis_{step}.pt or both")
    plain.set_defaults(to_zoo=unit.to_zoo)
    sizes = {star: stargan.SIZE, cycle: cyclegan.SIZE, pair: domains.SIZE, plain: domains.SIZE}
    for source, size in sizes.items():
        source.add_argument("--size", type=int, help=f"pixels of its pictures (else {size})")
    fine = sources.add_parser("finegan", help="netG_{count}.pth, netD0, netD1, netD2, any of them")
    fine.set_defaults(to_zoo=finegan.to_zoo)
    mix = sources.add_parser("mixnmatch", help="G, E, EX, D0, D1, D2, BD (.pth), EX beside its G")
    mix.set_defaults(to_zoo=mixnmatch.to_zoo)
    for source in (*sizes, fine, mix):
        source.add_argument("files", nargs="+", type=Path, metavar="FILE", help="checkpoints")
        source.add_argument("-o", "--out", type=Path, required=True, help="the zoo file to write")
        source.add_argument("--licence", default=LICENCE, help="that of the weights (%(default)s)")
    parser.set_defaults(act=_convert)


def _convert(given: argparse.Namespace, _: Sequence[str]) -> int:
    files, out = given.files, given.out
    if out.suffix != ".safetensors" or out.resolve() in {file.resolve() for file in files}:
        raise InterfaceError(f"-o {out}: expects a .safetensors file that is no checkpoint here")
    asked = {name: getattr(given, name) for name in ("size", "labels") if name in given}
    zoo = given.to_zoo(files, licence=given.licence, **asked)
    zoo.save(out)
    print(f"{out}: {', '.join(f'{name} ({part.component})' for name, part in zoo.items())}")
    return 0


COMMANDS = (_add_train, _add_report, _add_pack, _add_convert)
