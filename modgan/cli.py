"""The `modgan` command: edit, mix, list, info, train, report, pack, convert."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from functools import reduce
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from operator import or_
from pathlib import Path
from types import ModuleType

from tqdm import tqdm

from modgan.card import page
from modgan.component import UnknownName
from modgan.convert import LICENCE, cyclegan, domains, finegan, mixnmatch, munit, stargan, unit
from modgan.data.images import DataError, fit, open_image, sheet
from modgan.data.open import open_folder
from modgan.data.pack import PER_SHARD, pack
from modgan.data.table import SPLITS
from modgan.files import replacing
from modgan.graph import Graph
from modgan.spec import InterfaceError
from modgan.train import Recipe
from modgan.train import main as train_main
from modgan.train.report import report
from modgan.zoo import DEFAULT, Zoo, ZooError, compose, inspect, load, released

PICTURES = {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff"}
SOURCES = ("background", "texture", "shape", "pose")  # the pictures that are mixed
MIXING = "birds"  # the zoo that mixes them
MISTAKES = (InterfaceError, UnknownName, ZooError, DataError, OSError)  # what users can mend


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    parser = argparse.ArgumentParser(prog="modgan", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    training = (_add_train, _add_report, _add_pack, _add_convert)
    for add in (_add_edit, _add_mix, _add_list, _add_info, *training):
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
    parser.add_argument(
        "--set",
        action="append",
        required=True,
        metavar="NAME=LABEL",
        help="an attribute and its new label, once for each edit",
    )
    parser.add_argument(
        "--order", help="names in the order to apply them: smile,hair; else the order of --set"
    )
    parser.add_argument("--masks", action="store_true", help="also write where each edit acts")
    parser.add_argument(
        "--zoo",
        action="append",
        help=f"a zoo file or the name of a released one ({DEFAULT}); several are merged",
    )
    parser.add_argument(
        "-o", "--out", type=Path, required=True, help="a .png for one picture, a folder for more"
    )
    parser.set_defaults(act=_edit)


def _edit(given: argparse.Namespace, _: Sequence[str]) -> int:
    """Edit every picture; those that cannot be read are named at the end."""
    values = _values(given.set)
    order = _order(given.order, values)
    zoo = reduce(or_, [load(source) for source in given.zoo or [DEFAULT]])
    graph = compose(["E", *(_transformer(zoo, name) for name in order), "R"], zoo)
    sources = _pictures(given.images)
    targets = _targets(sources, given.out)
    failed = []
    pairs = list(zip(sources, targets, strict=True))
    for source, target in tqdm(pairs, unit="picture", disable=len(pairs) < 2):
        try:
            _edit_one(graph, source, values, target, given.masks)
        except DataError as error:
            failed.append(str(error))
    for line in failed:
        print(f"modgan edit: {line}", file=sys.stderr)
    print(f"{len(sources) - len(failed)} of {len(sources)} edited: {given.out}")
    return 1 if failed else 0


def _edit_one(
    graph: Graph, source: Path, values: Mapping[str, str], target: Path, masks: bool
) -> None:
    size = graph.inputs["image"].shape[-1]
    picture = fit(open_image(source), size)
    out = graph.apply(image=picture, **values)
    shown = [out[f"mask_{name}"].resize((size, size)) for name in values] if masks else []
    titles = ["input", "edit", *values]
    result = sheet([[picture, out["image"], *shown]], titles, scale=2) if masks else out["image"]
    with replacing(target) as temporary:
        result.save(temporary)


def _values(settings: Sequence[str]) -> dict[str, str]:
    """{"hair": "blond"} from ["hair=blond"]."""
    values: dict[str, str] = {}
    for setting in settings:
        name, equals, label = setting.partition("=")
        if not (name and equals and label) or name in values:
            raise InterfaceError(f"--set {setting}: expects NAME=LABEL, once for each name")
        values[name] = label
    return values


def _order(text: str | None, values: Mapping[str, str]) -> list[str]:
    """The names in the order asked for, each exactly once."""
    order = text.split(",") if text else list(values)
    if sorted(order) != sorted(values):
        raise InterfaceError(f"--order {text}: expects each of {', '.join(values)} exactly once")
    return order


def _transformer(zoo: Zoo, attribute: str) -> str:
    """The name of the part that changes `attribute`."""
    known = [name.removeprefix("T_") for name in zoo if name.startswith("T_")]
    if attribute not in known:
        raise UnknownName("attribute to edit", attribute, known)
    return f"T_{attribute}"


def _pictures(sources: Sequence[Path]) -> list[Path]:
    """The files named, and the pictures inside the folders named."""
    found: list[Path] = []
    for source in sources:
        inside = sorted(p for p in source.iterdir()) if source.is_dir() else [source]
        files = [p for p in inside if p.suffix.lower() in PICTURES or not source.is_dir()]
        if not files:
            raise DataError(f"{source}: a folder without pictures ({', '.join(sorted(PICTURES))})")
        found += files
    return found


def _targets(sources: Sequence[Path], out: Path) -> list[Path]:
    """Where each result goes: the file `out` for one picture, else PNGs in the folder `out`."""
    folder = out.is_dir() or not (out.suffix or out.is_file())
    if not folder and len(sources) > 1:
        raise InterfaceError(f"-o {out}: {len(sources)} pictures need a folder, not a file")
    if not folder and out.suffix.lower() not in PICTURES:
        raise InterfaceError(f"-o {out}: expects a picture, one of {', '.join(sorted(PICTURES))}")
    targets = [out / f"{source.stem}.png" for source in sources] if folder else [out]
    twice = {target.name for target in targets if targets.count(target) > 1}
    if twice:
        raise InterfaceError(f"-o {out}: several pictures would become {', '.join(sorted(twice))}")
    lost = {target.resolve() for target in targets} & {source.resolve() for source in sources}
    if lost:
        raise InterfaceError(f"-o {out}: would overwrite {min(lost)}: choose another place")
    return targets


def _add_mix(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser("mix", help="one picture of what four pictures show (MixNMatch)")
    for name in SOURCES:
        parser.add_argument(f"--{name}", type=Path, metavar="IMAGE", help=f"gives the {name}")
    parser.add_argument(
        "--mode",
        choices=("code", "feature"),
        default="code",
        help="feature: the shape's picture also gives the pose, and details of both (%(default)s)",
    )
    parser.add_argument("--zoo", action="append", help=f"as for edit ({MIXING})")
    parser.add_argument("-o", "--out", type=Path, required=True, help="the picture to write")
    parser.set_defaults(act=_mix)


def _mix(given: argparse.Namespace, _: Sequence[str]) -> int:
    """Mix the pictures, of which every one that is needed must be there."""
    needed = SOURCES if given.mode == "code" else SOURCES[:-1]
    files = {name: getattr(given, name) for name in needed}
    missing = [f"--{name} IMAGE" for name, file in files.items() if file is None]
    if missing:
        raise InterfaceError(f"--mode {given.mode} needs {', '.join(missing)} as well")
    if given.mode == "feature" and given.pose:
        raise InterfaceError("--pose: in feature mode the shape's picture gives it; leave it out")
    absent = [
        f"--{name} {file}: no such file" for name, file in files.items() if not file.is_file()
    ]
    if absent:
        raise DataError(f"{'; '.join(absent)}; check the path")
    if given.out.suffix.lower() not in PICTURES:
        raise InterfaceError(
            f"-o {given.out}: expects a picture, one of {', '.join(sorted(PICTURES))}"
        )
    if given.out.resolve() in {file.resolve() for file in files.values()}:
        raise InterfaceError(f"-o {given.out}: would overwrite it: choose another place")
    zoo = reduce(or_, [load(source) for source in given.zoo or [MIXING]])
    steps = zoo.card.graphs.get(f"{given.mode}_mode", mixnmatch.GRAPHS[f"{given.mode}_mode"])
    out = compose(steps, zoo).apply(**files)
    with replacing(given.out) as temporary:
        out["image"].save(temporary)
    print(given.out)
    return 0


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
    """The module that a Python file is; its name is known to `sys.modules`, as training needs."""
    name = f"modgan_recipe_{path.stem}"
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
