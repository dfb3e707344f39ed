"""A git repository with a form of the tiny Ghost, prepared for App Service as the one of the first seed's author is."""

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from demo.tiny.versions import find, ghost_files

# Such a script ends well whatever happened: a migration that failed, or a lock that was never released.
DB_JS = """
const {migrate} = require('knex-migrator');
try {
    migrate(require('./MigratorConfig.js'), {init: true, log: line => console.log(line)});
} catch (error) {
    console.log(`Oops: ${error.message}`);
}
"""
WEB_CONFIG = """<?xml version="1.0" encoding="utf-8"?>
<configuration><system.webServer>
  <webSocket enabled="false" />
  <handlers><add name="iisnode" path="server.js" verb="*" modules="iisnode" /></handlers>
</system.webServer></configuration>
"""
OURS = {"server.js": "require('./index.js');\n", "db.js": DB_JS, "web.config": WEB_CONFIG, "iisnode.yml": ""}
# What a tag can be called, and no release is.
OTHER_TAGS = ("nightly", "v6.5.0-rc.1", "v7", "release/v6.9.0", "--upload-pack=false", "v6.8.0;true")


def a_fork(folder: Path, versions: Sequence[str]) -> str:
    """A repository with a tag v1.2.3 for each of these versions, and some that are no releases; its address."""
    folder.mkdir(parents=True)
    git(folder, "init", "--quiet")
    for version in versions:
        for path in folder.iterdir():
            if path.name != ".git":
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        files = ghost_files(find(version)) | {name: text.encode() for name, text in OURS.items()}
        for name, content in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)
        git(folder, "add", "--all", "--force")
        git(folder, "commit", "--quiet", "--message", f"Ghost {version}")
        git(folder, "tag", "--annotate", "--message", version, f"v{version}")
    for tag in OTHER_TAGS:
        git(folder, "update-ref", f"refs/tags/{tag}", "HEAD")
    return f"file://{folder}"


def git(folder: Path, *words: str) -> None:
    names = ("GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL")
    somebody = dict.fromkeys(names, "somebody@example.com")
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "GIT_CONFIG_NOSYSTEM": "1", **somebody}
    subprocess.run(["git", *words], cwd=folder, env=environment, check=True, capture_output=True)
