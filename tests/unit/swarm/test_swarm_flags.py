import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarm.flags import Flag, Parsed, UsageError, duration, parse

FLAGS = (
    Flag(("host", "H"), "", "list", default=(), env="HOSTS"),
    Flag(("level", "l"), "", default="info", env="LEVEL"),
    Flag(("fast",), "", "bool", default=False, env="FAST"),
    Flag(("pause",), "", "duration", default=1.0),
    Flag(("count",), "", "count", default=3),
)


def parsed(*argv: str, **environ: str) -> Parsed:
    return parse(FLAGS, argv, environ)


@pytest.mark.parametrize(
    "argv",
    [
        ("--level=debug",),
        ("-level=debug",),
        ("--level", "debug"),
        ("-level", "debug"),
        ("-l", "debug"),
        ("--l=debug",),
    ],
)
def test_go_s_spellings_are_one(argv: tuple[str, ...]) -> None:
    assert parsed(*argv).text("level") == "debug"


def test_a_list_keeps_its_order() -> None:
    assert parsed("-H", "a", "--host=b", "-H", "a").many("host") == ("a", "b", "a")


def test_the_last_of_two_values_counts() -> None:
    assert parsed("-l", "a", "-l", "b").text("level") == "b"


@pytest.mark.parametrize(
    ("argv", "is_on"),
    [
        (("--fast",), True),
        (("-fast=true",), True),
        (("--fast=T",), True),
        (("--fast=false",), False),
        (("--fast=0",), False),
        ((), False),
    ],
)
def test_a_boolean_takes_its_value_behind_an_equals_sign_only(
    argv: tuple[str, ...], is_on: bool
) -> None:
    result = parsed(*argv, "argument")
    assert result.is_on("fast") is is_on
    assert result.args == ("argument",)


def test_values_may_look_like_flags_or_be_empty() -> None:
    assert parsed("-l", "-x").text("level") == "-x"
    assert parsed("-l=").text("level") == ""
    assert parsed("-l=a=b").text("level") == "a=b"


def test_flags_may_stand_behind_arguments_up_to_two_dashes() -> None:
    result = parsed("a", "-l", "x", "-", "--", "-l", "b")
    assert (result.text("level"), result.args) == ("x", ("a", "-", "-l", "b"))


def test_what_follows_the_command_is_left_to_it() -> None:
    result = parse(FLAGS, ("-fast", "manage", "-unknown"), {}, stops_at_argument=True)
    assert result.args == ("manage", "-unknown")


def test_the_environment_fills_in_what_is_not_given() -> None:
    result = parsed(LEVEL="warn", HOSTS="a, b,", FAST="1")
    assert (result.text("level"), result.many("host")) == ("warn", ("a", "b"))
    assert result.is_on("fast")
    assert not result.given
    result = parsed("-l", "x", "-H", "c", "--fast=0", LEVEL="warn", HOSTS="a", FAST="1")
    assert (result.text("level"), result.many("host")) == ("x", ("c",))
    assert not result.is_on("fast")
    assert result.given == {"level", "host", "fast"}


def test_somebody_else_s_variable_does_not_stop_us() -> None:
    assert not parsed(FAST="*").is_on("fast")


def test_numbers_are_numbers() -> None:
    result = parsed("-pause", "1m30s", "-count", "-2")
    assert (result.number("pause"), result.number("count")) == (90, -2)
    assert (parsed().number("pause"), parsed().number("count")) == (1, 3)


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (("--nope",), "flag provided but not defined: -nope"),
        (("-Htcp://a",), "flag provided but not defined: -Htcp://a"),
        (("-l",), "flag needs an argument: -l"),
        (("---l",), "bad flag syntax: ---l"),
        (("--=x",), "bad flag syntax: --=x"),
        (("--fast=maybe",), 'invalid boolean value "maybe" for -fast: parse error'),
        (("--count=1.5",), 'invalid value "1.5" for flag -count: parse error'),
        (("--count=٣",), 'invalid value "٣" for flag -count: parse error'),
        (
            ("--pause=60",),
            'invalid value "60" for flag -pause: time: missing unit in duration "60"',
        ),
    ],
)
def test_a_bad_flag_is_refused_in_go_s_words(argv: tuple[str, ...], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        parsed(*argv)
    assert str(caught.value) == message


def test_classic_read_some_durations_itself() -> None:
    assert duration(parsed("-l", "90s"), "level") == 90
    with pytest.raises(UsageError, match=r'^invalid --level: time: invalid duration "x"$'):
        duration(parsed("-l", "x"), "level")


@given(st.lists(st.text(alphabet="-=lHfastcount12sx ", max_size=12), max_size=6))
def test_any_command_line_is_parsed_or_refused(argv: list[str]) -> None:
    try:
        result = parse(FLAGS, argv, {})
    except UsageError:
        return
    assert set(result.values) == {flag.name for flag in FLAGS}
