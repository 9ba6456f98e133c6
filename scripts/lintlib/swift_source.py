"""Enough of Swift's grammar for the house rules: text without comments and strings, and where the
declarations of a file begin and end."""
import bisect
import dataclasses
import functools
import re

OPENERS, CLOSERS = "([{", ")]}"
# `func name`, `init?`, `subscript`, `var name`, `case name` …, as they stand in masked code.
FUNCTION = re.compile(r"(?<![.\w`])(?:func\s+(?P<name>`?\w+`?|[^\s\w(<]+)|(?P<other>init[?!]?|subscript))"
                      r"\s*(?=[<(])|(?<![.\w])(?P<deinit>deinit)\s*(?=\{)")
COMPUTED = re.compile(r"(?<![.\w])var\s+(?P<name>\w+)\s*:[^={}\n]*\{")
TYPE = re.compile(r"(?<![.\w])(?:struct|class|enum|extension|protocol|actor)\s+(?P<name>[\w.]+)[^{}=;]*\{")


def _string_end(text, start, hashes, out):
    """Blanks a string literal that opens at `start`; code inside interpolations stays."""
    quote = '"""' if text.startswith('"""', start) else '"'
    closing = quote + "#" * hashes
    interpolation = "\\" + "#" * hashes + "("
    at = start + len(quote)
    while at < len(text):
        if text.startswith(closing, at):
            return at + len(closing)
        if text.startswith(interpolation, at):
            at = _code_end(text, at + len(interpolation), out, closes_at_parenthesis=True)
        elif text[at] == "\\" and hashes == 0:
            at += 2
        elif text[at] == "\n" and quote == '"':
            return at
        else:
            at += 1
    return at


def _regex_literal(text, at):
    """The regular expression that a slash begins; none where it divides."""
    if text[:at].rstrip(" ")[-1:] not in ("(", ",", ":", "=", "["):
        return None
    return re.compile(r"/(?![ *])(?:\\.|[^/\n\\])+/").match(text, at)


def _code_end(text, start, out, closes_at_parenthesis=False):
    """Copies code into `out`; comments and strings stay blank. Returns where the code ends."""
    at, depth = start, 0
    while at < len(text):
        if text.startswith("//", at):
            end = text.find("\n", at)
            at = len(text) if end < 0 else end
        elif text.startswith("/*", at):
            end = text.find("*/", at)
            at = len(text) if end < 0 else end + 2
        elif (opening := re.compile(r'(#*)"').match(text, at)) and (opening[1] or text[at] == '"'):
            out[at] = '"'
            at = _string_end(text, opening.end() - 1, len(opening[1]), out)
            out[at - 1] = '"'
        elif text[at] == "/" and (literal := _regex_literal(text, at)):
            at = literal.end()
        else:
            if text[at] == "(":
                depth += 1
            elif text[at] == ")":
                depth -= 1
                if closes_at_parenthesis and depth < 0:
                    return at + 1
            out[at] = text[at]
            at += 1
    return at


def masked(text):
    """The code alone: what stands in comments and strings is blank, line breaks stay."""
    out = ["\n" if letter == "\n" else " " for letter in text]
    _code_end(text, 0, out)
    return "".join(out)


def matching(code, start):
    """Where the bracket that opens at `start` is closed; the code's end if it is not."""
    depth = 0
    for at in range(start, len(code)):
        if code[at] in OPENERS:
            depth += 1
        elif code[at] in CLOSERS:
            depth -= 1
            if depth == 0:
                return at
    return len(code) - 1


def split_parameters(text):
    """The parameters between a declaration's parentheses."""
    parts, depth, begin = [], 0, 0
    for at, letter in enumerate(text):
        if letter in OPENERS or (letter == "<" and at and text[at - 1].isalnum()):
            depth += 1
        elif letter in CLOSERS or (letter == ">" and depth and text[at - 1] not in "-="):
            depth -= 1
        elif letter == "," and depth == 0:
            parts.append(text[begin:at])
            begin = at + 1
    parts.append(text[begin:])
    return [part.strip() for part in parts if part.strip()]


@dataclasses.dataclass(frozen=True)
class Span:
    """A declaration with a body, or a function without one: positions in the file's text."""
    kind: str
    name: str
    start: int
    end: int
    parameters: tuple = ()

    def holds(self, position):
        return self.start <= position <= self.end


class Source:
    """A Swift file."""

    def __init__(self, path, text):
        self.path = path
        self.text = text
        self.code = masked(text)
        self.lines = text.splitlines()
        self.code_lines = self.code.split("\n")
        self._starts = [0] + [match.end() for match in re.finditer("\n", text)]

    def line(self, position):
        """The line that holds a position, counted from 1."""
        return bisect.bisect_right(self._starts, position)

    def position(self, line):
        """Where the first word of a line begins."""
        text = self.lines[line - 1]
        return self._starts[line - 1] + len(text) - len(text.lstrip())

    @functools.cached_property
    def functions(self):
        """Functions, initializers, subscripts and computed properties, outer ones first."""
        spans = []
        for match in FUNCTION.finditer(self.code):
            name = match["name"] or match["other"] or match["deinit"]
            opening = match.end() if match["deinit"] else self.code.find("(", match.end())
            closing = opening - 1 if match["deinit"] else matching(self.code, opening)
            parameters = "" if match["deinit"] else self.code[opening + 1:closing]
            spans.append(Span("function", name.strip("`"), match.start(), self._body_end(closing + 1),
                              tuple(split_parameters(parameters))))
        for match in COMPUTED.finditer(self.code):
            spans.append(Span("property", match["name"], match.start(),
                              matching(self.code, match.end() - 1)))
        return sorted(spans, key=lambda span: span.start)

    @functools.cached_property
    def types(self):
        return [Span("type", match["name"], match.start(), matching(self.code, match.end() - 1))
                for match in TYPE.finditer(self.code)]

    def _body_end(self, after):
        """Where a function ends whose parameters were closed just before `after`."""
        at = after
        while at < len(self.code):
            letter = self.code[at]
            if letter == "{":
                return matching(self.code, at)
            if letter == "}":
                return at - 1
            if letter in "([":
                at = matching(self.code, at)
            elif letter == "\n":
                rest = self.code[at:].lstrip()
                open_ended = self.code[after:at].rstrip().endswith((",", "->", "where", ":"))
                if not open_ended and not re.match(r"(\{|->|throws|rethrows|async|where)", rest):
                    return at
            at += 1
        return at - 1

    def innermost(self, spans, position):
        found = [span for span in spans if span.holds(position)]
        return max(found, key=lambda span: span.start, default=None)

    def comment_above(self, position):
        """The comment and attributes that stand directly above the line of a position."""
        number = self.line(position) - 2
        block = []
        while number >= 0 and re.match(r"\s*(//|@\w)", self.lines[number]):
            block.append(self.lines[number])
            number -= 1
        return "\n".join(reversed(block))
