"""``lienthong adapters``: which there are, what each can do and is configured by, and whether it conforms.

Invariant: everything is read from the adapter's own declarations; there is no list of adapters here.
"""

from __future__ import annotations

import inspect
import re
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli.options import AsJson, examples, group
from gateway.port.secret import Secret

if TYPE_CHECKING:
    from gateway.port import AdapterModule

app = group("List adapters, show what one declares, check that it conforms.")

_NAMES = re.compile(r"(\w+(?:, \w+)*) +(.*)")
Name = Annotated[str, typer.Argument(help="An adapter: the name of its folder.")]


@app.command("list", epilog=examples("lienthong adapters list"))
def list_(*, as_json: AsJson = False) -> None:
    """List the adapters that are installed."""
    from gateway import registry
    from gateway.cli.screen import console, print_json, table

    found = {name: module.manifest for name, module in registry.discover().items()}
    if as_json:
        print_json(found)
        return
    rows = [
        (name, manifest.title, manifest.title_vi, ", ".join(each.name for each in manifest.operations))
        for name, manifest in found.items()
    ]
    console().print(table(("adapter", "partner", "tên", "operations"), rows))


@app.command("show", epilog=examples("lienthong adapters show national_portal"))
def show(name: Name, *, as_json: AsJson = False) -> None:
    """Show an adapter's operations, reads and settings."""
    from gateway import registry
    from gateway.cli.screen import console, print_json, table

    module = registry.load(name)
    manifest, settings = module.manifest, list(_settings(module))
    if as_json:
        print_json({"manifest": manifest, "settings": settings})
        return
    out = console()
    out.print(f"{manifest.title} ({manifest.title_vi}), contract {manifest.contract}", markup=False)
    rows = [
        (each.name, each.kind, each.batch, each.repeatable, each.queryable, each.title)
        for each in manifest.operations
    ]
    out.print(table(("operation", "kind", "batch", "repeatable", "queryable", "what"), rows))
    reads = [(each.name, ", ".join(each.parameters), each.catalogue, each.title) for each in manifest.reads]
    out.print(table(("read", "needs", "catalogue", "what"), reads))
    out.print(table(("setting", "default", "meaning"), [tuple(each.values()) for each in settings]))


def _settings(module: AdapterModule) -> list[dict[str, str]]:
    """Every setting with its default and its meaning, which stands in the class's own docstring."""
    from msgspec import NODEFAULT
    from msgspec.structs import fields

    declared = fields(module.Settings)
    meanings = _meanings(inspect.getdoc(module.Settings) or "", {field.name for field in declared})
    rows = []
    for field in declared:
        default = field.default if field.default_factory is NODEFAULT else field.default_factory()
        rows.append(
            {
                "name": field.name,
                "default": "(must be given)" if default is NODEFAULT else _shown(default),
                "meaning": meanings.get(field.name, "").replace("``", ""),
            }
        )
    return rows


def _shown(default: Any) -> str:
    text = "" if default is None else "(secret)" if isinstance(default, Secret) else str(default)
    return text if len(text) <= 60 else f"{text[:59]}…"


def _meanings(text: str, known: set[str]) -> dict[str, str]:
    """Lines ``name[, name …]   meaning`` of a docstring; a line that is further in goes on with the one before."""
    found: dict[str, str] = {}
    names: list[str] = []
    for line in text.splitlines():
        match = _NAMES.match(line)
        if match and known.issuperset(match[1].split(", ")):
            names = match[1].split(", ")
            found |= dict.fromkeys(names, match[2])
        elif line.startswith(" ") and names and line.strip():
            found |= {name: f"{found[name]} {line.strip()}" for name in names}
        else:
            names = []
    return found


@app.command(
    "check",
    epilog=examples(
        "lienthong adapters check national_portal", "lienthong adapters check national_portal --json"
    ),
)
def check(
    name: Name,
    *,
    variant: Annotated[
        str | None, typer.Option(help="Only this variant of its specification.", show_default=False)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Run the conformance kit over an adapter: exit 1 when it finds something."""
    from gateway.cli.exits import NO, complain
    from gateway.cli.screen import print_json
    from gateway.conformance import examine, sources
    from gateway.domain.errors import NotFoundError

    chosen = [each for each in sources() if each.like == name and variant in (None, each.variant)]
    if not chosen:
        raise NotFoundError(f"there is no adapter {name!r}, or no variant {variant!r} of it")
    found = []
    for source in chosen:
        complain(f"examining {name} {source.variant or 'as it is'} …")  # takes a while
        found += [(source, finding) for finding in examine(source)]
    if as_json:
        print_json([{"variant": source.variant, "finding": finding} for source, finding in found])
    else:
        for source, finding in found:
            print(f"{source.variant or 'plain'}: {finding}")
        print(f"{name}: {len(chosen)} variants examined, {len(found)} findings")
    if found:
        raise typer.Exit(NO)
