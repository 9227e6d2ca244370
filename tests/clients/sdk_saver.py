"""The official SDK's LangGraph saver, without the agent runtime around it.

Importing `agentex.lib.adk` by its name imports every module of the runtime (workflow engine, model
providers, tracing), none of which the saver uses. Its package is put in place by hand instead, so
that the saver's own module, unchanged, is all that runs.
"""

import importlib
import sys
import types
import typing

import typing_extensions

import agentex

# In `typing` since Python 3.12; the SDK's file asks for it there.
if not hasattr(typing, "override"):
    typing.override = typing_extensions.override


def _bare_package(name: str) -> None:
    package = types.ModuleType(name)
    package.__path__ = [f"{folder}/{'/'.join(name.split('.')[1:])}" for folder in agentex.__path__]
    sys.modules[name] = package


for _name in ("agentex.lib.adk", "agentex.lib.adk._modules"):
    _bare_package(_name)

HttpCheckpointSaver = importlib.import_module("agentex.lib.adk._modules._http_checkpointer").HttpCheckpointSaver
