"""The completions, asked in the shells themselves: they offer what --help lists, and nothing else."""
import os
import re
import subprocess
import unittest

import helps

WRITTEN = os.path.abspath("build/completions")

BASH = """
. "$1/bash/$2"
COMP_WORDS=("${@:2}")
COMP_CWORD=$(($# - 2))
compopt() { :; }
"_${2//-/_}"
((${#COMPREPLY[@]} == 0)) || printf '%s\\n' "${COMPREPLY[@]}"
"""
FISH = 'for file in $argv[1]/fish/*.fish; source $file; end; complete -C "$argv[2]"'
# zsh completes in its editor only: one on a terminal of its own, which shows its list, unless more has been typed already.
ZSH = r"""
zmodload zsh/zpty
zpty shell zsh -f -i
zpty -w shell "PS1=; PS2=; unset zle_bracketed_paste; fpath=($1/zsh \$fpath); autoload -U compinit; compinit -u -D"
zpty -w shell 'bindkey "^I" complete-word; zstyle ":completion:*" verbose no; LISTMAX=0; print RE""ADY'
zpty -r -m shell line '*READY*'
zpty -w -n shell "$2"$'\t'
zpty -r -m shell list '*--version*'
zpty -w -n shell $'\x15'$'print DO""NE\n'
zpty -r -m shell line '*DONE*'
print -r -- $list $line
zpty -d shell
"""
# It is slow: a program without commands, one whose commands share its options, commands, a command of a command.
ZSH_PLACES = (["tandem-speed"], ["tandem-feed"], ["tandem-serve"], ["tandem-batch", "run"], ["tandem-serve", "key", "add"])


def lines(command, **more):
    said = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60, **more)
    return said.stdout.replace("\r", "").splitlines()


def bash(*words):
    """What is offered for the last of these words."""
    return set(lines(["bash", "-c", BASH, "bash", WRITTEN, *words]))


def fish(line):
    return {offer.split("\t")[0] for offer in lines(["fish", "--no-config", "-c", FISH, WRITTEN, line])}


def refused(words, flag):
    said = subprocess.run([os.path.join(helps.BIN, words[0]), *words[1:], flag], env={}, capture_output=True, text=True)
    return "there is no such option" in said.stderr


class Offers(unittest.TestCase):
    def test_bash_offers_every_command_and_option_of_help_and_nothing_else(self):
        for words, text in helps.all_places():
            with self.subTest(" ".join(words)):
                self.assertEqual(bash(*words, "--"), helps.flags(text))
                self.assertEqual(bash(*words, ""), helps.flags(text) | set(helps.commands(text)))

    def test_the_programs_take_every_option_that_bash_offers(self):
        for words, text in helps.all_places():
            for flag in bash(*words, "--") & helps.flags_with_value(text):  # alone it lacks its value: nothing is done
                with self.subTest(" ".join((*words, flag))):
                    self.assertFalse(refused(words, flag))
            self.assertTrue(refused(words, "--of-tomorrow"))

    def test_fish_offers_every_command_and_option_of_help_and_nothing_else(self):
        for words, text in helps.all_places():
            with self.subTest(" ".join(words)):
                self.assertEqual(fish(" ".join(words) + " --"), helps.flags(text))
                if helps.commands(text):
                    self.assertEqual(fish(" ".join(words) + " "), set(helps.commands(text)))

    def test_an_option_of_choices_offers_these(self):
        tried = 0
        for words, text in helps.all_places():
            for flag, values in helps.choices(text).items():
                self.assertEqual(bash(*words, flag, ""), values)
                self.assertEqual(bash(*words, flag, "=", ""), values)
                self.assertEqual(fish(f"{' '.join(words)} {flag} "), values)
                tried += 1
        self.assertGreater(tried, 0)


class Bash(unittest.TestCase):
    def test_the_value_of_an_option_is_no_command(self):
        self.assertIn("replay", bash("tandem-feed", "--topic", "dump", "re"))
        self.assertIn("replay", bash("tandem-feed", "--topic", "=", "dump", "re"))
        self.assertIn("list", bash("tandem-serve", "key", ""))

    def test_after_an_option_with_a_value_no_option_is_offered(self):
        self.assertEqual(bash("tandem-batch", "run", "--kafka", ""), set())

    def test_files_are_offered_where_a_file_is_meant(self):
        self.assertIn("Makefile", bash("tandem-feed", "replay", "Makef"))
        self.assertIn("Makefile", bash("tandem-serve", "--boards", "Makef"))
        self.assertIn("--titles", bash("tandem-feed", "replay", "--ti"))

    def test_they_are_clean_for_shellcheck(self):
        for program in helps.PROGRAMS:
            subprocess.run(["shellcheck", f"{WRITTEN}/bash/{program}"], check=True)


class Zsh(unittest.TestCase):
    def test_zsh_offers_every_option_of_help_and_nothing_else(self):
        for words in ZSH_PLACES:
            text = helps.help_of(*words)
            with self.subTest(" ".join(words)):
                said = lines(["zsh", "-f", "-c", ZSH, "zsh", WRITTEN, " ".join(words) + " --"])
                self.assertEqual(set(re.findall(r"--[a-z0-9-]+", "\n".join(said))), helps.flags(text))
