#!/usr/bin/env python3
"""Each house rule finds a mistake that the test adds, and accepts a correct file."""
import pathlib
import tempfile
import unittest

from lintlib import package_rules, rules
from lintlib.comments import wrapped
from lintlib.package import Package
from lintlib.swift_source import Source, masked


def found(rule, text):
    """The lines that a rule complains of."""
    source = Source("File.swift", text)
    return [source.line(position) for position, _ in rules.RULES[rule](source)]


class SourceTests(unittest.TestCase):
    def test_masks_comments_and_strings_and_keeps_interpolated_code(self):
        text = 'let a = "x \\(b + "y") z" // c\nlet d = #"\\(e)"# /* f */ + """\n g \\(h)\n """\n'
        code = masked(text)
        self.assertEqual(len(code), len(text))
        for kept in ("let a", "b +", "let d", "h"):
            self.assertIn(kept, code)
        for blanked in ("x", "y", "z", "// c", "e)", "f", " g "):
            self.assertNotIn(blanked, code.replace("let", ""))

    def test_masks_regular_expressions_and_keeps_divisions(self):
        self.assertEqual(masked("f(/\\{a/) + b / c\n"), "f(     ) + b / c\n")

    def test_knows_where_functions_end(self):
        source = Source("F.swift", "protocol P {\n  func a(_ b: Int)\n      throws -> Int\n  func c()\n}\n"
                        "func d<T>(\n  e: [Int: T], f: () -> Int = { 1 }\n) -> T {\n  g { }\n}\n")
        self.assertEqual([(span.name, source.line(span.start), source.line(span.end))
                          for span in source.functions], [("a", 2, 3), ("c", 4, 4), ("d", 6, 10)])
        self.assertEqual(source.functions[2].parameters, ("e: [Int: T]", "f: () -> Int = { 1 }"))


class WrapTests(unittest.TestCase):
    def test_fills_a_paragraph_or_an_item_that_is_too_wide(self):
        words = ("word " * 20).strip()
        self.assertEqual(wrapped(f"  /// {words}\n  /// end.\n  func f()\n"),
                         f"  /// {('word ' * 19).strip()}\n  /// word end.\n  func f()\n")
        self.assertEqual(wrapped(f"/// - Returns: {words}\n///   end.\n/// - Throws: it.\n"),
                         f"/// - Returns: {('word ' * 17).strip()}\n///   word word word end.\n/// - Throws: it.\n")

    def test_leaves_the_rest(self):
        for text in ("// short\n// lines\n", "/// | " + "x " * 60 + "|\n", "///     " + "x " * 60 + "\n",
                     "a() // " + "x " * 60 + "\n", "// " + "x" * 120 + "\n"):
            self.assertEqual(wrapped(text), text)


