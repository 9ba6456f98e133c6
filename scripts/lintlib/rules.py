"""The house rules that need one file only. Each is a function from a Source to its violations: (position in
the text, what is wrong)."""
import re

LONGEST_FILE = 500
LONGEST_FUNCTION = 60
WIDEST_LINE = 100
MOST_UNLABELLED = 2
# An unsafe step may be at most so many lines below its SAFETY line.
SAFETY_REACH = 12

TRAPS = re.compile(r"\btry!|\bas!|\bfatalError\(")
UNFINISHED = re.compile(r"TO" r"DO|FIX" r"ME|\bX" r"XX\b")
UNSAFE = re.compile(r"\bunsafe\b(?!\s*:)")
POINTER_TO_NOTHING = re.compile(r"\bunsafe [\w.?]+ (?:==|!=|=) nil\b")
UNLABELLED = re.compile(r"(@\w+\s+)*_\s+`?\w+`?\s*:")


def file_length(source):
    """Nobody keeps a longer file in mind."""
    if len(source.lines) > LONGEST_FILE:
        yield 0, f"{len(source.lines)} lines, over {LONGEST_FILE}"


def function_length(source):
    """A longer function is hard to read."""
    for span in source.functions:
        lines = source.line(span.end) - source.line(span.start) + 1
        if lines > LONGEST_FUNCTION:
            yield span.start, f"{span.name} has {lines} lines, over {LONGEST_FUNCTION}"


def line_width(source):
    """`swift format` wraps code but not comments. Long string literals are allowed."""
    for number, line in enumerate(source.lines, 1):
        if len(line) <= WIDEST_LINE:
            continue
        code = source.code_lines[number - 1].rstrip()
        ends_as_code = len(code) == len(line.rstrip())
        is_text = not code and not line.lstrip().startswith("//")
        beside_strings = len(re.sub(r'".*"', '""', code))
        if not is_text and not (ends_as_code and beside_strings <= WIDEST_LINE):
            yield source.position(number), f"{len(line)} columns, over {WIDEST_LINE}"


def traps(source):
    """Errors are values; no input may trap."""
    for match in TRAPS.finditer(source.code):
        yield match.start(), f"{match[0]} traps"


def unfinished(source):
    """Unfinished work does not belong in the code."""
    for match in UNFINISHED.finditer(source.text):
        yield match.start(), f"{match[0]}: finish it"


def labels(source):
    """Three values in a row without labels are easily mixed up."""
    for span in source.functions:
        bare = sum(bool(UNLABELLED.match(parameter)) for parameter in span.parameters)
        if bare > MOST_UNLABELLED:
            yield span.start, f"{span.name} has {bare} parameters without labels"


def safety(source):
    """Each unsafe step says which invariant makes it sound: in a SAFETY line at most SAFETY_REACH lines
    above it in the same function, at the beginning of the block that it opens, in the comment of that
    function or declaration, or, for a type that is a C library's face, in the comment of the type. To
    compare a pointer with nil or to make it nil is no step."""
    told = [source.line(match.start()) for match in re.finditer(r"//.*\bSAFETY:", source.text)]
    for line in sorted({source.line(match.start()) for match in UNSAFE.finditer(source.code)}):
        position = source.position(line)
        function = source.innermost(source.functions, position)
        first = source.line(function.start) if function else line
        code = source.code_lines[line - 1].rstrip()
        last = line + 2 if code.endswith(("{", " in")) else line
        if any(max(first, line - SAFETY_REACH) <= number <= last for number in told):
            continue
        if not UNSAFE.search(POINTER_TO_NOTHING.sub("", code)):
            continue
        if "SAFETY:" in source.comment_above(function.start if function else position):
            continue
        if any("SAFETY:" in source.comment_above(span.start)
               for span in source.types if span.holds(position)):
            continue
        yield position, "an unsafe step without a SAFETY line"


RULES = {
    "file-length": file_length,
    "function-length": function_length,
    "line-width": line_width,
    "traps": traps,
    "unfinished": unfinished,
    "labels": labels,
    "safety": safety,
}
