"""Checkpoints that want harm: code, bombs, promises, and good files with random damage.

A maker writes one file and says whether a reader may take it: what is only damaged may still be a
good file, what is hostile must be refused.
"""

from __future__ import annotations

import io
import json
import os
import pickle
import random
import struct
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save

HUGE = 1 << 40
"""Bytes that a file promises."""

Maker = Callable[[random.Random, Path], None]
HOSTILE: dict[str, Maker] = {}
"""Must be refused."""


def hostile(make: Maker) -> Maker:
    """Names a maker of files that must be refused."""
    HOSTILE[make.__name__] = make
    return make


def tensors(rng: random.Random) -> dict[str, torch.Tensor]:
    """Something that could be weights."""
    torch.manual_seed(rng.randrange(1 << 30))
    names = ("conv_in.weight", "flow", "visibility", "fnet.conv1.weight", "places", "x.bias")
    return {name: torch.randn(rng.randint(1, 4), rng.randint(1, 8)) for name in names}


def header(entries: object, data: bytes = b"", length: int | None = None) -> bytes:
    """A safetensors file of a header, true or not."""
    text = entries if isinstance(entries, bytes) else json.dumps(entries).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def entry(shape: object, begin: object, end: object, dtype: str = "F32") -> dict[str, object]:
    """What a header says of a tensor."""
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


# --- safetensors -------------------------------------------------------------------------------


@hostile
def a_header_of_a_terabyte(rng: random.Random, path: Path) -> None:
    length = rng.choice((HUGE, 1 << 63, (1 << 64) - 1, 1 << 32, 101_000_000))
    path.write_bytes(header({"x": entry([1], 0, 4)}, bytes(4), length))


@hostile
def a_header_that_is_there_but_too_long(rng: random.Random, path: Path) -> None:
    path.write_bytes(header({"x": entry([1], 0, 4)}, length=HUGE))
    os.truncate(path, HUGE + 100)


