"""Frames between processes: a fixed head, a JSON header, tensors as safetensors. Nothing is ever unpickled.

    frame = b"XAI1" | header length (4 bytes) | body length (8 bytes) | header | body

A frame from the process of a method is data of a stranger: sizes are capped, and what is no frame raises ``BadFrame``.
"""

from __future__ import annotations

import json
import struct
import time
from typing import TYPE_CHECKING, Any

import safetensors
import safetensors.torch

if TYPE_CHECKING:
    import socket
    from collections.abc import Mapping

    from torch import Tensor

HEAD = struct.Struct("!4sIQ")
MAGIC = b"XAI1"
MAX_HEADER = 16 << 20
MAX_BODY = 4 << 30
CHUNK = 1 << 20


class Closed(Exception):
    """The other end is gone."""


class BadFrame(Exception):
    """What came is no frame."""


def send(
    line: socket.socket,
    header: Mapping[str, Any],
    tensors: Mapping[str, Tensor] | None = None,
    seconds: float | None = None,
) -> None:
    """Send one frame.

    Raises:
        TimeoutError: a part of it was not taken within ``seconds``.
        Closed: nobody listens.
    """
    head = json.dumps(header).encode()
    body = pack_tensors(tensors) if tensors else b""
    try:
        line.settimeout(seconds)
        line.sendall(HEAD.pack(MAGIC, len(head), len(body)) + head)
        line.sendall(body)
    except TimeoutError:
        raise
    except OSError as fault:
        raise Closed(str(fault)) from fault


def pack_tensors(tensors: Mapping[str, Tensor]) -> bytes:
    """Return tensors as safetensors bytes; views become tensors of their own."""
    return safetensors.torch.save(
        {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
    )


def receive(line: socket.socket, seconds: float | None = None) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Wait for one frame and return header and tensors.

    Raises:
        TimeoutError: it was not whole after ``seconds``.
        Closed: the other end is gone.
        BadFrame: what came is no frame.
    """
    until = None if seconds is None else time.monotonic() + seconds
    magic, head_size, body_size = HEAD.unpack(_read(line, HEAD.size, until))
    if magic != MAGIC:
        raise BadFrame(f"a frame begins with {MAGIC!r}, not {magic!r}")
    if head_size > MAX_HEADER or body_size > MAX_BODY:
        raise BadFrame(f"a frame of {head_size} + {body_size} bytes is over the limit")
    raw, body = _read(line, head_size, until), _read(line, body_size, until)
    try:
        header = json.loads(raw)
        tensors = safetensors.torch.load(body) if body else {}
    except (ValueError, RecursionError, safetensors.SafetensorError) as fault:
        raise BadFrame(f"header or tensors cannot be read: {fault}") from fault
    if not isinstance(header, dict):
        raise BadFrame("the header is no object")
    return header, tensors


def _read(line: socket.socket, size: int, until: float | None) -> bytes:
    parts: list[bytes] = []
    while size:
        left = None if until is None else until - time.monotonic()
        if left is not None and left <= 0:
            raise TimeoutError
        line.settimeout(left)
        try:
            part = line.recv(min(size, CHUNK))
        except TimeoutError:
            raise
        except OSError as fault:
            raise Closed(str(fault)) from fault
        if not part:
            raise Closed("the other end is gone")
        parts.append(part)
        size -= len(part)
    return b"".join(parts)
