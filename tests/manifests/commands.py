"""commands: does a command line of ours, and its variables, say what the program knows?"""
import re

from conftest import help_of

PROGRAMS = ("tandem-serve", "tandem-speed", "tandem-batch", "tandem-feed")


def check_command(words):
    """`tandem-batch run --wait-s 5`: the command is there, and each of its options."""
    assert words[0] in PROGRAMS, f"{words[0]} is no program of ours"
    # An option may be -- and its value apart; what stands before the first option is the command.
    first = next((n for n, word in enumerate(words) if word.startswith("-")), len(words))
    known = help_of(*(words[:first] if words[0] == "tandem-batch" else words[:1]))
    for word in words[first:]:
        if word.startswith("--"):
            option = word.split("=")[0]
            assert re.search(rf"^  {re.escape(option)}( |$)", known, re.MULTILINE), f"{words}: there is no {option}"
    return known


def check_variables(names, known):
    """Each is one that this program, or another of the deployment, has an option for; a program refuses what none has."""
    everybodys = known + "".join(help_of(*c) for c in (
        ("tandem-serve",), ("tandem-speed",), ("tandem-batch", "setup"), ("tandem-batch", "run"), ("tandem-feed",)))
    for name in names:
        if name.startswith("TANDEM_"):
            assert re.search(rf"\b{name}$", everybodys, re.MULTILINE), f"no program has an option for {name}"
