from common.metrics import Metric, counter, gauge, labelled, render


def test_a_figure_is_told_with_its_help_and_its_kind() -> None:
    assert render(
        [gauge("entries", "Entries now.", 3), counter("writes_total", "Writes.", 0.5)]
    ) == (
        "# HELP entries Entries now.\n"
        "# TYPE entries gauge\n"
        "entries 3\n"
        "# HELP writes_total Writes.\n"
        "# TYPE writes_total counter\n"
        "writes_total 0.5\n"
    )


def test_values_with_labels_stand_sorted() -> None:
    text = render(
        [labelled("counter", "refused_total", "Refused.", "reason", {"tag": 2, "name": 1})]
    )
    assert text.splitlines()[2:] == [
        'refused_total{reason="name"} 1',
        'refused_total{reason="tag"} 2',
    ]


def test_several_labels_of_one_value() -> None:
    metric = Metric("up", "Up.", "gauge", {(("kind", "a"), ("name", "b")): 1})
    assert render([metric]).endswith('up{kind="a",name="b"} 1\n')


def test_no_value_can_begin_a_line_of_its_own() -> None:
    text = render([labelled("gauge", "up", "Is\nup.", "name", {'a"} 9\nevil 1\\': 1})])
    assert text.splitlines() == [
        "# HELP up Is\\nup.",
        "# TYPE up gauge",
        'up{name="a\\"} 9\\nevil 1\\\\"} 1',
    ]


def test_a_counter_without_values_yet_has_its_head_alone() -> None:
    assert len(render([labelled("counter", "x_total", "X.", "reason", {})]).splitlines()) == 2
