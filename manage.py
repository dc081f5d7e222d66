"""The admin's one command. Reads the configuration as the portal would; each problem is a sentence, not a traceback."""

from __future__ import annotations

import contextlib
import http.client
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import click

from portal.admin.happened import events
from portal.admin.ways_in import providers
from portal.commands import errors, explain, users
from portal.config import ConfigError, load_config
from portal.errors import StoreError
from portal.key_commands import keys
from portal.setup.check import check
from portal.setup.config import config as config_group
from portal.setup.init import init

ROOT = Path(__file__).parent
_OTHER_SETTINGS = ("PORTAL_", "GOOGLE_OAUTH_", "GITHUB_OAUTH_", "FACEBOOK_OAUTH_")


@click.group()
def main() -> None:
    """Run the portal."""


main.add_command(check)
main.add_command(config_group)
main.add_command(init)
main.add_command(errors)
main.add_command(explain)
main.add_command(keys)
main.add_command(users)
main.add_command(events)
main.add_command(providers)


@main.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8000, show_default=True, help="Port to listen on.", type=click.IntRange(1, 65535))
@click.option("--https", is_flag=True, help="Serve https://localhost, with a certificate made on the spot.")
def run(host: str, port: int, https: bool) -> None:
    """Serve the portal with the providers of portal.toml and the environment."""
    if https:
        _run_https(host, port)
        return
    try:
        config = load_config()
    except ConfigError as error:
        raise click.ClickException(str(error)) from None
    _demand_free(port)
    click.echo(f"Portal on {config.base_url or f'http://localhost:{port}'}  (Ctrl-C stops it)")
    os.chdir(ROOT)
    os.execv(sys.executable, _gunicorn(f"{host}:{port}"))  # noqa: S606 - no shell, and our own arguments


def _run_https(host: str, port: int) -> None:
    from portal.certificate import make_certificate  # late: nobody else needs these, nor gunicorn in this process
    from portal.local_https import LocalServer, introduction

    if host not in ("127.0.0.1", "::1", "localhost"):
        raise click.ClickException(
            f"--https serves this machine alone, and {host} reaches others: leave out --host; "
            "for other people, TLS ends at a proxy with a certificate of its own (docs/deploy.md)"
        )
    os.chdir(ROOT)
    address = "https://localhost" + (f":{port}" if port != 443 else "")
    try:
        config = load_config(served_at=address)
    except ConfigError as error:
        raise click.ClickException(str(error)) from None
    _demand_free(port)
    certificate = make_certificate()
    try:
        bind, settings = f"[{host}]:{port}", ROOT / "gunicorn.conf.py"
        server = LocalServer(config, bind=bind, settings=settings, certificate=certificate)
    except OSError as error:
        raise click.ClickException(f"the certificate can't be written to {error.filename}: {error.strerror}") from None
    click.echo(introduction(config, certificate))
    server.run()


@main.command()
def tick() -> None:
    """Do the regular work once, all of it: `sweep`, renew tokens that can't be renewed later, withdraw access."""
    _sweep()
    _call_providers()


@main.command()
def sweep() -> None:
    """Clear away what is over: sessions, what waited for an answer, and events older than is kept. It goes over all."""
    _sweep()


def _call_providers() -> None:
    from portal import create_app  # late, as in all commands
    from portal.outbox import retry_due

    try:
        config = load_config()
        if not config.providers:  # there is nobody to ask
            return
        parts = create_app(config).extensions["portal"]
        renewed = parts.tokens.renew_due()
        retried = retry_due(parts.revoker)
    except (ConfigError, StoreError) as error:
        raise click.ClickException(str(error)) from None
    parts.store.close()
    if renewed.seen:
        click.echo(f"{renewed.seen} tokens seen, {renewed.renewed} renewed, {renewed.failed} could not be")
    if retried.seen:
        click.echo(
            f"{retried.seen} to withdraw at providers, {retried.done} withdrawn, {retried.failed} could not be yet, "
            f"{retried.given_up} given up"
        )


def _sweep() -> None:
    from portal import remains, retention
    from portal.storage import open_store  # late, as in all commands: `demo` and `run` serve in other processes
    from portal.sweep import Swept, clear_pending, clear_receipts, walk

    try:
        config = load_config()
        store = open_store(config.store)
        swept = Swept()
        clear_pending(store, datetime.now(UTC))
        clear_receipts(store, datetime.now(UTC))
        with click.progressbar(length=100, label="Going over the sessions", hidden=not sys.stdout.isatty()) as percent:
            for swept in walk(store, datetime.now(UTC), config.sessions):
                percent.update(round(swept.share * 100) - percent.pos)
        remains.clear_all(store, datetime.now(UTC), seconds=3600.0)
        forgotten = Swept()
        with click.progressbar(length=100, label="Going over the events", hidden=not sys.stdout.isatty()) as percent:
            for forgotten in retention.walk(store, datetime.now(UTC), config.keep_events):
                percent.update(round(forgotten.share * 100) - percent.pos)
    except (ConfigError, StoreError) as error:
        raise click.ClickException(str(error)) from None
    store.close()
    click.echo(f"{swept.seen} sessions seen, {swept.deleted} deleted")
    click.echo(f"{forgotten.seen} events seen, {forgotten.deleted} deleted")


