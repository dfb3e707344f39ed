"""The password that MySQL's programs are given is in no file that a killed bot would leave."""

from pathlib import Path

from release.mysql.config import MySqlConfig
from release.mysql.connection import Connection, Encryption
from release.mysql.programs import dump

TELLS = """#!/bin/sh
options=${{1#--defaults-file=}}
cat $options > {seen}/options
authorities=$(sed -n 's/^ssl-ca="\\(.*\\)"$/\\1/p' $options)
cat $authorities > {seen}/authorities
readlink $options $authorities > {seen}/names
echo '-- Dump completed'
"""


async def test_a_program_is_told_who_it_is_by_files_without_a_name(tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    seen.mkdir()
    program = tmp_path / "mariadb-dump"
    program.write_text(TELLS.format(seen=seen))
    program.chmod(0o755)
    blog = Connection("db.example", 3306, "blog", "hunter2", "blog", Encryption("of my own"))
    await dump(blog, tmp_path / "blog.sql.gz", MySqlConfig(programs=tmp_path))
    assert 'password="hunter2"' in (seen / "options").read_text()
    assert (seen / "authorities").read_text() == "of my own"
    names = (seen / "names").read_text().splitlines()
    assert len(names) == 2
    assert all(name.endswith(" (deleted)") for name in names), names
