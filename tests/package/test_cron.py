"""What cron makes of each end of the nightly run: it mails what is printed."""
import subprocess
import tempfile
import unittest
from pathlib import Path

import installed

MEANINGS = {1: "nothing is lost", 2: "the configuration is wrong", 4: "counted differently", 5: "nothing was published"}


class Cron(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.tree = installed.Installed()
        cls.addClassCleanup(cls.tree.close)
        cls.environment = Path(cls.tree.folder.name, "environment")
        cls.environment.write_text("# as systemd reads it\nTANDEM_POSTGRES='host=a b password=secret'\n")

    def nightly(self, code, *options):
        """The installed script, with a tandem-batch that says what it was called with and ends so."""
        program = self.tree.prefix / "bin/tandem-batch"
        program.unlink()
        program.write_text(f"#!/bin/sh\necho called: $* 'with' \"$TANDEM_POSTGRES\" >&2\nexit {code}\n")
        program.chmod(0o755)
        return subprocess.run([self.tree.prefix / "lib/tandem/nightly", self.environment, *options], capture_output=True, text=True)

    def test_a_run_that_needs_nobody_mails_nothing(self):
        for code in (0, 3, 6):
            done = self.nightly(code)
            self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""), f"exit {code}")

    def test_a_run_that_needs_somebody_says_why_and_what_it_said(self):
        for code, meaning in MEANINGS.items():
            done = self.nightly(code)
            self.assertEqual(done.returncode, code)
            self.assertIn(f"ended with exit {code}: ", done.stdout)
            self.assertIn(meaning, done.stdout)
            self.assertIn("called: run with host=a b password=secret\n", done.stdout)

    def test_it_has_the_variables_of_the_file_and_hands_options_on(self):
        self.assertIn("called: run --wait-s 5 with", self.nightly(1, "--wait-s", "5").stdout)

    def test_without_the_file_it_says_which(self):
        done = subprocess.run([self.tree.prefix / "lib/tandem/nightly", "/not/there"], capture_output=True, text=True)
        self.assertEqual(done.returncode, 2)
        self.assertIn("cannot read /not/there", done.stderr)

    def test_it_leaves_no_file_behind(self):
        with tempfile.TemporaryDirectory() as folder:
            for code in (0, 1):
                self.nightly(code)
                subprocess.run([self.tree.prefix / "lib/tandem/nightly", self.environment], env={"TMPDIR": folder, "PATH": "/usr/bin:/bin"}, capture_output=True)
            self.assertEqual(installed.files(folder), set())

    def test_the_line_of_cron_is_one(self):
        lines = [line for line in Path("deploy/cron/tandem").read_text().splitlines() if line and line[0] != "#" and "=" not in line.split(" ")[0]]
        self.assertEqual(len(lines), 1)
        self.assertRegex(lines[0], r"^[0-9]+ [0-9]+ \* \* \* tandem \S")
