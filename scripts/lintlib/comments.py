"""Wraps comments that have a line over the widest, which swift format does not do. Paragraphs and list
items are filled; tables, headings, code and comments behind code stay as they are."""
import re
import textwrap

from .rules import WIDEST_LINE

COMMENT = re.compile(r"(?P<indent>\s*)(?P<mark>///?)(?P<space> +)(?P<text>\S.*)$")

# A table, a heading, a rule or code.
NO_PARAGRAPH = r"[|#*]|```|---"


def paragraph(lines, first):
    """The lines of the paragraph or list item that begins at `first`: (end, prefix, hanging indent,
    words); none where no paragraph begins."""
    head = COMMENT.match(lines[first])
    if not head or len(head["space"]) != 1 or re.match(NO_PARAGRAPH, head["text"]):
        return None
    hanging = "  " if head["text"].startswith("- ") else ""
    words, end = [head["text"]], first + 1
    while end < len(lines):
        line = COMMENT.match(lines[end])
        if (not line or (line["indent"], line["mark"]) != (head["indent"], head["mark"])
                or len(line["space"]) != 1 + len(hanging) or re.match(rf"- |{NO_PARAGRAPH}", line["text"])):
            break
        words.append(line["text"])
        end += 1
    return end, head["indent"] + head["mark"] + " ", hanging, " ".join(words)


def wrapped(text):
    lines, out, at = text.split("\n"), [], 0
    while at < len(lines):
        found = paragraph(lines, at)
        end = found[0] if found else at + 1
        if found and any(len(line) > WIDEST_LINE for line in lines[at:end]):
            _, prefix, hanging, words = found
            out += textwrap.wrap(
                words, WIDEST_LINE, initial_indent=prefix, subsequent_indent=prefix + hanging,
                break_long_words=False, break_on_hyphens=False)
        else:
            out += lines[at:end]
        at = end
    return "\n".join(out)
