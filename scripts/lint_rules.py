#!/usr/bin/env python3
"""The house rules that no compiler checks. Prints each violation as path:line: rule: what is wrong.

    scripts/lint_rules.py               all rules, for the whole tree
    scripts/lint_rules.py PATH...       all rules, for these files and folders"""
import pathlib
import sys

from lintlib import package_rules, rules
from lintlib.package import Package

ROOT = pathlib.Path(__file__).resolve().parent.parent


def violations(package):
    """(path, line, rule, what is wrong), sorted."""
    for target in package.targets:
        for source in package.sources(target):
            for name, rule in rules.RULES.items():
                if name == "traps" and target.folder.startswith("Tests"):
                    continue
                for position, problem in rule(source):
                    yield source.path, source.line(position), name, problem
    for name, rule in package_rules.RULES.items():
        for (path, line), problem in rule(package):
            yield path, line, name, problem


def is_under(path, folder):
    return path == folder or folder in path.parents


def main():
    wanted = [pathlib.Path(word).resolve() for word in sys.argv[1:]]
    for path in wanted:
        if not path.exists():
            sys.exit(f"lint: {path} does not exist")
    failed = False
    for path, line, rule, problem in sorted(violations(Package(ROOT))):
        if not wanted or any(is_under(path, folder) for folder in wanted):
            failed = True
            print(f"{path.relative_to(ROOT)}:{line}: {rule}: {problem}")
    sys.exit(failed)


if __name__ == "__main__":
    main()
