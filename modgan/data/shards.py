"""Pictures in tar shards, for sets that fit neither in memory nor well in single files.

Axes: A attributes, H W positions.
"""

from __future__ import annotations

import json
import re
import tarfile
import threading
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO
from itertools import accumulate, islice
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from modgan.data.images import UNREADABLE, DataError, fit, open_image, to_tensor
from modgan.data.order import seed_of, shuffled
from modgan.data.table import NAME, SUFFIXES, check_name

INDEX = "index.json"
FORMAT = 1
WINDOW = 4  # shards in memory, whose pictures are shuffled together
CACHE = "cache"  # the folder beside the index for shards that were fetched
CACHE_BYTES = 16 * 2**30
INDEX_BYTES = 2**26
SHARD_BYTES = 2**30
COUNT = 1_000_000  # pictures in a shard, attributes, or labels at most: the index is not trusted
URL = re.compile(r"https?://[A-Za-z0-9][^\s\\?#{}\[\]]*\Z")  # curl would expand the brackets

Sample = dict[str, Any]  # "__key__" and by suffix the bytes of a file, as webdataset gives them


@dataclass(frozen=True)
class Shard:
    """One tar file of a split."""

    name: str
    count: int  # pictures


@dataclass(frozen=True)
class Index:
    """What `index.json` says of a set in shards."""

    attributes: dict[str, tuple[str, ...]]
    splits: dict[str, tuple[Shard, ...]]
    size: int | None = None  # pixels of the packed pictures; None: whatever they came with
    url: str | None = None  # where the shards are, if not beside the index


class Shards:
    """The pictures of a split of a packed set, fitted to `size` pixels.

    At most `window` shards are in memory, as packed, the last used ones; `order` draws from so many
    at a time. Where the index has a `url`, shards are fetched when needed into a folder beside it
    that keeps to `cache_bytes` and one shard more. Threads may read at the same time.
    """

    def __init__(
        self,
        root: str | Path,
        size: int = 64,
        split: str = "train",
        window: int = WINDOW,
        cache_bytes: int = CACHE_BYTES,
    ) -> None:
        if min(size, window, cache_bytes) < 1:
            raise ValueError(
                f"Shards: size, window and cache_bytes must be at least 1, got {size}, {window} "
                f"and {cache_bytes}"
            )
        self.root, self.size, self.split = Path(root), size, split
        self.window, self.cache_bytes = window, cache_bytes
        self.index = read_index(self.root)
        self.attributes = self.index.attributes
        self.shards = _of_split(self.root / INDEX, self.index, split)
        _check_size(self.root / INDEX, self.index, size)
        self._counts = tuple(shard.count for shard in self.shards)
        self._starts = [0, *accumulate(self._counts)]
        self._lock = threading.Lock()
        self._loaded: OrderedDict[int, list[Sample]] = OrderedDict()
        webdataset()  # a missing library is said now, not at the first picture

    def __reduce__(self) -> tuple[type[Shards], tuple[Any, ...]]:
        """Another process opens the set anew: what is loaded here stays here."""
        return Shards, (self.root, self.size, self.split, self.window, self.cache_bytes)

    def __len__(self) -> int:
        return self._starts[-1]

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        """A picture, uint8 (3, size, size), and its labels, int64 (A,)."""
        if not 0 <= index < len(self):
            raise IndexError(f"{self.root}: picture {index} of {len(self)}")
        number = bisect_right(self._starts, index) - 1
        sample = self._samples(number)[index - self._starts[number]]
        where = f"{self._place(number)}: {sample['__key__']}"
        labels = torch.tensor(_labels(where, sample, self.attributes), dtype=torch.int64)
        return to_tensor(fit(_picture(where, sample), self.size)), labels

    def order(self, position: int, count: int, seed: int) -> Tensor:
        """The indices of the `count` samples from `position` on in the endless sequence of `seed`.

        Every epoch has each sample once: its shards are shuffled, cut into windows, and the samples
        of a window are shuffled together. A function of the arguments alone.
        """
        parts = [torch.empty(0, dtype=torch.int64)]
        while count > 0:
            epoch, offset = divmod(position, len(self))
            taken = self._rest_of_window(epoch, offset, seed)[:count]
            parts.append(taken)
            position, count = position + len(taken), count - len(taken)
        return torch.cat(parts)

    def _rest_of_window(self, epoch: int, offset: int, seed: int) -> Tensor:
        """The samples of an epoch from `offset` to the end of the window that it falls into."""
        windows, starts = _windows(self._counts, self.window, seed, epoch)
        k = bisect_right(starts, offset) - 1
        samples = torch.cat(
            [torch.arange(self._starts[each], self._starts[each + 1]) for each in windows[k]]
        )
        # windows of one epoch differ as epochs do elsewhere
        mixed = shuffled(len(samples), seed_of(seed, epoch), k)
        return samples[mixed[offset - starts[k] :]]

    def _samples(self, number: int) -> list[Sample]:
        """The samples of a shard; one thread loads, others that need it wait."""
        with self._lock:
            if number not in self._loaded:
                while len(self._loaded) >= self.window:
                    self._loaded.popitem(last=False)  # before loading, or there were one too many
                self._loaded[number] = self._load(number)
            self._loaded.move_to_end(number)
            return self._loaded[number]

    def _load(self, number: int) -> list[Sample]:
        path = self._fetched(number)
        try:
            return _load(path, self.shards[number])
        except DataError:
            if self.index.url is not None:
                path.unlink(missing_ok=True)  # or it would never be fetched again
            raise

    def _place(self, number: int) -> Path:
        folder = self.root if self.index.url is None else self.root / CACHE
        return folder / self.shards[number].name

    def _fetched(self, number: int) -> Path:
        """Where a shard is on this machine, after it was fetched if need be."""
        if self.index.url is None:
            return self._place(number)
        url = f"{self.index.url.rstrip('/')}/{self.shards[number].name}"
        cache = webdataset().cache.FileCache(
            str(self.root / CACHE),
            validator=None,  # `_load` looks
            cache_size=self.cache_bytes,
            cache_cleanup_interval=0,  # before every shard: by default at most twice a minute
        )
        try:
            return Path(cache.get_file(url))
        except OSError as error:
            raise DataError(
                f"{url}: cannot be fetched ({error}); check the connection and the url in "
                f"{self.root / INDEX}"
            ) from error


