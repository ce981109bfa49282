"""The example files as the tests read them: decoded, translated by the shipped tables, counted."""

from datetime import UTC, datetime
from pathlib import Path

import msgspec

from adapters.national_portal import Settings, simulator_catalogue
from examples import contents, generate
from gateway.domain.dossier import Dossier
from gateway.domain.violation import Violation
from gateway.settings import decode, load
from mappings.national_portal.catalogue import AGENCIES, FIELDS, PROCEDURE_DETAIL, PROCEDURE_LIST
from mappings.sources import Translation

TODAY = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
README = Path(generate.__file__).with_name("README.md")


def translated(result: Dossier | list[Violation]) -> Dossier:
    assert isinstance(result, Dossier), result
    return result


LINES = generate.TARGET.read_bytes().split(b"\n")[:-1]
SENT = [msgspec.json.decode(line, type=Dossier) for line in LINES]
TRANSLATION = Translation.load()
RECORDS = [translated(TRANSLATION.translate(dossier, TODAY.date())) for dossier in SENT]
NEWEST = list({dossier.code: dossier for dossier in RECORDS}.values())
COUNTS = contents.counts(contents.read(LINES))
CATALOGUES = {
    PROCEDURE_LIST: {entry["MATTHC"]: entry for entry in simulator_catalogue.PROCEDURES},
    PROCEDURE_DETAIL: {entry["MATTHC"]: entry for entry in simulator_catalogue.PROCEDURES},
    AGENCIES: {entry["MADONVI"]: entry for entry in simulator_catalogue.AGENCIES},
    FIELDS: {entry["MALINHVUC"]: entry for entry in simulator_catalogue.FIELDS},
}
ENVIRONMENT = {"PORTAL_PASSWORD": "mot-mat-khau"}
CONFIGURATION = README.parents[1] / "lienthong.example.toml"


def portal_settings() -> Settings:
    """What the example configuration says to the portal's adapter; this portal takes registered dossiers, too."""
    section = load(CONFIGURATION, ENVIRONMENT).destination["national_portal"]
    return msgspec.structs.replace(decode(section.settings, Settings, ENVIRONMENT), send_unreceived="all")
