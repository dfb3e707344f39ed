"""Release notes for the demo, by version: invented, in the form that Ghost's have.

What they say of a version is not so; the real ones are on GitHub, where the bot reads them unless told otherwise.
"""

_END = """

---

View the changelog for full details: https://github.com/TryGhost/Ghost/compare/v0.0.0...v0.0.0
"""

_QUIET = "This release contains fixes for minor bugs and issues reported by Ghost users."
_QUIET_VERSIONS = (
    *(f"6.{minor}.{patch}" for minor in range(50, 66) for patch in range(4)),
    *("5.130.0", "5.131.0", "5.132.0", "5.134.0", "5.135.0", "5.136.0"),
)
_TOLD = {
    "6.65.0": """\
* 🔒 Fixed script that a comment's author name could carry into the admin ([#90001](https://example.com/1)) - Ada Demo
* ✨ Added a preview of newsletters for members without a plan (#90002) - Ben Demo
* 🎨 Improved how fast the list of posts opens on large sites (#90003) - Cleo Demo
* 🐛 Fixed pictures that lost their caption when a post was copied (#90004) - Ada Demo
* 🐛 Fixed time zone of scheduled posts in the calendar (#90005) - Ben Demo""",
    "6.64.0": "* 🐛 Fixed order of tags in the feed - Ada Demo",
    "6.62.0": "* ✨ Added search in the list of snippets - Ben Demo",
    "6.60.0": "* 🔒 Fixed invitations that worked twice - Cleo Demo\n* 🐛 Fixed empty menu - Ada Demo",
    "6.4.0": """\
* 🔒 Fixed sign-in links that stayed valid after they were used (#90011) - Ada Demo
* ✨ Added a second author line to cards (#90012) - Ben Demo
* 🐛 Fixed members' count on the dashboard (#90013) - Cleo Demo""",
    "6.3.0": "* 🎨 Improved contrast of buttons in the editor - Ben Demo",
    "6.0.0": "* ✨ Added a new navigation in the admin - Cleo Demo",
    "5.133.0": "* 🔒 Fixed a token that was written to the log - Ada Demo\n* 🐛 Fixed the front page - Ben Demo",
    "5.130.6": "* 🐛 Fixed line breaks in titles - Cleo Demo",
}
NOTES = {version: lines + _END for version, lines in (dict.fromkeys(_QUIET_VERSIONS, _QUIET) | _TOLD).items()}