@lru_cache(maxsize=4)  # a batch is asked for many times in an epoch
def _windows(
    counts: tuple[int, ...], window: int, seed: int, epoch: int
) -> tuple[list[list[int]], list[int]]:
    """The shards of every window of an epoch, and at which sample of the epoch each starts."""
    shards = shuffled(len(counts), seed, epoch).tolist()
    windows = [shards[k : k + window] for k in range(0, len(shards), window)]
    return windows, [0, *accumulate(sum(counts[shard] for shard in each) for each in windows)]


def webdataset() -> ModuleType:
    """The library that reads and writes shards, an extra."""
    try:
        import webdataset
        import webdataset.cache
        import webdataset.tariterators
    except ModuleNotFoundError as error:
        if error.name != "webdataset":
            raise
        raise DataError(
            'shards need the library webdataset, which is missing: pip install "modgan[data]"'
        ) from error
    return webdataset


def _load(path: Path, shard: Shard) -> list[Sample]:
    """The samples of a shard as bytes."""
    try:
        samples = _read(path, shard.count + 1)
    except FileNotFoundError as error:
        raise DataError(
            f"{path}: no such shard, although {INDEX} lists it; fetch it again, or pack anew"
        ) from error
    except (tarfile.TarError, ValueError, OSError) as error:
        reason = error.args[0] if error.args else error  # webdataset adds its streams behind
        raise DataError(
            f"{path}: cannot be read as a shard ({reason}); fetch it again, or pack anew"
        ) from error
    if len(samples) != shard.count:
        got = f"{len(samples)}" if len(samples) < shard.count else "more"
        raise DataError(
            f"{path}: expected {shard.count} pictures, as {INDEX} says, got {got}; "
            "fetch both again, or pack anew"
        )
    return samples


def _read(path: Path, most: int) -> list[Sample]:
    with path.open("rb") as file:
        # compressed, a shard could unpack to anything; `tarfile` would do it unasked
        if file.read(262)[257:] != b"ustar":
            raise ValueError("it is no uncompressed tar file")
        if file.seek(0, 2) > SHARD_BYTES:
            raise ValueError(f"it has {file.tell()} bytes, at most {SHARD_BYTES} are read at once")
        file.seek(0)
        tar = webdataset().tariterators
        files = tar.tar_file_expander([{"url": path.name, "stream": file}])
        return list(islice(tar.group_by_keys(files), most))


