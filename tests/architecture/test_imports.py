"""Who may import whom: the floors of the tree, and one door per third-party package.

Everything follows from the tables below. A module without a floor and a third-party package without a
door are failures, so the tables cannot fall behind the code; a row about a package that is not written
yet is simply vacuous.
"""

import sys
from dataclasses import dataclass
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).resolve().parents[2]
PRODUCT = ("gateway", "adapters", "mappings")

# Highest first. A module imports from lower floors only; siblings on one floor do not see each other.
FLOORS: tuple[tuple[str, ...], ...] = (
    ("gateway.cli", "gateway.__main__"),
    ("gateway.bootstrap",),
    ("gateway.composition",),  # a part of the root, put together by it alone
    ("gateway.console",),  # pages ask what the API is asked
    ("gateway.api", "gateway.worker", "gateway.sandbox", "gateway.conformance"),
    (
        "gateway.delivery",
        "gateway.inbound",
        "gateway.statussync",
        "gateway.jobs",
        "gateway.payments",
        "gateway.progress",
        "gateway.reports",
        "gateway.evidence",
        "gateway.backup",
        "adapters",
    ),
    ("gateway.wire", "gateway.rounds"),
    (
        "gateway.messagelog",
        "gateway.signing",
        "gateway.registry",
        "gateway.settings",
        "gateway.telemetry",
        "mappings",
    ),
    (
        "gateway.access",
        "gateway.accounts",
        "gateway.oversight",
        "gateway.settings_console",
        "gateway.settings_evidence",
    ),
    ("gateway.mapping", "gateway.codec", "gateway.storage"),
    ("gateway.deadlines", "gateway.port", "gateway.proof", "gateway.bounds", "gateway.durable_files"),
    ("gateway.domain",),
    ("gateway",),  # the package itself: a version at most
)

_FACES = ("gateway.api", "gateway.console", "gateway.sandbox", "gateway.cli", "gateway.bootstrap")
_ABOVE_STORAGE = (
    "gateway.messagelog",
    "gateway.signing",
    "gateway.registry",
    "gateway.settings",
    "gateway.telemetry",
    "gateway.wire",
    "gateway.rounds",
    "gateway.delivery",
    "gateway.inbound",
    "gateway.statussync",
    "gateway.jobs",
    "gateway.payments",
    "gateway.progress",
    "gateway.reports",
    "gateway.evidence",
    "gateway.backup",
    "gateway.worker",
    *_FACES,
)

