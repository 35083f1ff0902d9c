"""The DAG of Airflow without Airflow: that its command lines are ones that tandem-batch takes. In the real one: make test-airflow."""
import ast
import unittest
from pathlib import Path

import helps

SOURCE = Path("deploy/airflow/tandem_nightly.py")


def constants():
    """What is assigned at its top."""
    tree = ast.parse(SOURCE.read_text())
    tree.body = [node for node in tree.body if isinstance(node, ast.Assign)]
    values = {}
    exec(compile(tree, SOURCE, "exec"), values)
    return values


class Dag(unittest.TestCase):
    def test_its_command_line_is_one_of_tandem_batch(self):
        program, command, *options = constants()["COMMAND"]
        text = helps.help_of(program, command)
        self.assertIn(command, helps.commands(helps.help_of(program)))
        self.assertEqual(options[-1], "--step")
        for option in options:
            self.assertIn(option.split("=")[0], helps.flags(text))

    def test_its_tasks_are_the_steps_in_their_order(self):
        program, command, *_ = constants()["COMMAND"]
        row = next(line for line in helps.help_of(program, command).splitlines() if "one of extract|" in line)
        self.assertEqual("|".join(constants()["STEPS"]), row.split("one of ")[1])
