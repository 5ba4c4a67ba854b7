"""A zip of class folders, read member by member in archive order; nothing is ever extracted to disk."""

import re
import stat
import zipfile
import zlib
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

from saccade.core.errors import DataError
from saccade.data.sources.files import size_fault
from saccade.data.sources.layout import HOW_TO_LAY_OUT, Place, arrange, is_litter
from saccade.data.sources.source import Fault, Record, Source, displayable

# Encoded images hardly compress: 2 to 1 is much. Deflate reaches 1,032 to 1 on zeros.
MAX_EXPANSION = 100
EXPANSION_COUNTS_FROM_BYTES = 1 << 20
_ARCHIVE_SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".7z", ".rar")
_UTF8_NAME_FLAG = 0x800
_ENCRYPTED_FLAG = 0x1
_DRIVE = re.compile(r"[A-Za-z]:")


class _Member(NamedTuple):
    info: zipfile.ZipInfo
    name: str
    place: Place


def open_zip(path: Path) -> Source:
    """Returns the zip as a source.

    Raises DataError for a damaged or encrypted zip, a member name that is absolute or holds "..", an archive inside
    the archive, a zip bomb, a zip without files and one without class folders.
    """
    location = displayable(str(path))
    infos = _list(path, location)
    _refuse_bomb(infos, path.stat().st_size, location)
    named = [(info, _member_name(info, location)) for info in infos]
    visible = [(info, name) for info, name in named if not is_litter(name)]
    if not visible:
        raise DataError(f"Zip '{location}' holds no files. {HOW_TO_LAY_OUT}")
    _refuse_nested([name for _, name in visible], location)
    places = arrange([name for _, name in visible], location)
    members = [_Member(info, name, place) for (info, name), place in zip(visible, places, strict=True)]
    return Source(
        kind="zip",
        location=location,
        labels=frozenset(place.label for place in places if place.label is not None),
        count=len(members),
        read=partial(_read, path, sorted(members, key=lambda member: member.info.header_offset)),
        ignored=len(named) - len(visible),
    )


def _list(path: Path, location: str) -> list[zipfile.ZipInfo]:
    try:
        with zipfile.ZipFile(path) as archive:
            infos = [info for info in archive.infolist() if not info.filename.endswith("/")]
    except (zipfile.BadZipFile, EOFError, ValueError, NotImplementedError) as error:
        raise DataError(f"'{location}' is not a whole zip: {error}. Copy or download it again.") from error
    if any(info.flag_bits & _ENCRYPTED_FLAG for info in infos):
        raise DataError(f"Zip '{location}' is encrypted. Unpack it with its password and give the folder.")
    return infos


def _member_name(info: zipfile.ZipInfo, location: str) -> str:
    """Returns the path of a member with "/" between its parts; raises DataError if it leads out of the archive."""
    name = _decoded(info).replace("\\", "/")
    parts = name.split("/")
    if name.startswith("/") or ".." in parts or _DRIVE.match(name):
        raise DataError(
            f"Zip '{location}' has a member whose name leads out of the archive: '{displayable(name)}'. "
            "Pack the class folders again with relative names."
        )
    return "/".join(part for part in parts if part not in ("", "."))


def _decoded(info: zipfile.ZipInfo) -> str:
    """Returns the name as its author saw it: Linux tools store UTF-8 without the flag that says so."""
    if info.flag_bits & _UTF8_NAME_FLAG:
        return info.orig_filename
    try:
        return info.orig_filename.encode("cp437").decode("utf-8")
    except UnicodeError:
        return info.orig_filename


def _refuse_bomb(infos: list[zipfile.ZipInfo], archive_bytes: int, location: str) -> None:
    """Raises DataError if a member, or all together (members may overlap), would expand beyond all reason."""
    for info in infos:
        if _expands_too_much(info.file_size, info.compress_size):
            raise DataError(
                f"Zip '{location}' is a zip bomb: '{displayable(info.filename)}' grows from {info.compress_size:,} to "
                f"{info.file_size:,} bytes; images grow at most {MAX_EXPANSION} times. Do not use this file."
            )
    total = sum(info.file_size for info in infos)
    if _expands_too_much(total, archive_bytes):
        raise DataError(
            f"Zip '{location}' is a zip bomb: {archive_bytes:,} bytes grow to {total:,}; images grow at most "
            f"{MAX_EXPANSION} times. Do not use this file."
        )


def _expands_too_much(expanded_bytes: int, stored_bytes: int) -> bool:
    return expanded_bytes > EXPANSION_COUNTS_FROM_BYTES and expanded_bytes > MAX_EXPANSION * stored_bytes


def _refuse_nested(names: list[str], location: str) -> None:
    for name in names:
        if name.lower().endswith(_ARCHIVE_SUFFIXES):
            raise DataError(
                f"Zip '{location}' holds another archive, '{displayable(name)}'. Unpack both into one folder, one "
                "folder a class, and give that folder."
            )


def _read(path: Path, members: list[_Member]) -> Iterator[Record]:
    with zipfile.ZipFile(path) as archive:
        for member in members:
            label, split = member.place
            data, fault = _member_bytes(archive, member)
            yield Record(displayable(member.name), label, split, data, fault)


def _member_bytes(archive: zipfile.ZipFile, member: _Member) -> tuple[bytes, Fault | None]:
    info = member.info
    if fault := _known_fault(member):
        return b"", fault
    try:
        with archive.open(info) as file:
            # Asking for the declared size bounds what is inflated; a member that holds more fails its checksum.
            return file.read(info.file_size), None
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, RuntimeError) as error:
        return b"", Fault("unreadable", f"is damaged in the zip: {error}")


def _known_fault(member: _Member) -> Fault | None:
    """Returns what is wrong with a member by its entry alone."""
    if member.place.label is None:
        return Fault("unlabelled", "stands outside the class folders")
    if stat.S_ISLNK(member.info.external_attr >> 16):
        return Fault("not_an_image", "is a link; links inside a zip are not followed")
    if member.info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        # Python inflates the other methods without a bound, so a small member could take all memory.
        return Fault(
            "unreadable", f"is packed with method {member.info.compress_type}; only stored and deflate are read"
        )
    return size_fault(member.info.file_size)
