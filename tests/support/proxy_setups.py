"""Starts Debian's proxies beside the machine's own, as any user.

The stock configuration is read from the package's own file. Only the paths in it are changed.
"""

from __future__ import annotations

import pathlib
import re
from typing import Dict, List, NamedTuple


class Setting(NamedTuple):
    """The place of one proxy.

    :ivar folder: the folder of all its files.
    :ivar port: the port on which it must listen.
    :ivar site: its site from the docs, with the docs' own port.
    """

    folder: pathlib.Path
    port: int
    site: str

    def write(self, name: str, *parts: str) -> str:
        """Write a file in the folder, and return its path."""
        path = self.folder / name
        path.write_text("\n".join(parts), encoding="utf-8")
        return str(path)


class Setup(NamedTuple):
    """The arguments and the environment variables that start a proxy."""

    arguments: List[str]
    variables: Dict[str, str] = {}


def nginx(setting: Setting) -> Setup:
    """The stock file, with this site in place of the enabled ones."""
    folder = setting.folder
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    temporary = [f"{kind}_temp_path {folder}/{kind};" for kind in kinds]
    site = replaced(setting.site, " 443 ", f" 127.0.0.1:{setting.port} ")
    site_file = setting.write("site.conf", *temporary, site)
    stock = read("/etc/nginx/nginx.conf")
    stock = replaced(stock, "/run/nginx.pid", f"{folder}/nginx.pid")
    stock = replaced(stock, "/var/log/nginx/", f"{folder}/")
    stock = replaced(stock, "/etc/nginx/sites-enabled/*", site_file)
    return Setup(["-c", setting.write("nginx.conf", stock), "-g", "daemon off;"])


def caddy(setting: Setting) -> Setup:
    """The stock file is only a site. Without a public name Caddy can't get a certificate itself."""
    folder = setting.folder
    head = f"https://127.0.0.1:{setting.port} {{\n    bind 127.0.0.1\n"
    head += f"    tls {folder}/site.pem {folder}/site.key"
    site = replaced(setting.site, "example.org {", head)
    alone = "{\n    admin off\n    auto_https disable_redirects\n}"
    arguments = ["run", "--adapter", "caddyfile", "--config"]
    homes = {"XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
    return Setup([*arguments, setting.write("Caddyfile", alone, site)], homes)


def haproxy(setting: Setting) -> Setup:
    """The stock file and this site, without the settings that need root."""
    stock = read("/etc/haproxy/haproxy.cfg")
    stock = re.sub(r"^\s*(chroot|stats|user|group|daemon)\b.*\n", "", stock, flags=re.MULTILINE)
    site = replaced(setting.site, "bind :443", f"bind 127.0.0.1:{setting.port}")
    return Setup(["-db", "-f", setting.write("haproxy.cfg", stock, site)])


def apache(setting: Setting) -> Setup:
    """The stock file, with this site in place of the enabled ones, and the docs' modules."""
    modules = ("socache_shmcb", "ssl", "proxy", "proxy_http", "http2")
    enabled = [f"Include mods-available/{name}.load" for name in modules]
    enabled += [f"IncludeOptional mods-available/{name}.con[f]" for name in modules]
    listen = f"Listen 127.0.0.1:{setting.port}\nServerName localhost"
    site = replaced(setting.site, "*:443", f"127.0.0.1:{setting.port}")
    site_file = setting.write("site.conf", *enabled, listen, site)
    stock = replaced(read("/etc/apache2/apache2.conf"), "Include ports.conf", "")
    stock = replaced(stock, "sites-enabled/*.conf", site_file)
    arguments = ["-d", "/etc/apache2", "-f", setting.write("apache2.conf", stock), "-DFOREGROUND"]
    return Setup(arguments, _apache_variables(setting.folder))


def _apache_variables(folder: pathlib.Path) -> Dict[str, str]:
    """The variables that Debian's ``envvars`` sets for the machine's own Apache."""
    places = dict.fromkeys(("RUN_DIR", "LOCK_DIR", "LOG_DIR"), str(folder))
    others = {"PID_FILE": f"{folder}/pid", "RUN_USER": "www-data", "RUN_GROUP": "www-data"}
    return {f"APACHE_{name}": value for name, value in {**places, **others}.items()}


def read(path: str) -> str:
    """A file of the distribution."""
    return pathlib.Path(path).read_text(encoding="utf-8")


def replaced(text: str, old: str, new: str) -> str:
    """The text with ``old`` replaced, which must be in it."""
    assert old in text, f"there is no {old!r} in:\n{text}"
    return text.replace(old, new)
