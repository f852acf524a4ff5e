"""The home of an installation: its owner's alone, and no part of it among the objects of a bucket."""

from __future__ import annotations

import stat
import subprocess
import sys
from pathlib import Path

import pytest

from datalake_ops.platform.bootstrap import prepare_home
from datalake_ops.platform.home_folder import UnsafeHomeError, check_own_bucket
from datalake_ops.platform.settings import ServeOptions
from datalake_ops.testing import PlatformServer
from tests.platform.job_lab import Lab, program_arguments


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def prepare(home: Path, bucket: Path | None = None) -> None:
    prepare_home(ServeOptions(home=home, bucket=bucket))


class TestBucket:
    @pytest.mark.parametrize("place", [".", "..", "../..", "objects", "jobs", "buckets", "buckets/other", "jobs/x"])
    def test_one_that_holds_a_part_of_the_home_or_lies_in_one_is_refused(self, tmp_path: Path, place: str) -> None:
        home = tmp_path / "a" / "home"

        with pytest.raises(UnsafeHomeError, match="the bucket"):
            prepare(home, home / place)

        assert not (home / "secret").exists()

    def test_a_link_does_not_hide_it(self, tmp_path: Path) -> None:
        home = tmp_path / "data" / "home"
        home.mkdir(parents=True)
        to_the_data, to_the_home = tmp_path / "to-the-data", tmp_path / "to-the-home"
        to_the_data.symlink_to(tmp_path / "data")
        to_the_home.symlink_to(home)

        for at, bucket in [(home, to_the_data), (to_the_home, tmp_path / "data"), (to_the_home, home)]:
            with pytest.raises(UnsafeHomeError, match="the bucket"):
                prepare(at, bucket)

    def test_nor_does_a_link_from_the_home_into_the_bucket(self, tmp_path: Path) -> None:
        home, bucket = tmp_path / "home", tmp_path / "bucket"
        home.mkdir()
        (bucket / "objects").mkdir(parents=True)
        (home / "objects").symlink_to(bucket / "objects")

        with pytest.raises(UnsafeHomeError, match=r"contains .*objects"):
            prepare(home, bucket)

    def test_a_link_in_place_of_another_organizations_bucket_is_followed_only_elsewhere(self, tmp_path: Path) -> None:
        home, elsewhere = tmp_path / "home", tmp_path / "elsewhere"
        prepare(home)
        elsewhere.mkdir()
        (home / "buckets").mkdir()
        for name, target in (("good", elsewhere), ("bad", tmp_path)):
            (home / "buckets" / name).symlink_to(target)

        check_own_bucket(home, home / "buckets" / "new")
        check_own_bucket(home, home / "buckets" / "good")
        with pytest.raises(UnsafeHomeError):
            check_own_bucket(home, home / "buckets" / "bad")

    @pytest.mark.parametrize("place", ["bucket", "pictures/of/mine", "../bucket", "../objects"])
    def test_a_folder_of_its_own_is_taken(self, tmp_path: Path, place: str) -> None:
        home = tmp_path / "home"

        prepare(home, home / place)

        assert (home / place).is_dir()

    def test_a_start_says_what_is_wrong(self, tmp_path: Path) -> None:
        words = ["--home", str(tmp_path / "home"), "--bucket", str(tmp_path), "--port", "0"]

        answer = subprocess.run(
            [sys.executable, "-m", "datalake_ops.platform", *words],
            capture_output=True, text=True, check=False, timeout=240,
        )  # fmt: skip

        assert answer.returncode == 1
        assert f"the bucket {tmp_path} contains {tmp_path / 'home'}" in answer.stderr
        assert "Traceback" not in answer.stderr


class TestModes:
    def test_a_home_that_was_open_to_others_is_so_no_more(self, tmp_path: Path) -> None:
        home = tmp_path / "home"
        prepare(home)
        (home / "datalake.db").touch()
        for path, open_mode in [(home, 0o755), (home / "jobs", 0o777), (home / "datalake.db", 0o644)]:
            path.chmod(open_mode)
        (home / "bucket").chmod(0o755)

        (tmp_path / "link").symlink_to(home)
        prepare(tmp_path / "link")

        assert [mode(home / name) for name in (".", "jobs", "objects", "datalake.db", "secret")] == [
            *(0o700, 0o700, 0o700, 0o600, 0o600)
        ]
        assert mode(home / "bucket") == 0o755

    def test_an_empty_folder_with_pictures_in_its_bucket_is_taken(self, tmp_path: Path) -> None:
        (tmp_path / "home" / "bucket").mkdir(parents=True)
        (tmp_path / "home").chmod(0o755)

        prepare(tmp_path / "home")

        assert mode(tmp_path / "home") == 0o700

    def test_a_folder_of_other_files_keeps_its_mode_and_is_refused_with_the_command(self, tmp_path: Path) -> None:
        home = tmp_path / "shared"
        home.mkdir()
        home.chmod(0o755)
        (home / "notes.txt").write_text("somebody's")

        with pytest.raises(UnsafeHomeError, match=f"chmod 700 {home}"):
            prepare(home)

        assert mode(home) == 0o755
        home.chmod(0o700)
        prepare(home)

    def test_what_a_server_writes_is_its_owners_and_programs_keep_the_mask_of_the_start(self, tmp_path: Path) -> None:
        made = tmp_path / "made"
        with PlatformServer(home=tmp_path / "home", arguments=program_arguments(tmp_path)) as server:
            lab = Lab(server)
            lab.api.ended(lab.launch(parameters={"start": [["mkdir", str(made)]], "wait_for": str(made)}))
            files = [path for path in server.home.rglob("*") if not path.is_symlink() and path != server.bucket]
            is_open = [path for path in files if path.name != "server.log" and mode(path) & 0o077]

        (tmp_path / "like").mkdir()
        assert is_open == []
        assert mode(made) == mode(tmp_path / "like")