# Third-party package -> the only parts of the tree that may import it.
DOORS: dict[str, tuple[str, ...]] = {
    "argon2": ("gateway.accounts",),
    "alembic": ("gateway.storage",),
    "cronsim": ("gateway.jobs",),
    "cryptography": (
        "gateway.proof",
        "gateway.signing",
        "gateway.messagelog",
        "gateway.wire.tls",
        "gateway.sandbox.certificates",
    ),
    "h11": ("gateway.sandbox",),
    "httptools": ("gateway.wire",),
    "httpx": ("gateway.wire",),
    "jinja2": ("gateway.console",),
    "joserfc": ("gateway.console",),
    "lxml": ("gateway.codec", "gateway.signing"),
    "markupsafe": ("gateway.console",),  # a part of jinja2
    "opentelemetry": ("gateway.telemetry",),
    "pkcs11": ("gateway.signing",),
    "prometheus_client": ("gateway.telemetry",),
    "psycopg": ("gateway.storage",),
    "reportlab": ("gateway.evidence",),
    "requests": ("gateway.telemetry",),  # what OpenTelemetry's exporter sends with
    "rfc3161_client": ("gateway.signing",),
    "rich": ("gateway.cli",),
    "sqlalchemy": ("gateway.storage",),
    "starlette": _FACES,
    "structlog": _ABOVE_STORAGE,
    "tenacity": ("gateway.wire",),
    "ttf_opensans": ("gateway.evidence",),
    "typer": ("gateway.cli",),
    "uvicorn": _FACES,
    "xlsxwriter": ("gateway.reports",),
    "zeep": (),  # the oracle of SOAP contracts in the tests, and theirs alone
    # Values and bytes, no effects: welcome wherever a floor has no stricter rule.
    "jsonschema_rs": PRODUCT,
    "msgspec": PRODUCT,
    "orjson": PRODUCT,
    "standardwebhooks": PRODUCT,
    "zstandard": PRODUCT,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Pure:
    """A part of the tree whose effects are limited, and what it must not reach."""

    part: str
    forbidden: tuple[str, ...]


_SOCKETS = ("asyncio", "http", "requests", "socket", "socketserver", "ssl", "urllib3")
_DATABASES = ("alembic", "psycopg", "sqlalchemy", "sqlite3")
_CLIENTS = ("httptools", "httpx", "tenacity", "uvicorn", "zeep")

# Not even through another module: `part` must not reach `forbidden` over any chain of imports.
PURE = (
    Pure(
        part="adapters",
        forbidden=(
            "gateway.storage",
            "gateway.messagelog",
            "gateway.wire",
            "gateway.settings",
            "gateway.registry",
            "gateway.telemetry",
            "gateway.delivery",
        ),
    ),
    Pure(part="mappings", forbidden=("gateway.storage", "gateway.messagelog", "gateway.wire")),
)

# Directly: the libraries themselves may use what they like.
PURE_DIRECTLY = (
    Pure(part="adapters", forbidden=(*_SOCKETS, *_DATABASES, *_CLIENTS)),
    Pure(part="mappings", forbidden=(*_SOCKETS, *_DATABASES, *_CLIENTS)),
    Pure(part="gateway.mapping", forbidden=(*_SOCKETS, *_DATABASES, *_CLIENTS)),
    Pure(part="gateway.access", forbidden=(*_SOCKETS, *_DATABASES, *_CLIENTS)),
    Pure(part="gateway.deadlines", forbidden=(*_SOCKETS, *_DATABASES, *_CLIENTS)),
    Pure(part="gateway.port", forbidden=(*_SOCKETS, *_DATABASES, *_CLIENTS)),
    Pure(part="gateway.proof", forbidden=(*_SOCKETS, *_DATABASES, *_CLIENTS)),
)

# What an auditor runs alone: the standard library and one package.
ALONE = "gateway.proof.lienthong_verify"
ALONE_MAY_IMPORT = frozenset({"cryptography"})

# The ground floor: nothing but the standard library and the library that declares its data.
GROUND = Pure(part="gateway.domain", forbidden=(*_SOCKETS, *_DATABASES))
GROUND_MAY_IMPORT = frozenset({"msgspec"})


@dataclass(frozen=True, slots=True, order=True)
class Import:
    """One import statement's worth of dependency between two modules."""

    importer: str
    imported: str

    def __str__(self) -> str:
        return f"{self.importer} imports {self.imported}"


def within(module: str, part: str) -> bool:
    return module == part or module.startswith(f"{part}.")


def floor_of(module: str) -> tuple[int, str] | None:
    """Height and part of a module; the longest matching part wins; None when the table misses it."""
    matches = [
        (height, part)
        for height, parts in enumerate(reversed(FLOORS))
        for part in parts
        if (module == part if part == "gateway" else within(module, part))
    ]
    return max(matches, key=lambda match: len(match[1]), default=None)


def breaks_floors(edge: Import) -> bool:
    upper, lower = floor_of(edge.importer), floor_of(edge.imported)
    if upper is None or lower is None:
        return False  # test_every_module_has_a_floor reports it
    return upper[1] != lower[1] and upper[0] <= lower[0]


def breaks_independence(edge: Import) -> bool:
    """One adapter sees another. `adapters` itself is no adapter."""
    one, other = edge.importer.split("."), edge.imported.split(".")
    return one[0] == other[0] == "adapters" and len(other) > 1 and one[1:2] != other[1:2]


def breaks_door(edge: Import) -> bool:
    return not any(within(edge.importer, part) for part in DOORS[edge.imported])


def breaks_purity(edge: Import, rule: Pure) -> bool:
    return within(edge.importer, rule.part) and any(within(edge.imported, each) for each in rule.forbidden)


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    written = [name for name in PRODUCT if any((ROOT / name).rglob("*.py"))]
    return grimp.build_graph(*written, include_external_packages=True, cache_dir=None)


@pytest.fixture(scope="module")
def imports(graph: grimp.ImportGraph) -> list[Import]:
    return sorted(
        Import(module, imported)
        for module in graph.modules
        for imported in graph.find_modules_directly_imported_by(module)
    )


def is_ours(module: str) -> bool:
    return module.partition(".")[0] in PRODUCT


def third_party(edge: Import) -> bool:
    return not is_ours(edge.imported) and edge.imported.partition(".")[0] not in sys.stdlib_module_names


def told(edges: list[Import]) -> str:
    return "\n".join(map(str, edges))


def test_every_module_has_a_floor(graph: grimp.ImportGraph) -> None:
    homeless = sorted(module for module in graph.modules if is_ours(module) and floor_of(module) is None)
    assert not homeless, f"add them to FLOORS or move them: {homeless}"


def test_modules_import_from_lower_floors_only(imports: list[Import]) -> None:
    broken = [edge for edge in imports if is_ours(edge.imported) and breaks_floors(edge)]
    assert not broken, told(broken)


def test_adapters_do_not_know_each_other(imports: list[Import]) -> None:
    broken = [edge for edge in imports if breaks_independence(edge)]
    assert not broken, told(broken)


def test_every_third_party_package_has_a_door(imports: list[Import]) -> None:
    doorless = [edge for edge in imports if third_party(edge) and edge.imported not in DOORS]
    assert not doorless, told(doorless)


def test_third_party_packages_come_in_by_their_door(imports: list[Import]) -> None:
    broken = [edge for edge in imports if edge.imported in DOORS and breaks_door(edge)]
    assert not broken, told(broken)


@pytest.mark.parametrize("rule", PURE_DIRECTLY, ids=lambda rule: rule.part)
def test_pure_parts_import_no_effects(imports: list[Import], rule: Pure) -> None:
    broken = [edge for edge in imports if breaks_purity(edge, rule)]
    assert not broken, told(broken)


@pytest.mark.parametrize("rule", PURE, ids=lambda rule: rule.part)
def test_pure_parts_reach_no_effects_through_others(graph: grimp.ImportGraph, rule: Pure) -> None:
    chains = [
        " -> ".join(chain)
        for module in sorted(graph.modules)
        if within(module, rule.part)
        for target in sorted(graph.modules)
        if any(within(target, each) for each in rule.forbidden)
        if (chain := graph.find_shortest_chain(module, target))
    ]
    assert not chains, "\n".join(chains)


def test_the_ground_floor_needs_the_standard_library_only(imports: list[Import]) -> None:
    broken = [
        edge
        for edge in imports
        if within(edge.importer, GROUND.part)
        and (
            breaks_purity(edge, GROUND)
            or (third_party(edge) and edge.imported not in GROUND_MAY_IMPORT)
            or (is_ours(edge.imported) and not within(edge.imported, GROUND.part))
        )
    ]
    assert not broken, told(broken)


def test_the_verifier_stands_alone(imports: list[Import]) -> None:
    broken = [
        edge
        for edge in imports
        if edge.importer == ALONE
        and (is_ours(edge.imported) or (third_party(edge) and edge.imported not in ALONE_MAY_IMPORT))
    ]
    assert not broken, told(broken)


@pytest.mark.parametrize(
    ("importer", "imported"),
    [
        ("gateway.domain.status", "gateway.port.wire"),
        ("gateway.api.dossiers", "gateway.console.pages"),
        ("gateway.wire.client", "gateway.delivery.lanes"),
        ("gateway.messagelog.tree", "mappings.national_portal"),
        ("gateway.settings", "gateway.bootstrap"),
        ("adapters.sms.adapter", "gateway.reports.form_06a"),
    ],
)
def test_floor_rule_refuses(importer: str, imported: str) -> None:
    assert breaks_floors(Import(importer, imported))


@pytest.mark.parametrize(
    ("importer", "imported"),
    [
        ("gateway.bootstrap", "gateway.api.app"),
        ("gateway.delivery.lanes", "gateway.delivery.dispatcher"),
        ("adapters.sms.adapter", "mappings.sms.message"),
        ("gateway.domain.status", "gateway"),
    ],
)
def test_floor_rule_allows(importer: str, imported: str) -> None:
    assert not breaks_floors(Import(importer, imported))


def test_the_other_rules_can_fail() -> None:
    assert breaks_independence(Import("adapters.sms.adapter", "adapters.post.adapter"))
    assert breaks_independence(Import("adapters", "adapters.post"))
    assert not breaks_independence(Import("adapters.sms.adapter", "adapters.sms.settings"))
    assert breaks_door(Import("gateway.codec.xml", "zeep"))
    assert breaks_door(Import("gateway.codec.soap", "zeep"))
    assert not breaks_door(Import("gateway.codec.soap", "lxml"))
    assert breaks_purity(Import("adapters.sms.adapter", "socket"), PURE_DIRECTLY[0])
    assert floor_of("gateway.unheard_of") is None
