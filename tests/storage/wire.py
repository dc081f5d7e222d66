"""Listens on the wire to Datastore, where the RPCs leave the process: counts them, and makes some of them fail."""

from __future__ import annotations

import random
from collections.abc import Callable
from copy import deepcopy
from enum import Enum
from threading import Lock
from typing import Any

import grpc  # type: ignore[import-untyped]


class Fault(Enum):
    """What happens to one RPC: the status that the caller sees, and whether the server did what was asked."""

    OVERTAKEN = (grpc.StatusCode.ABORTED, False)
    REFUSED = (grpc.StatusCode.UNAVAILABLE, False)
    LATE = (grpc.StatusCode.DEADLINE_EXCEEDED, False)
    UNSEEN = (grpc.StatusCode.DEADLINE_EXCEEDED, True)
    CUT_OFF = (grpc.StatusCode.UNAVAILABLE, True)
    BROKEN = (grpc.StatusCode.INTERNAL, True)
    GONE = (grpc.StatusCode.NOT_FOUND, False)
    FORBIDDEN = (grpc.StatusCode.PERMISSION_DENIED, False)

    def __init__(self, status: grpc.StatusCode, applied: bool) -> None:
        self.status = status
        self.applied = applied


PASSING = [Fault.OVERTAKEN, Fault.REFUSED, Fault.LATE, Fault.UNSEEN, Fault.CUT_OFF, Fault.BROKEN]


class Failed(grpc.RpcError):  # type: ignore[misc]
    """A call that ended with a status other than OK, and the exception that says so, as gRPC's own is both."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.name)
        self._fault = fault

    def result(self) -> Any:
        raise self

    def code(self) -> grpc.StatusCode:
        return self._fault.status

    def details(self) -> str:
        return f"injected: {self._fault.name}"

    def trailing_metadata(self) -> tuple[()]:
        return ()


Plan = Callable[[str], Fault | None]  # given the name of an RPC


class Wire(grpc.UnaryUnaryClientInterceptor):  # type: ignore[misc]
    """Every RPC of this process to any Datastore, in order: the names in `sent`, the messages in `requests`."""

    def __init__(self) -> None:
        self.sent: list[str] = []
        self.requests: list[Any] = []
        self.channels = 0
        self.plan: Plan | None = None
        self.keys_at_once: int | None = None  # the rest is deferred, as Datastore does with what is too large together

    def at(self, channel: grpc.Channel) -> grpc.Channel:
        self.channels += 1
        return grpc.intercept_channel(channel, self)

    def forget(self) -> None:
        self.sent.clear()
        self.requests.clear()

    def intercept_unary_unary(self, go_on: Callable[..., Any], details: Any, request: Any) -> Any:
        name, message = details.method.rpartition("/")[2], type(request).pb(request)
        self.sent.append(name)
        self.requests.append(deepcopy(message))
        fault = self.plan(name) if self.plan else None
        if fault is None and name == "Lookup" and self.keys_at_once:
            return self._answer_partly(go_on, details, request, message)
        if fault is None or fault.applied:
            answer = go_on(details, request)
            if fault is None:
                return answer
            answer.result()
        return Failed(fault)

    def _answer_partly(self, go_on: Callable[..., Any], details: Any, request: Any, message: Any) -> Any:
        deferred = message.keys[self.keys_at_once :]
        del message.keys[self.keys_at_once :]
        answer = go_on(details, request)
        response = answer.result()
        type(response).pb(response).deferred.extend(deferred)
        return answer


def in_turn(*faults: Fault | None) -> Plan:
    """The first RPC gets the first fault and so on; those after the last get none."""
    left = list(faults)
    return lambda _: left.pop(0) if left else None


def always(fault: Fault, *, to: str | None = None) -> Plan:
    """Every RPC gets the fault, or every one of a name."""
    return lambda name: fault if to in {name, None} else None


def some(share: float, *, seed: int = 7) -> Plan:
    """So large a share of all RPCs gets a fault that passes, whichever."""
    lot, lock = random.Random(seed), Lock()

    def plan(_: str) -> Fault | None:
        with lock:
            return lot.choice(PASSING) if lot.random() < share else None

    return plan
