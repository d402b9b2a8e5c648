"""Operations: what a method asks for is described once, and every client has it in its own way.

A method that describes a request becomes, on a ``Client``, one that gives the answer; on an ``AsyncClient`` one to be
awaited; and on a ``DocumentClient`` one that gives the answer's document as it came.
"""

import functools
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from inspect import Signature, signature
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar, overload

from orchestrator.client.ask import Ask
from orchestrator.client.asynchronous import Asynchronous
from orchestrator.client.errors import Document
from orchestrator.client.handles import AsyncJobHandle, JobHandle
from orchestrator.client.synchronous import Documents, Synchronous
from orchestrator.contracts.views import Job, Page

P = ParamSpec("P")
T = TypeVar("T")


class _Described(Generic[P, T]):
    def __init__(self, describe: Callable[Concatenate[Any, P], Ask[T]]) -> None:
        self._describe = describe
        whole = signature(describe)
        own = list(whole.parameters.values())[1:]
        self._signature = whole.replace(parameters=own, return_annotation=Signature.empty)
        functools.update_wrapper(self, describe)  # pyright: ignore[reportArgumentType] - it lends its name and words

    def _bound(self, client: Any, perform: str) -> Callable[P, Any]:
        @functools.wraps(self._describe)
        def method(*args: P.args, **kwargs: P.kwargs) -> Any:
            return getattr(client, perform)(self._describe(client, *args, **kwargs))

        method.__signature__ = self._signature  # type: ignore[attr-defined]
        return method


class Operation(_Described[P, T]):
    """A request with one answer."""

    @overload
    def __get__(self, client: None, owner: type) -> "Operation[P, T]": ...
    @overload
    def __get__(self, client: Synchronous, owner: type) -> Callable[P, T]: ...
    @overload
    def __get__(self, client: Asynchronous, owner: type) -> Callable[P, Awaitable[T]]: ...
    @overload
    def __get__(self, client: Documents, owner: type) -> Callable[P, Document]: ...
    def __get__(self, client: object, owner: type) -> Any:
        return self if client is None else self._bound(client, "perform")


class Listing(_Described[P, Page[T]]):
    """A list: every item, page by page as they are needed."""

    @overload
    def __get__(self, client: None, owner: type) -> "Listing[P, T]": ...
    @overload
    def __get__(self, client: Synchronous, owner: type) -> Callable[P, Iterator[T]]: ...
    @overload
    def __get__(self, client: Asynchronous, owner: type) -> Callable[P, AsyncIterator[T]]: ...
    @overload
    def __get__(self, client: Documents, owner: type) -> Callable[P, Iterator[Document]]: ...
    def __get__(self, client: object, owner: type) -> Any:
        return self if client is None else self._bound(client, "items")


class Starting(_Described[P, Job]):
    """A request that starts a job, which can be waited for."""

    @overload
    def __get__(self, client: None, owner: type) -> "Starting[P]": ...
    @overload
    def __get__(self, client: Synchronous, owner: type) -> Callable[P, JobHandle]: ...
    @overload
    def __get__(self, client: Asynchronous, owner: type) -> Callable[P, Awaitable[AsyncJobHandle]]: ...
    @overload
    def __get__(self, client: Documents, owner: type) -> Callable[P, Document]: ...
    def __get__(self, client: object, owner: type) -> Any:
        return self if client is None else self._bound(client, "start")
