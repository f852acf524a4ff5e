"""Data and inputs of launches, in the forms that Picsellia's own tools send."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
import requests

from datalake_ops.testing import PlatformServer
from tests.platform.api import Api
from tests.platform.images import a_jpeg
from tests.platform.job_lab import Lab


@pytest.fixture
def lab(job_server: PlatformServer) -> Lab:
    """A lake of the test's own with four data, the first of which was registered first."""
    lab = Lab(job_server)
    lake = job_server.add_lake(f"launches-{uuid4().hex[:8]}")
    lab.api.lake = lab.api.json("GET", f"/api/datalake/{lake}")
    return lab


@pytest.fixture
def data(lab: Lab) -> list[str]:
    return [a_data(lab, f"{number}.jpg") for number in range(4)]


def a_data(lab: Lab, filename: str) -> str:
    body = {"type": "IMAGE", "filename": filename, "content_type": "image/jpeg", "tags": []}
    body["object_name"] = lab.api.upload(a_jpeg())
    return str(lab.api.json("POST", f"/api/datalake/{lab.api.lake['id']}/datas", body)["id"])


def launched(lab: Lab, **body: Any) -> dict[str, Any]:
    """The job of a launch whose body holds these fields only, beside the processing."""
    answer = ask(lab, **body)
    assert answer.ok, answer.text
    return dict(answer.json())


def ask(lab: Lab, headers: dict[str, str] | None = None, **body: Any) -> requests.Response:
    path = f"/api/datalake/{lab.api.lake['id']}/processing/launch"
    return lab.api.call("POST", path, {"processing_id": lab.processing, **body}, headers)


def data_of(job: dict[str, Any]) -> list[str]:
    return list(requests.get(job["processing_job"]["payload_presigned_url"], timeout=10).json()["data_ids"])


def declare(lab: Lab, name: str, input_type: str, *, required: bool = False) -> None:
    body = {"name": name, "input_type": input_type, "required": required}
    lab.api.json("POST", f"/api/processing/{lab.processing}/inputs", body)


class TestData:
    @pytest.mark.parametrize(
        ("window", "numbers"),
        [
            ({"offset": 0, "limit": 10}, [3, 2, 1, 0]),
            ({"offset": 1, "limit": 2}, [2, 1]),
            ({"offset": 3}, [0]),
            ({"limit": 1}, [3]),
            ({}, [3, 2, 1, 0]),
            ({"data_ids": None, "offset": None, "limit": None}, [3, 2, 1, 0]),
        ],
    )
    def test_a_window_counts_from_the_newest_and_without_one_it_is_the_whole_lake(
        self, lab: Lab, data: list[str], window: dict[str, Any], numbers: list[int]
    ) -> None:
        assert data_of(launched(lab, **window)) == [data[number] for number in numbers]

    def test_a_window_holds_what_the_lists_of_the_official_sdk_hold(self, lab: Lab, data: list[str]) -> None:
        statuses = "upload_statuses=PENDING&upload_statuses=COMPUTING&upload_statuses=DONE&upload_statuses=ERROR"
        path = f"/api/datalake/{lab.api.lake['id']}/datas?{statuses}&types=IMAGE&types=VIDEO&offset=1&limit=2"

        listed = [one["id"] for one in lab.api.json("GET", path)["items"]]

        assert data_of(launched(lab, offset=1, limit=2)) == listed

    def test_data_that_are_named_are_all_of_it_whatever_the_window(self, lab: Lab, data: list[str]) -> None:
        named = [data[0], data[3]]

        assert data_of(launched(lab, data_ids=named, offset=0, limit=1)) == named

    def test_data_named_as_an_input_are_the_data_and_no_input(self, lab: Lab, data: list[str]) -> None:
        both = launched(lab, data_ids=data[:2], inputs={"data_ids": data[:2]}, offset=0, limit=10)
        one = launched(lab, inputs={"data_ids": data[1:3]})

        assert (data_of(both), both["processing_job"]["inputs"]) == (data[:2], {})
        assert (data_of(one), one["processing_job"]["inputs"]) == (data[1:3], {})

    def test_an_empty_list_is_not_the_whole_lake(self, lab: Lab, data: list[str]) -> None:
        answers = [ask(lab, data_ids=[], offset=0, limit=10), ask(lab, inputs={"data_ids": []})]

        assert [answer.status_code for answer in answers] == [400, 400]
        assert "data_ids is empty" in answers[0].json()["message"]

    @pytest.mark.parametrize(
        "body",
        [
            {"offset": 4, "limit": 10},
            {"offset": -1},
            {"limit": 0},
            {"limit": "many"},
            {"inputs": {"data_ids": "x"}},
            {"data_ids": [str(uuid4())], "inputs": {"data_ids": [str(uuid4())]}},
        ],
    )
    def test_a_window_without_data_and_one_that_is_none_are_refused(
        self, lab: Lab, data: list[str], body: dict[str, Any]
    ) -> None:
        answer = ask(lab, **body)

        assert answer.status_code == 400
        assert answer.json()["message"]

    def test_an_empty_lake_says_so(self, lab: Lab) -> None:
        assert "The datalake has no data" in ask(lab).json()["message"]

    def test_a_repeated_launch_of_a_window_is_the_same_job_though_data_came_meanwhile(
        self, lab: Lab, data: list[str]
    ) -> None:
        key = {"Idempotency-Key": f"key-{uuid4()}"}
        first = ask(lab, key, offset=0, limit=2).json()
        a_data(lab, "new.jpg")

        again, other = ask(lab, key, offset=0, limit=2), ask(lab, key, offset=0, limit=3)

        assert again.json()["id"] == first["id"]
        assert other.status_code == 409


