"""The Debian package, from lintian to purge, with every unit of it run by a systemd."""
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest
import urllib.request
from pathlib import Path

import machine

DEB = next(Path("build/deb").glob("tandem_*_*.deb"))
SERVICES = ("tandem-setup", "tandem-archive", "tandem-speed@1", "tandem-speed@2", "tandem-serve")
EVENTS = 3000


class Built(unittest.TestCase):
    def test_lintian_finds_no_error_and_no_warning(self):
        changes = next(Path("build/deb").glob("*.changes"))
        said = subprocess.run(["lintian", "--fail-on", "error,warning", "--allow-root", changes], capture_output=True, text=True)
        print(f"lintian: {said.stdout.strip() or 'nothing found'}")
        self.assertEqual((said.stdout, said.returncode), ("", 0))

    def test_the_programs_are_hardened(self):
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run(["dpkg-deb", "-x", DEB, folder], check=True)
            for program in ("serve", "speed", "batch", "feed"):
                said = subprocess.run(["readelf", "-Wld", f"{folder}/usr/bin/tandem-{program}"], capture_output=True, text=True).stdout
                for mark in ("PIE", "BIND_NOW", "GNU_RELRO"):
                    self.assertIn(mark, said, program)


def servers_up():
    """Private Kafka, Redis and Postgres for the machine: their variables."""
    folder = tempfile.mkdtemp(prefix="tandem-deb-servers-", dir="/var/tmp")
    environment = {**os.environ, "TANDEM_LOCAL": folder, "TANDEM_PORT_BASE": free_base()}
    subprocess.run(["deploy/local/stack", "up"], env=environment, check=True, capture_output=True)
    lines = Path(folder, "env").read_text().splitlines()
    return environment, "\n".join(line.removeprefix("export ") for line in lines if "TANDEM_" in line) + "\n"


def free_base():
    command = "for i in $(seq 50); do b=$((24000 + RANDOM % 200 * 20)); ss -Hltn \"sport >= :$b and sport < :$((b + 20))\" | grep -q . || { echo $b; exit; }; done; exit 1"
    return subprocess.run(["bash", "-c", command], check=True, capture_output=True, text=True).stdout.strip()


def servers_down(environment):
    for command in (["down"], ["wipe", "postgres"]):
        subprocess.run(["deploy/local/stack", *command], env=environment, capture_output=True)
    shutil.rmtree(environment["TANDEM_LOCAL"], ignore_errors=True)