def _picture(where: str, sample: Sample) -> Image.Image:
    endings = [suffix[1:] for suffix in SUFFIXES if suffix[1:] in sample]
    if len(endings) != 1:
        raise DataError(
            f"{where}: has {len(endings)} pictures ({', '.join(SUFFIXES)}) in the shard, "
            "expected one; pack anew"
        )
    try:
        return open_image(Image.open(BytesIO(sample[endings[0]])))
    except UNREADABLE as error:
        raise DataError(
            f"{where}.{endings[0]}: cannot be read as a picture ({error}); fetch the shard again, "
            "or pack anew"
        ) from error


def _labels(where: str, sample: Sample, attributes: Mapping[str, tuple[str, ...]]) -> list[int]:
    """The label index per attribute."""
    try:
        given = json.loads(sample.get("json", b""))
        return [labels.index(given[name]) for name, labels in attributes.items()]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise DataError(
            f"{where}.json: expected one of the labels of {INDEX} for each of "
            f"{', '.join(attributes)}, got {sample.get('json', b'nothing')[:200]!r}; pack anew"
        ) from error


def _of_split(path: Path, index: Index, split: str) -> tuple[Shard, ...]:
    if split not in index.splits:
        raise DataError(f"{path}: split {split!r}: expected one of {', '.join(index.splits)}")
    return index.splits[split]


def _check_size(path: Path, index: Index, size: int) -> None:
    if index.size is not None and size > index.size:
        raise DataError(
            f"{path}: the pictures were packed with {index.size} pixels, {size} are asked for; "
            f"pack anew with --size {size}, or without"
        )


def read_index(root: Path) -> Index:
    """The index of the set in `root`, checked, as it may come from anywhere."""
    path = root / INDEX
    if not path.is_file():
        raise DataError(f"{path}: no such file; is it a folder that `modgan pack` wrote?")
    if path.stat().st_size > INDEX_BYTES:
        raise DataError(f"{path}: has {path.stat().st_size} bytes, at most {INDEX_BYTES} are read")
    try:
        given = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise _damaged(path, f"is no JSON text ({error})") from error
    if not isinstance(given, dict) or type(given.get("format")) is not int or given["format"] < 1:
        raise _damaged(path, "has no format number")
    if given["format"] > FORMAT:
        raise DataError(
            f"{path}: has format {given['format']}, this modgan reads {FORMAT}; upgrade modgan"
        )
    return Index(_attributes(path, given), _splits(path, given), *_where(path, given))


def _damaged(path: Path, what: str) -> DataError:
    return DataError(f"{path}: {what}; it is damaged: fetch it again, or pack anew")


def _attributes(path: Path, given: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    attributes = given.get("attributes")
    if not isinstance(attributes, dict) or not 0 < len(attributes) <= COUNT:
        raise _damaged(path, "names no attributes")
    for name, labels in attributes.items():
        check_name(str(path), name)
        texts = isinstance(labels, list) and all(isinstance(label, str) for label in labels)
        if not texts or not 2 <= len(set(labels)) == len(labels) <= COUNT:
            raise _damaged(path, f"attribute {name!r} has no list of two or more labels")
    return {name: tuple(labels) for name, labels in attributes.items()}


def _splits(path: Path, given: Mapping[str, Any]) -> dict[str, tuple[Shard, ...]]:
    splits = given.get("splits")
    if not isinstance(splits, dict) or not splits:
        raise _damaged(path, "names no splits")
    for split, rows in splits.items():
        if not isinstance(rows, list) or not rows:
            raise _damaged(path, f"split {split!r} has no shards")
    found = {split: tuple(_shard(path, row) for row in rows) for split, rows in splits.items()}
    names = [shard.name for shards in found.values() for shard in shards]
    if len(set(names)) < len(names):
        raise _damaged(path, "lists a shard twice")
    return found


def _shard(path: Path, row: object) -> Shard:
    name, count = (row.get("name"), row.get("count")) if isinstance(row, dict) else (None, None)
    # no separators, so no shard lies outside the folder
    named = isinstance(name, str) and name.endswith(".tar") and NAME.match(name[:-4])
    if not named or type(count) is not int or not 0 < count <= COUNT:
        raise _damaged(
            path, f"{row!r:.200} is no name (like train_000000.tar) and count of a shard"
        )
    return Shard(str(name), count)


def _where(path: Path, given: Mapping[str, Any]) -> tuple[int | None, str | None]:
    size, url = given.get("size"), given.get("url")
    if size is not None and (type(size) is not int or size < 1):
        raise _damaged(path, f"size {size!r:.200} is no number of pixels")
    if url is not None and not (isinstance(url, str) and URL.match(url)):
        raise DataError(f"{path}: url {url!r:.200}: expected http(s)://host/folder of the shards")
    return size, url