class TestInputs:
    def test_the_output_lake_named_beside_the_inputs_is_an_input_of_the_job(
        self, lab: Lab, data: list[str], job_server: PlatformServer
    ) -> None:
        name = f"output-{uuid4().hex[:8]}"
        output = job_server.add_lake(name)

        beside = launched(lab, target_datalake_name=name)
        within = launched(lab, inputs={"target_datalake_name": name})

        for job in (beside, within):
            assert job["processing_job"]["inputs"] == {"output_datalake_id": output}
            assert job["datalake_processing_job"]["output_datalake_id"] == output

    def test_declared_inputs_stay_beside_those_of_the_old_sections(
        self, lab: Lab, data: list[str], job_server: PlatformServer
    ) -> None:
        name = f"output-{uuid4().hex[:8]}"
        output = job_server.add_lake(name)
        declare(lab, "example_input", "TEXT", required=True)
        declare(lab, "target_datalake_name", "TEXT")

        job = launched(lab, inputs={"example_input": "example"}, target_datalake_name=name)

        assert job["processing_job"]["inputs"] == {
            "example_input": "example",
            "target_datalake_name": name,
            "output_datalake_id": output,
        }

    def test_blank_ids_of_a_run_config_are_inputs_without_a_value(self, lab: Lab, data: list[str]) -> None:
        declare(lab, "second", "DATALAKE")
        declare(lab, "remark", "TEXT")

        job = launched(lab, inputs={"second": "", "remark": ""})

        assert job["processing_job"]["inputs"] == {"remark": ""}

    @pytest.mark.parametrize(("typed", "value"), [("9", 9), ("-2.5", -2.5), ("+3", 3), (9, 9), (None, None)])
    def test_a_typed_number_is_a_number(self, lab: Lab, data: list[str], typed: object, value: object) -> None:
        declare(lab, "count", "NUMBER")

        assert launched(lab, inputs={"count": typed})["processing_job"]["inputs"] == {"count": value}

    @pytest.mark.parametrize("typed", ["many", "1e5", "nan", "٣", "9" * 400, "1 000", True])
    def test_a_text_that_is_no_number_is_refused(self, lab: Lab, data: list[str], typed: object) -> None:
        declare(lab, "count", "NUMBER")

        assert ask(lab, inputs={"count": typed}).status_code == 400

    def test_a_lake_that_does_not_exist_is_refused(self, lab: Lab, data: list[str], job_server: PlatformServer) -> None:
        declare(lab, "second", "DATALAKE")
        foreign = job_server.add_organization(f"other-{uuid4().hex[:8]}")
        elsewhere = Api(job_server, foreign["token"]).lake["id"]

        answers = [
            ask(lab, inputs={"second": str(uuid4())}),
            ask(lab, inputs={"output_datalake_id": elsewhere}),
            ask(lab, target_datalake_name="nowhere"),
        ]

        assert [answer.status_code for answer in answers] == [404, 404, 404]

    def test_two_outputs_are_refused(self, lab: Lab, data: list[str], job_server: PlatformServer) -> None:
        names = [f"output-{uuid4().hex[:8]}" for _ in range(2)]
        ids = [job_server.add_lake(name) for name in names]

        answers = [
            ask(lab, target_datalake_name=names[0], inputs={"output_datalake_id": ids[1]}),
            ask(lab, target_datalake_name=names[0], inputs={"target_datalake_name": names[1]}),
        ]

        assert [answer.status_code for answer in answers] == [400, 400]
