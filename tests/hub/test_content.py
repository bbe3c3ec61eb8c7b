"""What owners write becomes safe HTML, and video addresses become frames of two hosts only."""

import pytest

from hub.content import embed, to_html
from hub.templatetags.foyer import browser, duration


def test_markdown_becomes_html() -> None:
    html = to_html("Some **bold** words.\n\n- one\n- two\n")
    assert "<strong>bold</strong>" in html
    assert html.count("<li>") == 2


@pytest.mark.parametrize(
    "evil",
    [
        "<script>alert(1)</script>",
        "[x](javascript:alert(1))",
        "![x](javascript:alert(1))",
        "[x](data:text/html,<script>alert(1)</script>)",
        '<img src=x onerror="alert(1)">',
        '<p style="position:fixed">x</p>',
        "<iframe src='https://evil.example'></iframe>",
    ],
)
def test_nothing_that_runs_or_restyles_gets_through(evil: str) -> None:
    html = to_html(evil)
    for tag in ("<script", "<img src=x", "<iframe", "<p style", 'href="javascript', 'src="javascript', 'href="data'):
        assert tag not in html


def test_links_outward_carry_no_opener() -> None:
    assert 'rel="noopener noreferrer"' in to_html("[there](https://example.org)")


@pytest.mark.parametrize("top", ["#", "##", "###"])
def test_headings_begin_below_the_pages_title_and_leave_no_level_out(top: str) -> None:
    html = to_html(f"{top} One\n\n{top}## Two\n")
    assert "<h2>One</h2>" in html
    assert "<h3>Two</h3>" in html


@pytest.mark.parametrize(("word", "kind"), [("NOTE", "note"), ("TIP", "tip"), ("WARNING", "warning")])
def test_a_marked_quote_is_a_call_out(word: str, kind: str) -> None:
    html = to_html(f"> [!{word}]\n> Mind the kiln.\n>\n> > Quoted inside.\n\n> An ordinary quote.\n")
    assert f'<div class="callout callout-{kind}"><p class="callout-title">{word.capitalize()}</p>' in html
    assert html.count("<blockquote>") == html.count("</blockquote>") == 2
    assert html.count("<div") == html.count("</div>") == 1
    assert f"[!{word}]" not in html


@pytest.mark.parametrize("text", ["", "[!NOTE]", "> ", ">", "> [!NOTE]"])
def test_odd_markdown_breaks_nothing(text: str) -> None:
    assert isinstance(to_html(text), str)


@pytest.mark.parametrize(
    "address",
    [
        "https://www.youtube.com/watch?v=aqz-KE-bpKQ&t=9",
        "https://youtu.be/aqz-KE-bpKQ",
        "https://m.youtube.com/watch?v=aqz-KE-bpKQ",
        "https://www.youtube.com/shorts/aqz-KE-bpKQ",
        "https://www.youtube-nocookie.com/embed/aqz-KE-bpKQ",
        "http://youtube.com/live/aqz-KE-bpKQ",
    ],
)
def test_youtube_addresses_become_one_cookieless_frame(address: str) -> None:
    found = embed(address)
    assert found is not None
    assert found.src == "https://www.youtube-nocookie.com/embed/aqz-KE-bpKQ"


@pytest.mark.parametrize(
    ("address", "src"),
    [
        ("https://vimeo.com/76979871", "https://player.vimeo.com/video/76979871?dnt=1"),
        ("https://vimeo.com/76979871/abc123", "https://player.vimeo.com/video/76979871?dnt=1&h=abc123"),
        ("https://player.vimeo.com/video/76979871", "https://player.vimeo.com/video/76979871?dnt=1"),
    ],
)
def test_vimeo_addresses_become_a_frame_that_does_not_track(address: str, src: str) -> None:
    found = embed(address)
    assert found is not None
    assert found.src == src


@pytest.mark.parametrize(
    "address",
    [
        "",
        "https://evil.example/watch?v=aqz-KE-bpKQ",
        "https://youtube.com.evil.example/watch?v=aqz-KE-bpKQ",
        "javascript:alert(1)//youtube.com/watch?v=aqz-KE-bpKQ",
        "https://www.youtube.com/watch?v=short",
        'https://youtu.be/aqz-KE-bp"x',
        "https://vimeo.com/channels/staffpicks",
        "https://[broken",
    ],
)
def test_any_other_address_is_not_embedded(address: str) -> None:
    assert embed(address) is None


@pytest.mark.parametrize(("minutes", "words"), [(0, "0 min"), (45, "45 min"), (60, "1 h"), (138, "2 h 18 min")])
def test_minutes_in_words(minutes: int, words: str) -> None:
    assert duration(minutes).replace("\N{NO-BREAK SPACE}", " ") == words


@pytest.mark.parametrize(
    ("user_agent", "words"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox on Linux"),
        ("Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 Chrome/142.0 Mobile Safari/537.36", "Chrome on Android"),
        ("Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/142.0 Safari/537.36 Edg/142.0", "Edge on Windows"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Safari/604.1", "Safari on iPhone"),
        ("curl/8", "A browser"),
    ],
)
def test_browsers_in_words(user_agent: str, words: str) -> None:
    assert browser(user_agent) == words