class RuleTests(unittest.TestCase):
    def test_file_length(self):
        self.assertEqual(found("file-length", "\n" * 500), [])
        self.assertEqual(found("file-length", "\n" * 501), [1])

    def test_function_length(self):
        self.assertEqual(found("function-length", "func f() {\n" + "a()\n" * 58 + "}\n"), [])
        self.assertEqual(found("function-length", "\nfunc f() {\n" + "a()\n" * 59 + "}\n"), [2])
        self.assertEqual(found("function-length", "var v: Int {\n" + "a()\n" * 59 + "}\n"), [1])

    def test_line_width(self):
        self.assertEqual(found("line-width", "// " + "x" * 97), [])
        self.assertEqual(found("line-width", "// " + "x" * 98), [1])
        self.assertEqual(found("line-width", "let a = 1 // " + "x" * 98), [1])
        self.assertEqual(found("line-width", "let a = " + "x" * 98), [1])
        self.assertEqual(found("line-width", 'let a = "' + "x" * 98 + '"'), [])
        self.assertEqual(found("line-width", 'let a = "\\(b)' + "x" * 98 + '"'), [])

    def test_traps(self):
        self.assertEqual(found("traps", "a as? B\n// try! is no code\nlet t = \"fatalError()\"\n"), [])
        self.assertEqual(found("traps", "try! a()\nb as! C\nfatalError()\n"), [1, 2, 3])

    def test_unfinished(self):
        self.assertEqual(found("unfinished", "// done\n"), [])
        self.assertEqual(found("unfinished", "\n// TO" "DO later\n"), [2])

    def test_labels(self):
        self.assertEqual(found("labels", "func f(_ a: A, _ b: B, c: C, _: D) {}\n"), [])
        self.assertEqual(found("labels", "\ninit(_ a: A, _ b: [B: C], _ c: (D, E) -> F) {}\n"), [2])
        self.assertEqual(found("labels", "self.init(_a, _b, _c)\n"), [])

    def test_safety_is_told_within_reach(self):
        self.assertEqual(found("safety", "func f() {\n  // SAFETY: it lives.\n  unsafe g()\n}\n"), [])
        self.assertEqual(found("safety", "func f() {\n  unsafe g()\n}\n"), [2])
        self.assertEqual(found("safety", "func f() {\n  // SAFETY: it lives.\n}\n"
                               "func h() {\n  unsafe g()\n}\n"), [5])
        far = "func f() {\n  // SAFETY: it lives.\n" + "  a()\n" * 12 + "  unsafe g()\n}\n"
        self.assertEqual(found("safety", far), [15])

    def test_safety_is_told_in_the_block_that_the_step_opens(self):
        self.assertEqual(found("safety", "func f() {\n  unsafe g { a in\n    // SAFETY: it lives.\n"
                               "    unsafe h(a)\n  }\n}\n"), [])
        self.assertEqual(found("safety", "func f() {\n  unsafe g()\n  // SAFETY: too late.\n}\n"), [2])

    def test_nothing_is_unsafe_about_no_pointer(self):
        self.assertEqual(found("safety", "unsafe base = nil\nif unsafe a.base == nil { b() }\n"), [])
        self.assertEqual(found("safety", "unsafe base = nil; unsafe f()\n"), [1])

    def test_safety_is_told_by_the_comment_of_the_function_or_type(self):
        self.assertEqual(found("safety", "/// Does.\n// SAFETY: it lives.\nfunc f() {\n  unsafe g()\n}\n"), [])
        self.assertEqual(found("safety", "/// A handle.\n// SAFETY: one owner.\nstruct S {\n"
                               "  func f() {\n    unsafe g()\n  }\n}\n"), [])
        self.assertEqual(found("safety", "// SAFETY: it lives.\nnonisolated(unsafe) var a = 1\n"), [])
        self.assertEqual(found("safety", "nonisolated(unsafe) var a = 1\n"), [1])


MANIFEST = '''
let package = Package(
    products: [.executable(name: "program", targets: ["Service"])],
    targets: [
        .systemLibrary(name: "CHiredis"),
        library("Bytes"%s),
        library("System", ["Bytes"]),
        program("Service", ["Bytes", "System"]),
        .target(name: "TestSupport", dependencies: ["Bytes"], path: "Tests/Support"),
    ]
)
'''
CLEAN = {
    "Package.swift": MANIFEST % "",
    "Sources/CHiredis/shim.h": "",
    "Sources/Bytes/Text.swift": "package struct Text {\n    package let length: Int\n}\n",
    "Sources/System/Clock.swift":
        "internal import Bytes\npackage func now(of text: Text) -> Int { text.length }\n",
    "Sources/Service/Main.swift":
        "import Bytes\nimport System\n@main\nenum Program {\n    static func main() {\n"
        "        print(now(of: Text(length: 1)))\n    }\n}\n",
    "Tests/Support/Support.swift": "import Bytes\n@Test(\"it\", arguments: [1])\nfunc supports() {}\n",
}


