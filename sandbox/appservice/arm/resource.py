"""The resource a call is about, and the shapes of ARM's and App Service's bodies."""

import json
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from sandbox.appservice.cloud import Cloud
from sandbox.appservice.records import Operation, OperationState
from sandbox.appservice.site import Site
from sandbox.appservice.slot import Slot


class Refused(Exception):
    """An answer that is an error; the router sends it."""

    def __init__(self, status: int, body: dict[str, Any], headers: dict[str, str] | None = None) -> None:
        super().__init__(status)
        self.response = web.json_response(body, status=status, headers=headers)


def front_end_error(status: int, code: str, message: str) -> Refused:
    """An error in the form of ARM's front end."""
    return Refused(status, {"error": {"code": code, "message": message}})


def service_error(status: int, code: str, message: str) -> Refused:
    """An error in the form of App Service itself."""
    return Refused(status, service_body(code, message))


def service_body(code: str, message: str) -> dict[str, Any]:
    """App Service's error body, with everything said three times as it does."""
    entity = {
        "ExtendedCode": "00000",
        "MessageTemplate": "{0}",
        "Parameters": [message],
        "Code": code,
        "Message": message,
    }
    return {
        "Code": code,
        "Message": message,
        "Target": None,
        "Details": [{"Message": message}, {"Code": code}, {"ErrorEntity": entity}],
        "Innererror": None,
    }


@dataclass(frozen=True)
class Account:
    """A call that is not about one site."""

    cloud: Cloud


@dataclass(frozen=True)
class Resource:
    """A call about a site or one of its slots."""

    cloud: Cloud
    site: Site
    slot: Slot
    api_version: str

    @property
    def id(self) -> str:
        """The ARM id."""
        own = "" if self.slot.is_production else f"/slots/{self.slot.name}"
        return f"{sites_id(self.cloud)}/{self.site.name}{own}"

    @property
    def name(self) -> str:
        """The name as ARM writes it: blog, blog/staging."""
        return self.site.name if self.slot.is_production else f"{self.site.name}/{self.slot.name}"

    @property
    def type(self) -> str:
        """The ARM type."""
        return "Microsoft.Web/sites" if self.slot.is_production else "Microsoft.Web/sites/slots"

    def of(self, slot: Slot) -> "Resource":
        """Another slot of the same site."""
        return Resource(self.cloud, self.site, slot, self.api_version)

    def part(self, kind: str, name: str, properties: dict[str, Any]) -> dict[str, Any]:
        """The JSON of a configuration of this resource."""
        return {
            "id": f"{self.id}/config/{kind}",
            "name": name,
            "type": f"{self.type}/config",
            "location": self.cloud.store.account.location,
            "properties": properties,
        }

    def refuse_while_busy(self) -> None:
        """Raise the 409 of a site that another operation is working on."""
        operation = self.site.running_operation
        if operation and operation.state is OperationState.RUNNING:
            raise service_error(409, "Conflict", busy_message(operation))

    def refuse_configuration(self) -> None:
        """Raise the 409 that a write of configuration gets during a swap and its preview."""
        self.refuse_while_busy()
        swap = self.site.record.swap
        if swap and self.slot.name in (swap.source, swap.target):
            message = (
                "The slot cannot be changed because its configuration settings have been prepared for swap."
            )
            raise service_error(409, "Conflict", message)

    def configuration_changed(self) -> None:
        """What follows every write of configuration: SCM is recycled and the site restarts."""
        self.cloud.store.save_site(self.site.record)
        self.slot.recycle_scm(self.cloud.options.recycle_seconds)
        self.slot.restart_soon()


def busy_message(operation: Operation) -> str:
    """The text of the 409, with what is going on."""
    return (
        "Cannot modify this site because another operation is in progress. Details: "
        f"Id: {operation.id}, OperationName: {operation.name}, CreatedTime: {operation.started}, "
        f"RequestId: {operation.id}, EntityType: 3"
    )


def resource_group_id(cloud: Cloud) -> str:
    """The one resource group's id."""
    account = cloud.store.account
    return f"/subscriptions/{account.subscription}/resourceGroups/{account.resource_group}"


def sites_id(cloud: Cloud) -> str:
    """What the sites' ids begin with."""
    return f"{resource_group_id(cloud)}/providers/Microsoft.Web/sites"


def plan_id(cloud: Cloud) -> str:
    """The one App Service plan's id."""
    return f"{resource_group_id(cloud)}/providers/Microsoft.Web/serverfarms/{cloud.store.account.plan}"


async def body_of(request: web.Request) -> dict[str, Any]:
    """The request's JSON object; raises App Service's 400."""
    try:
        body = json.loads(await request.read() or b"null")
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise front_end_error(
            400, "InvalidRequestContent", "The request content was invalid and could not be deserialized."
        )
    return body
