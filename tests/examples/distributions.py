"""Wheels, sdists and source folders, good ones and hostile ones, made for one test each."""

import base64
import hashlib
import io
import tarfile
import zipfile
from pathlib import Path
from typing import Any

METADATA = """\
Metadata-Version: 2.4
Name: tidy
Version: 1.2
Summary: Puts things
  where they belong
License-Expression: MIT
License-File: LICENSE
Classifier: License :: OSI Approved :: MIT License
Classifier: Programming Language :: Python :: 3
Requires-Python: >=3.11
Requires-Dist: click>=8

The description is no header: Name: other
"""

CLEAN = {
    "tidy/__init__.py": b'"""Tidies."""\n',
    "tidy/shelf.py": b'"""Shelves."""\n\nimport os\n\nHOME = os.sep\n',
    "tidy/data.bin": bytes(range(256)),
    "tidy-1.2.dist-info/METADATA": METADATA.encode(),
    "tidy-1.2.dist-info/licenses/LICENSE": b"MIT\n",
    "tidy-1.2.dist-info/WHEEL": b"Wheel-Version: 1.0\n",
}
"""A package in which nothing is to be found."""

RECORD = "tidy-1.2.dist-info/RECORD"


def record_line(path, content):
    digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
    return f"{path},sha256={digest},{len(content)}\n"


def record_of(files):
    return ("".join(record_line(path, content) for path, content in files.items()) + f"{RECORD},,\n").encode()


def write_files(folder: Path, files) -> Path:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


def build_wheel(folder: Path, files=None, record=None) -> Path:
    """Zip some files with a RECORD, by default the one that is true of them."""
    files = CLEAN if files is None else files
    wheel = folder / "tidy-1.2-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
        archive.writestr(RECORD, record_of(files) if record is None else record)
    return wheel


def build_sdist(folder: Path, members: dict[str, Any], name: str = "tidy-1.2.tar.gz") -> Path:
    """Tar some members: content for a file, or a `TarInfo` as it is."""
    sdist = folder / name
    mode: Any = {"gz": "w:gz", "bz2": "w:bz2", "xz": "w:xz", "tar": "w"}[name.rpartition(".")[2]]
    with tarfile.open(sdist, mode) as archive:
        for path, content in members.items():
            if isinstance(content, tarfile.TarInfo):
                archive.addfile(content)
            else:
                info = tarfile.TarInfo(path)
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
    return sdist


def tar_entry(path, kind, link=""):
    info = tarfile.TarInfo(path)
    info.type = kind
    info.linkname = link
    return info


SDIST = {
    "tidy-1.2/PKG-INFO": METADATA.encode(),
    "tidy-1.2/LICENSE": b"MIT\n",
    "tidy-1.2/src/tidy/__init__.py": b'"""Tidies."""\n',
}
