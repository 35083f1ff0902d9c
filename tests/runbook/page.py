"""docs/runbook.md: a section an alert, each with a block of commands to look, and where something is to be done, one to do it."""
import os
import re

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PAGE = os.path.join(ROOT, "docs/runbook.md")


class Section:
    def __init__(self, alert, text):
        self.alert = alert
        blocks = re.findall(r"(?:^    .+\n)+", text, re.M)
        assert 1 <= len(blocks) <= 2, f"{PAGE}, {alert}: a block to look, and at most one to do"
        self.look = blocks[0]
        self.do = blocks[1] if len(blocks) == 2 else ""


def sections():
    """Alert -> Section, in the page's order."""
    with open(PAGE, encoding="utf-8") as file:
        parts = re.split(r"^### (\w+)\n", file.read(), flags=re.M)
    return {alert: Section(alert, re.split(r"^## ", text, flags=re.M)[0]) for alert, text in zip(parts[1::2], parts[2::2])}
