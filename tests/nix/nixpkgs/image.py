"""What buildLayeredImage does: ``image.py OUT NAME:TAG CREATED CONFIG.json FOLDER``, one layer."""

from __future__ import annotations

import hashlib
import io
import json
import sys
import tarfile
from pathlib import Path


def layer(folder: Path) -> bytes:
    """Return the files of a folder as a layer."""

    def plain(info: tarfile.TarInfo) -> tarfile.TarInfo:
        info.uid = info.gid = 0
        info.uname = info.gname = ""
        info.mtime = 1
        return info

    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as tar:
        for path in sorted(folder.iterdir()):
            tar.add(path, arcname=path.name, filter=plain)
    return file.getvalue()


def main(out: str, tag: str, created: str, config: str, folder: str) -> None:
    """Write the archive that ``podman load`` and ``docker load`` take."""
    files = layer(Path(folder))
    digest = hashlib.sha256(files).hexdigest()
    image = {
        "architecture": "amd64",
        "os": "linux",
        "created": created,
        "config": json.loads(Path(config).read_text()),
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}"]},
        "history": [{"created": created}],
    }
    told = json.dumps(image, sort_keys=True).encode()
    name, inner = f"{hashlib.sha256(told).hexdigest()}.json", f"{digest}/layer.tar"
    manifest = json.dumps([{"Config": name, "RepoTags": [tag], "Layers": [inner]}]).encode()
    with tarfile.open(out, "w") as tar:
        for path, data in ((inner, files), (name, told), ("manifest.json", manifest)):
            info = tarfile.TarInfo(path)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))


if __name__ == "__main__":
    main(*sys.argv[1:])
