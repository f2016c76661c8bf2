"""Pages of large resources: bounded in bytes, and complete all the same."""

import uuid

import httpx

JSON = {"Content-Type": "application/fhir+json"}


async def walk(client: httpx.AsyncClient, url: str) -> tuple[list[str], int]:
    """Identities of all that the pages show, and how many pages they were."""
    seen, count = [], 0
    while url:
        answer = await client.get(url, timeout=60)
        assert len(answer.content) < 80_000_000
        bundle = answer.json()
        count += 1
        seen += [f"{e['resource']['id']}/{e['resource']['meta']['versionId']}" for e in bundle.get("entry", ())]
        url = next((link["url"] for link in bundle["link"] if link["relation"] == "next"), "")
    return seen, count


async def test_pages_of_large_resources_lead_to_the_end(client: httpx.AsyncClient) -> None:
    text = "x" * 1_000_000
    ids = sorted(str(uuid.uuid4()) for _ in range(60))
    for id_ in ids:
        body = {"resourceType": "Basic", "id": id_, "code": {"text": text}}
        assert (await client.put(f"Basic/{id_}", json=body, headers=JSON)).status_code == 201
    for id_ in ids[::2]:
        body = {"resourceType": "Basic", "id": id_, "code": {"text": text + "y"}}
        assert (await client.put(f"Basic/{id_}", json=body, headers=JSON)).status_code == 200

    found, pages = await walk(client, "Basic?_count=1000")
    assert sorted(found) == sorted(f"{id_}/{2 if id_ in ids[::2] else 1}" for id_ in ids)
    assert pages > 1
    versions, pages = await walk(client, "Basic/_history?_count=1000")
    assert sorted(versions) == sorted([f"{id_}/1" for id_ in ids] + [f"{id_}/2" for id_ in ids[::2]])
    assert len(set(versions)) == len(versions)
    assert pages > 1
