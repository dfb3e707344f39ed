"""The password that MySQL's programs are given is in no file that a killed bot would leave."""

import tempfile
from pathlib import Path

import pytest

from release.mysql.config import MySqlConfig
from release.mysql.connection import Connection, Encryption
from release.mysql.programs import dump

TELLS = """#!/bin/sh
options=${{1#--defaults-file=}}
cat $options > {seen}/options
cat $(sed -n 's/^ssl-ca="\\(.*\\)"$/\\1/p' $options) > {seen}/authorities
ls -A {named} > {seen}/named
echo '-- Dump completed'
"""


async def test_a_program_is_told_who_it_is_by_files_without_a_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen, named = tmp_path / "seen", tmp_path / "named"
    seen.mkdir()
    named.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(named))
    program = tmp_path / "mariadb-dump"
    program.write_text(TELLS.format(seen=seen, named=named))
    program.chmod(0o755)
    blog = Connection("db.example", 3306, "blog", "hunter2", "blog", Encryption("of my own"))
    await dump(blog, tmp_path / "blog.sql.gz", MySqlConfig(programs=tmp_path))
    assert 'password="hunter2"' in (seen / "options").read_text()
    assert (seen / "authorities").read_text() == "of my own"
    assert (seen / "named").read_text() == ""
