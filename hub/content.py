"""What owners write, made safe to show: Markdown to clean HTML, video addresses to embeds."""

import re
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

import nh3
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.rules_core import StateCore
from markdown_it.token import Token

ALLOWED = {
    "a", "abbr", "blockquote", "br", "code", "del", "div", "em", "h2", "h3", "h4", "hr", "img", "li", "ol", "p",
    "pre", "s", "strong", "table", "tbody", "td", "th", "thead", "tr", "ul",
}  # fmt: skip
ATTRIBUTES = {
    "a": {"href", "title"},
    "div": {"class"},
    "p": {"class"},
    "img": {"src", "alt", "title", "width", "height", "loading"},
    "ol": {"start"},
    "pre": {"tabindex"},
}
CALLOUT = re.compile(r"^\[!(NOTE|TIP|WARNING)\]\s*")
YOUTUBE_ID = re.compile(r"^[\w-]{11}$", re.ASCII)
VIMEO_PATH = re.compile(r"^/(?:video/)?(\d+)(?:/([0-9a-f]+))?$")
YOUTUBE_HOSTS = {"youtube.com", "m.youtube.com", "youtube-nocookie.com"}


@dataclass(frozen=True, slots=True)
class Embed:
    """A frame's address on one of the two hosts that our content policy lets in."""

    src: str
    provider: str


def to_html(markdown: str) -> str:
    """Safe HTML of Markdown. Its highest heading becomes h2, below the page's own title.

    `> [!NOTE]`, `> [!TIP]` and `> [!WARNING]` open a call-out. Raw HTML is shown as text.
    """
    return nh3.clean(
        _markdown.render(markdown),
        tags=ALLOWED,
        attributes=ATTRIBUTES,
        url_schemes={"http", "https", "mailto"},
        link_rel="noopener noreferrer",
    )


def embed(address: str) -> Embed | None:
    """The embed of a YouTube or Vimeo address; None for anything else."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return None
    host = (parts.hostname or "").removeprefix("www.")
    if parts.scheme not in {"http", "https"}:
        return None
    if host in YOUTUBE_HOSTS or host == "youtu.be":
        return _youtube(host, parts.path, parts.query)
    if host in {"vimeo.com", "player.vimeo.com"} and (match := VIMEO_PATH.match(parts.path)):
        secret = f"&h={match[2]}" if match[2] else ""
        return Embed(f"https://player.vimeo.com/video/{match[1]}?dnt=1{secret}", "Vimeo")
    return None


def _youtube(host: str, path: str, query: str) -> Embed | None:
    first, _, rest = path.strip("/").partition("/")
    if host == "youtu.be":
        video = first
    elif first == "watch":
        video = parse_qs(query).get("v", [""])[0]
    else:
        video = rest if first in {"embed", "live", "shorts"} else ""
    return Embed(f"https://www.youtube-nocookie.com/embed/{video}", "YouTube") if YOUTUBE_ID.match(video) else None


def _lower_headings(state: StateCore) -> None:
    """The highest heading the writer used becomes h2, the others follow, none leaves a level out."""
    used = sorted({token.tag for token in state.tokens if token.type == "heading_open"})
    lowered = {tag: f"h{min(place + 2, 4)}" for place, tag in enumerate(used)}
    for token in state.tokens:
        if token.type in {"heading_open", "heading_close"}:
            token.tag = lowered[token.tag]


def _open_callouts(state: StateCore) -> None:
    """Turns a quote that begins with `[!NOTE]` into a call-out."""
    tokens = state.tokens
    for index, token in enumerate(tokens):
        if token.type != "blockquote_open" or tokens[index + 1].type != "paragraph_open":
            continue
        words = tokens[index + 2]
        if match := CALLOUT.match(words.content):
            _make_callout(tokens, index, kind=match[1])
            words.content = words.content[match.end() :]


def _make_callout(tokens: list[Token], start: int, *, kind: str) -> None:
    opened = tokens[start]
    opened.tag, opened.attrs = "div", {"class": f"callout callout-{kind.lower()}"}
    opened.meta["callout"] = kind.capitalize()
    depth = 0
    for token in tokens[start:]:
        depth += token.nesting if token.type.startswith("blockquote") else 0
        if depth == 0:
            token.tag = "div"
            return


def _blockquote_open(renderer: RendererHTML, tokens: list[Token], index: int, options: object, env: object) -> str:
    token = tokens[index]
    title = token.meta.get("callout")
    return f"<{token.tag}{renderer.renderAttrs(token)}>" + (f'<p class="callout-title">{title}</p>' if title else "\n")


def _build() -> MarkdownIt:
    markdown = MarkdownIt("commonmark", {"html": False, "typographer": True})
    markdown.enable(["table", "strikethrough", "smartquotes", "replacements"])
    markdown.core.ruler.after("block", "callouts", _open_callouts)
    markdown.core.ruler.after("block", "headings", _lower_headings)
    markdown.add_render_rule("blockquote_open", _blockquote_open)
    return markdown


_markdown = _build()
