"""Commands that make pictures: edit, translate, mix."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from operator import or_
from pathlib import Path
from typing import Any, cast

from PIL import Image
from tqdm import tqdm

from modgan.component import UnknownName
from modgan.convert import mixnmatch
from modgan.data.images import DataError, fit, open_image, sheet
from modgan.files import replacing
from modgan.spec import InterfaceError
from modgan.zoo import DEFAULT, Zoo, compose, load

PICTURES = {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff"}
TRANSLATING = "sketches"  # the zoo that translates
SOURCES = ("background", "texture", "shape", "pose")  # the pictures that are mixed
MIXING = "birds"  # the zoo that mixes them


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
    zoo = _zoo(given.zoo, DEFAULT)
    graph = compose(["E", *(_transformer(zoo, name) for name in order), "R"], zoo)
    size = graph.inputs["image"].shape[-1]

    def edited(picture: Image.Image) -> Image.Image:
        picture = fit(picture, size)
        out = graph.apply(image=picture, **values)
        if not given.masks:
            return cast(Image.Image, out["image"])
        masks = [out[f"mask_{name}"].resize((size, size)) for name in values]
        return sheet([[picture, out["image"], *masks]], ["input", "edit", *values], scale=2)

    return _each(given, "edited", edited)


def _each(
    given: argparse.Namespace, done: str, change: Callable[[Image.Image], Image.Image]
) -> int:
    """Change every picture named; those that cannot be read are named at the end."""
    sources = _pictures(given.images)
    pairs, failed = list(zip(sources, _targets(sources, given.out), strict=True)), []
    for source, target in tqdm(pairs, unit="picture", disable=len(pairs) < 2):
        try:
            result = change(open_image(source))
        except DataError as error:
            failed.append(str(error))
            continue
        with replacing(target) as temporary:
            result.save(temporary)
    for line in failed:
        print(f"modgan {given.command}: {line}", file=sys.stderr)
    print(f"{len(sources) - len(failed)} of {len(sources)} {done}: {given.out}")
    return 1 if failed else 0


def _zoo(sources: Sequence[str] | None, released: str) -> Zoo:
    """The zoos of the sources merged, or the released one."""
    return reduce(or_, [load(source) for source in sources or [released]])


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


def _add_translate(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser("translate", help="draw pictures in another domain")
    parser.add_argument("images", nargs="+", type=Path, metavar="IMAGE", help="pictures, folders")
    parser.add_argument("--graph", required=True, help="how: a graph of the zoo, sketch_to_picture")
    parser.add_argument(
        "--guide", type=Path, metavar="IMAGE", help="a picture to take a style from"
    )
    parser.add_argument("--seed", type=int, help="of a style that is sampled (0)")
    parser.add_argument(
        "--set", action="append", default=[], metavar="NAME=LABEL", help="a label that it takes"
    )
    parser.add_argument("--zoo", action="append", help=f"as for edit ({TRANSLATING})")
    parser.add_argument(
        "-o", "--out", type=Path, required=True, help="a .png for one picture, a folder for more"
    )
    parser.set_defaults(act=_translate)


def _translate(given: argparse.Namespace, _: Sequence[str]) -> int:
    """Translate every picture, all in one style."""
    zoo, name = _zoo(given.zoo, TRANSLATING), given.graph
    if given.guide and f"{name}_guided" in zoo.card.graphs:
        name += "_guided"
    graph = zoo.graph(name)
    styles = [port for port, spec in graph.inputs.items() if spec.space == "normal"]
    if given.guide is None and "guide" in graph.inputs:
        raise InterfaceError(f"graph {name} takes its style from a picture: pass --guide IMAGE")
    if given.guide and "guide" not in graph.inputs:
        raise InterfaceError(f"--guide {given.guide}: graph {name} takes none; leave it out")
    if given.seed is not None and not styles:
        raise InterfaceError(f"--seed {given.seed}: graph {name} samples nothing; leave it out")
    values: dict[str, Any] = dict.fromkeys(styles, given.seed or 0) | _values(given.set)
    if given.guide:
        values["guide"] = open_image(given.guide)
        if given.guide.resolve() in {
            each.resolve() for each in _targets(_pictures(given.images), given.out)
        }:
            raise InterfaceError(f"-o {given.out}: would overwrite the guide: choose another place")

    def translated(picture: Image.Image) -> Image.Image:
        return cast(Image.Image, graph.apply(image=picture, **values)["image"])

    return _each(given, "translated", translated)


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
    zoo = _zoo(given.zoo, MIXING)
    if given.mode == "feature" and "S" not in zoo:
        raise InterfaceError(
            f"--mode feature needs S, got {', '.join(zoo)}: train it "
            "(recipes/mixnmatch_birds_features.py) and pass it as well, --zoo ZOO --zoo S"
        )
    steps = zoo.card.graphs.get(f"{given.mode}_mode", mixnmatch.GRAPHS[f"{given.mode}_mode"])
    out = compose(steps, zoo).apply(**files)
    with replacing(given.out) as temporary:
        out["image"].save(temporary)
    print(given.out)
    return 0


COMMANDS = (_add_edit, _add_translate, _add_mix)
