"""Only holders of a token change or read a catalog that has one."""

from collections.abc import Callable, Mapping

import pytest

from ensemble import variables
from ensemble.access import AccessSetupError, check_change, check_read, check_setup, may_change
from ensemble.errors import AccessError

TOKEN, READ_TOKEN = "s3cret-öß", "r3ad"
OPEN: dict[str, str] = {}
GUARDED = {variables.TOKEN: TOKEN}
CLOSED = {variables.TOKEN: TOKEN, variables.READ_TOKEN: READ_TOKEN}
Check = Callable[[Mapping[str, object], Mapping[str, str]], str]


def bearer(token: str) -> dict[str, object]:
    return {"authorization": f"Bearer {token}"}


def passes(check: Check, parameters: Mapping[str, object], environment: Mapping[str, str]) -> bool:
    try:
        check(parameters, environment)
    except AccessError as error:
        assert TOKEN not in str(error) and READ_TOKEN not in str(error)
        return False
    return True


@pytest.mark.parametrize("check", [check_change, check_read])
@pytest.mark.parametrize("environment", [OPEN, {variables.TOKEN: "", variables.READ_TOKEN: ""}])
@pytest.mark.parametrize("parameters", [{}, {"authorization": "Bearer whatever"}, {"k": 5}])
def test_without_a_token_everyone_may(
    check: Check, parameters: dict[str, object], environment: Mapping[str, str]
) -> None:
    assert passes(check, parameters, environment)


@pytest.mark.parametrize(
    ("environment", "token", "changes", "reads"),
    [
        (GUARDED, None, False, True),
        (GUARDED, TOKEN, True, True),
        (GUARDED, "wrong", False, True),
        (CLOSED, None, False, False),
        (CLOSED, TOKEN, True, True),
        (CLOSED, READ_TOKEN, False, True),
        (CLOSED, "wrong", False, False),
    ],
)
def test_who_may_change_and_who_may_read(
    environment: Mapping[str, str], token: str | None, changes: bool, reads: bool
) -> None:
    parameters = {} if token is None else bearer(token)
    assert passes(check_change, parameters, environment) is may_change(parameters, environment) is changes
    assert passes(check_read, parameters, environment) is reads


def test_the_tokens_are_those_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in CLOSED.items():
        monkeypatch.setenv(name, value)
    check_change(bearer(TOKEN))
    check_read(bearer(READ_TOKEN))
    check_setup()
    with pytest.raises(AccessError):
        check_change(bearer(READ_TOKEN))
    monkeypatch.setenv(variables.TOKEN, "")
    with pytest.raises(AccessSetupError):
        check_setup()


def test_names_of_headers_have_no_case() -> None:
    assert passes(check_change, {"k": 5, "Authorization": f"Bearer {TOKEN}"}, GUARDED)


@pytest.mark.parametrize(("check", "doing"), [(check_change, "changing"), (check_read, "reading")])
@pytest.mark.parametrize("parameters", [{}, {"authorization": ""}, {"AUTHORIZATION": ""}, {"token": TOKEN}])
def test_a_missing_token(check: Check, doing: str, parameters: dict[str, object]) -> None:
    with pytest.raises(AccessError, match=f"^unauthorized: {doing} this catalog needs a token; send the header 'auth"):
        check(parameters, CLOSED)


@pytest.mark.parametrize(
    "given",
    [
        "Bearer wrong",
        TOKEN,
        f"bearer{TOKEN}",
        f"Basic {TOKEN}",
        f"Bearer {TOKEN} ",
        f"Bearer {TOKEN}x",
        f"Bearer {TOKEN[:-1]}",
        "Bearer ",
        "Bearer",
        f"Bearer {TOKEN.upper()}",
        f"Bearer {READ_TOKEN}{TOKEN}",
        5,
        True,
        ["Bearer", TOKEN],
    ],
)
@pytest.mark.parametrize("check", [check_change, check_read])
def test_a_wrong_token(check: Check, given: object) -> None:
    with pytest.raises(AccessError, match=r"^unauthorized: wrong token$"):
        check({"authorization": given}, CLOSED)


NAMED = {variables.TOKENS: "anna:s3cret bert:%an:other\ncarla_1:x"}


@pytest.mark.parametrize(
    ("environment", "token", "who"),
    [
        (OPEN, "whatever", ""),
        (GUARDED, TOKEN, "owner"),
        (NAMED, "s3cret", "anna"),
        (NAMED, "%an:other", "bert"),
        (NAMED | CLOSED, "x", "carla_1"),
        (NAMED | CLOSED, TOKEN, "owner"),
    ],
)
def test_a_change_is_known_by_the_name_of_its_token(environment: Mapping[str, str], token: str, who: str) -> None:
    assert check_change(bearer(token), environment) == who
    assert check_read(bearer(token), environment) == (who if environment.get(variables.READ_TOKEN) else "")


@pytest.mark.parametrize("token", [None, "anna", "anna:s3cret", READ_TOKEN, ""])
def test_named_tokens_close_the_catalog_too(token: str | None) -> None:
    parameters = {} if token is None else bearer(token)
    assert not passes(check_change, parameters, NAMED)
    assert not passes(check_change, parameters, NAMED | {variables.READ_TOKEN: READ_TOKEN})


@pytest.mark.parametrize(
    "tokens", ["anna", "anna:", ":x", "an na:x", "anna:ü", "a:x a:y", "owner:x", "reader:x", "Ä:x"]
)
def test_named_tokens_that_cannot_be_read(tokens: str) -> None:
    with pytest.raises(AccessSetupError, match="MINTMARK_TOKENS"):
        check_setup({variables.TOKENS: tokens})


@pytest.mark.parametrize("environment", [OPEN, GUARDED, CLOSED, NAMED, {**NAMED, variables.READ_TOKEN: READ_TOKEN}])
def test_a_setup_that_says_what_it_means(environment: Mapping[str, str]) -> None:
    check_setup(environment)


@pytest.mark.parametrize("token", [{}, {variables.TOKEN: ""}])
def test_a_token_for_reading_alone_would_leave_changing_open(token: dict[str, str]) -> None:
    with pytest.raises(AccessSetupError, match="MINTMARK_READ_TOKEN is set and MINTMARK_TOKEN is not") as caught:
        check_setup({variables.READ_TOKEN: READ_TOKEN, **token})
    assert READ_TOKEN not in str(caught.value)
