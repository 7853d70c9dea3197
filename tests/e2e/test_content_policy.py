"""What the server tells browsers holds for every screen, and every screen works under it."""

import urllib.request

import pytest

from tests.pages.conftest import SCREENS

pytestmark = pytest.mark.e2e
DRAWS_ON_CANVAS = ("evalsets", "compare", "tune")
"""Screens of the working example with a chart or a table; both are drawn on a canvas or as SVG."""


def test_every_screen_works_under_the_policy_and_charts_in_both_themes(visit, server):
    for dark in (False, True):
        visitor, told = None, []
        for screen in ("tune",) if dark else SCREENS:
            path = "/" if screen == "home" else f"/{screen}"
            if visitor is None:
                visitor = visit(path, dark=dark)
                visitor.page.on("console", lambda m, told=told: told.append(m.text) if "Content Security Policy" in m.text else None)
            visitor.open(path)
            if screen in DRAWS_ON_CANVAS:  # drawn a moment after the script is done
                visitor.page.locator("[data-testid=stMain] canvas, [data-testid=stVegaLiteChart] svg").first.wait_for()
            assert visitor.page.locator("[data-testid=stException]").count() == 0, screen
        assert told == []
        assert visitor.outside == [] and visitor.errors == []


def test_the_policy_forbids_what_it_is_for(visit):
    """In the browser itself: an image from elsewhere, a script in the page, a frame and a request are all stopped."""
    visitor, told = visit("/"), []
    visitor.page.on("console", lambda m: told.append(m.text) if "Content Security Policy" in m.text else None)
    ran = visitor.page.evaluate(
        """() => new Promise(done => {
            const add = (tag, set) => { const e = document.createElement(tag); Object.assign(e, set); document.body.append(e); };
            add('img', {src: 'http://127.0.0.1:9/x.png'});
            add('iframe', {src: 'http://127.0.0.1:9/'});
            add('script', {textContent: 'window.ranInline = true'});
            fetch('http://127.0.0.1:9/').catch(() => {}).finally(() => setTimeout(() => done(!!window.ranInline), 300));
        })"""
    )
    assert ran is False
    assert {d for d in ("img-src", "frame-src", "script-src", "connect-src") if any(d in t for t in told)} == {
        "img-src", "frame-src", "script-src", "connect-src"
    }  # fmt: skip


def test_the_page_is_in_nobodys_frame_and_files_have_no_rights(server):
    with urllib.request.urlopen(server.url + "/tune") as page:
        assert "frame-ancestors 'none'" in page.headers["Content-Security-Policy"]
        assert page.headers["X-Frame-Options"] == "DENY"