@hostile
def offsets_beyond_the_file(rng: random.Random, path: Path) -> None:
    end = rng.choice((8, HUGE, (1 << 64) - 4))
    path.write_bytes(header({"x": entry([end // 4], 0, end)}, bytes(4)))


@hostile
def a_shape_beyond_the_file(rng: random.Random, path: Path) -> None:
    shape = rng.choice(([HUGE], [1 << 40, 1 << 40], [-1], [2.5], ["1"], [None], 1 << 40, [1 << 64]))
    path.write_bytes(header({"x": entry(shape, 0, 4)}, bytes(4)))


@hostile
def tensors_that_overlap(rng: random.Random, path: Path) -> None:
    both = {"x": entry([2], 0, 8), "y": entry([2], rng.choice((0, 4)), rng.choice((8, 12)))}
    path.write_bytes(header(both, bytes(12)))


@hostile
def a_hole_between_tensors(rng: random.Random, path: Path) -> None:
    path.write_bytes(header({"x": entry([1], 0, 4), "y": entry([1], 8, 12)}, bytes(12)))


@hostile
def a_name_twice(rng: random.Random, path: Path) -> None:
    text = b'{"x":%s,"x":%s}' % (
        json.dumps(entry([1], 0, 4)).encode(),
        json.dumps(entry([1], 4, 8)).encode(),
    )
    path.write_bytes(header(text, bytes(8)))


@hostile
def a_header_as_deep_as_long(rng: random.Random, path: Path) -> None:
    depth = rng.choice((200, 100_000, 1_000_000))
    text = rng.choice((b"[" * depth, b'{"a":' * depth, b'{"__metadata__":' + b"{" * depth))
    path.write_bytes(header(b"{" * text.startswith(b"[") + text))


@hostile
def a_header_of_spaces(rng: random.Random, path: Path) -> None:
    path.write_bytes(header(b"{" + b" " * (17 << 20) + b"}"))


@hostile
def a_header_of_very_many_tensors(rng: random.Random, path: Path) -> None:
    path.write_bytes(header({f"t{n}": entry([1], n, n + 1, "U8") for n in range(60_000)}))
    os.truncate(path, path.stat().st_size + 60_000)


@hostile
def no_numbers_of_a_great_shape(rng: random.Random, path: Path) -> None:
    name = rng.choice(tuple(tensors(rng)))
    path.write_bytes(header({name: entry([1 << 40, 0], 0, 0), "y": entry([1], 0, 4)}, bytes(4)))


@hostile
def a_terabyte_of_zeros(rng: random.Random, path: Path) -> None:
    name = rng.choice(tuple(tensors(rng)))
    shape = rng.choice(([HUGE // 4], [16, 2, HUGE // 1024, 8], [1, HUGE // 4]))
    path.write_bytes(header({name: entry(shape, 0, HUGE)}))
    os.truncate(path, path.stat().st_size + HUGE)


@hostile
def metadata_that_is_none(rng: random.Random, path: Path) -> None:
    told: Any = rng.choice(([], 1, {"a": 1}, {"a": {"b": "c"}}, "x"))
    path.write_bytes(header({"__metadata__": told, "x": entry([1], 0, 4)}, bytes(4)))


@hostile
def numbers_of_no_type(rng: random.Random, path: Path) -> None:
    dtype = rng.choice(("F128", "", "I7", "float32", "../F32", "F6_E2M3"))
    path.write_bytes(header({"conv_in.weight": entry([4], 0, 16, dtype)}, bytes(16)))


# --- pickles -----------------------------------------------------------------------------------

PROTO, STOP = b"\x80\x02", b"."


def word(text: str) -> bytes:
    """The operation that puts a text on the stack."""
    return b"X" + struct.pack("<I", len(text.encode())) + text.encode()


def number(value: int) -> bytes:
    """The operation that puts a whole number on the stack."""
    size = (value.bit_length() + 8) // 8
    return b"\x8a" + bytes([size]) + value.to_bytes(size, "little", signed=True)


def numbers(values: list[int]) -> bytes:
    """The operations that put a tuple on the stack."""
    return b"(" + b"".join(map(number, values)) + b"t"


def storage(count: int, kind: str = "torch FloatStorage", key: str = "0") -> bytes:
    """The operations that put a storage on the stack."""
    named = word("storage") + b"c" + kind.replace(" ", "\n").encode() + b"\n"
    return b"(" + named + word(key) + word("cpu") + number(count) + b"tQ"


def tensor(stored: bytes, offset: int, shape: list[int], stride: list[int]) -> bytes:
    """The operations that put a tensor on the stack."""
    function = b"ctorch._utils\n_rebuild_tensor_v2\n"
    hooks = b"ccollections\nOrderedDict\n)R"
    return (
        function + b"(" + stored + number(offset) + numbers(shape) + numbers(stride) + b"\x89"
        + hooks + b"tR"
    )  # fmt: skip


def archive(path: Path, table: bytes, data: dict[str, bytes], packed: int = 0) -> None:
    """A file as torch writes it, or nearly so."""
    with zipfile.ZipFile(path, "w", packed) as zipped:
        zipped.writestr("archive/data.pkl", table)
        for name, content in data.items():
            zipped.writestr(name, content)


def old(path: Path, table: bytes, data: bytes, keys: list[str]) -> None:
    """A file as torch wrote it before 1.6."""
    head = [0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}]
    start = b"".join(pickle.dumps(part, protocol=2) for part in head)
    path.write_bytes(start + table + pickle.dumps(keys, protocol=2) + data)


def written(rng: random.Random, path: Path, value: bytes, data: bytes, key: str = "0") -> None:
    """One named value in a file of either sort."""
    table = PROTO + b"}(" + word("conv_in.weight") + value + b"u" + STOP
    if rng.random() < 0.5:
        archive(path, table, {f"archive/data/{key}": data})
    else:
        old(path, table, struct.pack("<q", len(data) // 4) + data, [key])


class Calls:
    """What becomes a call when it is unpickled."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.function, self.arguments = function, arguments

    def __reduce__(self) -> tuple[Any, ...]:
        return self.function, self.arguments


@hostile
def code(rng: random.Random, path: Path) -> None:
    target = str(path.parent / "ran")
    call = rng.choice(
        (
            Calls(open, target, "w"),
            Calls(os.system, f"touch {target}"),
            Calls(os.mkdir, target),
            Calls(getattr, "a", "upper"),
            Calls(bytearray, 1 << 36),
            Calls(torch.zeros, 1 << 36),
            Calls(torch.FloatTensor, 1 << 34),
            Calls(range, 1 << 36),
        )
    )
    protocol = rng.randint(0, pickle.HIGHEST_PROTOCOL)
    content = pickle.dumps({"conv_in.weight": call}, protocol)
    if rng.random() < 0.5:
        archive(path, content, {})
    elif protocol < 2:
        path.write_bytes(PROTO + content)
    else:
        path.write_bytes(content)


@hostile
def text_that_multiplies(rng: random.Random, path: Path) -> None:
    encode = b"c_codecs\nencode\n"
    times = encode + b"h\x01" + b"h\x02\x86R"
    start = word("a" * 1_000_000) + b"q\x01" + word("latin1") + b"q\x02" + b"00"
    archive(path, PROTO + b"](" + start + times * 50_000 + b"e" + STOP, {})


@hostile
def a_storage_of_a_terabyte(rng: random.Random, path: Path) -> None:
    count = rng.choice((HUGE, 1 << 62, (1 << 63) - 1, 1 << 70, -1, 17))
    shape = [max(1, min(count, 1 << 62))]
    written(rng, path, tensor(storage(count), 0, shape, [1]), bytes(64))


@hostile
def a_view_larger_than_its_storage(rng: random.Random, path: Path) -> None:
    offset, shape, stride = rng.choice(
        (
            (0, [1 << 20, 1 << 20], [0, 0]),
            (0, [HUGE], [1]),
            (0, [4, 4], [HUGE, 1]),
            (HUGE, [1], [1]),
            (15, [2], [1]),
            (-1, [1], [1]),
            (0, [-4], [1]),
            (0, [4], [-1]),
            (0, [4, 4], [1]),
            (0, [1 << 62, 1 << 62], [1, 1]),
        )
    )
    written(rng, path, tensor(storage(16), offset, shape, stride), bytes(64))


@hostile
def nothing_of_a_great_shape(rng: random.Random, path: Path) -> None:
    written(rng, path, tensor(storage(16), 0, [1 << 40, 0], [1, 1]), bytes(64))


@hostile
def one_storage_for_a_thousand_tensors(rng: random.Random, path: Path) -> None:
    whole = tensor(storage(1 << 20), 0, [1024, 1024], [1024, 1])
    named = b"".join(word(f"t{n}") + whole for n in range(1000))
    archive(path, PROTO + b"}(" + named + b"u" + STOP, {"archive/data/0": bytes(4 << 20)})


@hostile
def a_storage_that_is_not_there(rng: random.Random, path: Path) -> None:
    key = rng.choice(("1", "../0", "/etc/passwd", "", "0\0"))
    written(rng, path, tensor(storage(16, key=key), 0, [16], [1]), bytes(64))


@hostile
def a_memo_of_two_billion(rng: random.Random, path: Path) -> None:
    archive(path, PROTO + b"}r" + struct.pack("<I", 0x7FFFFFFF) + b"r\xff\xff\xff\xff" + STOP, {})


@hostile
def mappings_in_mappings(rng: random.Random, path: Path) -> None:
    deep = b"}q\x00" + (word("a") + b"}") * 50_000 + b"s" * 50_000
    itself = b"}q\x00(" + word("a") + b"h\x00" + word("b") + b"h\x00u"
    wide = b"}q\x00" + b"".join(
        b"}q%c(" % (level + 1) + b"".join(word(str(n)) + b"h%c" % level for n in range(300)) + b"u"
        for level in range(6)
    )
    archive(path, PROTO + rng.choice((deep, itself, wide)) + STOP, {})


@hostile
def a_million_operations(rng: random.Random, path: Path) -> None:
    archive(path, PROTO + b"](" + rng.choice((b"}", b"N", b"](")) * 3_000_000 + b"e" + STOP, {})


@hostile
def a_pickle_of_garbage(rng: random.Random, path: Path) -> None:
    content = rng.randbytes(rng.randint(1, 300))
    archive(path, PROTO + content, {}) if rng.random() < 0.5 else path.write_bytes(PROTO + content)


# --- zip archives ------------------------------------------------------------------------------

PLAIN = PROTO + b"}(" + word("conv_in.weight") + tensor(storage(16), 0, [16], [1]) + b"u" + STOP


@hostile
def a_bomb(rng: random.Random, path: Path) -> None:
    """A member of 1 GB that is 1 MB long: the table itself, or the numbers."""
    zeros = bytes(1 << 20)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as zipped:
        table = rng.random() < 0.5
        with zipped.open("archive/data.pkl" if table else "archive/data/0", "w") as member:
            for _ in range(256):
                member.write(zeros)
        if not table:
            zipped.writestr("archive/data.pkl", PLAIN)


@hostile
def a_packed_archive(rng: random.Random, path: Path) -> None:
    packed = rng.choice((zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA))
    archive(path, PLAIN, {"archive/data/0": bytes(64)}, packed)


@hostile
def members_that_claim_to_be_large(rng: random.Random, path: Path) -> None:
    archive(path, PLAIN, {"archive/data/0": bytes(64)})
    content = bytearray(path.read_bytes())
    at = content.index(b"PK\x01\x02")
    if rng.random() < 0.5:
        at = content.index(b"PK\x01\x02", at + 4)
    struct.pack_into("<II", content, at + 20, 0xFFFFFFF0, 0xFFFFFFF0)
    path.write_bytes(content)


@hostile
def an_archive_with_an_endless_list(rng: random.Random, path: Path) -> None:
    archive(path, PLAIN, {"archive/data/0": bytes(64)})
    with path.open("r+b") as file:
        end = file.seek(-22, os.SEEK_END)
        content = bytearray(file.read())
        struct.pack_into("<HHI", content, 8, 65534, 65534, 0xFFFFFF00)
        file.seek(end)
        file.write(b"PK\x01\x02" + bytes(42))
        file.truncate(1 << 33)
        file.seek(0, os.SEEK_END)
        file.write(content)


@hostile
def an_archive_of_very_many_members(rng: random.Random, path: Path) -> None:
    stream = io.BytesIO()
    name = b"a/" + b"x" * 60
    many = 400_000
    for _ in range(many):
        stream.write(struct.pack("<4s6H3I5H2I", b"PK\x01\x02", 20, 20, 0, 0, 0, 0, 0, 0, 0,
                                 len(name), 0, 0, 0, 0, 0, 0) + name)  # fmt: skip
    size = stream.tell()
    end = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, 65535, 65535, size, 4, 0)
    path.write_bytes(b"PK\x03\x04" + stream.getvalue() + end)


@hostile
def two_tables(rng: random.Random, path: Path) -> None:
    second = rng.choice(("archive/data.pkl", "other/data.pkl", "../data.pkl"))
    with zipfile.ZipFile(path, "w") as zipped, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        zipped.writestr("archive/data.pkl", PLAIN)
        zipped.writestr(second, PLAIN)


@hostile
def the_byte_order_of_another_machine(rng: random.Random, path: Path) -> None:
    archive(path, PLAIN, {"archive/data/0": bytes(64), "archive/byteorder": b"big"})


# --- good files, damaged -----------------------------------------------------------------------


def good(rng: random.Random, path: Path) -> None:
    """A file of any sort, whole."""
    sort = rng.randrange(3)
    given: Any = tensors(rng)
    if sort == 0:
        path.write_bytes(save(given, {"motion_i2v.kind": "x", "format": "pt"}))
        return
    wrapped = {"state_dict": given, "epoch": 3, "lr": 0.1, "names": ["a", "b"]}
    torch.save(rng.choice((given, wrapped)), path, _use_new_zipfile_serialization=sort == 1)


def damaged(rng: random.Random, path: Path) -> None:
    """A good file of which some bytes changed, went, or came; it may be good still."""
    good(rng, path)
    content = bytearray(path.read_bytes())
    for _ in range(rng.choice((1, 1, 2, 8))):
        # Where things are said, rather than among the numbers.
        head = rng.random() < 0.7
        at = rng.randrange(min(len(content), 600) if head else len(content))
        what = rng.randrange(5)
        if what == 0:
            content[at] ^= 1 << rng.randrange(8)
        elif what == 1:
            content[at : at + rng.choice((1, 4, 8))] = rng.choice((b"\xff" * 8, b"\0" * 8, b"~"))
        elif what == 2:
            del content[at : at + rng.choice((1, 8, 64))]
        elif what == 3:
            content[at:at] = rng.randbytes(rng.choice((1, 8)))
        else:
            del content[at:]
        content = content or bytearray(b"\0")
    path.write_bytes(content)
