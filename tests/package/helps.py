"""What --help says, read here in the plainest way and not as deploy/package/program_help.py reads it."""
import os
import re
import subprocess

BIN = os.path.abspath(os.environ.get("TANDEM_BIN", "build/bin"))
PROGRAMS = ("tandem-serve", "tandem-speed", "tandem-batch", "tandem-feed")


def help_of(*words):
    command = [os.path.join(BIN, words[0]), *words[1:], "--help"]
    return subprocess.run(command, env={"PATH": os.environ["PATH"]}, check=True, capture_output=True, text=True).stdout


def flags(text):
    return set(re.findall(r"^  (--[a-z0-9-]+)", text, re.M))


def flags_with_value(text):
    return set(re.findall(r"^  (--[a-z0-9-]+) [A-Z]", text, re.M))


def variables(text):
    return set(re.findall(r"^  --.* (TANDEM_[A-Z0-9_]+)$", text, re.M))


def choices(text):
    """flag -> its choices"""
    rows = re.findall(r"^  (--[a-z0-9-]+) (?:CHOICE|NAME) .*\n.*\n.*\bof (\S+)$", text, re.M)
    return {flag: set(values.split("|")) for flag, values in rows}


def commands(text):
    found = re.search(r"^Commands:\n((?:  .*\n)+)", text, re.M)
    return re.findall(r"^  (\S+)", found[1], re.M) if found else []


def places(*words):
    """Every program and command: (words, its --help)."""
    text = help_of(*words)
    yield words, text
    for command in commands(text):
        if help_of(*words, command) != text:
            yield from places(*words, command)


def all_places():
    return [place for program in PROGRAMS for place in places(program)]
