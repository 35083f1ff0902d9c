"""A machine with a systemd of its own: namespaces and a throw-away copy of this one's files (tests/deb/boot)."""
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path


def until(condition, what, seconds=60):
    end = time.monotonic() + seconds
    while not (found := condition()):
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(0.2)
    return found


class Machine:
    def __init__(self):
        self.folder = Path(tempfile.mkdtemp(prefix="tandem-deb-", dir="/var/tmp"))
        self.root = self.folder / "root"
        self.log = open(self.folder / "boot.log", "w+b")
        command = ["unshare", "-m", "-p", "-f", "-u", "-i", "-C", "--kill-child", "tests/deb/boot", str(self.folder)]
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        try:
            self.first = until(self.first_process, "systemd")
            until(lambda: self.does("systemctl", "is-active", "basic.target") == "active", "basic.target")
        except BaseException:
            self.log.seek(0)
            print(self.log.read().decode())
            self.close()
            raise

    def first_process(self):
        """systemd's number on this machine."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return children[0] if children and Path(f"/proc/{children[0]}/comm").read_text() == "systemd\n" else None

    def command(self, *words):
        return ["nsenter", "-t", self.first, "-m", "-u", "-i", "-p", "-C", "-r", "-w", "env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin",
                "DEBIAN_FRONTEND=noninteractive", "LC_ALL=C.UTF-8", *words]

    def run(self, *words, check=True):
        done = subprocess.run(self.command(*words), stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if check and done.returncode:
            raise AssertionError(f"{' '.join(words)}: exit {done.returncode}\n{done.stdout}{done.stderr}")
        return done

    def does(self, *words):
        return self.run(*words, check=False).stdout.strip()

    def shell(self, script):
        return self.run("bash", "-c", script).stdout

    def write(self, path, text, mode=None):
        """A file in the machine; an existing one keeps owner and mode."""
        command = self.command("bash", "-c", 'cat >"$0"', path)
        subprocess.run(command, input=text, text=True, check=True)
        if mode:
            self.run("chmod", mode, path)

    def copy(self, file, path):
        with open(file, "rb") as source:
            subprocess.run(self.command("bash", "-c", 'cat >"$0"', path), stdin=source, check=True)

    def close(self):
        self.process.kill()
        self.process.wait()
        self.log.close()
        until(lambda: shutil.rmtree(self.folder, ignore_errors=True) or not self.folder.exists(), "its files are gone", 20)


def possible():
    """Why not, or None."""
    if os.geteuid():
        return "only root can make such a machine"
    tried = subprocess.run(["unshare", "-m", "-p", "-f", "-u", "-i", "-C", "mount", "-t", "cgroup2", "cgroup2", "/mnt"], capture_output=True, text=True)
    return tried.stderr.strip() or None
