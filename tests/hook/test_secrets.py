"""Signed addresses and tokens leave a value only where they are asked for: texts, dumps and pickles lack them."""

from __future__ import annotations

import copy
import importlib
import inspect
import json
import pickle
import pkgutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast
from uuid import uuid4

import pytest

import datalake_ops
from datalake_ops import Data, DatalakeHook
from datalake_ops.client.presigned import StorageRequest
from datalake_ops.client.transport.address import Origin
from datalake_ops.client.transport.connection_pool import HttpRequest
from datalake_ops.client.transport.network_rules import Proxy
from datalake_ops.errors import SecretPickleError
from datalake_ops.hook.awaiting import AsyncDatalakeHook
from datalake_ops.testing import PlatformServer
from datalake_ops.upload.reporting.report import FileReport, FileStatus
from datalake_ops.upload.reporting.report_builder import ReportBuilder
from datalake_ops.wire.data import DataProjection, MultiData
from datalake_ops.wire.jobs import Job
from datalake_ops.wire.model import WireModel
from datalake_ops.wire.uploads import DownloadAddress, MultipartStart, PartAddress, PresignedData, PresignedUpload

SIGNED = "http://lake.example/storage/a.png?signature=abc"
FORMS: dict[str, Callable[[Any], str]] = {
    "repr": repr,
    "str": str,
    "text": "{}".format,
    "model_dump": lambda value: repr(value.model_dump()),
    "model_dump of JSON values": lambda value: json.dumps(value.model_dump(mode="json")),
    "model_dump_json": lambda value: str(value.model_dump_json()),
    "pickle": lambda value: pickle.dumps(value).decode("latin-1"),
}


def a_data(**fields: Any) -> Data:
    return Data.model_validate(
        {
            "id": str(uuid4()),
            "object_name": "a.png",
            "filename": "a.png",
            "type": "IMAGE",
            "content_type": "image/png",
            "upload_status": "PENDING",
            "presigned_url": SIGNED,
            **fields,
        }
    )


def a_job() -> Job:
    context = {"target_id": "t", "payload_presigned_url": SIGNED, "deep": [{"presigned_url": SIGNED, "width": 1}]}
    return Job.model_validate({"id": str(uuid4()), "status": "RUNNING", "processing_job": context})


