"""The generated messages: made of the file beside them, and of one mind with Triton's client."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import service.api.grpc as room

pytest.importorskip("google.protobuf", reason="pip install protobuf")
from service.api.grpc import inference_pb2
from service.api.grpc.methods import METHODS

PROTO = Path(room.__file__).with_name("inference.proto")
FIELD = re.compile(r"(?:repeated )?(?:map<\w+, )?(\w+)>? (\w+) = (\d+);")


def written() -> Iterator[tuple[str, str, int]]:
    """Message, name and number of every field in the file."""
    names: list[str] = []
    for line in PROTO.read_text().splitlines():
        text = line.partition("//")[0].strip()
        if opened := re.fullmatch(r"(?:message|enum|oneof) (\w+) \{", text):
            names.append(opened[1])
        elif text == "}":
            names.pop()
        elif field := FIELD.fullmatch(text):
            yield names[0 if names[-1] == "parameter_choice" else -1], field[2], int(field[3])


def described(messages: Any) -> Iterator[tuple[str, str, int]]:
    """The same of generated messages, those within others too; of maps, only the map."""
    for message in messages:
        if message.GetOptions().map_entry:
            continue
        for field in message.fields:
            yield message.name, field.name, field.number
        yield from described(message.nested_types)


def test_made_of_the_file() -> None:
    """A change of the file without the command in its head, or of what it made by hand, is seen."""
    fields = sorted(written())
    assert len(fields) > 90
    assert fields == sorted(described(inference_pb2.DESCRIPTOR.message_types_by_name.values()))
    stub = PROTO.with_name("inference_pb2.pyi").read_text()
    assert {name for name, _, _ in fields} <= set(re.findall(r"class (\w+)\(", stub))


def test_of_one_mind_with_the_client() -> None:
    """Every field of ours has in Triton's client the same name, number and type."""
    client = pytest.importorskip(
        "tritonclient.grpc", reason="pip install tritonclient grpcio", exc_type=ImportError
    )
    theirs = dict(client.service_pb2.DESCRIPTOR.message_types_by_name)
    theirs |= dict(client.model_config_pb2.DESCRIPTOR.message_types_by_name)

    def compare(ours: Any, other: Any) -> None:
        for field in ours.fields:
            same = other.fields_by_number[field.number]
            kinds = (field.name, field.type, field.is_repeated)
            assert kinds == (same.name, same.type, same.is_repeated)
        for nested in ours.nested_types:
            compare(nested, other.nested_types_by_name[nested.name])

    for name, message in inference_pb2.DESCRIPTOR.message_types_by_name.items():
        compare(message, theirs[name])
    methods = client.service_pb2.DESCRIPTOR.services_by_name["GRPCInferenceService"].methods_by_name
    for name, method in METHODS.items():
        assert methods[name].input_type.name == method.request.DESCRIPTOR.name
