"""Only the token's holder changes a catalog that has one."""

import pytest

from catalog.access import TOKEN_VARIABLE, AccessError, check_token

TOKEN = "s3cret-öß"


def passes(parameters: dict[str, object], expected: str | None = None) -> bool:
    try:
        check_token(parameters, expected)
    except AccessError:
        return False
    return True


@pytest.mark.parametrize("parameters", [{}, {"authorization": "Bearer whatever"}, {"k": 5}])
def test_without_a_token_everyone_may(parameters: dict[str, object], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(TOKEN_VARIABLE, raising=False)
    assert passes(parameters)
    assert passes(parameters, "")
    monkeypatch.setenv(TOKEN_VARIABLE, "")
    assert passes(parameters)


def test_the_right_token_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    assert passes({"authorization": f"Bearer {TOKEN}"}, TOKEN)
    monkeypatch.setenv(TOKEN_VARIABLE, TOKEN)
    assert passes({"authorization": f"Bearer {TOKEN}"})
    assert passes({"k": 5, "Authorization": f"Bearer {TOKEN}"}), "names of headers have no case"


@pytest.mark.parametrize("parameters", [{}, {"authorization": ""}, {"AUTHORIZATION": ""}, {"token": TOKEN}])
def test_a_missing_token(parameters: dict[str, object]) -> None:
    with pytest.raises(AccessError, match="needs a token; send the header 'authorization: Bearer") as caught:
        check_token(parameters, TOKEN)
    assert TOKEN not in str(caught.value)


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
        5,
        True,
        ["Bearer", TOKEN],
    ],
)
def test_a_wrong_token(given: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TOKEN_VARIABLE, TOKEN)
    with pytest.raises(AccessError, match=r"^unauthorized: wrong token$"):
        check_token({"authorization": given})


def test_the_argument_goes_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TOKEN_VARIABLE, "other")
    assert passes({"authorization": f"Bearer {TOKEN}"}, TOKEN)
    with pytest.raises(AccessError):
        check_token({"authorization": "Bearer other"}, TOKEN)
