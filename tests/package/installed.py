"""A tree that make install has made, in a folder that is removed."""
import os
import subprocess
import tempfile
from pathlib import Path


def make(target, prefix, destination=""):
    environment = {**os.environ, "TANDEM_BIN": os.environ.get("TANDEM_BIN", "build/bin"), "PREFIX": str(prefix), "DESTDIR": str(destination)}
    subprocess.run(["deploy/package/install", {"install": "put", "uninstall": "remove"}[target]], env=environment, check=True)


def files(folder):
    return {str(path.relative_to(folder)) for path in Path(folder).rglob("*") if not path.is_dir()}


class Installed:
    def __init__(self):
        self.folder = tempfile.TemporaryDirectory()
        self.prefix = Path(self.folder.name, "usr")
        make("install", self.prefix)

    def close(self):
        self.folder.cleanup()
