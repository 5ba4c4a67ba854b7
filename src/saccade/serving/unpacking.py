"""Unpacking of archives that nobody vouches for: nothing is written outside, and no more than the archive holds."""

import stat
import zipfile
from pathlib import Path, PurePosixPath

from saccade.core.errors import BundleError

MAX_FILES = 1000
BLOCK_BYTES = 1 << 20


def check_archive(archive: Path) -> None:
    """Raises BundleError unless every file of a zip archive may be unpacked.

    Refused are absolute paths and '..', links and devices, compressed or encrypted files, the same name twice, more
    than 1,000 files, and files that together are larger than the archive: `saccade publish` only stores, so no archive
    of ours can grow.
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            members = opened.infolist()
            if not (reason := _reason_against(members, archive.stat().st_size)):
                for member in members:  # a file's own header must say what the archive's table says
                    opened.open(member).close()
    except (zipfile.BadZipFile, NotImplementedError, ValueError) as error:
        raise BundleError(f"'{archive.name}' is not a whole archive: {error}. Publish it again.") from error
    if reason:
        raise BundleError(f"'{archive.name}' is refused, {reason}. Publish it again with 'saccade publish'.")


def unpack(archive: Path, directory: str, target: Path) -> None:
    """Writes what an archive holds below directory into target.

    Raises BundleError for an archive that check_archive refuses or whose content is damaged.
    """
    check_archive(archive)
    try:
        with zipfile.ZipFile(archive) as opened:
            for member in opened.infolist():
                path = PurePosixPath(member.filename)
                if path.is_relative_to(directory) and not member.is_dir():
                    _write(opened, member, target / path.relative_to(directory))
    except (zipfile.BadZipFile, EOFError) as error:
        raise BundleError(f"'{archive.name}' is damaged: {error}. Publish it again.") from error


def _write(archive: zipfile.ZipFile, member: zipfile.ZipInfo, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with archive.open(member) as source, target.open("xb") as file:
        while block := source.read(BLOCK_BYTES):
            file.write(block)


def _reason_against(members: list[zipfile.ZipInfo], archive_bytes: int) -> str | None:
    if len(members) > MAX_FILES:
        return f"it holds {len(members)} files, of at most {MAX_FILES}"
    if len({member.filename for member in members}) < len(members):
        return "two of its files have the same name"
    if (unpacked := sum(member.file_size for member in members)) > archive_bytes:
        return f"its files have {unpacked:,} bytes, the archive itself {archive_bytes:,}"
    reasons = ((member.filename, _reason_against_member(member)) for member in members)
    return next((f"its file '{name}' {reason}" for name, reason in reasons if reason), None)


def _reason_against_member(member: zipfile.ZipInfo) -> str | None:
    path = PurePosixPath(member.filename)
    kind = stat.S_IFMT(member.external_attr >> 16)
    if path.is_absolute() or ".." in path.parts or "\\" in member.filename:
        return "would be written outside"
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        return "is a link or a device"
    if member.compress_type != zipfile.ZIP_STORED:
        return "is compressed"
    return "is encrypted" if member.flag_bits & 1 else None