A_PROJECTION = {"id": str(uuid4()), "compute_status": "DONE", "name": "mask", "presigned_url": SIGNED}
A_FORM: dict[str, Any] = {"url": SIGNED, "fields": {"policy": "p", "x-signature": "signature=abc"}}
VALUES: dict[str, WireModel] = {
    "data": a_data(),
    "job": a_job(),
    "projection": DataProjection.model_validate(A_PROJECTION),
    "upload": PresignedUpload(client_type="aws", presigned_url_data=PresignedData(**A_FORM)),
    "download": DownloadAddress(presigned_url=SIGNED),
    "multipart": MultipartStart(client_type="google", url=SIGNED),
    "part": PartAddress(url=SIGNED),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", VALUES)
def test_no_form_of_a_value_shows_its_signed_address(name: str, form: str) -> None:
    assert "signature" not in FORMS[form](VALUES[name])


def test_the_attribute_has_the_address_also_of_a_copy() -> None:
    data = a_data()

    assert data.presigned_url == SIGNED
    assert copy.copy(data).presigned_url == copy.deepcopy(data).presigned_url == data.model_copy().presigned_url
    assert data.model_copy().presigned_url == SIGNED
    assert (a_job().processing_job or {})["payload_presigned_url"] == SIGNED


def test_what_else_a_job_says_of_itself_stays_in_its_dumps() -> None:
    wanted = {"target_id": "t", "deep": [{"width": 1}]}

    assert a_job().model_dump()["processing_job"] == wanted
    assert pickle.loads(pickle.dumps(a_job())).processing_job == wanted


def test_metadata_of_any_name_stay_in_dumps_and_pickles() -> None:
    data = a_data(custom_metadata={"presigned_url": "of another program"})

    assert data.model_dump()["custom_metadata"] == data.custom_metadata
    assert pickle.loads(pickle.dumps(data)).custom_metadata == data.custom_metadata


def test_a_long_report_keeps_the_addresses_that_its_pickle_lacks() -> None:
    builder = ReportBuilder(in_memory=1)
    for index in range(3):
        builder.add(index, FileReport(f"{index}.png", FileStatus.UPLOADED, a_data()))
    report = builder.finish(1.0)

    assert [data.presigned_url for data in report.data] == [SIGNED] * 3
    assert b"signature" not in pickle.dumps(report)


def test_requests_and_proxies_show_no_credentials() -> None:
    origin = Origin("http", "lake.example", 80)
    shown = [
        HttpRequest("GET", origin, "/a?signature=abc", "Authorization: Bearer secret\r\n"),
        StorageRequest("PUT", SIGNED, cast("Any", None)),
        Proxy(origin, "Proxy-Authorization: Basic secret\r\n", "http://user:secret@lake.example"),
    ]

    assert not any(word in repr(one) for one in shown for word in ("signature", "secret"))


@pytest.mark.parametrize("form", ["dump", "pickle"])
def test_a_data_out_of_a_dump_downloads_by_a_fresh_address(
    hook: DatalakeHook, datalake_platform: PlatformServer, photo: Path, tmp_path: Path, form: str
) -> None:
    sent = cast("Data", hook.upload_data(photo))
    data: Data = (
        pickle.loads(pickle.dumps(sent)) if form == "pickle" else Data.model_validate_json(sent.model_dump_json())
    )
    datalake_platform.clear_requests()

    [path] = hook.download(data, tmp_path / "out")

    assert path.read_bytes() == photo.read_bytes()
    assert data.presigned_url is None
    assert f"/api/data/{data.id}/presigned-url" in [one["path"] for one in datalake_platform.requests()]


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(lambda hook: hook, id="hook"),
        pytest.param(lambda hook: hook.connection, id="connection"),
        pytest.param(AsyncDatalakeHook, id="async hook"),
        pytest.param(lambda hook: {"lake": hook}, id="hook in a mapping"),
    ],
)
def test_what_holds_a_token_is_not_pickled(value: Callable[[DatalakeHook], Any]) -> None:
    hook = DatalakeHook(host="http://127.0.0.1:9", api_token="secret")

    with pytest.raises(SecretPickleError, match=r"from_env\(\).*block") as caught:
        pickle.dumps(value(hook))

    assert "secret" not in str(caught.value)


def test_a_hook_is_copied_without_its_connections() -> None:
    hook = DatalakeHook(host="http://127.0.0.1:9", api_token="secret")

    for again in (copy.copy(hook), copy.deepcopy(hook)):
        assert again is not hook
        assert again.connection is hook.connection


def every_class() -> Iterator[type]:
    for module in pkgutil.walk_packages(datalake_ops.__path__, "datalake_ops."):
        # Programs, and parts that need what this environment may lack.
        if module.name.rpartition(".")[2] == "__main__" or module.name.startswith("datalake_ops.testing."):
            continue
        for _, kind in inspect.getmembers(importlib.import_module(module.name), inspect.isclass):
            if kind.__module__ == module.name:
                yield kind


def test_a_half_made_value_has_a_repr_for_tracebacks() -> None:
    own = {kind for kind in every_class() if "__repr__" in kind.__dict__ and not hasattr(kind, "__dataclass_fields__")}

    for kind in own:
        if not issubclass(kind, (str, int, tuple)):
            assert repr(kind.__new__(kind)), kind

    assert MultiData in own


def test_a_sequence_of_data_that_could_not_be_read_has_a_repr() -> None:
    def broken() -> Iterator[Data]:
        raise OSError("cut")
        yield

    with pytest.raises(OSError, match="cut") as caught:
        MultiData(broken())

    made = caught.traceback[-2].frame.f_locals["self"]
    assert repr(made) == "MultiData(... data)"
