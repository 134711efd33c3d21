"""Which errors of the page are the pack's."""

from soak.pages import OURS, is_ours

OWN = f"    at NodeConnection.read (http://127.0.0.1{OURS}trajectory_editor.js:131:22)"
PAGES = "    at LGraphNode.onResize (http://127.0.0.1/assets/index-BKdH1OFt.js:81:67493)"


def test_an_error_is_that_of_the_script_that_threw_it():
    assert is_ours(f"TypeError: no\n{OWN}\n{PAGES}")
    assert not is_ours(f"TypeError: no\n{PAGES}\n{OWN}")
    assert not is_ours("SyntaxError: no JSON")
