"""`datalake-ops processing`: register, change, list and remove processings, and the programs of their images."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from datalake_ops.cli.connection import Commands, add_command, hook_from
from datalake_ops.cli.data.tagging import add_window
from datalake_ops.cli.key_values import named_texts, named_values
from datalake_ops.errors import ConfigurationError
from datalake_ops.terminal import print_json, print_table

if TYPE_CHECKING:
    from datalake_ops.hook import DatalakeHook
    from datalake_ops.wire.processings import Processing, ProcessingInput

# Not imported: the wire loads pydantic, and the program starts without it.
_INPUT_TYPES = ("TEXT", "NUMBER", "DATASET_VERSION", "MODEL_VERSION", "MODEL", "DATALAKE", "DATASET")
_PROGRAM = "command that the embedded platform runs in place of the image; needs an admin's token"


def add_commands(commands: Commands) -> None:
    """Add the command with its own commands."""
    what = "Register, change, list and remove processings while the platform runs"
    group = commands.add_parser("processing", help=what, description=f"{what}.")
    inner = group.add_subparsers(title="commands", metavar="COMMAND", required=True)
    example = "processing add detect --image registry/detect:1.2 --input threshold=NUMBER --program 'python detect.py'"
    command = add_command(inner, "add", add, "Register a processing on data of lakes", example)
    command.add_argument("name", metavar="NAME", help="name of the processing")
    command.add_argument("--image", required=True, metavar="IMAGE[:TAG]", help="docker image; its tag is latest")
    what = "declare an input, one of " + ", ".join(_INPUT_TYPES) + "; with ! it is required; repeatable"
    command.add_argument("--input", action="append", metavar="NAME=TYPE[!]", help=what)
    _add_fields(command)

    example = "processing update detect --image registry/detect:1.3 --param threshold=0.5"
    command = add_command(inner, "update", update, "Change a processing; jobs that were launched stay", example)
    command.add_argument("processing", metavar="NAME_OR_ID", help="the processing")
    command.add_argument("--image", metavar="IMAGE[:TAG]", help="docker image; its tag is latest")
    _add_fields(command)

    command = add_command(inner, "list", list_all, "List the organization's processings", "processing list --json")
    add_window(command)

    command = add_command(inner, "remove", remove, "Remove processings; their jobs stay", "processing remove detect")
    command.add_argument("processings", nargs="+", metavar="NAME_OR_ID", help="a processing")

    examples = ("processing program", "processing program registry/detect 'python detect.py'")
    what = "Show, set or remove the programs of images (embedded platform, an admin's token)"
    command = add_command(inner, "program", program, what, *examples, "processing program registry/detect --remove")
    command.add_argument(
        "image", nargs="?", metavar="IMAGE[:TAG]", help="without a tag, for all that have none of theirs"
    )
    command.add_argument("command", nargs="?", metavar="COMMAND", help="command line, quoted as one word")
    command.add_argument("--remove", action="store_true", help="remove the program of the image")


def add(arguments: argparse.Namespace) -> int:
    """Register a processing, after its program was set."""
    from datalake_ops.errors import NotFoundError, ResourceConflictError
    from datalake_ops.wire.processings import ProcessingToCreate

    inputs, fields = _inputs(arguments.input), _fields(arguments)
    with hook_from(arguments) as hook:
        try:
            known = hook.get_processing(arguments.name)
        except NotFoundError:
            known = None
        if known is not None:
            message = f"A processing named {known.name!r} exists already; `processing update` changes it."
            raise ResourceConflictError(message, status=409)
        _set_program(hook, arguments, arguments.image)
        created = hook.create_processing(ProcessingToCreate(name=arguments.name, **fields), inputs)
    return _print(arguments, created, "Added")


def update(arguments: argparse.Namespace) -> int:
    """Change a processing, and its program."""
    from datalake_ops.wire.processings import ProcessingChange

    fields = _fields(arguments)
    if not fields and arguments.program is None:
        raise ConfigurationError("Say what to change: --image, --program, --description, --param, --cpu or --gpu.")
    with hook_from(arguments) as hook:
        found = hook.get_processing(arguments.processing)
        _set_program(hook, arguments, arguments.image or f"{found.docker_image}:{found.docker_tag}")
        changed = hook.update_processing(found, ProcessingChange(**fields)) if fields else found
    return _print(arguments, changed, "Changed")


def list_all(arguments: argparse.Namespace) -> int:
    """List processings."""
    with hook_from(arguments) as hook:
        found = hook.list_processings(arguments.limit, arguments.offset, arguments.order_by)
    if arguments.json:
        print_json([one.model_dump(mode="json") for one in found])
    else:
        print_table(("id", "name", "target", "image", "description"), map(_row, found))
    return 0


def remove(arguments: argparse.Namespace) -> int:
    """Remove processings."""
    with hook_from(arguments) as hook:
        found = [hook.get_processing(one) for one in arguments.processings]
        for one in found:
            hook.delete_processing(one)
    if arguments.json:
        print_json([one.model_dump(mode="json") for one in found])
    else:
        print(f"Removed {', '.join(one.name for one in found)}")
    return 0


def program(arguments: argparse.Namespace) -> int:
    """Show, set or remove programs of images."""
    image, command = arguments.image, arguments.command
    if arguments.remove and (image is None or command is not None):
        raise ConfigurationError("Give --remove one IMAGE and no COMMAND.")
    with hook_from(arguments) as hook:
        if arguments.remove:
            hook.remove_program(image)
        elif command is not None:
            hook.set_program(image, command)
        found = [one for one in hook.list_programs() if image in (None, one.image)]
    if arguments.json:
        print_json([one.model_dump(mode="json") for one in found])
    else:
        print_table(("image", "command"), ((one.image, one.command) for one in found))
    return 0


def _add_fields(command: argparse.ArgumentParser) -> None:
    command.add_argument("--program", metavar="COMMAND", help=_PROGRAM)
    command.add_argument("--description", metavar="TEXT", help="description")
    what = "default of a parameter; the value is JSON or plain text; repeatable"
    command.add_argument("--param", action="append", metavar="NAME=VALUE", help=what)
    command.add_argument("--cpu", type=int, metavar="N", help="default number of processors")
    command.add_argument("--gpu", type=int, metavar="N", help="default number of GPUs")


def _fields(arguments: argparse.Namespace) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "description": arguments.description,
        "default_cpu": arguments.cpu,
        "default_gpu": arguments.gpu,
        "default_parameters": named_values("--param", arguments.param),
    }
    if arguments.image is not None:
        fields["docker_image"], fields["docker_tag"] = _image(arguments.image)
    return {name: value for name, value in fields.items() if value is not None}


def _image(text: str) -> tuple[str, str]:
    name, colon, tag = text.rpartition(":")
    # A colon before a slash is that of a registry's port.
    if not colon or "/" in tag:
        name, tag = text, "latest"
    if not name.strip() or not tag.strip():
        raise ConfigurationError(f"--image {text!r} is not IMAGE or IMAGE:TAG.")
    return name, tag


def _inputs(texts: list[str] | None) -> list[ProcessingInput]:
    from datalake_ops.wire.processings import InputType, ProcessingInput

    found = []
    for name, word in (named_texts("--input", texts) or {}).items():
        kind = word.removesuffix("!").upper()
        if kind not in _INPUT_TYPES:
            raise ConfigurationError(f"--input {name}={word}: write one of {', '.join(_INPUT_TYPES)}.")
        found.append(ProcessingInput(name=name, input_type=InputType(kind), required=word.endswith("!")))
    return found


def _set_program(hook: DatalakeHook, arguments: argparse.Namespace, image: str) -> None:
    if arguments.program is not None:
        name, tag = _image(image)
        hook.set_program(f"{name}:{tag}", arguments.program)


def _print(arguments: argparse.Namespace, processing: Processing, verb: str) -> int:
    if arguments.json:
        print_json(processing.model_dump(mode="json"))
    else:
        print(f"{verb} {processing.name} ({processing.id})")
    return 0


def _row(one: Processing) -> tuple[str, ...]:
    return str(one.id), one.name, str(one.target), f"{one.docker_image}:{one.docker_tag}", one.description or ""
