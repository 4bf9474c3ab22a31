"""Experiments as tables."""

import pytest

from pipeline_lib.commands.experiment_list import Experiment, experiments_in
from pipeline_lib.commands.pivot import ablation, differences, pivot
from pipeline_lib.commands.table import check_options, grid_of
from pipeline_lib.common.errors import InputError

TOP1 = "intra.image.top1"


def experiment(name, top1, **params):
    keys = {"caption.source": "blip2", "caption.prompt": "A", "subjects": ["sub-01"]}
    return Experiment(name, keys | params, {} if top1 is None else {TOP1: top1})


LIST = [
    experiment("main", 0.5),
    experiment("again", 0.7),
    experiment("b", 0.25, **{"caption.prompt": "B"}),
    experiment("label", 0.125, **{"caption.source": "label"}),
    experiment("failed", None, **{"caption.source": "none"}),
]


def test_a_cell_is_the_mean_of_what_falls_into_it():
    grid = pivot(LIST, "caption.source", "caption.prompt", TOP1)
    assert grid.header == ["caption.source \\ caption.prompt", "A", "B"]
    assert grid.rows == [["blip2", "0.6000 (2)", "0.2500"], ["label", "0.1250", "–"]]
    assert grid.notes == [
        TOP1,
        "in brackets: of so many experiments it is the mean",
        f"without {TOP1}: failed",
    ]


def test_one_parameter_alone():
    grid = pivot(LIST[:3], "caption.prompt", "", TOP1)
    assert (grid.header, grid.rows) == (["caption.prompt", TOP1], [["A", "0.6000 (2)"], ["B", "0.2500"]])


def test_values_stand_in_their_order():
    values = (10, 2, 0.5, 1e-05, -3, "a10", "a9", True, None)
    found = [experiment(str(n), n, seeds=value) for n, value in enumerate(values)]
    rows = pivot(found, "seeds", "", TOP1).rows
    assert [row[0] for row in rows] == ["-3", "1e-05", "0.5", "2", "10", "a9", "a10", "null", "true"]


def test_an_ablation_names_only_what_differs():
    grid = ablation([*LIST, experiment("list", 0.5, subjects=["sub-01", "sub-02"])], TOP1)
    assert grid.header == ["experiment", "differs from main in", TOP1, "difference"]
    assert grid.rows == [
        ["main", "baseline", "0.5000", ""],
        ["again", "nothing", "0.7000", "+0.2000"],
        ["b", "caption.prompt: B (A)", "0.2500", "-0.2500"],
        ["label", "caption.source: label (blip2)", "0.1250", "-0.3750"],
        ["failed", "caption.source: none (blip2)", "–", ""],
        ["list", "subjects: [sub-01, sub-02] ([sub-01])", "0.5000", "+0.0000"],
    ]


def test_parameters_that_one_side_lacks():
    one, other = Experiment("a", {"x": 1, "new": 2}, {}), Experiment("b", {"x": 1, "old": None}, {})
    assert differences(one, other) == ["new: 2 (–)", "old: – (null)"]


def test_what_dvc_shows_becomes_experiments():
    def state(name, rev, time, **data):
        content = {"params": {"params.yaml": {"data": {"a": {"b": 1}, "c": [1, 2]}}}}
        metrics = {"metrics/retrieval.json": {"data": {"intra": {"image": {"top1": 0.5, "p": None}}, "about": ["x"]}}}
        return {"rev": rev, "name": name, "data": {"timestamp": time, **content, "metrics": metrics, **data}}

    shown = [
        {"rev": "workspace", "name": None, **state(None, "workspace", None)},
        {
            **state("main", "1" * 40, "2026-01-01"),
            "experiments": [
                {"revs": [state("later", "2" * 40, "2026-01-03")]},
                {"revs": [state(None, "3" * 40, "2026-01-02", metrics={"metrics/retrieval.json": {"error": {}}})]},
                {"revs": [{"rev": "4" * 40, "name": "under-way", "data": None}]},
                {"revs": []},
            ],
        },
    ]
    found = experiments_in(shown)
    assert [one.name for one in found] == ["main", "3333333", "later"]
    assert found[0].params == {"a.b": 1, "c": [1, 2]}
    assert found[0].metrics == {TOP1: 0.5}
    assert found[1].metrics == {}


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"metric": "intra.image.top2"}, "--metric is 'intra.image.top2', allowed: intra.image.top1; did you mean"),
        ({"rows": "caption.sorce"}, "did you mean 'caption.source'?"),
        ({"columns": "caption.promt"}, "--columns is 'caption.promt'"),
    ],
)
def test_names_that_do_not_exist(options, says):
    asked = {"rows": "caption.source", "columns": "caption.prompt", "metric": TOP1} | options
    with pytest.raises(InputError) as refused:
        grid_of(LIST, ablated=False, **asked)
    assert says in str(refused.value)


def test_before_the_first_run():
    with pytest.raises(InputError, match="run 'dvc repro' first"):
        grid_of([experiment("main", None)], rows="", columns="", ablated=True, metric=TOP1)


@pytest.mark.parametrize(("options", "says"), [(("a", "", True), "does not go with"), (("", "b", False), "--ablation")])
def test_options_that_do_not_go_together(options, says):
    with pytest.raises(InputError, match=says):
        check_options(*options)
