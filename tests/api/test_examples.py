"""
Every curl command of docs/api.md, run as it stands, in order, by one shell with the deployment's variables. It must be answered
with a success that the document has, or with the status that stands behind it as a comment (`# 404`); JSON must have its
schema. Each operation of the document has at least one that succeeds.

An example is an indented line that begins with `curl`, and its continuations behind a \\ or up to the end of a here-document; so is
one that begins with NAME=$(…), `printf` or `build/bin/`, which is run, too, for what follows it.
"""
import os
import re
import shlex
import subprocess
import tempfile
from urllib.parse import urlsplit

import pytest

from tandem import ROOT

COMMAND = re.compile(r"    (curl |printf |build/bin/|[A-Za-z_]+=\$\()")
HERE_DOCUMENT = re.compile(r"<<'?(\w+)'?")
STATUS = re.compile(r"\s# (\d{3})\b[^\n]*\Z")

# What it was answered with goes to standard error, behind a mark.
MARK = "\x1e"
CURL = r"""
curl() {
    command curl -sS --max-time 30 -w '%{stderr}\x1e%{http_code}\t%{method}\t%{url_effective}\t%{content_type}\x1e' "$@"
}
""".replace(r"\x1e", MARK)


def commands(text):
    """(line number, command) of each example."""
    lines = text.splitlines()
    at = 0
    while at < len(lines):
        first = at
        at += 1
        if not COMMAND.match(lines[first]):
            continue
        end = HERE_DOCUMENT.search(lines[first])
        while lines[at - 1].endswith("\\") or (end and lines[at - 1].strip() != end.group(1)):
            at += 1
        yield first + 1, "\n".join(line.removeprefix("    ") for line in lines[first:at])


def documented():
    with open(os.path.join(ROOT, "docs/api.md"), encoding="utf-8") as file:
        return list(commands(file.read()))


class Answer:
    def __init__(self, line, command, printed, said, facts):
        self.line, self.command, self.printed, self.said = line, command, printed, said
        status, self.method, url, self.content_type = facts.split("\t")
        self.status, self.path = int(status), urlsplit(url).path

    def body(self):
        """What was printed, less the headers that -i or -I print before it."""
        words = shlex.split(self.command.split("<<")[0], comments=True)
        if any(re.fullmatch(r"-[a-zA-Z]*[iI][a-zA-Z]*|--include|--head", word) for word in words):
            return self.printed.partition(b"\r\n\r\n")[2]
        return self.printed


@pytest.fixture(scope="module")
def answers(tandem):
    """Those of all examples, in their order."""
    examples = documented()
    found = []
    with tempfile.TemporaryDirectory() as out:
        script = [CURL]
        for number, (_, command) in enumerate(examples):
            script.append(f"{{\n{command}\n}} >{out}/{number}.printed 2>{out}/{number}.said")
        done = subprocess.run(["bash", "-c", "\n".join(script)], cwd=ROOT, env=tandem.environment(), stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300)
        assert not done.stdout, done.stdout
        for number, (line, command) in enumerate(examples):
            if "curl" not in command:
                continue
            with open(f"{out}/{number}.printed", "rb") as printed, open(f"{out}/{number}.said", encoding="utf-8") as said:
                told = said.read().split(MARK)
                assert len(told) > 1, f"docs/api.md, line {line}: it was not run: {command}\n{told}"
                found.append(Answer(line, command, printed.read(), told[0], told[1]))
    return found


def what_is_wrong(document, answer):
    operation = document.operation(answer.method, answer.path)
    wanted = STATUS.search(answer.command)
    if not operation:
        return f"the document has no {answer.method} {answer.path}"
    if answer.status != int(wanted.group(1)) if wanted else not 200 <= answer.status < 300:
        return f"it is answered with {answer.status} {answer.said}{answer.printed[:300]!r}"
    if answer.method == "HEAD" or re.search(r"curl\b.*\s(-o|--output|\|)\s", answer.command):
        return None if operation.answers(answer.status) else f"the document has no {answer.status} there"
    return operation.why_not(answer.status, answer.content_type, answer.body())


def test_each_example_is_answered_as_the_document_says(document, answers):
    wrong = [f"docs/api.md, line {answer.line}: {why}\n    {answer.command}" for answer in answers
             for why in [what_is_wrong(document, answer)] if why]
    assert answers and not wrong, "\n".join(wrong)


def test_each_operation_has_an_example_that_succeeds(document, answers):
    shown = {document.operation(answer.method, answer.path) for answer in answers if answer.status < 300}
    without = [operation.name for operation in document.operations if operation not in shown]
    assert not without, "docs/api.md has no curl example of: " + ", ".join(without)
