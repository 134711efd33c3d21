"""Captions of videos, from a .csv or .txt file or from a .txt file beside each video."""

from __future__ import annotations

import codecs
import csv
import difflib
import io
from collections.abc import Iterator, Sequence
from pathlib import Path

COLUMNS = ("file", "caption")
DELIMITERS = (",", ";")
USUAL = ("captions.csv", "captions.txt")

Row = tuple[int, str, str]
"""Line number, file, caption."""


def read_captions(
    folder: Path, videos: Sequence[Path], source: Path | None = None
) -> dict[Path, str]:
    """The caption of each video, "" where it has none.

    Args:
        folder: the videos' folder; names in a caption file are relative to it.
        videos: the files in it.
        source: a .csv file with the columns file and caption; a .txt file whose lines are a file,
            a tab and a caption; or a folder of .txt files named as the videos. None: captions.csv
            or captions.txt in `folder`, else the .txt files beside the videos.

    Raises:
        ValueError: naming the file and the line: not UTF-8, wrong columns, a file that is not
            among the videos or comes twice, a line without a caption's place.
    """
    source = source or _usual(folder)
    if source is None or source.is_dir():
        return _beside(folder, videos, source or folder)
    if not source.is_file():
        raise ValueError(f"{source}: there is no such caption file")
    rows = _csv_rows if source.suffix.lower() == ".csv" else _tab_rows
    return _matched(folder, videos, source, rows(source, _text(source)))


def _usual(folder: Path) -> Path | None:
    found = [folder / name for name in USUAL if (folder / name).is_file()]
    if len(found) > 1:
        raise ValueError(f"{folder} holds both {' and '.join(USUAL)}: say which with --captions")
    return found[0] if found else None


def _beside(folder: Path, videos: Sequence[Path], texts: Path) -> dict[Path, str]:
    captions = {}
    for video in videos:
        text = (texts / video.relative_to(folder)).with_suffix(".txt")
        captions[video] = _plain(_text(text)) if text.is_file() else ""
    return captions


def _csv_rows(source: Path, text: str) -> Iterator[Row]:
    delimiter, columns = _header(source, text)
    place, caption = (columns.index(name) for name in COLUMNS)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        next(reader)
        begins = reader.line_num + 1
        for row in reader:
            line, begins = begins, reader.line_num + 1
            if not any(cell.strip() for cell in row):
                continue
            if len(row) != len(columns):
                raise ValueError(
                    f"{source}, line {line}: {len(row)} columns, but the header has "
                    f"{len(columns)}; put a caption that holds {delimiter!r} in double quotes"
                )
            yield line, row[place].strip(), row[caption]
    except csv.Error as error:
        raise ValueError(f"{source}, line {reader.line_num}: {error}") from None


def _header(source: Path, text: str) -> tuple[str, list[str]]:
    first = text.split("\n", 1)[0]
    for delimiter in DELIMITERS:
        row = next(csv.reader([first], delimiter=delimiter), [])
        columns = [name.strip().lower() for name in row]
        if sorted(columns) == sorted(COLUMNS):
            return delimiter, columns
    raise ValueError(
        f"{source}, line 1: the first line names the columns, file and caption, with , or ; "
        f"between them; it is {first.strip()[:80]!r}"
    )


def _tab_rows(source: Path, text: str) -> Iterator[Row]:
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        name, tab, caption = line.partition("\t")
        if not tab:
            raise ValueError(
                f"{source}, line {number}: there is no tab; each line is a file, a tab and its "
                f"caption, but this one is {line[:80]!r}"
            )
        yield number, name.strip(), caption


def _matched(
    folder: Path, videos: Sequence[Path], source: Path, rows: Iterator[Row]
) -> dict[Path, str]:
    by_name = {video.relative_to(folder).as_posix(): video for video in videos}
    captions = dict.fromkeys(videos, "")
    lines: dict[str, int] = {}
    for line, given, caption in rows:
        name = given.replace("\\", "/").removeprefix("./")
        if name not in by_name:
            raise ValueError(f"{source}, line {line}: {_unknown(given, folder, list(by_name))}")
        if name in lines:
            raise ValueError(
                f"{source}, line {line}: {given} has a caption already, in line {lines[name]}"
            )
        lines[name] = line
        captions[by_name[name]] = _plain(caption)
    return captions


def _unknown(given: str, folder: Path, names: list[str]) -> str:
    by_lower = {name.lower(): name for name in names}
    near = difflib.get_close_matches(given.lower(), by_lower, n=1)
    hint = f"; did you mean {by_lower[near[0]]}?" if near else ""
    return f"{given!r} is not among the {len(names)} videos in {folder}{hint}"


def _plain(caption: str) -> str:
    """One line, single spaces."""
    return " ".join(caption.split())


def _text(source: Path) -> str:
    data = source.read_bytes().removeprefix(codecs.BOM_UTF8)
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise ValueError(f"{source}, line 1: this is UTF-16; save the file as UTF-8")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ValueError(
            f"{source}, line {line}: byte {data[error.start]:#04x} is not UTF-8; save the file as "
            "UTF-8"
        ) from None
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise ValueError(f"{source}, line {line}: there is a zero byte; this is not a text file")
    return text
