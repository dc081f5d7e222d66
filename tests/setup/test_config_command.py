"""`manage.py config show` and `schema`: what holds, without a secret, and what an editor may complete."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from portal.config.settings import TABLES, ProviderSettings, SessionSettings, Settings, keys_of
from portal.setup.descriptions import DESCRIPTIONS
from portal.setup.schema import make_schema
from tests.setup import goldens
from tests.setup.conftest import Run, write

CANARY = "canary0Qm9YcVhA7Tz1kLr8sWd3eXf6uGb2nHp5JiK4"
SPOTS = {
    "toml": (f'secret_key = "{CANARY}"\ntoken_keys = ["{CANARY}"]\n', {}),
    "short": ('secret_key = "canary"\n', {}),
    "provider": (f'[providers.github]\nclient_id = "an-id"\nclient_secret = "{CANARY}"\n', {}),
    "file": ('secret_key_file = "secret"\n', {}),
    "variable": ("", {"PORTAL_SECRET_KEY": f"{CANARY},{CANARY}x", "GITHUB_OAUTH_CLIENT_SECRET": CANARY}),
    "number": ("secret_key = 424242424242\n", {}),
    "table": (f'[token_keys]\nfirst = "{CANARY}"\n', {}),
    "mixed": (f'token_keys = "sm://nothing,{CANARY}"\n', {}),
}


@pytest.mark.parametrize("spot", SPOTS)
@pytest.mark.parametrize("command", ["config show", "check", "check --json", "init --no-input"])
def test_no_command_ever_prints_a_secret(
    spot: str, command: str, run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """T70."""
    text, variables = SPOTS[spot]
    write(folder, text)
    (folder / "secret").write_text(CANARY)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    output = run(*command.split()).output
    assert "canary" not in output
    assert "424242" not in output
    assert output.strip()


def test_what_is_in_force_is_shown_with_where_it_came_from(
    run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "secret").write_text(CANARY)
    text = 'title = "Library"\nsecret_key_file = "secret"\ntoken_keys = "sm://project/keys"\n[sessions]\nidle = "3d"\n'
    write(folder, text + f'[providers.github]\nclient_id = "an-id"\nclient_secret = "{CANARY}"\n')
    monkeypatch.setenv("PORTAL_PROVIDERS__GITHUB__TITLE", "Git\N{LATIN SMALL LETTER O WITH DIAERESIS}")
    result = run("config", "show")
    assert result.exit_code == 0
    goldens.matches("config-show", result.output, {str(folder): "HERE"})


def test_what_is_wrong_is_told_after_what_stands(run: Run, folder: Path) -> None:
    write(folder, 'titel = "P"\nlog = "loud"\n')
    result = run("config", "show")
    assert result.exit_code == 1
    goldens.matches("config-show-wrong", result.output, {str(folder): "HERE"})


GOOD_TOML = """
title = "Library"
secret_key = ["a", "b"]
token_keys_file = "keys"
admins = ["github:1"]
sign_up = "invited"
[sessions]
idle = "1h 30m"
[linking]
same_email = "ask"
[providers.my-company]
issuer = "https://id.example.com"
client_id = "x"
client_secret = "y"
scopes = "openid email"
enabled = true
order = 2
"""


def test_a_good_file_passes_the_schema_and_typos_fail(run: Run) -> None:
    schema = json.loads(run("config", "schema").output)
    good = tomllib.loads(GOOD_TOML)
    assert wrong(good, schema, schema) == []
    for change in (
        {"titel": "P"},
        {"title": 3},
        {"sign_up": "closd"},
        {"sessions": {"idle": "soon"}},
        {"providers": {"my-company": {"client_scret": "x"}}},
        {"providers": {"My Company": {}}},
        {"providers": {"github": {"enabled": "perhaps"}}},
    ):
        assert wrong(good | change, schema, schema), change


def test_every_setting_is_described_and_nothing_else_is() -> None:
    tables: dict[str, type[BaseModel]] = {"": Settings, "ProviderSettings": ProviderSettings}
    tables |= {shape.__name__: shape for shape in TABLES.values()}
    settings = {(name, key) for name, shape in tables.items() for key in shape.model_fields}
    assert set(DESCRIPTIONS) == settings


def test_the_schema_has_each_key_that_may_be_written_and_no_other() -> None:
    schema = make_schema()
    assert set(schema["properties"]) == set(keys_of(Settings))
    assert set(schema["$defs"]["ProviderSettings"]["properties"]) == set(keys_of(ProviderSettings))
    assert set(schema["$defs"]["SessionSettings"]["properties"]) == set(keys_of(SessionSettings))
    assert "null" not in json.dumps(schema)  # TOML has none


TYPES = {"string": str, "boolean": bool, "integer": int, "array": list, "object": dict}


def wrong(value: Any, shape: dict[str, Any], root: dict[str, Any], at: str = "") -> list[str]:
    """What of JSON Schema the schema uses, and no more; an unknown keyword fails, lest it be passed over."""
    known = {"$schema", "$defs", "title", "description", "type", "properties", "additionalProperties", "anyOf", "items"}
    assert set(shape) <= known | {"$ref", "enum", "pattern", "propertyNames"}, shape
    if "$ref" in shape:
        return wrong(value, root["$defs"][shape["$ref"].removeprefix("#/$defs/")], root, at)
    found: list[str] = []
    if "anyOf" in shape and all(wrong(value, each, root, at) for each in shape["anyOf"]):
        found.append(f"{at} is none of several")
    if "type" in shape and (type(value) is not TYPES[shape["type"]]):
        return [f"{at} is no {shape['type']}"]
    if "enum" in shape and value not in shape["enum"]:
        found.append(f"{at} is no choice")
    if "pattern" in shape and isinstance(value, str) and not re.search(shape["pattern"], value):
        found.append(f"{at} has another form")
    if isinstance(value, list) and "items" in shape:
        found += [each for item in value for each in wrong(item, shape["items"], root, at)]
    if isinstance(value, dict):
        rest = shape.get("additionalProperties", True)
        for key, inner in value.items():
            if "propertyNames" in shape:
                found += wrong(key, shape["propertyNames"], root, f"{at}.{key}")
            if key in shape.get("properties", {}):
                found += wrong(inner, shape["properties"][key], root, f"{at}.{key}")
            elif rest is False:
                found.append(f"{at}.{key} is no key")
            elif isinstance(rest, dict):
                found += wrong(inner, rest, root, f"{at}.{key}")
    return found