class PackageRuleTests(unittest.TestCase):
    def found(self, rule, **changed):
        """What a rule says of the clean package with files changed: `Bytes_Text` is a path's end."""
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            files = {**CLEAN, **{path.replace("__", "/").replace("_swift", ".swift"): text
                                 for path, text in changed.items()}}
            for path, text in files.items():
                (root / path).parent.mkdir(parents=True, exist_ok=True)
                (root / path).write_text(text)
            return [problem for _, problem in package_rules.RULES[rule](Package(root))]

    def test_a_clean_package_passes(self):
        for rule in package_rules.RULES:
            self.assertEqual(self.found(rule), [], rule)

    def test_imports(self):
        for line, said in (
                ("import Glibc", "Bytes imports Glibc: a pure room has no effects"),
                ("package import System", "Bytes imports System: a pure room imports pure rooms"),
                ("import struct Foundation.Date", "Bytes imports Foundation: it costs memory and start-up time"),
                ("import Service", "Bytes imports the program Service"),
                ("import CHiredis", "Bytes imports CHiredis: only Redis may")):
            text = CLEAN["Sources/Bytes/Text.swift"] + line + "\n"
            self.assertIn(said, self.found("imports", Sources__Bytes__Text_swift=text))

    def test_scoring_must_not_know_the_detector(self):
        manifest = CLEAN["Package.swift"].replace('library("System"', 'library("Scoring"), library("System"')
        self.assertEqual(
            self.found("imports", Package_swift=manifest, Sources__Scoring__A_swift="import Detection\n"),
            ["Scoring imports Detection: code that scores verdicts must not know the detector"])

    def test_rooms(self):
        manifest = CLEAN["Package.swift"].replace('library("System"', 'library("Attic"), library("System"')
        self.assertEqual(self.found("rooms", Package_swift=manifest),
                         ["Attic is neither in PURE nor in EFFECTS of package_rules.py"])
        self.assertEqual(self.found("rooms", Sources__Cellar__A_swift=""), ["no target of Package.swift"])

    def test_dependencies(self):
        self.assertEqual(
            self.found("dependencies", Package_swift=MANIFEST % ', ["CHiredis"]'),
            ["Bytes declares CHiredis in Package.swift and imports it nowhere"])
        text = CLEAN["Sources/Bytes/Text.swift"] + "import CHiredis\n"
        self.assertEqual(self.found("dependencies", Sources__Bytes__Text_swift=text),
                         ["Bytes imports CHiredis and does not declare it"])

    def unused_beside(self, text):
        return self.found("unused", Sources__System__More_swift=text)

    def test_unused_declarations(self):
        self.assertEqual(self.unused_beside("package func f() { f() }\n"),
                         ["f is declared and used nowhere"])
        self.assertEqual(self.unused_beside("enum E { case a\n case b(Int), c\n}\nlet e: E = .a\nuse(e, .b(1))\n"),
                         ["c is declared and used nowhere"])
        self.assertEqual(self.unused_beside("func f(by a: Int) {}\nfunc f(_ a: Int) {}\nf(by: 1)\n"),
                         ["f is declared and used nowhere"])
        self.assertEqual(self.unused_beside("func f(by a: Int = 1, _ b: Int) {}\nf(1)\nlet s = 1\nuse(\"\\(s)\")\n"), [])

    def test_values_that_nobody_reads(self):
        self.assertEqual(
            self.unused_beside("struct S {\n  var a = 0\n  init(a: Int) { self.a = a }\n"
                               "  mutating func add(_ o: S) { a += o.a }\n}\nvar s = S(a: 1)\ns.a = 2\ns.add(s)\n"),
            ["a is written and never read"])
        self.assertEqual(self.unused_beside("struct S { var a = 0 }\nif S().a == 0 {}\n"), [])
        self.assertEqual(self.unused_beside("struct S {\n  var a: Int?\n  mutating func f() {\n    a = 1\n"
                                            "    if let a, a > 0 {}\n  }\n}\nvar s = S()\ns.f()\n"), [])


if __name__ == "__main__":
    unittest.main()
