"""What the demo's blog tells, and who reads it: written through Ghost's own API, as an author would."""

from typing import Any

import httpx

from demo.tiny.seed import picture
from release.ghost.admin_api import admin_api

OWNER = {"name": "Ann Owner", "email": "ann@example.com", "password": "ebb-and-flow-2024"}
TITLE = "The Harbour Post"
THEME = "harbour"
POSTS = 24
DRAFTS = 3
PAGES = 3
MEMBERS = 40
IMAGES = 6
TAGS = ("Tides", "Boats", "Weather", "People")
PLACES = ("quay", "lighthouse", "fish market", "boatyard", "breakwater", "old crane", "ferry", "sail loft")
# Raise it when something above or below changes, so that nobody sees yesterday's blog.
EDITION = 1


async def tell(url: str, version: str) -> str:
    """The blog at `url`, just booted for the first time, has its owner and content; returns an Admin API key."""
    base_url = url + admin_api(version).path
    async with httpx.AsyncClient(base_url=base_url, headers={"Origin": url}, timeout=60) as client:
        await _post(client, "/authentication/setup/", {"setup": [{**OWNER, "blogTitle": TITLE}]})
        login = {"username": OWNER["email"], "password": OWNER["password"]}
        (await client.post("/session/", json=login)).raise_for_status()
        (await client.put(f"/themes/{THEME}/activate/")).raise_for_status()
        images = [await _upload(client, number) for number in range(IMAGES)]
        for number in range(POSTS + DRAFTS):
            await _post(client, "/posts/?source=html", {"posts": [_post_of(number, images)]})
        for number in range(PAGES):
            page = {
                "title": f"About the {PLACES[number]}",
                "html": "<p>Open every day.</p>",
                "status": "published",
            }
            await _post(client, "/pages/?source=html", {"pages": [page]})
        for number in range(MEMBERS):
            member = {"name": f"Reader {number + 1}", "email": f"reader{number + 1}@example.com"}
            await _post(client, "/members/", {"members": [member]})
        answer = await _post(
            client, "/integrations/?include=api_keys", {"integrations": [{"name": "ghostbot"}]}
        )
        return _admin_key(answer)


async def _post(client: httpx.AsyncClient, path: str, body: dict[str, Any]) -> dict[str, Any]:
    answer = (await client.post(path, json=body)).raise_for_status()
    told: dict[str, Any] = answer.json()
    return told


async def _upload(client: httpx.AsyncClient, number: int) -> str:
    files = {"file": (f"harbour-{number + 1}.png", picture(number, 640, 400), "image/png")}
    answer = (await client.post("/images/upload/", files=files, data={"purpose": "image"})).raise_for_status()
    return str(answer.json()["images"][0]["url"])


def _post_of(number: int, images: list[str]) -> dict[str, Any]:
    place = PLACES[number % len(PLACES)]
    body = (
        f"<p>Morning {number + 1} at the {place}: the tide came in, and the boats rose with it.</p>"
        f"<h2>What we saw</h2><p>{'Gulls, ropes, rain and a little sun. ' * (3 + number % 5)}</p>"
    )
    return {
        "title": f"Morning {number + 1} at the {place}",
        "html": body,
        "status": "published" if number < POSTS else "draft",
        "feature_image": images[number % len(images)],
        "tags": [{"name": TAGS[number % len(TAGS)]}],
    }


def _admin_key(answer: dict[str, Any]) -> str:
    """ "id:secret"; some versions put the id into the secret already."""
    keys = answer["integrations"][0]["api_keys"]
    key = next(key for key in keys if key["type"] == "admin")
    secret = str(key["secret"])
    return secret if ":" in secret else f"{key['id']}:{secret}"
