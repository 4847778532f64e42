"""The tables: means and spreads by hand, dashes with reasons, the paper's numbers beside."""

from talkedit.report.paper import ABLATIONS
from talkedit.report.tables import Line, Table, cells, latex, markdown, spread


def scores(ssim: float, sync: float | None = None) -> dict[str, float | None]:
    return {"ssim_crop": ssim, "lmd_m_px256": 1.0, "lmd_f_px256": 2.0, "sync_own_confidence": sync, "fid_hed_vgg": 7.5}


def test_the_spread_is_that_of_a_sample() -> None:
    assert spread([0.7, 0.8, 0.9]) == "0.800 ± 0.100 (n=3)"
    assert spread([0.7]) == "0.700"
    assert spread([None]) == "–"
    assert spread([None, 0.5]) == "0.500"


def test_ours_stands_before_the_papers() -> None:
    line = Line("A+P", [scores(0.5), scores(0.7, 4.0)], ABLATIONS["A+P"])
    ours = ["0.600 ± 0.141 (n=2)", "1.000 ± 0.000 (n=2)", "2.000 ± 0.000 (n=2)", "4.000", "7.500 ± 0.000 (n=2)"]
    assert cells(line) == [*ours, "0.70", "0.49", "0.95", "4.73"]


def test_without_a_result_a_line_stays_with_its_reason() -> None:
    text = markdown(Table("Methods", [Line("EAMM", [], None, "no usable release")], ["A warning."]))
    assert "| EAMM | – | – | – | – | – | – | – | – | – | no usable release |" in text
    assert text.endswith("A warning.\n")


def test_latex_has_as_many_cells_as_columns_and_nothing_unescaped() -> None:
    text = latex(Table("Ablations", [Line("A", [scores(0.5), scores(0.5)], ABLATIONS["A"])], ["100% of LMD_m & more"]))
    row = next(line for line in text.splitlines() if line.startswith("A &"))
    assert row.count("&") == 9
    assert r"\multicolumn{5}{c}{here} & \multicolumn{4}{c}{paper}" in text
    assert r"100\% of LMD\_m \& more" in text
    assert r"$\pm$" in row


def test_what_people_write_breaks_neither_table() -> None:
    table = Table("Methods", [Line("{a|b}", [], None, "~$5 in \\cite,\n\nx^2")], [])
    assert markdown(table).splitlines()[-1] == rf"| {{a\|b}} {'| – ' * 9}| ~$5 in \cite, x^2 |"
    text = latex(table)
    assert "\n" + r"\{a|b\} & -- & --" in text
    assert r"\{a|b\}: \textasciitilde{}\$5 in \textbackslash{}cite, x\textasciicircum{}2.}" in text
