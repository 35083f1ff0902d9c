"""What the programs say of themselves: their --help (made from the option tables in C), read into pages.

Manual pages and completions are written from this, so that neither can say other than --help does. A line that is not of
the form that common/options.c prints ends it with a message: better no manual page than a wrong one."""
import os
import re
import subprocess
from dataclasses import dataclass, field

PROGRAMS = ("tandem-serve", "tandem-speed", "tandem-batch", "tandem-feed")


@dataclass
class Option:
    flag: str  # "--redis-timeout-ms"
    argument: str  # "TEXT", "N", "CHOICE"; "" for a flag
    variable: str  # "TANDEM_REDIS_TIMEOUT_MS"; "" for --help and --version
    sentence: str = ""
    value: str = ""  # "default: 4; unit: partitions; from 1 to 256"

    def choices(self):
        found = re.search(r"\bof (\S+\|\S+)$", self.value)  # "one of a|b", "may be repeated; of a|b"
        return found[1].split("|") if found and self.argument != "TEXT" else []

    def is_file(self):
        return self.argument == "TEXT" and "unit: file" in self.value


@dataclass
class Page:
    words: tuple  # ("tandem-batch", "run")
    summary: str = ""
    synopsis: str = ""
    about: list = field(default_factory=list)  # lines
    commands: list = field(default_factory=list)  # (name, its operands, text)
    options: list = field(default_factory=list)
    exit: str = ""
    children: list = field(default_factory=list)  # pages of the commands that have options of their own

    def name(self):
        return "-".join(self.words)


def said(bin_folder, words):
    command = [os.path.join(bin_folder, words[0]), *words[1:], "--help"]
    environment = {"PATH": os.environ["PATH"]}  # of TANDEM_ variables they would say that they know them or not
    return subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout


def refuse(words, line):
    raise SystemExit(f"{' '.join(words)} --help: this line is not understood: {line!r}\n"
                     "common/options.c and deploy/package/program_help.py must agree on the form of --help")


def read_command(page, line):
    if found := re.fullmatch(r"  (\S+)((?: \S+)*?) {2,}(\S.*)", line):
        page.commands.append((found[1], found[2].strip(), re.sub(r": `[^`]*--help`$", "", found[3])))
    elif page.commands and line.startswith("    "):  # the text goes on
        name, operands, text = page.commands.pop()
        page.commands.append((name, operands, f"{text} {line.strip()}"))
    else:
        refuse(page.words, line)


def read_option(page, line):
    if found := re.fullmatch(r"  (--[a-z0-9-]+)(?: ([A-Z]+))? *(TANDEM_[A-Z0-9_]+)? *", line):
        page.options.append(Option(found[1], found[2] or "", found[3] or ""))
    elif not page.options or not line.startswith("      "):
        refuse(page.words, line)
    elif not page.options[-1].sentence:
        page.options[-1].sentence = line.strip()
    else:
        page.options[-1].value = f"{page.options[-1].value} {line.strip()}".strip()


def parse(words, text):
    """A page of what --help printed, without its children."""
    page, reading = Page(tuple(words)), None
    lines = text.splitlines()
    if not lines or not lines[0].startswith(f"usage: {words[0]}"):
        refuse(words, lines[0] if lines else "")
    page.synopsis = lines[0].removeprefix("usage: ")
    for line in lines[1:]:
        if line == "Commands:":
            reading = read_command
        elif line.startswith("Options ("):
            reading = read_option
        elif line.startswith("Exit: "):
            page.exit, reading = line.removeprefix("Exit: "), "exit"
        elif reading == "exit":
            page.exit = f"{page.exit} {line.strip()}".strip()
        elif reading is None:
            page.about.append(line)
        elif line:
            reading(page, line)
    if not page.options or not page.exit or not any(page.about):
        refuse(words, "(its end)")
    return page


def read(bin_folder, words, summary=""):
    """The page of a program or a command, with those of its commands."""
    page = parse(words, said(bin_folder, words))
    page.summary = summary or re.split(r"\.(?:\s|$)", " ".join(page.about).strip())[0]
    for name, _, text in page.commands:
        inner = [*words, name]
        if parse(inner, said(bin_folder, inner)).synopsis != page.synopsis:  # else it has no options of its own
            page.children.append(read(bin_folder, inner, text))
    return page


def walk(page):
    yield page
    for child in page.children:
        yield from walk(child)
