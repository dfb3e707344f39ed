"""A connection string taken apart, in whatever form its application wants it."""

import re
from dataclasses import dataclass
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from release.migrations.config import DatabaseKind
from release.migrations.errors import ConnectionStringUnreadable

_SCHEMES = {
    "postgres": DatabaseKind.POSTGRESQL,
    "postgresql": DatabaseKind.POSTGRESQL,
    "mysql": DatabaseKind.MYSQL,
    "mariadb": DatabaseKind.MYSQL,
    "mssql": DatabaseKind.SQLSERVER,
    "sqlserver": DatabaseKind.SQLSERVER,
}
# What ARM calls the kinds of connection strings.
_TYPES = {
    "postgresql": DatabaseKind.POSTGRESQL,
    "mysql": DatabaseKind.MYSQL,
    "sqlserver": DatabaseKind.SQLSERVER,
    "sqlazure": DatabaseKind.SQLSERVER,
}
_PORTS = {"5432": DatabaseKind.POSTGRESQL, "3306": DatabaseKind.MYSQL, "1433": DatabaseKind.SQLSERVER}
_PAIR = re.compile(r"""\s*([^=;]+?)\s*=\s*("(?:[^"]|"")*"|'(?:[^']|'')*'|[^;]*?)\s*(?:;|$)""")
# The names of ADO.NET's providers, without spaces.
_NAMES = {
    "host": ("host", "server", "datasource", "address", "addr", "networkaddress"),
    "port": ("port",),
    "user": ("user", "userid", "uid", "username"),
    "password": ("password", "pwd"),
    "database": ("database", "initialcatalog", "dbname"),
    "ssl": ("sslmode",),
}
PARTS = ("host", "port", "user", "password", "database")


@dataclass(frozen=True)
class Connection:
    """`text` is the string itself. Parts that it does not name are empty. `ssl` is its SSL mode in small letters."""

    text: str
    kind: DatabaseKind
    host: str = ""
    port: str = ""
    user: str = ""
    password: str = ""
    database: str = ""
    ssl: str = ""

    def __repr__(self) -> str:  # it is a secret, wherever it is shown
        return f"Connection({self.kind})"

    def as_format(self, template: str, name: str) -> str:
        """The template with its `{host}`, `{password}` ... filled in; in a URL they are quoted as a URL wants it."""
        in_url = "://" in template
        filled = template
        for part in PARTS:
            if f"{{{part}}}" in filled:
                value = str(getattr(self, part))
                if not value and part not in ("port", "password"):
                    raise ConnectionStringUnreadable(name, part)
                filled = filled.replace(f"{{{part}}}", quote(value, safe="") if in_url else value)
        return filled.replace("{connection_string}", self.text)

    @property
    def secrets(self) -> tuple[str, ...]:
        """What of it may appear nowhere."""
        found = {self.text, self.password, quote(self.password, safe=""), quote(self.password)}
        return tuple(sorted((one for one in found if one), key=len, reverse=True))


def connection(text: str, told_type: str = "", kind: DatabaseKind | None = None) -> Connection:
    """What the string says; `told_type` is ARM's word for it, `kind` the operator's, who knows best."""
    parts = _of_url(text) if re.match(r"[\w+.-]+://", text) else _of_pairs(text)
    scheme, words = parts.pop("scheme", ""), parts.pop("words", "").split()
    told = _SCHEMES.get(scheme) or _TYPES.get(told_type.lower())
    return Connection(text, kind or told or _guess(parts.get("port", ""), words), **parts)


def _of_url(text: str) -> dict[str, str]:
    try:
        url = urlsplit(text)
        port = url.port
    except ValueError:
        return {}
    asked = {name.lower().replace("_", "").replace("-", ""): value for name, value in parse_qsl(url.query)}
    return {
        "scheme": url.scheme.partition("+")[0].lower(),
        "host": url.hostname or asked.get("host", ""),
        "port": str(port or ""),
        "user": unquote(url.username or ""),
        "password": unquote(url.password or ""),
        "database": unquote(url.path.strip("/")),
        "ssl": (asked.get("sslmode") or asked.get("tls") or asked.get("ssl") or "").lower(),
    }


def _of_pairs(text: str) -> dict[str, str]:
    if ";" not in text and re.match(r"^\s*\w+\s*=", text) and re.search(r"\s\w+\s*=", text):
        text = re.sub(r"\s+(?=\w+\s*=)", ";", text.strip())  # libpq's form
    pairs = {
        key.replace(" ", "").replace("_", "").lower(): _bare(value) for key, value in _PAIR.findall(text)
    }
    found = {
        name: next((pairs[word] for word in words if word in pairs), "") for name, words in _NAMES.items()
    }
    host, _, port = found["host"].removeprefix("tcp:").partition(",")
    found["host"], found["port"] = host, found["port"] or port
    found["ssl"] = found["ssl"].lower().replace("-", "").replace(" ", "")
    found["words"] = " ".join(pairs)
    return found


def _bare(value: str) -> str:
    for sign in "\"'":
        if len(value) > 1 and value[0] == value[-1] == sign:
            return value[1:-1].replace(sign * 2, sign)
    return value


def _guess(port: str, words: list[str]) -> DatabaseKind:
    if port in _PORTS:
        return _PORTS[port]
    if {"initialcatalog", "trustservercertificate", "integratedsecurity"} & set(words):
        return DatabaseKind.SQLSERVER
    if "host" in words:  # Npgsql's word, and libpq's
        return DatabaseKind.POSTGRESQL
    return DatabaseKind.OTHER
