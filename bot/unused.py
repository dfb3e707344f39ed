"""What the libraries bring along and a running bot never calls: left out, or let go of right after it is loaded.

Azure's client for asyncio needs the module of the one that blocks, because what builds the requests is in there, and
so all of its operations come along. What is loaded after they are gone fills the same memory.
"""

import gc
import importlib
import sys
import typing


def leave_out() -> None:
    """From here on Azure's client that blocks cannot be used. To be called before the rest is loaded."""
    # httpx does without its own command line, which would load rich, pygments and click.
    sys.modules["httpx._main"] = None  # type: ignore[assignment]  # Python's own word for "there is none" (importlib)
    operations = importlib.import_module("azure.mgmt.web.operations")
    client = importlib.import_module("azure.mgmt.web").WebSiteManagementClient
    _let_go(operations, client)
    importlib.import_module("azure.mgmt.web.aio")
    # Each operation's variants for type checkers, kept for `typing.get_overloads`, which nobody here calls.
    typing.clear_overloads()


def _let_go(operations: typing.Any, client: typing.Any) -> None:  # Any: Azure's module and class
    for name in operations.__all__:
        operation = getattr(operations, name, None)
        if operation is not None:  # else they are gone already
            for module in (operations.__name__, operation.__module__, client.__module__):
                vars(sys.modules[module]).pop(name, None)
    del operation
    typing.clear_overloads()
    gc.collect()
