"""What is written down is read again, whatever tore the last line off."""

from pathlib import Path

import pytest

from proof.histories.dump import Dump, load_dump, save_dump
from proof.histories.entry import Op, Phase
from proof.histories.history import read_history
from proof.histories.pen import Pen, digest
from tests.proof.made import attempt, job
from workmill.words.job import Ending


def test_entries_are_read_as_they_were_written_and_in_the_order_of_time(tmp_path: Path) -> None:
    late, early = Pen(tmp_path, "late"), Pen(tmp_path, "early")
    late.write(Op.ENQUEUE, at=2.0, phase=Phase.OK, job="j", key="k")
    early.write(Op.START, at=1.0, job="j", token=3, sha="s")

    start, enqueue = read_history(tmp_path).entries

    assert (start.op, start.token, start.sha) == (Op.START, 3, "s")
    assert (enqueue.op, enqueue.phase, enqueue.key, enqueue.found) == (Op.ENQUEUE, Phase.OK, "k", True)


def test_torn_last_line_is_left_out_and_any_other_is_an_error(tmp_path: Path) -> None:
    whole = b'{"op":"start","job":"j"}\n'
    path = tmp_path / "torn.jsonl"
    path.write_bytes(whole + b'{"op":"sta')
    assert [entry.job for entry in read_history(tmp_path).entries] == ["j"]

    path.write_bytes(b'{"op":"sta\n' + whole)

    with pytest.raises(ValueError, match="Unterminated"):
        read_history(tmp_path)


def test_dry_pen_writes_nothing(tmp_path: Path) -> None:
    pen = Pen(tmp_path, "dead")
    pen.is_dry = True

    pen.write(Op.START, job="j")

    assert not read_history(tmp_path).entries


def test_dump_is_read_as_it_was_saved(tmp_path: Path) -> None:
    dump = Dump(
        jobs=(job(attempt(1, ending=Ending.INTERRUPTED), attempt(2)),), counts=(("default", "quick", "succeeded", 1),)
    )

    save_dump(dump, tmp_path / "dump.json")

    assert load_dump(tmp_path / "dump.json") == dump


def test_digest_is_of_the_value_and_not_of_its_text() -> None:
    assert digest({"a": 1, "b": [2.0, "é"]}) == digest({"b": [2.0, "é"], "a": 1})
    assert digest({"a": 1}) != digest({"a": "1"})
