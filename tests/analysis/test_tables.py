"""All analyses of all runs in one go, as stage `analyse` makes them."""

import pandas as pd
import torch
import yaml

from pipeline_lib.analysis.tables import ANALYSES, PLOTTED, RUN_COLUMNS, over_runs
from stages.analyse import main
from tests.analysis.conftest import PEOPLE


def test_means_over_runs_by_hand():
    table = pd.DataFrame(
        [
            ("intra", "sub-01", 0, "only", "parietal", 0.5, 0.1),
            ("intra", "sub-01", 0, "all", None, 0.2, 0.1),
            ("intra", "sub-02", 0, "only", "parietal", 0.7, 0.1),
            ("intra", "sub-02", 1, "all", None, 0.4, 0.1),
            ("inter", "sub-02", 1, "all", None, 0.1, 0.1),
        ],
        columns=[*RUN_COLUMNS, "kind", "region", "top1", "chance1"],
    )
    found = over_runs(table, ("kind", "region")).fillna("")
    assert found.columns.tolist() == ["protocol", "kind", "region", "top1", "chance1"]
    rounded = found.round(9).to_numpy().tolist()
    assert rounded == [
        ["intra", "only", "parietal", 0.6, 0.1],
        ["intra", "all", "", 0.3, 0.1],
        ["inter", "all", "", 0.1, 0.1],
    ]


def analyse(analysed, timed_study, shipped_params, tmp_path, **changes):
    categories = tmp_path / "categories.csv"
    categories.write_text("concept,parity\n" + "".join(f"concept{i},{'odd' if i % 2 else 'even'}\n" for i in range(35)))
    asked = {**shipped_params, "subjects": list(PEOPLE), "held_out": list(PEOPLE), "seeds": [0]}
    asked["analysis"] = {**shipped_params["analysis"], "categories": str(categories), **changes}
    params_file = tmp_path / "params.yaml"
    params_file.write_text(yaml.safe_dump(asked))
    main(
        runs=analysed.inputs.runs,
        epochs=timed_study.epochs,
        features=timed_study.features,
        stimuli=timed_study.stimuli,
        out=tmp_path / "analysis",
        plots=tmp_path / "plots",
        params_file=params_file,
    )


def test_the_stage_writes_a_table_of_each_analysis_and_the_means_for_plots(
    analysed, timed_study, shipped_params, tmp_path, capsys
):
    analyse(analysed, timed_study, shipped_params, tmp_path)
    assert {path.stem for path in (tmp_path / "analysis").iterdir()} == set(ANALYSES)
    runs = {("intra", "sub-01"), ("intra", "sub-02"), ("inter", "sub-01"), ("inter", "sub-02")}
    for name in ("time_windows", "regions", "concepts", "confusions", "categories"):
        table = pd.read_csv(tmp_path / "analysis" / f"{name}.csv")
        assert table.columns[:3].tolist() == list(RUN_COLUMNS)
        assert set(zip(table["protocol"], table["subject"], strict=True)) == runs
    for name in PLOTTED:
        plotted = pd.read_csv(tmp_path / "plots" / f"{name}.csv")
        table = pd.read_csv(tmp_path / "analysis" / f"{name}.csv")
        assert len(table) == 2 * len(plotted)
        first = plotted.iloc[0]
        assert (
            abs(first["top1"] - table.loc[table["protocol"] == "intra"].groupby("subject")["top1"].first().mean())
            < 1e-5
        )
    assert "time_windows, regions, early_regions, concepts" in capsys.readouterr().out


def test_accuracies_of_all_analyses_agree(analysed, timed_study, shipped_params, tmp_path):
    analyse(analysed, timed_study, shipped_params, tmp_path)
    tables = {name: pd.read_csv(tmp_path / "analysis" / f"{name}.csv") for name in ("time_windows", "regions")}
    weighted = pd.read_csv(tmp_path / "analysis" / "concepts.csv")
    weighted["right"] = weighted["top1"] * weighted["queries"]
    by_concept = weighted.groupby(list(RUN_COLUMNS))[["right", "queries"]].sum()
    by_concept = by_concept["right"] / by_concept["queries"]
    full = tables["time_windows"].query("kind == 'full'").set_index(list(RUN_COLUMNS))["top1"]
    every = tables["regions"].query("kind == 'all'").set_index(list(RUN_COLUMNS))["top1"]
    assert full.to_dict() == every.to_dict()
    assert abs(by_concept - full).max() < 1e-5


def test_how_many_threads_the_machine_offers_changes_no_byte(analysed, timed_study, shipped_params, tmp_path_factory):
    offered, tables = torch.get_num_threads(), []
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            folder = tmp_path_factory.mktemp(f"threads{threads}")
            analyse(analysed, timed_study, shipped_params, folder)
            assert torch.get_num_threads() == shipped_params["analysis"]["threads"]
            tables.append({path.name: path.read_bytes() for path in (folder / "analysis").iterdir()})
    finally:
        torch.set_num_threads(offered)
    assert tables[0] == tables[1]
