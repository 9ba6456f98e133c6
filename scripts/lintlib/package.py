"""What Package.swift declares and what the files import."""
import dataclasses
import functools
import pathlib
import re

from .swift_source import Source, matching

IMPORT = re.compile(r"^\s*(?:@\w+\s+)*(?:(?:package|public|internal|private|fileprivate)\s+)?import\s+"
                    r"(?:struct\s+|enum\s+|func\s+|class\s+)?(\w+)", re.M)
KINDS = {"library": "library", "program": "program", "tests": "tests", ".target": "library",
         ".executableTarget": "program", ".testTarget": "tests", ".systemLibrary": "system"}


@dataclasses.dataclass(frozen=True)
class Target:
    name: str
    kind: str
    folder: str
    dependencies: tuple

    def files(self, root):
        return sorted((root / self.folder).rglob("*.swift"))


def strings(text):
    return re.findall(r'"([^"\n]*)"', text)


def read_targets(manifest):
    """The targets of a Package.swift whose targets are written one by one, with literal names."""
    source = Source("Package.swift", manifest)
    # A product names its targets too; the package's own list is the longest.
    lists = [(match.end() - 1, matching(source.code, match.end() - 1))
             for match in re.finditer(r"\btargets:\s*\[", source.code)]
    begin, end = max(lists, key=lambda span: span[1] - span[0])
    targets = []
    for match in re.compile(r"(?<![\w.])(library|program|tests|\.target|\.executableTarget|"
                            r"\.testTarget|\.systemLibrary)\(").finditer(source.code, begin, end):
        opening = match.end() - 1
        closing = matching(source.code, opening)
        name = strings(manifest[opening:closing])[0]
        listed = source.code.find("[", opening, closing)
        named = source.code.find("dependencies:", opening, closing)
        if match[1].startswith("."):
            listed = source.code.find("[", named, closing) if named >= 0 else -1
        dependencies = strings(manifest[listed:matching(source.code, listed)]) if listed >= 0 else []
        kind = KINDS[match[1]]
        path = re.search(r'path:\s*"([^"]+)"', manifest[opening:closing])
        folder = path[1] if path else f"{'Tests' if kind == 'tests' else 'Sources'}/{name}"
        targets.append(Target(name, kind, folder, tuple(dependencies)))
    return targets


class Package:
    """The package at a folder: its targets, and who imports what."""

    def __init__(self, root):
        self.root = pathlib.Path(root)
        self.targets = read_targets((self.root / "Package.swift").read_text())
        self.named = {target.name: target for target in self.targets}

    @functools.cache
    def sources(self, target):
        return [Source(path, path.read_text()) for path in target.files(self.root)]

    @functools.cache
    def imports(self, target):
        """Modules that a target's files import, with the first place: {module: (path, line)}."""
        found = {}
        for source in self.sources(target):
            for match in IMPORT.finditer(source.code):
                found.setdefault(match[1], (source.path, source.line(match.start(1))))
        return found
