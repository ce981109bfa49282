"""What is shipped to run the gateway with fits the gateway: commands, options, addresses, bounds, settings."""

import re
import shlex
import shutil
import subprocess
from pathlib import Path

import msgspec
import pytest
from typer.main import get_command

from gateway.api.table import ROUTES
from gateway.cli.main import app
from gateway.settings import ApiSettings, Settings

ROOT = Path(__file__).resolve().parents[2]
OPS = ROOT / "ops"
UNITS = sorted((OPS / "systemd").iterdir())
NGINX = (OPS / "nginx" / "lienthong.conf").read_text(encoding="utf-8")
CADDY = (OPS / "caddy" / "Caddyfile").read_text(encoding="utf-8")
DOCKERFILE = (OPS / "docker" / "Dockerfile").read_text(encoding="utf-8")
IGNORED = (OPS / "docker" / "Dockerfile.dockerignore").read_text(encoding="utf-8")
COMPOSE = (OPS / "docker" / "compose.yaml").read_text(encoding="utf-8")
TEXTS = {
    path.relative_to(OPS).as_posix(): path.read_text(encoding="utf-8")
    for folder in ("systemd", "nginx", "caddy", "docker")
    for path in sorted((OPS / folder).iterdir())
}
MIB = 1024 * 1024
PATHS = {route.path for route in ROUTES}
_EXEC = re.compile(r"^Exec\w+=\S+/lienthong (.+)$", re.MULTILINE)
_COMMAND = re.compile(r"^    command: (\[.+\])$", re.MULTILINE)
_SETTING = re.compile(r"\b(api|console|database|delivery|evidence|reports|log)\.([a-z_]+(?:\.[a-z_]+)*)\b")


def commands():
    """Every ``lienthong`` command line in what is shipped, as a list of words."""
    for unit in UNITS:
        for line in _EXEC.findall(unit.read_text(encoding="utf-8")):
            yield unit.name, shlex.split(line)
    for words in _COMMAND.findall(COMPOSE):
        yield "compose.yaml", msgspec.json.decode(words)
    yield "Dockerfile", ["serve"]


def test_every_command_line_is_found():
    assert len(list(commands())) == 8


@pytest.mark.parametrize(("where", "words"), list(commands()), ids=lambda value: str(value)[:40])
def test_commands_and_options_exist(where, words):
    group = get_command(app)
    command = group.commands[words[0]]
    known = {
        option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)
    }
    given = {word for word in words[1:] if word.startswith("--")}

    assert given <= known, where


@pytest.mark.parametrize("name", sorted(TEXTS))
def test_settings_that_are_named_exist(name):
    for section, rest in _SETTING.findall(TEXTS[name]):
        kind = Settings
        for part in (section, *rest.split(".")):
            names = {field.name: field.type for field in msgspec.structs.fields(kind)}
            assert part in names, f"{section}.{rest}"
            kind = names[part]


@pytest.mark.parametrize(
    "unit", ["lienthong.service", "lienthong-worker@.service", "lienthong-backup.service"]
)
def test_units_may_do_no_more_than_they_must(unit):
    lines = set((OPS / "systemd" / unit).read_text(encoding="utf-8").splitlines())

    assert lines >= {
        "User=lienthong",
        "NoNewPrivileges=yes",
        "ProtectSystem=strict",
        "ProtectHome=yes",
        "PrivateTmp=yes",
        "CapabilityBoundingSet=",
        "MemoryDenyWriteExecute=yes",
        "UMask=0077",
        "LimitCORE=0",
        "StateDirectoryMode=0700",
    }


@pytest.mark.parametrize("unit", ["lienthong.service", "lienthong-worker@.service"])
def test_services_are_told_to_end_and_given_the_time_for_it(unit):
    text = (OPS / "systemd" / unit).read_text(encoding="utf-8")

    assert "KillSignal=SIGTERM" in text
    assert "Restart=always" in text
    assert "LimitNOFILE=65536" in text
    assert int(re.search(r"TimeoutStopSec=(\d+)", text)[1]) >= 180
    assert "\nWatchdogSec" not in text, "nothing sends a heartbeat"


def test_systemd_itself_finds_nothing_wrong(tmp_path):
    if shutil.which("systemd-analyze") is None:
        pytest.skip("nobody judged the units: there is no systemd-analyze on this machine")
    for unit in UNITS:
        text = unit.read_text(encoding="utf-8").replace("/opt/lienthong/.venv/bin/lienthong", "/bin/true")
        (tmp_path / unit.name.replace("@.", "@1.")).write_text(text, encoding="utf-8")

    done = subprocess.run(
        ["systemd-analyze", "verify", *map(str, sorted(tmp_path.iterdir()))],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("text", [NGINX, CADDY], ids=["nginx", "caddy"])
def test_proxies_reach_the_gateway_where_it_listens_by_default(text):
    settings = ApiSettings()
    assert f"{settings.host}:{settings.port}" in text


def test_proxies_bound_bodies_as_the_gateway_does():
    settings = ApiSettings()
    assert f"client_max_body_size {settings.max_body_bytes // MIB}m;" in NGINX
    assert f"client_max_body_size {settings.max_import_bytes // MIB}m;" in NGINX
    assert f"max_size {settings.max_body_bytes // MIB}MiB" in CADDY
    assert f"max_size {settings.max_import_bytes // (1024 * MIB)}GiB" in CADDY


def test_proxies_wait_longer_than_a_long_poll():
    assert int(re.search(r"proxy_read_timeout (\d+)s", NGINX)[1]) > ApiSettings().long_poll
    assert int(re.search(r"response_header_timeout (\d+)s", CADDY)[1]) > ApiSettings().long_poll


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (NGINX, r"location = (\S+) \{\n        client_max_body_size 1024m"),
        (CADDY, r"@import path (\S+)"),
    ],
)
def test_import_s_own_bounds_are_at_an_address_that_exists(text, place):
    assert re.search(place, text)[1] in PATHS


