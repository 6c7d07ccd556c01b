"""Packing labelled pictures into tar shards, which `modgan.data.shards` reads."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from io import BytesIO
from pathlib import Path

from tqdm import tqdm

from modgan.data.images import AttributeImages, DataError, centre, fit, open_image
from modgan.data.order import shuffled
from modgan.data.shards import COUNT, FORMAT, INDEX, Index, Shard, webdataset
from modgan.data.table import SUFFIXES, LabelledFiles, Row, check_name
from modgan.files import replacing

PER_SHARD = 1000
FULL = 2**26  # bytes after which a shard is closed early: readers hold a few in memory


def pack(
    sources: Mapping[str, AttributeImages],
    out: str | Path,
    size: int | None = None,
    per_shard: int = PER_SHARD,
    progress: bool = False,
) -> Index:
    """Write the pictures of every split as shards into the new folder `out`, then `index.json`.

    A shard is a tar file of `key.jpg` (or .png, …) and `key.json`, as webdataset has it, the key
    being the picture's place in its split; train is packed in a shuffled order, as readers shuffle
    only near pictures. With `size`, or where a crop was chosen, pictures become PNG; else the files
    are packed byte for byte, as a JPEG grows fivefold as PNG. Only one is in memory at a time.
    """
    out = Path(out)
    folders = _folders(sources)
    attributes = _check(folders, out, size, per_shard)
    splits = {}
    for split, source in folders.items():
        splits[split] = tuple(_shards(split, source, out, size, per_shard, progress))
    index = Index(attributes, splits, size)
    with replacing(out / INDEX) as temporary:  # the last: a folder without it is no set
        text = json.dumps({"format": FORMAT, **asdict(index)}, indent=1, ensure_ascii=False)
        temporary.write_text(text + "\n", encoding="utf-8")
    return index


def _folders(sources: Mapping[str, AttributeImages]) -> dict[str, LabelledFiles]:
    """The sources, if they are pictures in files."""
    folders = {}
    for split, source in sources.items():
        if not isinstance(source, LabelledFiles):
            raise DataError(
                f"pack: split {split!r} is {type(source).__name__}, expected pictures in files; "
                "give the folder of the pictures and their table"
            )
        folders[split] = source
    return folders


def _check(
    sources: Mapping[str, LabelledFiles], out: Path, size: int | None, per_shard: int
) -> dict[str, tuple[str, ...]]:
    """The attributes, which all splits share."""
    webdataset()
    if (size is not None and size < 1) or not 1 <= per_shard <= COUNT:
        raise DataError(
            f"pack: expected a size of at least 1 pixel and 1 to {COUNT} pictures a shard, "
            f"got {size} and {per_shard}"
        )
    if out.exists() and not (out.is_dir() and not any(out.iterdir())):
        raise DataError(f"{out}: exists already; choose another folder, or remove it")
    attributes = [source.attributes for source in sources.values()]
    for split, each in zip(sources, attributes, strict=True):
        check_name("pack: split", split)
        if each != attributes[0] or list(each) != list(attributes[0]):
            raise DataError(
                f"pack: split {split!r} has attributes {each}, another {attributes[0]}; "
                "all must have the same"
            )
    if not attributes:
        raise DataError("pack: no splits are given")
    return attributes[0]


def _shards(
    split: str,
    source: LabelledFiles,
    out: Path,
    size: int | None,
    per_shard: int,
    progress: bool,
) -> Iterator[Shard]:
    """Write the shards of a split one after the other."""
    count = len(source)
    order = shuffled(count, 0, 0).tolist() if split == "train" else list(range(count))
    with tqdm(total=count, desc=f"packing {split}", disable=not progress, unit="picture") as bar:
        number, done = 0, 0
        while done < count:
            name = f"{split}_{number:06d}.tar"
            with replacing(out / name) as temporary:
                written = _write(temporary, source, order[done : done + per_shard], size, bar)
            yield Shard(name, written)
            number, done = number + 1, done + written


def _write(
    path: Path, source: LabelledFiles, indices: Sequence[int], size: int | None, bar: tqdm[None]
) -> int:
    """Fill one shard with as many pictures as go into it; return how many those are."""
    written = 0
    # without times, packing again gives the same bytes
    with path.open("wb") as file, webdataset().TarWriter(file, encoder=False, mtime=0) as tar:
        for index in indices:
            row = source.rows[index]
            ending, data = _picture(row.file, source.crop, size)
            labels = _json(row, source.attributes)
            tar.write({"__key__": f"{index:08d}", ending: data, "json": labels})
            written += 1
            bar.update()
            if file.tell() >= FULL:
                break
    return written


def _picture(path: Path, crop: int | None, size: int | None) -> tuple[str, bytes]:
    """The ending and the bytes that a picture is packed with; damaged ones are refused here."""
    picture = open_image(path)
    if crop is None and size is None and path.suffix.lower() in SUFFIXES:
        return path.suffix[1:].lower(), path.read_bytes()
    if crop is not None:
        picture = picture.crop(centre(picture, crop))
    if size is not None:
        picture = fit(picture, size)
    with BytesIO() as file:
        picture.save(file, "PNG")
        return "png", file.getvalue()


def _json(row: Row, attributes: Mapping[str, tuple[str, ...]]) -> bytes:
    given = zip(attributes.items(), row.labels, strict=True)
    text = json.dumps({name: labels[k] for (name, labels), k in given}, ensure_ascii=False)
    return text.encode()