@main.command()
@click.option("--port", default=8000, show_default=True, help="Port of the portal.")
@click.option("--sandbox-port", default=8001, show_default=True, help="Port of the stand-in providers.")
def demo(port: int, sandbox_port: int) -> None:
    """Serve the portal with stand-in providers, its own database and throw-away keys."""
    _show(
        "portal:create_app()",
        port,
        sandbox_port,
        "Portal",
        "Press a button, pick Ada, and look at your account. Sign out, come back with the same button: it is\n"
        "  still you.",
    )


@main.command()
@click.option("--port", default=8000, show_default=True, help="Port of the bookshelf.")
@click.option("--sandbox-port", default=8001, show_default=True, help="Port of the stand-in providers.")
def bookshelf(port: int, sandbox_port: int) -> None:
    """Serve examples/bookshelf, an application with the portal in it, likewise."""
    _show(
        "examples.bookshelf:create_app()",
        port,
        sandbox_port,
        "Bookshelf",
        "Sign in, pick Ada, and put a book on the shelf. Sign in as somebody else, and it is not yours to change.",
    )


def _show(application: str, port: int, sandbox_port: int, name: str, what_to_do: str) -> None:
    """Serve an application with stand-in providers until it is stopped."""
    _demand_free(port)
    _demand_free(sandbox_port)
    # Facebook excuses http for `localhost` only; the other name makes the sandbox another site, as providers are.
    home, sandbox = f"http://localhost:{port}", f"http://127.0.0.1:{sandbox_port}"
    environment = _demo_environment(home, sandbox)
    stand_ins = [sys.executable, "-m", "providers.sandbox", "--port", str(sandbox_port), "--redirect-base", home]
    served = [*_gunicorn(f"127.0.0.1:{port}", application), "--log-level", "warning"]
    with _running(stand_ins, environment) as first, _running(served, environment) as second:
        if not _answer(port, sandbox_port, while_alive=(first, second)):
            raise click.ClickException("the demo did not start; what went wrong stands above")
        click.echo(
            f"\n  {name} is on {home}\n\n"
            f"  {what_to_do}\n"
            "  The providers are stand-ins on this machine, the keys in instance/ are throw-away.\n"
            "  Ctrl-C stops everything.\n"
        )
        with contextlib.suppress(KeyboardInterrupt):
            while first.poll() is None and second.poll() is None:
                time.sleep(0.2)


def _demo_environment(home: str, sandbox: str) -> dict[str, str]:
    """The environment without any real credentials, and with the stand-ins' instead."""
    from providers.sandbox import settings  # late: nothing of the sandbox is loaded where real people sign in

    instance = ROOT / "instance"
    instance.mkdir(mode=0o700, exist_ok=True)
    nothing = instance / "demo.toml"
    nothing.write_text("# `manage.py demo` sets everything through the environment.\n")
    environment = {key: value for key, value in os.environ.items() if not key.startswith(_OTHER_SETTINGS)}
    environment |= {
        "PORTAL_CONFIG": str(nothing),
        "PORTAL_BASE_URL": home,
        "PORTAL_STORE": os.environ.get("PORTAL_STORE", "sqlite:///instance/demo.db"),
        "BOOKSHELF_SECRET_KEY": secrets.token_urlsafe(32),
    }
    for name, values in settings(sandbox).items():
        for key, value in values.items():
            environment[f"PORTAL_PROVIDERS__{name}__{key}".upper()] = value
    return environment


def _gunicorn(bind: str, application: str = "portal:create_app()") -> list[str]:
    return [sys.executable, "-m", "gunicorn", application, "--bind", bind]


def _demand_free(port: int) -> None:
    for family, host in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        with socket.socket(family) as probe:
            probe.settimeout(1)
            if probe.connect_ex((host, port)) == 0:
                raise click.ClickException(
                    f"port {port} is in use: something else answers there; stop it and try again "
                    f"(`lsof -i :{port}` tells what it is)"
                )


@contextlib.contextmanager
def _running(command: Sequence[str], environment: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    # A session of its own, so that Ctrl-C reaches this process alone, which then stops both in order.
    process = subprocess.Popen(command, cwd=ROOT, env=environment, start_new_session=True)  # noqa: S603
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()


def _answer(*ports: int, while_alive: Sequence[subprocess.Popen[bytes]]) -> bool:
    """Whether all ports answer HTTP before something dies or 20 seconds are over."""
    ends = time.monotonic() + 20
    waiting = list(ports)
    while waiting and time.monotonic() < ends and all(process.poll() is None for process in while_alive):
        connection = http.client.HTTPConnection("127.0.0.1", waiting[0], timeout=1)
        try:
            connection.request("GET", "/", headers={"Host": f"localhost:{waiting[0]}"})
            connection.getresponse()
            waiting.pop(0)
        except OSError:  # gunicorn listens before its worker has come up
            time.sleep(0.05)
        finally:
            connection.close()
    return not waiting


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _interrupt)  # a service manager's stop ends the children as Ctrl-C does
    main()
