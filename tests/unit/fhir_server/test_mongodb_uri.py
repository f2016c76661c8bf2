"""Connection strings: which are none, and what is told of those that are."""

import pytest

from fhir_server.mongodb_uri import hosts, problem


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("mongodb://127.0.0.1:27017/?replicaSet=rs0", "127.0.0.1:27017"),
        ("mongodb://user:s3cret@db1,[::1]:27018/admin?w=majority", "db1:27017, [::1]:27018"),
        ("mongodb+srv://user:s3cret@cluster.example/?tls=true", "cluster.example"),
        ("mongodb://db1/?unknownToThisDriver=1", "db1:27017"),
    ],
)
def test_hosts_without_credentials(uri: str, expected: str) -> None:
    assert problem(uri) is None
    assert hosts(uri) == expected


@pytest.mark.parametrize(
    "uri",
    [
        "foo://user:s3cret@host",
        "127.0.0.1:27017",
        "mongodb://",
        "mongodb://user:s3/cret@host",
        "mongodb://user:s3%zzcret@host/",
        "mongodb://host:99999/",
        "mongodb+srv://",
    ],
)
def test_the_reason_shows_nothing_of_the_string(uri: str) -> None:
    told = problem(uri)
    assert told is not None
    assert "s3" not in told
