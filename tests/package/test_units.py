"""The units, as systemd's own tool sees them."""
import os
import re
import subprocess
import unittest
from pathlib import Path

import installed

LIMIT = 3.0


def units(pattern):
    return sorted(Path("deploy/systemd").glob(pattern))


def settings(unit):
    """name -> its values"""
    have = {}
    for name, value in re.findall(r"^(\w+)=(.*)$", unit.read_text(), re.M):
        have.setdefault(name, []).append(value)
    return have


class Units(unittest.TestCase):
    def test_systemd_analyze_verify_finds_nothing(self):
        tree = installed.Installed()
        self.addCleanup(tree.close)
        folder = tree.prefix / "lib/systemd/system"
        environment = {**os.environ, "MANPATH": str(tree.prefix / "share/man")}
        instances = [folder / unit.name.replace("@.", "@1.") for unit in units("tandem-*.*")]
        for unit in instances:
            if not unit.exists():
                unit.symlink_to(unit.name.replace("@1.", "@."))
        said = subprocess.run(["systemd-analyze", "verify", *instances], env=environment, capture_output=True, text=True)
        self.assertEqual((said.stdout, said.stderr, said.returncode), ("", "", 0))

    def test_each_service_is_exposed_no_more_than_the_limit(self):
        self.assertGreater(len(units("*.service")), 5)
        for unit in units("*.service"):
            with self.subTest(unit.name):
                command = ["systemd-analyze", "security", "--offline=true", f"--threshold={int(LIMIT * 10)}", str(unit.resolve())]
                said = subprocess.run(command, capture_output=True, text=True)
                self.assertEqual(said.returncode, 0, said.stdout[-400:] + said.stderr)
                score = float(re.search(r"exposure level for \S+: ([0-9.]+)", said.stdout)[1])
                self.assertLessEqual(score, LIMIT)

    def test_each_runs_as_tandem_and_reads_the_environment(self):
        for unit in units("*.service"):
            have = settings(unit)
            self.assertEqual((have["User"], have["Group"]), (["tandem"], ["tandem"]), unit.name)
            if "tandem-failed" not in unit.name:
                self.assertIn("/etc/tandem/environment", have["EnvironmentFile"], unit.name)

    def test_daemons_are_started_again_but_not_with_a_wrong_configuration(self):
        for name in ("tandem-archive", "tandem-speed@", "tandem-serve"):
            have = settings(Path(f"deploy/systemd/{name}.service"))
            self.assertEqual((have["Restart"], have["RestartPreventExitStatus"], have["StartLimitIntervalSec"]), (["on-failure"], ["2"], ["0"]))

    def test_the_nightly_run_calls_for_nobody_when_there_is_nothing_to_do(self):
        have = settings(Path("deploy/systemd/tandem-nightly.service"))
        self.assertEqual(have["SuccessExitStatus"], ["3 6"])
        self.assertEqual(have["OnFailure"], ["tandem-failed@%n.service"])

    def test_the_timer_makes_up_for_a_night_and_its_calendar_is_understood(self):
        have = settings(Path("deploy/systemd/tandem-nightly.timer"))
        self.assertEqual(have["Persistent"], ["true"])
        self.assertIn("RandomizedDelaySec", have)
        subprocess.run(["systemd-analyze", "calendar", *have["OnCalendar"]], check=True, capture_output=True)
