"""Options and settings of a server."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class ServeOptions:
    """Options of `serve`: a folder, an address, and permissions.

    `port` 0 takes a free one. Without `token` the first start makes one and prints it. Without `bucket` the lake's
    bucket is `home/bucket`. `public_url` is the address signed links carry when it is not the one of the request;
    they live for `link_seconds`. `programs` maps docker images to the command lines that stand in for them here;
    `program_env` names variables of this process that they get beside those that every program gets; `cpus` and `gpus`
    are what running jobs may hold together, by default this machine's. `lakes` are names of lakes to have beside
    `default`, on the same bucket. `certificate` and `private_key` are PEM files; with both it serves HTTPS.
    A request's head must arrive within `request_seconds`, and so long a body may stand still. `access_log` is a file
    for one line a request, `-` standard output. With `fsync` what is answered is on the disk. An uploaded object that
    no row names is deleted after `unregistered_days`; 0 keeps it.
    """

    home: Path
    host: str = "127.0.0.1"
    port: int = 8000
    token: str | None = field(default=None, repr=False)
    bucket: Path | None = None
    public_url: str | None = None
    enable_admin: bool = False
    link_seconds: int = 3600
    programs: Mapping[str, str] = field(default_factory=dict)
    program_env: tuple[str, ...] = ()
    cpus: int | None = None
    gpus: int | None = None
    lakes: tuple[str, ...] = ()
    certificate: Path | None = None
    private_key: Path | None = None
    request_seconds: float = 60.0
    access_log: str | None = None
    fsync: bool = False
    unregistered_days: float = 7.0


@dataclass(frozen=True)
class Settings:
    """Resolved options: absolute folders, this server's address and this installation's secret."""

    home: Path
    bucket: Path
    secret: bytes = field(repr=False)
    token: str | None = field(default=None, repr=False)
    public_url: str | None = None
    enable_admin: bool = False
    # Where this server listens, for the programs it starts itself.
    address: str = ""
    link_seconds: int = 3600
    programs: Mapping[str, str] = field(default_factory=dict)
    program_env: tuple[str, ...] = ()
    # Mask of the files that programs make; the server's own files are for its user alone.
    program_umask: int = 0o022
    cpus: int | None = None
    gpus: int | None = None
    lakes: tuple[str, ...] = ()
    request_seconds: float = 60.0
    access_log: str | None = None
    fsync: bool = False
    unregistered_days: float = 7.0

    @property
    def program_address(self) -> str:
        """Address for the programs of jobs: a certificate fits the public name, not the one that is listened on."""
        if self.address.startswith("https:") and self.public_url:
            return self.public_url.rstrip("/")
        return self.address

    @property
    def database(self) -> Path:
        """SQLite file."""
        return self.home / "datalake.db"

    @property
    def objects(self) -> Path:
        """Folder of uploaded objects."""
        return self.home / "objects"

    @property
    def copies(self) -> Path:
        """Folder of the pictures that the console shows, each made from an object; it may be deleted at any time."""
        return self.home / "copies"

    @property
    def jobs(self) -> Path:
        """Folder with one folder per job: its log, exit code and process."""
        return self.home / "jobs"
