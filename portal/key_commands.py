"""`manage.py keys`: makes a key, says what the keys open, seals everything anew. Only the words are here."""

from __future__ import annotations

import base64
import secrets
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol, TypeVar

import click

from portal.canary import CANARY
from portal.census import Census, Shut, count
from portal.config import Config, ConfigError, load_config
from portal.crypto import TokenCipher
from portal.errors import StoreError
from portal.rotation import claim, rotate
from portal.storage import Store, open_store

LISTED = 20  # rows named; the others are counted, unless all are asked for
_WORDS = {"Token": "token", "Pending": "sign-in waiting for an answer", "Canary": "canary"}
_WHY = {"key": "its key isn't in token_keys", "altered": "moved or altered", "version": "of another version or plain"}
_NOT_OURS = (
    "token_keys are not the keys of this store: its canary doesn't open. Write the key it was sealed with into "
    "token_keys, after the first"
)


class _Step(Protocol):
    @property
    def share(self) -> float: ...


S = TypeVar("S", bound=_Step)


@click.group()
def keys() -> None:
    """Make, check and change the keys that tokens are sealed with."""


@keys.command()
def new() -> None:
    """Print a new key, good for token_keys or secret_key, and say where to put it."""
    click.echo(secrets.token_urlsafe(32))
    click.echo(
        "\nFor token_keys or secret_key, in portal.toml or the environment; never one key for both. The first of a\n"
        "list seals or signs, all open or verify. In development the one that is there now may be instance/token.key\n"
        "or instance/secret.key.\n\n"
        '  token_keys = ["THE NEW ONE", "THE ONE THAT IS THERE NOW"]\n'
        '  PORTAL_TOKEN_KEYS="THE NEW ONE,THE ONE THAT IS THERE NOW"\n\n'
        "Where several instances run, deploy it as the last of the list first, so that each can open what others will\n"
        "seal with it, and then as the first. After that: manage.py keys rotate",
        err=True,
    )


@keys.command()
@click.option("--all", "all_of_it", is_flag=True, help=f"Name every row that doesn't open, not {LISTED} of a kind.")
def check(all_of_it: bool) -> None:
    """Count what is sealed with which key, and name the rows that don't open. Exits with 1 if something is wrong."""
    with _opened() as (config, store, cipher):
        census = _walk(count(store, cipher), "Opening what is sealed")
    click.echo(f"token_keys: {len(cipher.key_ids)}, the first seals, all open")
    for line in _counts(cipher, census):
        click.echo(f"  {line}")
    click.echo(f"secret_key: {len(config.secret_keys)}, the first signs, all verify")
    click.echo("  an older one may go a day after the last instance signed with it: nothing signed lasts longer")
    problems = _key_problems(config)
    if any((shut.kind, shut.id) == (CANARY.kind.KIND, *CANARY.path) for shut in census.shut):
        problems.append(f"{_NOT_OURS}; if it is lost for good: manage.py keys rotate --lost")
    rows = [shut for shut in census.shut if shut.kind != CANARY.kind.KIND]
    if rows:
        problems.append(f"{_many(len(rows), 'value')} can't be opened. Their people sign in as ever, and reconnect:")
        problems += _listed(rows, len(rows) if all_of_it else LISTED)
    for problem in problems:
        click.echo(problem)
    if problems:
        sys.exit(1)
    click.echo("All of it opens.")


@keys.command("rotate")
@click.option("--lost", is_flag=True, help="Go on though the key that the store was sealed with is lost for good.")
def rotate_(lost: bool) -> None:
    """Seal everything anew with the first of token_keys, while people sign in. Stopped, it is simply run again."""
    with _opened() as (_, store, cipher):
        if not claim(store, cipher, lost=lost):
            raise click.ClickException(f"{_NOT_OURS}; only if it is lost for good: manage.py keys rotate --lost")
        rotated = _walk(rotate(store, cipher), "Sealing anew")
        census = _walk(count(store, cipher), "Counting what is left")
    click.echo(f"{_many(rotated.resealed, 'value')} sealed anew with the key {cipher.key_ids[0]}")
    for line in _farewell(cipher, census):
        click.echo(line)
    if census.shut:
        click.echo(
            f"{_many(len(census.shut), 'value')} can't be opened and stay as they are; see: manage.py keys check"
        )


@contextmanager
def _opened() -> Iterator[tuple[Config, Store, TokenCipher]]:
    try:
        config = load_config()
        store = open_store(config.store)
        yield config, store, TokenCipher([key.plain for key in config.token_keys])
    except ConfigError as error:
        raise click.ClickException(str(error)) from None
    except StoreError as error:
        raise click.ClickException(
            f"the store can't be asked: {error}. What was sealed anew stays so; once the store is back, run this again"
        ) from None
    store.close()


def _walk(steps: Iterator[S], label: str) -> S:
    """Go all the way, with a bar on a terminal, and give back the last step."""
    with click.progressbar(length=100, label=label, hidden=not sys.stdout.isatty()) as percent:
        for step in steps:
            percent.update(round(step.share * 100) - percent.pos)
    return step


def _counts(cipher: TokenCipher, census: Census) -> Iterator[str]:
    for place, key in enumerate(cipher.key_ids):
        yield f"{key}  {'seals' if place == 0 else 'opens'}  {_kinds(census, key)}"
    for key in sorted({key for key, _ in census.values} - set(cipher.key_ids)):
        yield f"{key or 'no key at all   '}  {'is not here' if key else ''}  {_kinds(census, key)}"


def _kinds(census: Census, key: str) -> str:
    counted = [(kind, number) for (named, kind), number in sorted(census.values.items()) if named == key]
    return ", ".join(_many(number, _WORDS.get(kind, kind)) for kind, number in counted) or "nothing"


def _farewell(cipher: TokenCipher, census: Census) -> Iterator[str]:
    """When each older key may go."""
    for key in cipher.key_ids[1:]:
        if left := census.under(key):
            yield f"{key}: {_many(left, 'value')} still sealed with it, so it must stay. Run this again."
        else:
            yield (
                f"{key}: nothing is sealed with it any more. Take it out of token_keys once every instance has the new "
                "key first,\n  and keep it with the backups made before now: they need it."
            )


def _listed(shut: Sequence[Shut], most: int) -> Iterator[str]:
    for each in shut[:most]:
        yield f"  {each.kind} {each.id}: {_WHY.get(each.reason, 'too short to be sealed')}"
    if len(shut) > most:
        yield f"  and {len(shut) - most} more; all of them: manage.py keys check --all"


def _key_problems(config: Config) -> list[str]:
    """What is wrong with keys that each are well by themselves."""
    plain = [key.plain for key in config.secret_keys]
    sealing = {base64.urlsafe_b64encode(key.plain).rstrip(b"=").decode() for key in config.token_keys}
    problems = []
    if len(sealing) < len(config.token_keys):
        problems.append("token_keys: one key is there twice; write it once")
    if len(set(plain)) < len(plain):
        problems.append("secret_key: one key is there twice; write it once")
    if sealing & {key.rstrip("=") for key in plain}:
        problems.append("secret_key and token_keys share a key: make one of them anew with manage.py keys new")
    return problems


def _many(number: int, word: str) -> str:
    plural = word.replace("sign-in", "sign-ins") if " " in word else f"{word}s"
    return f"{number:,} {word if number == 1 else plural}"
