"""Pickles and module paths of earlier releases: an XCom, a Prefect result or a user's import may hold them."""

from __future__ import annotations

import base64
import pickle
import zlib
from importlib import import_module
from typing import Any
from uuid import UUID

import pytest

import datalake_ops
from datalake_ops import Manifest, Shard
from datalake_ops.errors import IncompleteSourceError, InvalidFileError, UnprocessableDataError
from datalake_ops.upload.sources.shard import FilePiece, FolderPiece, ManifestPiece
from datalake_ops.upload.sources.subset import Subset

# A dictionary of reports, a row, a retry plan and errors, as the release of 2026-11-29 pickled them.
PICKLED = (
    "c-nPUTW=dh6wYORi4)V%HZ3g)UG5GAS3=^c4-lG*A~&0mG`v--@$T4XlJ(ANXSS)4ECIsp%aK6x@*nyS_%%p~7ybdyoS9v>Nl7hPbLPy<Ip4"
    "W``=j%FqdsGQqZU?Ep2$?^cspd8MeLOOGEwa;i6jf#)5E1>yFawsNxuG5PERX65pk8bU=|zOBwjpq5~d-?3Tr2EKgX)lOlK;eUOuwhNsjg7g"
    "NOSYn_HXXLv##=9B*8JawbyVE)JYcS|)}4y6=Y~(7sRdoCxVK%S4FI@$v4a!7##k5$n7&tGc)-yC<CP#%#cIY#3wrEH12@7_1uV=;&cW!V=b"
    "vpGUNrU}bl2V`q!7Ed?^xJl4LwgbQN8`uv`;(JYeXPa|BKrmKvRVDEdzgfrlpdDu)+u0%iPp`WFZhjpVim^{1^WJ=3{|4QR%)>pZQi)QO9nW"
    "X{uaKXU#mH2_=Mv!u*$r#ffF7Y&#sZSauV=u$2zMl+37Hbjs{Hacv?|XRjoU$i)6e?eF%H*#txCYl@1+Kzd@b+(b{oK7I6;H?uJ<qyW=?*nj"
    "zSF=u)0z(wO`BP)DNacWRlf7}Uqypq#o{6SwNPeV(=Kp@Y6HuiIn^C!U8vY<LXB+NMu7!rV0C+A_o3;C92Pye*_nZN=znWxru@Neymp~StQS"
    "SiM3Hwh5rvZ+?%?un{Deg!H2t<^ZcOm5_2LTU8q~x4t_GfRvyY_)K}TA;W%G|mP=ht~oKU>GUO+972CtAdkG+G#{Rdk|M;qThq#DB_G%p1VE"
    "&;l694Dy^xKfOAVVbOjb<3J`&zN$l{wWV#l1zjIf?UD}#%}gMB-J32iiZZudvD5=b-c102Xc@^T=OH_LZ#o;N5I{lj6$Be0gEXIZkM}}P}EO"
    "F{2x*LuZ15PtTy`EQD^tyz!d6@aeMZ$CfzsAv?s_7H3HT)OwxIKOeE1~BF^#FWgJwVRW{5z$se~azovkt!~&HgvrY_FtR{j}vSA$;ObZ;Coj"
    "IYf>Z(iX#cdn<%L95+B!ixU)KVFaOO=ND7@dfbuts15nHgf4!<vYLC=2;I*7(yx%8c3O9*aefD}ByzeNgJKGH3_t2|7KQ4sx8ga+fJiLsCzq"
    "5?aWZCd-LL%sX@NS!XuuJ_o1cz)hMxSmRWM8<a%R2Te58qq(MfDRk7SNU~>#Sk;o!W2v_K$ch#Mm4_;p#l#Kauro8A$k5oQnRb$h#n6IJ(b<"
    "oqVS(E6j3IJ`tCuBx8Wc_5H0DX!CbdEPgg7XIyU<2wn}Q`WwHoS{&n=5s!y{PpD9>69xRE<EV+tjdF~7Xb1D2lB^*yr~S6KB+6-!e#B+jxc@"
    "c>bg(rFgZJWX2D<6@cM?022UgJt~r#UH<Hz4-I{fA9Y@8qWW%59wp!obp7&heS>ztew!b#4N(5O?SK8D$4SFD$k&bwURgNm@Rw7W|QET6Sh*"
    "S>}(e?*wLa^D@f}xyw6|;=4{#=SRJ1qpO4q!6KFk#H8y&72wzavhy<`9UQYAt(_MUcO5b<BbY;)|%C+BV_skHTnecNc$niW4c-H<8vr^wB"
)