def test_figures_are_not_passed_on():
    assert re.search(r"location = /metrics \{\s+return 404;", NGINX)
    assert "respond @metrics 404" in CADDY


def test_who_may_call_as_a_partner_is_decided_by_the_proxy():
    """Behind it every caller has this machine's address, which ``inbound_from`` lets in."""
    assert re.search(r"location /in/ \{[^}]*allow [\d./]+;[^}]*deny all;", NGINX, re.DOTALL)
    assert "not remote_ip" in CADDY
    assert "respond @stranger 403" in CADDY


def test_what_a_caller_claims_about_its_address_is_dropped():
    assert "proxy_set_header X-Forwarded-For $remote_addr;" in NGINX
    assert 'proxy_set_header Forwarded "";' in NGINX
    assert CADDY.count("header_up X-Forwarded-For {remote_host}") == CADDY.count("reverse_proxy ")
    assert CADDY.count("header_up -Forwarded") == CADDY.count("reverse_proxy ")


def test_nginx_itself_finds_nothing_wrong(tmp_path):
    if shutil.which("nginx") is None or shutil.which("openssl") is None:
        pytest.skip("nobody judged the configuration: there is no nginx on this machine")
    subprocess.run(
        shlex.split(
            f"openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=x -keyout {tmp_path}/server.key "
            f"-out {tmp_path}/server.pem"
        ),
        check=True,
        capture_output=True,
    )
    (tmp_path / "site.conf").write_text(NGINX.replace("/etc/nginx/lienthong/", f"{tmp_path}/"))
    spools = "".join(
        f"{name}_temp_path {tmp_path}/{name};\n"
        for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (tmp_path / "nginx.conf").write_text(
        f"events {{}}\npid {tmp_path}/pid;\nerror_log stderr;\nhttp {{ access_log off;\n{spools}"
        f"include {tmp_path}/site.conf; }}\n"
    )

    done = subprocess.run(
        ["nginx", "-t", "-c", str(tmp_path / "nginx.conf")], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr


def test_image_runs_as_nobody_in_particular_and_is_asked_whether_it_lives():
    final = DOCKERFILE.rpartition("\nFROM ")[2]
    assert re.search(r"^USER [1-9]\d*:[1-9]\d*$", final, re.MULTILINE)
    assert f"http://127.0.0.1:{ApiSettings().port}/livez" in final
    assert f"EXPOSE {ApiSettings().port}" in final
    assert "STOPSIGNAL SIGTERM" in final
    assert DOCKERFILE.count("\nFROM ") == 2, "what builds is not what runs"


def test_image_installs_nothing_that_the_lock_does_not_name_by_its_hash():
    assert "--require-hashes --only-binary=:all: --requirement requirements.lock" in DOCKERFILE
    assert "--no-deps --no-build-isolation --no-index ." in DOCKERFILE
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    assert re.search(r"^setuptools==", lock, re.MULTILINE), "building without isolation needs it"


@pytest.mark.parametrize("text", [DOCKERFILE, COMPOSE], ids=["Dockerfile", "compose"])
def test_image_names_no_registry_index_or_moving_tag(text):
    addresses = set(re.findall(r"https?://([^/'\"\s]+)", text))
    assert addresses <= {"127.0.0.1:8787"}
    assert not re.search(r"index-url|trusted-host|:latest", text)
    images = re.findall(r"^\s+image: (\S+)$", text, re.MULTILINE) + re.findall(
        r"^ARG PYTHON=(\S+)$", text, re.MULTILINE
    )
    assert images
    assert all("/" not in image and (image == "lienthong" or ":" in image) for image in images)


def test_image_is_made_of_files_that_exist_and_of_nothing_else():
    copied = [
        source
        for line in re.findall(r"^COPY (?!--from)(.+)$", DOCKERFILE, re.MULTILINE)
        for source in line.split()[:-1]
    ]
    allowed = {line[1:] for line in IGNORED.splitlines() if line.startswith("!")}

    assert all((ROOT / source).exists() for source in copied)
    assert set(copied) == allowed
    assert "\n*\n" in IGNORED


def test_composition_locks_its_containers_down_and_keeps_the_database_inside():
    yaml = pytest.importorskip("yaml", reason="nobody judged the composition: PyYAML is not installed")
    document = yaml.safe_load(COMPOSE)
    services = document["services"]
    assert set(services) == {"database", "migrate", "gateway", "worker"}
    for name in ("migrate", "gateway", "worker"):
        service = services[name]
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
    assert services["gateway"]["ports"] == ["127.0.0.1:8787:8787"]
    assert "ports" not in services["database"]
    assert document["networks"]["inside"] == {"internal": True}
    assert services["database"]["networks"] == ["inside"]
