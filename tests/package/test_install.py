"""make install and make uninstall."""
import os
import re
import subprocess
import tempfile
import unittest
from pathlib import Path

import helps
import installed


class Install(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.destination = Path(folder.name)

    def test_everything_is_where_an_operator_looks_for_it(self):
        installed.make("install", "/usr", self.destination)
        have = installed.files(self.destination)
        for program in helps.PROGRAMS:
            self.assertTrue(os.access(self.destination / "usr/bin" / program, os.X_OK))
            for file in (f"man/man1/{program}.1", f"bash-completion/completions/{program}", f"zsh/vendor-completions/_{program}",
                         f"fish/vendor_completions.d/{program}.fish"):
                self.assertIn(f"usr/share/{file}", have)
        for kind, source in (("lib/systemd/system", "deploy/systemd"), ("share/doc/tandem/docs", "docs")):
            for file in Path(source).glob("*.*"):
                self.assertIn(f"usr/{kind}/{file.name}", have)
        for example in ("environment", "cron/tandem", "prometheus/alerts.yml", "grafana/tandem.json", "nginx/tandem.conf"):
            self.assertIn(f"usr/share/doc/tandem/examples/{example}", have)
        self.assertFalse([file for file in have if not file.startswith("usr/")], "only the package writes into /etc")

    def test_uninstall_leaves_what_was_there_before_and_nothing_else(self):
        other = self.destination / "usr/local/share/man/man1/other.1"
        other.parent.mkdir(parents=True)
        other.write_text("not ours")
        installed.make("install", "/usr/local", self.destination)
        installed.make("install", "/usr/local", self.destination)
        self.assertGreater(len(installed.files(self.destination)), 50)
        installed.make("uninstall", "/usr/local", self.destination)
        installed.make("uninstall", "/usr/local", self.destination)
        self.assertEqual([str(path.relative_to(self.destination)) for path in sorted(self.destination.rglob("*"))],
                         ["usr", "usr/local", "usr/local/share", "usr/local/share/man", "usr/local/share/man/man1", "usr/local/share/man/man1/other.1"])

    def test_units_and_cron_name_the_folder_that_the_programs_are_in(self):
        installed.make("install", "/opt/tandem", self.destination)
        named = set()
        for file in [*self.destination.rglob("tandem-*.service"), *self.destination.rglob("nightly"), *self.destination.rglob("cron/tandem")]:
            named |= set(re.findall(r"(/\S*/tandem-(?:batch|serve|speed)|/\S*/nightly)(?![\w.])", file.read_text()))
        self.assertEqual(len(named), 4)
        for path in named:
            self.assertTrue(os.access(f"{self.destination}{path}", os.X_OK), path)

    def test_the_versions_of_program_and_package_are_the_same(self):
        program = subprocess.run([f"{helps.BIN}/tandem-serve", "--version"], capture_output=True, text=True).stdout.split()[1]
        self.assertEqual(re.match(r"tandem \((.*?)\)", Path("deploy/debian/changelog").read_text())[1], program)

    def test_the_programs_read_the_example_of_the_environment(self):
        """Every variable in it is one that they know: of one that is not known they say so."""
        text = Path("deploy/package/environment").read_text().replace("#TANDEM_", "TANDEM_")
        variables = dict(re.findall(r"^(TANDEM_\w+)='?(.*?)'?$", text, re.M))
        self.assertGreater(len(variables), 5)
        said = subprocess.run([f"{helps.BIN}/tandem-batch", "status", "--partitions", "none"], env=variables, capture_output=True, text=True)
        self.assertIn("--partitions: \"none\" is not", said.stderr)
        said = subprocess.run([f"{helps.BIN}/tandem-serve", "--boards", "/not/there"], env=variables, capture_output=True, text=True)
        self.assertIn("TANDEM_BOARDS", said.stderr)
