"""What can be configured: one frozen value, read from the environment once, at the start.

Rule: every setting says its unit and its default here, and is read nowhere else. `FHIR_PORT=9000` sets `port`.
"""

from typing import Final

from pydantic import AliasChoices, Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from fhir_server import mongodb_uri
from fhir_server.addresses import service_base

MIB: Final = 1024 * 1024


def problems(error: ValidationError) -> list[str]:
    """A line for each setting that cannot be used: its name and why, but not its value, which may be a password."""
    return [
        f"{'.'.join(map(str, each['loc']))}: {each['msg'].removeprefix('Value error, ')}"
        for each in error.errors(include_input=False)
    ]


class Settings(BaseSettings):
    """The settings of one server; each field can be given as `FHIR_<NAME>` in the environment.

    Raises pydantic's `ValidationError`, naming each field that is wrong.
    """

    model_config = SettingsConfigDict(
        env_prefix="FHIR_",
        frozen=True,
        env_ignore_empty=True,
        populate_by_name=True,
        hide_input_in_errors=True,  # it may be a password
    )

    mongodb_uri: str = Field(
        default="mongodb://127.0.0.1:27017/?replicaSet=rs0",
        validation_alias=AliasChoices("MONGODB_URI", "FHIR_MONGODB_URI"),
        description="Where MongoDB is: a replica set (transactions need one), MongoDB 6 or newer.",
    )
    database: str = Field(default="fhir", min_length=1, description="Name of the database that holds everything.")
    base_url: str = Field(
        default="http://127.0.0.1:8000/fhir",
        description="The service base URL as clients see it (http or https, without query and fragment); it stands in "
        "Location, links and fullUrl, whatever the socket behind a gateway says.",
    )
    host: str = Field(default="127.0.0.1", description="Address to listen on.")
    port: int = Field(default=8000, ge=0, le=65535, description="TCP port to listen on.")
    shutdown_timeout_seconds: int = Field(
        default=30, gt=0, description="Longest time to finish the requests in flight when the server stops, in seconds."
    )
    open: bool = Field(
        default=False,
        description="Serve without sign-in; on the loopback interface only, to names of this machine and of the base "
        "url (another Host is answered with 421, a page of another site that writes with 403).",
    )

    max_body_bytes: int = Field(
        default=12 * MIB, gt=0, description="Largest single resource as text, in bytes; above it 413."
    )
    max_bundle_bytes: int = Field(
        default=64 * MIB, gt=0, description="Largest batch or transaction Bundle as text, in bytes; above it 413."
    )
    max_binary_bytes: int = Field(
        default=100 * MIB, gt=0, description="Largest Binary in its own content type, in bytes; above it 413."
    )
    page_size_default: int = Field(default=20, gt=0, description="Entries on a page when `_count` is not given.")
    page_size_max: int = Field(default=1000, gt=0, description="Most entries on a page, whatever `_count` asks for.")
    referential_integrity_on_write: bool = Field(
        default=False, description="Refuse a write that refers to a resource that is not here."
    )
    referential_integrity_on_delete: bool = Field(
        default=False, description="Refuse to delete a resource that another one refers to."
    )
    conditional_delete_multiple: bool = Field(
        default=False, description="Let a conditional delete remove all matches (up to 1,000), not just a single one."
    )
    search_content: bool = Field(
        default=False,
        description="Find resources by the words of all their texts (`_content`), not by those of their narratives "
        "only (`_text`); costs about a fifth of the work of a write. When it is switched, all search entries are made "
        "anew in the background.",
    )
    request_timeout_seconds: float = Field(
        default=60.0,
        gt=0,
        description="Longest time to answer a search or a history once it is read, in seconds; after it 503. Other "
        "requests have no such limit: a read is short by itself, and of a write that is cut nobody could say whether "
        "it happened.",
    )
    body_timeout_seconds: float = Field(
        default=30.0, gt=0, description="Longest pause between two pieces of a request's body, in seconds."
    )
    search_explain: bool = Field(
        default=False,
        description="Answer a search that has `_explain=true` with how it is run: its tree, its plan, the index, the "
        "documents looked at. For whoever runs the server; it tells how much there is.",
    )
    cursor_secret: str | None = Field(
        default=None,
        min_length=32,
        repr=False,
        description="Key that signs paging cursors; when absent one is generated and kept in the database, "
        "so that all workers share it.",
    )
    bundle_cache_share: float = Field(
        default=0.25,
        gt=0,
        le=1,
        description="Share of mongod's cache that the transactions in flight may fill together, 0 to 1. With "
        "`--workers N` each server process gets an N-th of it, which bounds its largest Bundle as well.",
    )
    embedded_cache_gb: float = Field(
        default=1.0,
        ge=0.25,
        description="Cache of the embedded mongod, in gigabytes; a Bundle of 25,000 entries needs 4.",
    )

    @field_validator("mongodb_uri")
    @classmethod
    def _connection_string(cls, uri: str) -> str:
        if (problem := mongodb_uri.problem(uri)) is not None:
            raise ValueError(f"not a connection string of MongoDB: {problem}")
        return uri

    @field_validator("base_url")
    @classmethod
    def _base_url(cls, url: str) -> str:
        return service_base(url)

    def environment(self) -> dict[str, str]:
        """The variables from which another process reads the same settings; those left at their default stay away."""
        given = self.model_dump(mode="json", include=self.model_fields_set, exclude_none=True)
        return {f"FHIR_{name.upper()}": str(value) for name, value in given.items()}