# Modules of that release, and what can be held of them: by an import, or by the name of its class in a pickle.
MODULES = {
    "config": "Connection RetryPolicy Timeouts",
    "errors": "DatalakeError ErrorManager NothingDoneError IncompleteUploadError UploadError",
    "hook": "DatalakeHook",
    "hook.awaiting": "AsyncDatalakeHook",
    "upload.again": "Again Only",
    "upload.manifest": "Form Manifest",
    "upload.marks": "Marks",
    "upload.preflight": "check",
    "upload.progress": "LogProgress Progress",
    "upload.report": "FailedRows FileReport FileStatus Totals UploadReport",
    "upload.shard": "FilePiece FolderPiece ManifestPiece Shard",
    "upload.shards": "merge_reports merge_summaries plan_shards",
    "upload.spool": "NamedStream",
    "wire.data": "Data DataChange DataProjection MultiData",
    "wire.jobs": "Job JobStatus",
    "wire.processings": "Processing",
    "wire.sources": "DataSource",
    "wire.tags": "Tag",
}


@pytest.fixture(scope="module")
def pickled() -> dict[str, Any]:
    value: dict[str, Any] = pickle.loads(zlib.decompress(base64.b85decode(PICKLED)))
    return value


def test_a_pickled_report_loads_with_its_rows_and_errors(pickled: dict[str, Any]) -> None:
    report = pickled["report"]

    assert isinstance(report, datalake_ops.UploadReport)
    assert report.counts() == {"UPLOADED": 1, "SKIPPED": 1, "FAILED": 2, "UNPROCESSABLE": 1, "UNSUPPORTED": 0}
    assert [type(error) for error in report.errors] == [InvalidFileError, UnprocessableDataError, IncompleteSourceError]
    assert (report.bytes, report.seconds, report.notes) == (10, 2.5, ("A note.",))
    assert report.files[0] == pickled["row"]
    assert pickled["row"].doubles == (UUID(int=2),)


def test_a_pickled_report_can_be_retried(pickled: dict[str, Any]) -> None:
    plan = pickled["report"].retry_plan

    [shard, path] = plan.filepaths
    assert isinstance(shard, Shard)
    assert [type(piece) for piece in shard.pieces] == [FilePiece, FolderPiece, ManifestPiece]
    assert path == "b.png"
    assert plan.arguments == {"tags": "night", "if_exists": "skip"}


def test_a_pickled_retry_of_a_retry_keeps_its_subset(pickled: dict[str, Any]) -> None:
    subset = pickled["plan"].filepaths

    assert isinstance(subset, Subset)
    assert isinstance(subset.filepaths, Manifest)
    assert str(subset.filepaths.format) == "jsonl"
    assert subset.done is not None
    assert ("a.png" in subset.done, "b.png" in subset.done) == (True, False)


def test_pickled_errors_carry_their_reports(pickled: dict[str, Any]) -> None:
    assert pickled["nothing"].report.failed.paths == ["b.png"]
    assert pickled["nothing"].report.retry_plan.filepaths == ["b.png"]
    assert pickled["incomplete"].report == pickled["report"]


@pytest.mark.parametrize("module", MODULES)
def test_module_paths_and_their_names_stay(module: str) -> None:
    found = import_module(f"datalake_ops.{module}")

    assert [name for name in MODULES[module].split() if not hasattr(found, name)] == []


def test_the_names_of_the_package_stay() -> None:
    assert [name for name in datalake_ops.__all__ if not hasattr(datalake_ops, name)] == []
