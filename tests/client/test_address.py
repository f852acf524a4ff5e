from __future__ import annotations

import pytest

from datalake_ops.client.transport.address import Origin, encoded_target, header_lines, host_header, request_target


@pytest.mark.parametrize("value", ["a\r\nX: y", "a\nb", "a\0b"])
def test_no_value_can_begin_another_header(value: str) -> None:
    with pytest.raises(ValueError, match="line break"):
        header_lines({"X": value})


def test_addresses_are_used_to_the_letter() -> None:
    url = "https://user:word@[::1]:8443/a%2Fb/{c}|d?x=%20&y=[1]#part"

    assert Origin.of(url) == Origin("::1", 8443, True)
    assert host_header(url) == "[::1]:8443"
    assert request_target(url) == "/a%2Fb/{c}|d?x=%20&y=[1]"
    assert encoded_target("/a b/ä%41") == "/a%20b/%C3%A4%41"
    assert Origin.of("http://bücher.example").host == "xn--bcher-kva.example"


@pytest.mark.parametrize("url", ["ftp://h/", "//h/", "http://", "http://h:99999/"])
def test_other_addresses_are_refused(url: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        Origin.of(url)
