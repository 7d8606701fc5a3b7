"""Training labels: read strictly, refused by line, never filled in."""

from __future__ import annotations

from datetime import UTC, datetime

import polars as pl
import pytest

from data.errors import Refused
from data.labels.training import TRAINING_LABELS, read_training_labels

A = "0x52908400098527886e0f7030069857d2e4169ee7"
TRON = "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t"


def write(tmp_path, text, name="labels.csv"):
    path = tmp_path / name
    path.write_text(text)
    return path


def test_all_columns(tmp_path):
    path = write(
        tmp_path,
        "address,label,chain,as_of,available_at,case_id,split,weight,selection_probability,"
        "source,source_url,category,role,name,confidence,observed_at,status\n"
        f"{TRON},1,tron,2024-05-01,1717200000,case 7,train,2,0.25,"
        "forta,https://example.org,heist,mule,Made up,web_crawl,2024-05-01,active\n"
        f"{A},0,bsc,,,,,,,,,,,,,,\n"
        f"{A},,base,,,,,,,,,,,,,,\n",
    )
    labels = read_training_labels(path)
    assert dict(labels.schema) == TRAINING_LABELS
    first = ("tron", TRON, 1, datetime(2024, 5, 1, tzinfo=UTC), datetime(2024, 6, 1, tzinfo=UTC))
    assert labels.row(0) == (*first, "case 7", "train", 2.0, 0.25, "forta", "mule")
    assert labels["label"].to_list() == [1, 0, None]
    # What is missing stays missing.
    assert labels["as_of"].null_count() == 2
    assert labels["available_at"].null_count() == 2


def test_parquet_of_pandas_floats(tmp_path):
    path = tmp_path / "labels.parquet"
    frame = pl.DataFrame({"address": [A, TRON, "0x" + "1" * 40], "label": [1.0, 0.0, None]})
    frame.write_parquet(path)
    assert read_training_labels(path)["label"].to_list() == [1, 0, None]


def test_identical_rows_count_once(tmp_path):
    path = write(tmp_path, f"address,label\n{A},1\n{A.upper().replace('0X', '0x')},1\n")
    assert read_training_labels(path).height == 1


def test_the_chain_comes_from_the_transfers(tmp_path):
    occurring = pl.DataFrame({"chain": ["bsc", "base"], "address": [A, A]})
    labels = read_training_labels(write(tmp_path, f"address,label\n{A},1\n"), occurring)
    assert labels.select("chain", "label").rows() == [("bsc", 1), ("base", 1)]


def test_one_address_at_two_moments(tmp_path):
    path = write(tmp_path, f"address,label,as_of\n{A},0,2024-01-01\n{A},1,2024-06-01\n")
    assert read_training_labels(path)["label"].to_list() == [0, 1]


@pytest.mark.parametrize(
    "text, message",
    [
        (f"address,label\n{A},2\n", "line 2: the label '2'"),
        (f"address,label\n{A},yes\n", "'yes' is none of 1, 0 and empty"),
        (f"address,label\n{A},1\n{A},0\n", "lines 2 and 3 disagree .* label 1 and 0"),
        (f"address,label\n{A},1\n{A},\n", "label 1 and None"),
        (f"address,label,weight\n{A},1,1\n{A},1,2\n", "weight 1.0 and 2.0"),
        (f"address,lable\n{A},1\n", "did you mean 'label'"),
        (f"address,label,asof\n{A},1,\n", "unknown column 'asof'"),
        (f"address,label\n{A[:-1]},1\n", "line 2: this is no address"),
        (f"address,label,as_of\n{A},1,01/05/2024\n", "line 2: as_of: '01/05/2024' is neither"),
        (f"address,label,available_at\n{A},1,soon\n", "available_at"),
        (f"address,label,weight\n{A},1,-1\n", "weight: '-1' must be 0 or more"),
        (f"address,label,weight\n{A},1,nan\n", "weight: 'nan'"),
        (f"address,label,weight\n{A},1,heavy\n", "weight: could not convert"),
        (f"address,label,selection_probability\n{A},1,0\n", "above 0 and at most 1"),
        (f"address,label,selection_probability\n{A},1,1.5\n", "above 0 and at most 1"),
        (f"address,label,status\n{A},1,retracted\n", "line 2: the label's status is 'retracted'"),
        (f"address,label,category\n{A},1,model_propagated\n", "line 2: model_propagated must not"),
        (f"address,label,category\n{A},0,heist; SAR\n", "line 2: sar must not teach: a report is"),
        (f"address,label,source\n{A},1,Suspicious activity reports\n", "must not teach: a report"),
        (f"address,label,source\n{A},1,unrinse scores\n", "unrinse_score must not teach"),
        (f"address,label,source\n{A},1,a\u202eb\n", "its source is empty, or has characters"),
        (f"address,label,source\n{A},1,{'x' * 1001}\n", "1,001 characters, more than 1,000"),
        (f"address,label,scource\n{A},1,x\n", "did you mean 'source'"),
        ("address,label\n", "no rows"),
        ("", "is empty"),
    ],
)
def test_files_that_are_refused(tmp_path, text, message):
    with pytest.raises(Refused, match=message):
        read_training_labels(write(tmp_path, text))


def test_a_row_that_judges_nothing_may_be_of_any_origin(tmp_path):
    text = f"address,label,category,status\n{A},,suspicious_activity_report,\n{TRON},,,retracted\n"
    assert read_training_labels(write(tmp_path, text))["label"].null_count() == 2


def test_many_faults_are_counted_and_the_first_shown(tmp_path):
    text = "address,label\n" + "".join(f"{TRON},{n}\n" for n in range(2, 32))
    with pytest.raises(Refused, match="30 faulty lines: line 2: .*line 11: .* and 20 more"):
        read_training_labels(write(tmp_path, text))