@unittest.skipIf(machine.possible(), machine.possible())
class Installed(unittest.TestCase):
    """One machine; the tests are its days, in the order of their numbers."""

    @classmethod
    def setUpClass(cls):
        cls.server_environment, cls.variables = servers_up()
        cls.addClassCleanup(servers_down, cls.server_environment)
        cls.machine = machine.Machine()
        cls.addClassCleanup(cls.machine.close)
        cls.machine.copy(DEB, "/root/tandem.deb")

    def state(self, unit):
        lines = self.machine.does("systemctl", "show", "-p", "ActiveState,Result,NRestarts,MainPID,ExecMainStatus", unit).splitlines()
        return dict(line.split("=", 1) for line in lines)

    def is_active(self, unit):
        return self.machine.does("systemctl", "is-active", unit) == "active"

    def listening(self):
        return next(line.split("=", 1)[1].strip("'\"") for line in self.variables.splitlines() if line.startswith("TANDEM_LISTEN="))

    def is_ready(self):
        try:
            return urllib.request.urlopen(f"http://{self.listening()}/readyz", timeout=2).status == 200
        except OSError:
            return False

    def batch(self, *words):
        return self.machine.run("runuser", "-u", "tandem", "--", "bash", "-c", 'set -a; . /etc/tandem/environment; exec tandem-batch "$@"', "-", *words)

    def nightly(self, **variables):
        """The night's unit, started by hand as the timer does."""
        self.machine.write("/etc/tandem/nightly.environment", "".join(f"TANDEM_{name.upper()}={value}\n" for name, value in variables.items()))
        return self.machine.run("systemctl", "start", "tandem-nightly.service", check=False).returncode

    def calls(self):
        """How often /etc/tandem/on-failure has been called for the night."""
        return self.machine.does("journalctl", "-o", "cat", "-t", "on-failure").count("tandem-nightly.service")

    def test_1_installed_it_starts_nothing_and_shows_the_secrets_to_nobody(self):
        self.machine.run("dpkg", "-i", "/root/tandem.deb")
        self.assertEqual(self.machine.does("stat", "-c", "%U:%G %a", "/etc/tandem/environment"), "root:tandem 640")
        self.assertEqual(self.machine.run("runuser", "-u", "nobody", "--", "cat", "/etc/tandem/environment", check=False).returncode, 1)
        self.assertIn(":/nonexistent:/usr/sbin/nologin", self.machine.does("getent", "passwd", "tandem"))
        for unit in (*SERVICES, "tandem-nightly.timer"):
            self.assertFalse(self.is_active(unit), unit)
            self.assertEqual(self.machine.does("systemctl", "is-enabled", unit), "disabled", unit)
        self.machine.run("man", "-w", "tandem-batch-run")

    def test_2_without_a_configuration_it_says_what_is_missing_and_does_not_try_for_ever(self):
        self.machine.run("systemctl", "start", "tandem-serve", check=False)
        machine.until(lambda: self.state("tandem-serve")["ActiveState"] == "failed", "failed")
        self.assertEqual((self.state("tandem-serve")["ExecMainStatus"], self.state("tandem-serve")["NRestarts"]), ("2", "0"))
        self.assertIn("TANDEM_KAFKA", self.machine.does("journalctl", "-u", "tandem-serve", "-o", "cat"))

    def test_3_configured_every_hardened_unit_runs(self):
        self.machine.write("/etc/tandem/environment", self.variables)
        for unit in SERVICES:
            self.machine.run("systemctl", "enable", "--now", unit)
        self.machine.run("systemctl", "enable", "--now", "tandem-nightly.timer")
        machine.until(self.is_ready, "the API is ready")
        for unit in SERVICES:
            self.assertTrue(self.is_active(unit), unit)
            self.assertEqual(self.state(unit)["NRestarts"], "0", unit)
        owners = self.machine.shell("ps -o user= -C tandem-serve,tandem-speed,tandem-batch").split()
        self.assertEqual((len(owners), set(owners)), (4, {"tandem"}))
        self.assertIn("tandem-nightly.timer", self.machine.does("systemctl", "list-timers", "--all"))
        for port in (9401, 9411, 9412):
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
                self.assertIn(b"tandem_", answer.read())

    def test_4_a_night_is_run_and_everything_is_exact(self):
        self.machine.run("bash", "-c", f"set -a; . /etc/tandem/environment; tandem-feed generate --events {EVENTS}")
        self.assertEqual(self.nightly(), 0)
        newest = max(json.loads(self.batch("status", "--json").stdout)["runs"], key=lambda run: run["n"])
        self.assertEqual(newest["state"], "done")
        self.batch("audit")
        journal = self.machine.does("journalctl", "-o", "cat", "-u", "tandem-*")
        for complaint in ("Operation not permitted", "Permission denied", "Read-only file system"):
            self.assertNotIn(complaint, journal)

    def test_5_a_killed_daemon_comes_back(self):
        for unit in ("tandem-archive", "tandem-speed@1", "tandem-serve"):
            self.machine.run("systemctl", "kill", "--signal=KILL", "--kill-whom=main", unit)
            machine.until(lambda: self.is_active(unit) and self.state(unit)["NRestarts"] == "1", f"{unit} is back")
        machine.until(self.is_ready, "the API is ready")

    def test_6_a_night_that_fails_calls_somebody_and_one_that_is_locked_does_not(self):
        self.machine.write("/etc/tandem/on-failure", '#!/bin/sh\nlogger -t on-failure "$1"\n', "755")
        self.machine.run("systemctl", "stop", "tandem-archive")
        self.addCleanup(self.machine.run, "systemctl", "start", "tandem-archive")
        self.assertEqual(self.nightly(wait_s=1, retries=0), 1)
        machine.until(lambda: self.calls() == 1, "somebody is called")
        run = "set -a; . /etc/tandem/environment; exec tandem-batch run --wait-s 600 >/tmp/other-run 2>&1"
        other = subprocess.Popen(self.machine.command("runuser", "-u", "tandem", "--", "bash", "-c", run), stdin=subprocess.DEVNULL)
        machine.until(lambda: "going on" in self.machine.does("cat", "/tmp/other-run"), "another run has the lock")
        self.assertEqual((self.nightly(wait_s=1, retries=0), self.state("tandem-nightly")["ExecMainStatus"]), (0, "3"))
        self.machine.run("systemctl", "start", "tandem-archive")
        self.assertEqual(other.wait(timeout=300), 0)
        self.assertEqual(self.calls(), 1)

    def test_7_an_upgrade_restarts_what_runs_and_keeps_the_configuration(self):
        before = {unit: self.state(unit)["MainPID"] for unit in SERVICES[1:]}
        self.machine.shell("cd /root && dpkg-deb -R tandem.deb new && sed -i 's/^Version: .*/&+1/' new/DEBIAN/control && echo '# new' >>new/etc/tandem/environment"
                           " && dpkg-deb -b new tandem-new.deb && dpkg --force-confold -i tandem-new.deb")
        self.assertEqual(self.machine.shell("cat /etc/tandem/environment"), self.variables)
        self.assertEqual(self.machine.does("stat", "-c", "%U:%G %a", "/etc/tandem/environment"), "root:tandem 640")
        for unit, pid in before.items():
            machine.until(lambda: self.is_active(unit) and self.state(unit)["MainPID"] not in (pid, "0"), f"{unit} is restarted")
        machine.until(self.is_ready, "the API is ready")
        self.batch("audit")

    def test_8_purged_nothing_of_it_runs_and_nothing_is_left_but_the_user(self):
        self.machine.run("dpkg", "--purge", "tandem")
        self.assertEqual(self.machine.does("bash", "-c", "ps -o pid= -C tandem-serve,tandem-speed,tandem-batch"), "")
        left = self.machine.does("bash", "-c", "find /etc /lib/systemd /usr/bin /usr/lib/sysusers.d /usr/lib/tandem /usr/share/*/ -name '*tandem*' 2>/dev/null").splitlines()
        self.assertEqual(left, ["/etc/tandem"])
        self.assertEqual(self.machine.shell("ls /etc/tandem").split(), ["nightly.environment", "on-failure"])  # the administrator's own
        self.machine.run("getent", "passwd", "tandem")


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # what was started is ended
    result = unittest.TextTestRunner(verbosity=2).run(unittest.defaultTestLoader.loadTestsFromName("__main__"))
    failed = len({test.id() for test, _ in result.failures + result.errors})
    print(f"{result.testsRun - failed - len(result.skipped)} passed, {failed} failed, {len(result.skipped)} skipped")
    sys.exit(0 if result.wasSuccessful() and result.testsRun else 1)
