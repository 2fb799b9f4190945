"""A name server for tests: real packets over UDP, with answers that change as an attacker's would (RFC 1035)."""

import ipaddress
import socket
import struct
import threading
from itertools import pairwise

A, CNAME, AAAA = 1, 5, 28
NO_SUCH_NAME = 3


class NameServer:
    """Knows `names`: for each name its answers, one list of addresses per lookup, the last one for ever.

    Both questions of one lookup (IPv4 and IPv6) get the same answer. `aliases` lead from name to name, to any depth.
    `asked` counts the lookups of each name; `silent` names get no answer at all. Every answer lives for 0 seconds.
    """

    def __init__(self, address: tuple[str, int] = ("127.0.0.1", 53)) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(address)
        self.forget()

    def forget(self) -> None:
        """Begin with no name at all."""
        self.names: dict[str, list[list[str]]] = {}
        self.aliases: dict[str, str] = {}
        self.silent: set[str] = set()
        self.asked: dict[str, int] = {}
        self._questions: dict[tuple[str, int], int] = {}

    def start(self) -> None:
        """Answer until the process ends."""
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            question, client = self._socket.recvfrom(4096)
            if answer := self.answer(question):
                self._socket.sendto(answer, client)

    def answer(self, packet: bytes) -> bytes | None:
        name, kind, end = _question(packet)
        if name in self.silent:
            return None
        chain = [name]
        while chain[-1] in self.aliases:
            chain.append(self.aliases[chain[-1]])
        records = [_record(one, CNAME, _labels(other)) for one, other in pairwise(chain)]
        known = chain[-1] in self.names
        for text in self._addresses(name, chain[-1], kind) if known else []:
            found = ipaddress.ip_address(text)
            if kind == (A if found.version == 4 else AAAA):
                records.append(_record(chain[-1], kind, found.packed))
        flags = 0x8580 | (0 if known else NO_SUCH_NAME)
        header = packet[:2] + struct.pack("!HHHHH", flags, 1, len(records), 0, 0)
        return header + packet[12:end] + b"".join(records)

    def _addresses(self, name: str, last: str, kind: int) -> list[str]:
        """The lookup's answer: the same for its two questions, which come in any order."""
        number = self._questions.get((name, kind), 0)
        self._questions[name, kind] = number + 1
        self.asked[name] = max(self.asked.get(name, 0), number + 1)
        answers = self.names[last]
        return answers[min(number, len(answers) - 1)]


def _question(packet: bytes) -> tuple[str, int, int]:
    """Name in lower case, type, and where the question ends."""
    labels, at = [], 12
    while length := packet[at]:
        labels.append(packet[at + 1 : at + 1 + length].decode("ascii", "replace").lower())
        at += 1 + length
    return ".".join(labels), struct.unpack_from("!H", packet, at + 1)[0], at + 5


def _labels(name: str) -> bytes:
    return b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0"


def _record(name: str, kind: int, data: bytes) -> bytes:
    return _labels(name) + struct.pack("!HHIH", kind, 1, 0, len(data)) + data
