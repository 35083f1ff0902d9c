"""The manual pages: clean, whole, and unable to say other than --help."""
import os
import re
import stat
import subprocess
import tempfile
import unittest
from pathlib import Path

import helps

MAN = Path("build/man")


def shown(page):
    """A page's text, without emphasis and line ends."""
    command = ["mandoc", "-T", "utf8", "-O", "width=400", str(page)]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return re.sub(r"\s+", " ", re.sub(r".\x08", "", text))


class ManualPages(unittest.TestCase):
    def test_there_is_one_for_each_program_and_command_and_no_other(self):
        expected = {"-".join(words) + ".1" for words, _ in helps.all_places()}
        self.assertEqual({page.name for page in MAN.glob("*.1")}, expected)

    def test_man_and_mandoc_find_nothing_to_complain_about(self):
        for page in MAN.glob("*.1"):
            with self.subTest(page.name):
                lint = subprocess.run(["mandoc", "-T", "lint", page], capture_output=True, text=True)
                self.assertEqual((lint.stdout, lint.stderr, lint.returncode), ("", "", 0))
                environment = {**os.environ, "LC_ALL": "C.UTF-8", "MANROFFSEQ": "", "MANWIDTH": "80"}
                man = subprocess.run(["man", "--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z", page], env=environment, capture_output=True)
                self.assertEqual((man.stderr, man.returncode), (b"", 0))

    def test_every_option_variable_and_command_of_help_stands_in_its_page(self):
        for words, text in helps.all_places():
            with self.subTest(" ".join(words)):
                page = shown(MAN / f"{'-'.join(words)}.1")
                self.assertGreater(len(helps.flags(text)), 1)
                for word in helps.flags(text) | helps.variables(text) | set(helps.commands(text)):
                    self.assertRegex(page, rf"(?<![\w-]){re.escape(word)}(?![\w-])")
                for sentence in re.findall(r"^      (\S.*)$", text, re.M):
                    self.assertIn(re.sub(r"\s+", " ", sentence.replace("`", "")), page)

    def test_each_page_has_a_name_line_that_apropos_can_read(self):
        for page in MAN.glob("*.1"):
            said = subprocess.run(["lexgrog", page], capture_output=True, text=True)
            self.assertRegex(said.stdout, rf'"{page.stem} - \S')


class AProgramThatChanges(unittest.TestCase):
    """tandem-speed stands in for a program with an option that it gets tomorrow."""

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        for program in helps.PROGRAMS:
            os.symlink(os.path.join(helps.BIN, program), os.path.join(self.folder.name, program))
        self.addCleanup(self.folder.cleanup)

    def speed_says(self, change):
        path = Path(self.folder.name, "tandem-speed")
        path.unlink()
        path.write_text(f"#!/bin/sh\n{helps.BIN}/tandem-speed \"$@\" | sed '{change}'\n")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)

    def written(self, script):
        into = os.path.join(self.folder.name, "out")
        return subprocess.run([f"deploy/package/{script}", self.folder.name, into], capture_output=True, text=True), Path(into)

    def test_a_new_option_is_in_page_and_completions_at_once(self):
        self.speed_says(r"s/^  --group .*/  --of-tomorrow N  TANDEM_OF_TOMORROW\n      New.\n      default: 1\n&/")
        for script, files in (("manual", ["tandem-speed.1"]), ("completions", ["bash/tandem-speed", "zsh/_tandem-speed", "fish/tandem-speed.fish"])):
            done, into = self.written(script)
            self.assertEqual(done.returncode, 0, done.stderr)
            for file in files:
                self.assertIn("of-tomorrow", (into / file).read_text().replace("\\-", "-"), file)

    def test_a_form_of_help_that_is_not_understood_is_refused_and_named(self):
        self.speed_says("s/^  --group .*/  -g, --group TEXT  (TANDEM_GROUP)/")
        for script in ("manual", "completions"):
            done, _ = self.written(script)
            self.assertNotEqual(done.returncode, 0)
            self.assertIn("-g, --group", done.stderr)
