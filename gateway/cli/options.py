"""Options that many commands share, declared once so that they read the same everywhere.

Options that go together are a set: a ``NamedTuple`` of them. ``spread`` gives a command with a parameter of such a
type every option of the set. Invariant: this module imports nothing that makes ``--help`` slow.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from inspect import Parameter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, get_type_hints

import typer

if TYPE_CHECKING:
    from gateway.settings import Settings
    from gateway.storage.scopes import Role

Config = Annotated[
    Path | None,
    typer.Option(
        "--config",
        "-c",
        envvar="LIENTHONG_CONFIG",
        metavar="FILE",
        help="Configuration file; without it, lienthong.toml in this folder if there is one.",
        show_default=False,
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
Reason = Annotated[
    str, typer.Option("--reason", metavar="TEXT", help="Why; kept with your name.", show_default=False)
]
Actor = Annotated[
    str | None,
    typer.Option(
        "--as", metavar="NAME", help="Who is acting; your login name if left out.", show_default=False
    ),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would change; change nothing.")]
Url = Annotated[
    str | None,
    typer.Option(
        "--url",
        metavar="URL",
        help="Work through the API of a running gateway, not on its database.",
        show_default=False,
    ),
]
Key = Annotated[
    str | None,
    typer.Option("--key", envvar="LIENTHONG_API_KEY", help="API key for --url.", show_default=False),
]
KeyFile = Annotated[
    Path | None, typer.Option("--key-file", help="File that holds the API key.", show_default=False)
]
Limit = Annotated[int, typer.Option("--limit", min=1, max=10_000, help="At most so many.")]


class Way(NamedTuple):
    """How a command reaches the gateway: on its database or, with ``url``, through the API of a running one."""

    config: Config = None
    url: Url = None
    key: Key = None
    key_file: KeyFile = None

    @property
    def settings(self) -> Settings:
        """The configuration."""
        from gateway.cli.opening import configured

        return configured(self.config)

    def require_destination(self, name: str) -> None:
        """ConfigurationError when this configuration knows no destination ``name``; the API knows its own."""
        from gateway.domain.errors import ConfigurationError

        known = self.settings.destination
        if self.url is None and name not in known:
            raise ConfigurationError(
                f"there is no destination {name!r}; there are: {', '.join(sorted(known)) or 'none'}"
            )


class Changing(NamedTuple):
    """What every command takes that changes something: why, in whose name, by which way."""

    reason: Reason
    actor: Actor = None
    config: Config = None
    url: Url = None
    key: Key = None
    key_file: KeyFile = None
    as_json: AsJson = False

    @property
    def way(self) -> Way:
        """How to reach the gateway."""
        return Way(self.config, self.url, self.key, self.key_file)

    @property
    def instruction(self) -> dict[str, Any]:
        """Actor, reason and instant, as every order has them. Through the API the actor is the key's client."""
        from gateway.cli.orders import actor_of, require_reason

        return {
            "actor": actor_of(self.actor),
            "reason": require_reason(self.reason),
            "now": datetime.now(UTC),
        }


def roles_of(given: Sequence[str]) -> frozenset[Role]:
    """Roles as ``--role`` names them; a usage error for one that there is not."""
    from gateway.storage.scopes import Role

    unknown = sorted(set(given) - set(Role))
    if unknown:
        raise typer.BadParameter(f"--role: got {', '.join(unknown)}; there are: {', '.join(Role)}")
    return frozenset(Role(each) for each in given)


def spread(function: Callable[..., None]) -> Callable[..., None]:
    """``function`` as a command: each parameter whose type is a set of options is replaced by those options."""
    hints = get_type_hints(function, include_extras=True)
    parameters: list[Parameter] = []
    sets: dict[str, Any] = {}
    for parameter in inspect.signature(function).parameters.values():
        kind = hints[parameter.name]
        if not hasattr(kind, "_field_defaults"):
            parameters.append(parameter.replace(annotation=kind))
            continue
        sets[parameter.name] = kind
        options = get_type_hints(kind, include_extras=True)
        parameters += [
            Parameter(
                name,
                Parameter.KEYWORD_ONLY,
                default=kind._field_defaults.get(name, Parameter.empty),
                annotation=options[name],
            )
            for name in kind._fields
        ]

    @functools.wraps(function)
    def command(**given: Any) -> None:
        for name, kind in sets.items():
            given[name] = kind(**{field: given.pop(field) for field in kind._fields})
        function(**given)

    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined] # what typer reads
    command.__annotations__ = {each.name: each.annotation for each in parameters}
    return command


def examples(*lines: str) -> str:
    """An epilog with example commands, one per line."""
    return "Examples:\n\n" + "\n\n".join(f"  {line}" for line in lines)


def group(what: str) -> typer.Typer:
    """A command that has commands of its own."""
    return typer.Typer(
        help=what,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
