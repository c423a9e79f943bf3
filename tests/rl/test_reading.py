"""Tables whose texts are none."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from data_synth.errors import SynthError
from data_synth.sources.reading import _table
from rl.errors import UserError
from rl.problems.files import _file_rows
from rl.reading import table_of


def test_texts_of_a_table_that_are_not_utf_8_are_refused_by_whoever_reads_it(tmp_path: Path) -> None:
    file = tmp_path / "odd.parquet"
    pq.write_table(pa.table({"problem": pa.array([b"fine", b"od\xee!"], pa.binary()).view(pa.string())}), file)
    with pytest.raises(UserError, match=r"cannot read .*odd\.parquet: .*UTF8"):
        table_of(file)
    with pytest.raises(UserError, match=r"cannot read .*odd\.parquet: .*utf-8"):
        list(_file_rows(file))
    with pytest.raises(SynthError, match=r"cannot read .*odd\.parquet on from row 0: .*utf-8"):
        list(_table(file))
