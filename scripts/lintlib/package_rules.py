"""The house rules about targets: which module may import which, and declarations without use."""
import collections
import dataclasses
import re

from .swift_source import Source, matching

# Every room is in one of these sets. Add a new room to one of them.
# Pure rooms know no clock, no socket, no thread.
PURE = {"Bytes", "Numerics", "HTTP", "Options", "Detection", "Telemetry", "Report", "Wire", "Signals",
        "Scoring", "SeriesLog"}
EFFECTS = {"System", "TLS", "Compression", "HTTPClient", "Redis", "Store", "Push"}
# C code without effects; pure rooms may import these two.
PURE_C = {"CArithmetic", "CDecimal"}
# Modules of the platform. Foundation costs 11 MB of memory and start-up time.
PLATFORM = {"Glibc", "Foundation", "FoundationEssentials", "Dispatch", "Synchronization"}
# (who, never imports, why)
FORBIDDEN = (
    (PURE, {"Glibc", "Dispatch"}, "a pure room has no effects"),
    ({"Synthetic", "Scoring", "Signals", "Report", "LoadGen"}, {"Detection"},
     "code that scores verdicts must not know the detector"),
    ({"Service"}, {"Signals", "Scoring"}, "the service must not know the code that scores it"),
    ({"Redis"}, {"SeriesLog", "Detection", "Wire"}, "the protocol knows no series"),
)
# The only rooms that may import these C libraries.
OWNERS = {"CHiredis": {"Redis"}, "CJemalloc": {"Service"}, "COpenSSL": {"TLS"},
          "CSQLite": {"Store"}, "CZlib": {"Compression"}, "CZstd": {"Compression"},
          "CSnappy": {"Compression"}}

# Called by the standard library, not by name.
WITNESSES = {"description", "debugDescription", "hash", "main", "next", "makeIterator", "rawValue", "id",
             "body", "init", "deinit", "subscript", "Element", "Iterator", "Failure", "allCases", "encode",
             "callAsFunction", "startIndex", "endIndex", "index", "errorDescription", "testDescription",
             "CodingKeys"}
# Called by the test library and the start of a program.
ENTRY = re.compile(r"@(?:Test|Suite|main)\b\s*")
DECLARATION = re.compile(r"(?<![.\w])(?P<kind>func|var|let|struct|class|enum|protocol|actor|typealias)\s+"
                         r"(?P<name>`?\w+`?)")
CASE = re.compile(r"^\s*(?:indirect\s+)?case\s+(?!let\b|var\b|is\b)(?P<cases>[a-z_`]\w*[^:\n]*"
                  r"(?:\([^\n]*)?)$", re.M)
ASSIGNMENT = re.compile(r"\s*(?:=(?!=)|[-+*/|^]=|&[-+*]=|&=|<<=|>>=)")


def imports(package):
    """Pure rooms stay pure, few rooms use a C library, and scoring code does not know the detector."""
    for target in package.targets:
        if target.kind in ("tests", "system"):
            continue
        for module, place in package.imports(target).items():
            for rooms, modules, why in FORBIDDEN:
                if target.name in rooms and module in modules:
                    yield place, f"{target.name} imports {module}: {why}"
            yield from _import_of(package, target, module, place)


def _import_of(package, target, module, place):
    own = package.named.get(module)
    if module.startswith("Foundation") and target.folder.startswith("Sources"):
        yield place, f"{target.name} imports {module}: it costs memory and start-up time"
    if target.name in PURE and own and module not in PURE | PURE_C:
        yield place, f"{target.name} imports {module}: a pure room imports pure rooms"
    if own and own.kind == "program":
        yield place, f"{target.name} imports the program {module}"
    if module in OWNERS and target.name not in OWNERS[module]:
        yield place, f"{target.name} imports {module}: only {', '.join(sorted(OWNERS[module]))} may"


def rooms(package):
    """Each room is declared as pure or not, and each folder belongs to a target."""
    manifest = package.root / "Package.swift"
    for target in package.targets:
        if (target.kind == "library" and target.folder.startswith("Sources")
                and target.name not in PURE | EFFECTS | PURE_C):
            yield (manifest, 1), f"{target.name} is neither in PURE nor in EFFECTS of package_rules.py"
    folders = {target.folder for target in package.targets}
    for parent in ("Sources", "Tests"):
        for folder in sorted((package.root / parent).glob("*")):
            if folder.is_dir() and f"{parent}/{folder.name}" not in folders:
                yield (folder, 1), "no target of Package.swift"


def dependencies(package):
    """A target declares exactly the modules that it imports."""
    for target in package.targets:
        imported = package.imports(target)
        if target.kind == "system" or not target.files(package.root):
            continue
        for name in target.dependencies:
            # A test starts a program that must be built; it imports it only for its parts.
            starts = target.kind == "tests" and package.named[name].kind == "program"
            if name not in imported and not starts:
                yield ((package.root / target.folder, 1),
                       f"{target.name} declares {name} in Package.swift and imports it nowhere")
        for module, place in imported.items():
            if module in package.named and module not in target.dependencies:
                yield place, f"{target.name} imports {module} and does not declare it"


