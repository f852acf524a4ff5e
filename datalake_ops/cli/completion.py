"""`datalake-ops completion`: scripts by which bash, zsh and fish complete commands, options and their words."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator

from datalake_ops.cli.connection import Commands

# Both shells ask the function for the words that may follow; files are completed where there are none.
_BASH = """# bash completion of datalake-ops; load it with: source <(datalake-ops completion bash)
_datalake_ops() {{
    local word="${{COMP_WORDS[COMP_CWORD]}}" path="" index choices=""
    for ((index = 1; index < COMP_CWORD; index++)); do
        case "$path ${{COMP_WORDS[index]}}" in
            {commands}) path="$path ${{COMP_WORDS[index]}}" ;;
        esac
    done
    case "$path ${{COMP_WORDS[COMP_CWORD - 1]}}" in
{values}
        *)
            case "$path" in
{words}
            esac ;;
    esac
    mapfile -t COMPREPLY < <(compgen -W "$choices" -- "$word")
}}
complete -o default -F _datalake_ops datalake-ops
"""
_ZSH = "#compdef datalake-ops\nautoload -U +X compinit && compinit\nautoload -U +X bashcompinit && bashcompinit\n"


def add_commands(commands: Commands, program: argparse.ArgumentParser) -> None:
    """Add the command, which completes all commands of a program."""
    what = "Print the script that makes a shell complete this program's words"
    command = commands.add_parser(
        "completion",
        help=what,
        description=f"{what}.",
        epilog="examples:\n  source <(datalake-ops completion bash)\n  source <(datalake-ops completion zsh)\n"
        "  datalake-ops completion fish > ~/.config/fish/completions/datalake-ops.fish",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_argument("shell", choices=("bash", "zsh", "fish"))
    command.set_defaults(run=lambda arguments: _print_script(arguments.shell, program))


def _print_script(shell: str, program: argparse.ArgumentParser) -> int:
    scripts: dict[str, Callable[[argparse.ArgumentParser], str]] = {"bash": _bash, "zsh": _zsh, "fish": _fish}
    print(scripts[shell](program), end="")
    return 0


def _bash(program: argparse.ArgumentParser) -> str:
    found = list(_parsers(program))
    paths = ["".join(f" {name}" for name in path) for path, _ in found]
    values = [
        f'        "{path} {option}") choices="{" ".join(choices)}" ;;'
        for path, (_, parser) in zip(paths, found, strict=True)
        for option, choices in _choices(parser)
    ]
    words = [
        f'                "{path}") choices="{" ".join(_words(parser))}" ;;'
        for path, (_, parser) in zip(paths, found, strict=True)
    ]
    commands = "|".join(f'"{path}"' for path in paths if path)
    return _BASH.format(commands=commands, values="\n".join(values), words="\n".join(words))


def _zsh(program: argparse.ArgumentParser) -> str:
    # zsh runs completions of bash; arrays begin at 0 there, and its `mapfile` is another.
    body = _bash(program).split("\n", 1)[1]
    body = body.replace('mapfile -t COMPREPLY < <(compgen -W "$choices" -- "$word")', _ZSH_REPLY)
    return f"{_ZSH}# load it with: source <(datalake-ops completion zsh)\n{body}"


_ZSH_REPLY = 'COMPREPLY=($(compgen -W "$choices" -- "$word"))'


def _fish(program: argparse.ArgumentParser) -> str:
    lines = ["# fish completion of datalake-ops"]
    for path, parser in _parsers(program):
        # The command is at hand, and none of its own commands yet.
        seen = [f"__fish_seen_subcommand_from {name}" for name in path] or ["__fish_use_subcommand"]
        inner = _commands(parser)
        if path and inner:
            seen.append(f"not __fish_seen_subcommand_from {' '.join(inner)}")
        when = f"complete -c datalake-ops -n '{'; and '.join(seen)}'"
        lines += [f"{when} -f -a {name}" for name in inner]
        for action in parser._actions:
            names = " ".join(
                f"-{'l ' if name.startswith('--') else 's '}{name.lstrip('-')}" for name in action.option_strings
            )
            if names:
                words = f" -x -a '{' '.join(map(str, action.choices))}'" if action.choices else ""
                lines.append(f"{when} {names}{words or (' -r' if action.nargs != 0 else '')}")
    return "\n".join(lines) + "\n"


def _parsers(
    parser: argparse.ArgumentParser, path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], argparse.ArgumentParser]]:
    yield path, parser
    for name, inner in _commands(parser).items():
        yield from _parsers(inner, (*path, name))


def _commands(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            return dict(action.choices)
    return {}


def _words(parser: argparse.ArgumentParser) -> list[str]:
    """Words that may follow a command: its own commands or words, and its options."""
    positional = [str(word) for action in parser._actions if not action.option_strings for word in action.choices or ()]
    return [*positional, *(name for action in parser._actions for name in action.option_strings)]


def _choices(parser: argparse.ArgumentParser) -> Iterator[tuple[str, list[str]]]:
    for action in parser._actions:
        for name in action.option_strings:
            if action.choices:
                yield name, [str(choice) for choice in action.choices]
