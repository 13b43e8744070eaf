"""The files of recency, frequency and monetary value are checked before a run; a refusal names line and reason."""

from __future__ import annotations

import pytest

from dagster_project.config import PROJECT, ConfigurationError
from dagster_project.rule_files import check_rfm

NAMES = ("rfm_config.csv", "rfm_segments.csv", "rfm_thresholds.csv")
CONFIG = "method,bins,closed,offset,window_days,min_people"
SEGMENTS = "scheme,bins,priority,segment,r_min,r_max,f_min,f_max,m_min,m_max,fm_min,fm_max"


def check(tmp_path, **texts):
    """Check the shipped files with some of them replaced."""
    files = []
    for name in NAMES:
        file = tmp_path / name
        file.write_text(texts.get(name.removesuffix(".csv"), (PROJECT / "seeds" / name).read_text()))
        files.append(file)
    check_rfm(*files)


@pytest.mark.parametrize(
    "line",
    [
        "quantiles,5,right,0,365,50", "quantiles,10,left,-1,,1", "percentiles,3,right,0.5,180,500",
        "thresholds,5,left,0,365,50",
    ],
)  # fmt: skip
def test_the_six_settings_are_enough(tmp_path, line):
    check(tmp_path, rfm_config=f"{CONFIG}\n{line}\n")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("method,bins\nquantiles,5\n", "line 1: the header has to be method,bins,closed,offset,window_days,min_people"),
        (f"{CONFIG}\n", "below the header it has 0 lines"),
        (f"{CONFIG}\nntile,5,right,0,365,50\n", "line 2: method is 'ntile'; write one of quantiles"),
        (f"{CONFIG}\nquantiles,11,right,0,365,50\n", "line 2: bins is '11'"),
        (f"{CONFIG}\nquantiles,1,right,0,365,50\n", "line 2: bins is '1'"),
        (f"{CONFIG}\nquantiles,5,both,0,365,50\n", "line 2: closed is 'both'; write right or left"),
        (f"{CONFIG}\nquantiles,5,right,,365,50\n", "line 2: offset is ''"),
        (f"{CONFIG}\nquantiles,5,right,0,0,50\n", "line 2: window_days is '0'"),
        (f"{CONFIG}\nquantiles,5,right,0,365,0\n", "line 2: min_people is '0'"),
        (f"{CONFIG}\nquantiles,5,right,0,365\n", "line 2: the line has other cells"),
        (
            f"{CONFIG},segments\nquantiles,5,right,0,365,50,gold\n",
            "line 2: segments is 'gold'; .* has the schemes classic",
        ),
        (f"{CONFIG},segments\nquantiles,5,right,0,365,50,klaviyo\n", "line 2: the scheme klaviyo is made for 3 bins"),
        (f"{CONFIG}\nthresholds,4,right,0,365,50\n", "recency has 4 thresholds, and 4 bins have 3 cut points"),
    ],
)
def test_a_wrong_setting_is_refused(tmp_path, text, told):
    with pytest.raises(ConfigurationError, match=told):
        check(tmp_path, rfm_config=text)


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        (["a,5,1,best,6,6,,,,,,"], "line 2: best can never match, for the 5 bins of the scheme a"),
        (["a,5,1,best,5,5,4,5,,,,", "a,5,2,top,5,5,5,5,,,,"], "line 3: top can never match, .* lines before it, 2"),
        (["a,5,2,top,5,5,5,5,,,,", "a,5,1,best,5,5,4,5,,,,"], "line 2: top can never match, .* lines before it, 3"),
        (["a,5,1,x,1,3,,,,,,", "a,5,2,y,3,5,,,,,,", "a,5,3,z,2,4,,,,,,"], "line 4: z can never match, .* 2, 3"),
        (["a,5,1,odd,1,1,1,1,1,1,2,2"], "line 2: odd can never match"),
        (["a,5,1,best,5,4,,,,,,"], "line 2: r_min is 5 and r_max is 4; the range is empty"),
        (["a,5,1,best,5,5,,,,,1.2,2"], "line 2: fm_min is '1.2'; write a number in steps of 0.5"),
        (["a,5,1,best,five,5,,,,,,"], "line 2: r_min is 'five'"),
        (["a,5,1,best,5,5"], "line 2: a line has 12 cells"),
        (["a,5,1,best,5,5,,,,,,", "a,5,1,top,4,4,,,,,,"], "line 3: priority 1 of the scheme a stands in line 2"),
        (["a,5,1,best,5,5,,,,,,", "a,4,2,top,4,4,,,,,,"], "line 3: the scheme a is made for 5 bins in line 2"),
        (["a,5,1,others,5,5,,,,,,"], "line 2: 'others' is what people without a segment are called"),
        (["A b,5,1,best,5,5,,,,,,"], "line 2: the scheme is 'A b'"),
    ],
)  # fmt: skip
def test_a_segment_that_cannot_be_is_refused(tmp_path, lines, told):
    with pytest.raises(ConfigurationError, match=told):
        check(
            tmp_path,
            rfm_config=f"{CONFIG}\nquantiles,5,right,0,365,50\n",
            rfm_segments="\n".join([SEGMENTS, *lines]) + "\n",
        )


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ("speed,1\n", "line 2: .* the measure is 'speed'"),
        ("recency,1e3\n", "line 2: the threshold is '1e3'"),
        ("recency,30\nrecency,30\n", "line 3: 30 does not come after the recency threshold before it"),
    ],
)
def test_a_wrong_threshold_is_refused(tmp_path, lines, told):
    with pytest.raises(ConfigurationError, match=told):
        check(tmp_path, rfm_thresholds=f"measure,threshold\n{lines}")