@dataclasses.dataclass(frozen=True)
class Declaration:
    kind: str
    name: str
    source: Source
    position: int
    # The first labels that a call may have; None where the declaration is no function.
    labels: frozenset = None


class Uses:
    """What the sources say of one name beside declaring it: the first labels of calls ("*" is any
    label, because the function is not called there), and how often a value is read."""

    def __init__(self):
        self.labels = set()
        self.read = 0

    def reach(self, declaration):
        if declaration.labels is None:
            return bool(self.labels)
        return "*" in self.labels or bool(self.labels & declaration.labels)


def _first_labels(span):
    """How a call of a function may begin: arguments with a default value may be missing."""
    labels = set()
    for parameter in span.parameters:
        head = re.sub(r"@\w+\s+", "", parameter).split(":")[0].split()
        labels.add(head[0] if head else "_")
        if not re.search(r"(?<![=!<>])=(?!=)", parameter):
            return frozenset(labels)
    return frozenset(labels | {""})


def _entries(source):
    """Where declarations are named that something outside calls."""
    for match in ENTRY.finditer(source.code):
        after = match.end()
        if source.code[after:after + 1] == "(":
            after = matching(source.code, after) + 1
        declaration = DECLARATION.search(source.code, after)
        if declaration:
            yield declaration.start("name")


def _declarations(source):
    """What a file declares outside functions, but for what something outside calls."""
    entries = set(_entries(source))
    functions = {span.start: span for span in source.functions if span.kind == "function"}
    for match in DECLARATION.finditer(source.code):
        span = source.innermost(source.functions, match.start() - 1)
        if match.start("name") in entries or (span and span.start < match.start()):
            continue
        labels = None
        if match["kind"] == "func" and match.start() in functions:
            labels = _first_labels(functions[match.start()])
        yield Declaration(match["kind"], match["name"].strip("`"), source, match.start("name"), labels)
    for match in CASE.finditer(source.code):
        if source.innermost(source.functions, match.start("cases")):
            continue
        for each in re.finditer(r"(?:^|,)\s*`?(\w+)`?\s*(?:\([^()]*\)|=[^,]*)?", match["cases"]):
            yield Declaration("case", each[1], source, match.start("cases") + each.start(1))


def _locals(source, span):
    """Names that mean something of the function's own inside it."""
    names = set()
    for parameter in span.parameters:
        head = parameter.split(":")[0].split()
        names.update(head[-1:])
    body = source.code[span.start:span.end]
    names.update(re.findall(r"\b(?:let|var)\s+(\w+)\s*[=:]", body))
    names.update(re.findall(r"\bfor\s+(?:case\s+)?(?:let\s+)?(\w+)\s+in\b", body))
    return names


def _is_label(code, start, end):
    before = code[:start].rstrip()[-1:]
    return before in ("(", ",") and code[end:end + 1] == ":"


def _call_label(code, end):
    """The first label of the call that a name ending at `end` begins; "*" where it begins none."""
    call = re.compile(r"\(\s*(?:(\w+)\s*:|(\)))?").match(code, end)
    if not call:
        return "*"
    return "" if call[2] else call[1] or "_"


def _count(source, uses, declared):
    """Counts what a file says of each declared name."""
    own = [(span, _locals(source, span)) for span in source.functions if span.kind == "function"]
    bodies = collections.defaultdict(list)
    for span in source.functions:
        bodies[span.name].append(span)
    for match in re.finditer(r"\b[A-Za-z_]\w*\b", source.code):
        name, (start, end) = match[0], match.span()
        if name not in uses or (source.path, start) in declared:
            continue
        label = _call_label(source.code, end)
        if any(span.holds(start) and (span.kind == "property" or label in _first_labels(span))
               for span in bodies.get(name, ())):
            continue
        if _is_label(source.code, start, end):
            uses[name].labels.add("_")
            continue
        uses[name].labels.add(label)
        before = source.code[source.code.rfind("\n", 0, start) + 1:start]
        if re.search(rf"\b{name}\s*[-+&|*]*=(?!=)", before):
            continue
        dotted = source.code[start - 1:start] in (".", "\\")
        if not dotted and any(name in names for span, names in own if span.holds(start)):
            continue
        if not ASSIGNMENT.match(source.code, end):
            uses[name].read += 1


def unused(package):
    """What is declared is used, and what is written is read. By name and first label: a member that
    shares them with another passes."""
    sources = [source for target in package.targets for source in package.sources(target)]
    declarations = [each for source in sources for each in _declarations(source)
                    if each.name not in WITNESSES | {"_"}]
    declared = {(each.source.path, each.position) for each in declarations}
    kinds = collections.defaultdict(set)
    for each in declarations:
        kinds[each.name].add(each.kind)
    uses = {name: Uses() for name in kinds}
    for source in sources:
        _count(source, uses, declared)
    for each in declarations:
        place = (each.source.path, each.source.line(each.position))
        if not uses[each.name].reach(each):
            yield place, f"{each.name} is declared and used nowhere"
        elif uses[each.name].read == 0 and kinds[each.name] <= {"var", "let"}:
            yield place, f"{each.name} is written and never read"


RULES = {"imports": imports, "rooms": rooms, "dependencies": dependencies, "unused": unused}
