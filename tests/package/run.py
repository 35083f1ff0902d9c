"""unittest, with the last line that tests/run adds up. usage: run.py [MODULE...]"""
import sys
import unittest
from pathlib import Path

names = sys.argv[1:] or sorted(path.stem for path in Path(__file__).parent.glob("test_*.py"))
result = unittest.TextTestRunner(verbosity=2 if sys.argv[1:] else 1).run(unittest.defaultTestLoader.loadTestsFromNames(names))
failed = len({test.id().split(" ")[0] for test, _ in result.failures + result.errors})
print(f"{result.testsRun - failed - len(result.skipped)} passed, {failed} failed, {len(result.skipped)} skipped")
sys.exit(0 if result.wasSuccessful() and result.testsRun else 1)
