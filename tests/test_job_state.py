"""What a job keeps: whole or not at all, and never taken for what it is not."""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.errors import BusyError, ConfigError, StateError
from pipelines.nightly import JobSettings
from pipelines.nightly.champions import essentials_of, line_of_succession, withdrawn
from pipelines.nightly.folders import refusal
from pipelines.nightly.history import steps_between, unobserved_since, up_to
from pipelines.nightly.labels import label, unlabeled
from pipelines.nightly.records import Finding, Night
from pipelines.nightly.sealed import read_sealed, remove_drafts, whole_folder, write_sealed
from pipelines.nightly.state import JobFolder
from pipelines.panel import Panel

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(-1e300, 1e300) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip
FRAME = pd.DataFrame({"unique_id": ["a", "b"], "ds": pd.Timestamp("2024-02-01"), "TCN": [1.0, 2.0]})
JOB = JobSettings(name="j", source={"path": "a"}, sink={"path": "b.csv"}, model={"horizon": 1})
SMALL = settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])


def night(day: str, champion: int | None = 1) -> Night:
    return Night(pd.Timestamp(day), "f" * 64, 10, 2, {"TCN v1": 2}, {"champion": champion})


def write_version(folder: JobFolder) -> int:
    def bundle(path: Path) -> None:
        path.mkdir()
        (path / "manifest.json").write_text("{}")

    return folder.write_version(bundle, {"reason": "", "essentials": essentials_of(JOB.model)}).number


class TestSealed:
    @SMALL
    @given(content=st.dictionaries(st.text(max_size=5), JSON, max_size=4))
    def test_it_comes_back_as_it_was(self, tmp_path: Path, content: dict[str, object]) -> None:
        write_sealed(tmp_path / "record.json", content)
        assert read_sealed(tmp_path / "record.json") == content
        assert [path.name for path in tmp_path.iterdir()] == ["record.json"]

    @SMALL
    @given(place=st.integers(0, 10**6), bit=st.integers(0, 7))
    def test_a_flipped_bit_is_seen_or_changes_nothing(self, tmp_path: Path, place: int, bit: int) -> None:
        content = {"version": 3, "reason": "the first", "scores": {"mae": 0.25}}
        path = tmp_path / "record.json"
        write_sealed(path, content)
        damaged = bytearray(path.read_bytes())
        damaged[place % len(damaged)] ^= 1 << bit
        path.write_bytes(damaged)
        found: object = None
        with suppress(StateError):
            found = read_sealed(path)
        assert found in (None, content)  # white space may change

    @pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"content": {}}', "{" * 10_000])
    def test_other_files_are_none(self, tmp_path: Path, text: str) -> None:
        (tmp_path / "record.json").write_text(text)
        with pytest.raises(StateError, match="Received"):
            read_sealed(tmp_path / "record.json")

    def test_a_folder_is_replaced_whole_or_stays(self, tmp_path: Path) -> None:
        place = tmp_path / "night"
        for content in ("first", "second"):
            with whole_folder(place) as draft:
                (draft / "file").write_text(content)
        with pytest.raises(IsADirectoryError), whole_folder(place) as draft:
            draft.write_text("a folder is no file")
        assert (place / "file").read_text() == "second"
        assert [path.name for path in tmp_path.iterdir()] == ["night"]

    def test_drafts_of_killed_processes_are_removed_and_nothing_else(self, tmp_path: Path) -> None:
        (tmp_path / ".night.abc.tmp").mkdir()
        (tmp_path / ".night.abc.tmp-former").mkdir()
        (tmp_path / ".record.json.17.tmp").write_text("")
        (tmp_path / ".mine").write_text("")
        (tmp_path / "night").mkdir()
        remove_drafts(tmp_path)
        assert sorted(path.name for path in tmp_path.iterdir()) == [".mine", "night"]


class TestJobFolder:
    def test_nights_come_back_in_the_order_of_time(self, tmp_path: Path) -> None:
        folder = JobFolder(tmp_path)
        for day in ("2024-02-03", "2024-02-01", "2024-02-02"):
            folder.write_night(night(day), FRAME.assign(TCN=float(day[-1])))
        assert [label(each.cutoff)[6:8] for each in folder.nights()] == ["01", "02", "03"]
        assert len(folder.nights(pd.Timestamp("2024-02-03"))) == 2
        assert [label(each.cutoff)[6:8] for each in folder.nights(count=2)] == ["02", "03"]
        past = folder.past(pd.Timestamp("2024-03-01"), 2)
        assert [pd.read_parquet(file)["TCN"].iloc[0] for _, file in past] == [2.0, 3.0]
        found, frame = folder.night(pd.Timestamp("2024-02-01"), "f" * 64) or pytest.fail("not found")
        assert found == night("2024-02-01")
        pd.testing.assert_frame_equal(frame, FRAME.assign(TCN=1.0), check_dtype=False)
        assert folder.night(pd.Timestamp("2024-02-01"), "e" * 64) is None

    def test_nights_are_told_apart_by_local_time_with_or_without_a_zone(self, tmp_path: Path) -> None:
        folder = JobFolder(tmp_path)
        for cutoff in ("2024-02-01T00:00+02:00", "2024-02-02", "2024-02-03T00:00Z"):
            folder.write_night(night(cutoff), FRAME)
        past = [cutoff for cutoff, _ in folder.past(pd.Timestamp("2024-02-03T00:00-05:00"), 9)]
        assert past == [pd.Timestamp("2024-02-01"), pd.Timestamp("2024-02-02")]

    def test_a_night_that_is_damaged_is_named_and_left_out(self, tmp_path: Path) -> None:
        folder = JobFolder(tmp_path)
        for day in ("2024-02-01", "2024-02-02", "2024-02-03"):
            folder.write_night(night(day), FRAME)
        first, second, _ = (folder.place(each.cutoff, each.fingerprint) for each in folder.nights())
        (first / "night.json").write_text("{}")
        (second / "forecasts.parquet").write_bytes(b"PAR1")
        damaged: list[str] = []
        past = folder.past(pd.Timestamp("2024-03-01"), 9, (), lambda error: damaged.append(str(error)))
        assert [cutoff for cutoff, _ in past] == [pd.Timestamp("2024-02-03")]
        assert len(damaged) == 2
        with pytest.raises(StateError, match="forecasts of a night"):
            folder.night(pd.Timestamp("2024-02-02"), "f" * 64)

    def test_one_process_works_at_a_time(self, tmp_path: Path) -> None:
        folder = JobFolder(tmp_path)
        with folder.held(), pytest.raises(BusyError, match="once at a time"), JobFolder(tmp_path).held():
            pytest.fail("two hold it")
        with folder.held():
            pass

    def test_a_folder_that_cannot_be_made_is_a_mistake_of_the_settings(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        with (
            pytest.raises(ConfigError, match=r"able to read and write its files\..*Not a directory"),
            JobFolder(tmp_path / "file" / "job").held(),
        ):
            pytest.fail("it is held")

    def test_who_only_reads_makes_no_folder(self, tmp_path: Path) -> None:
        folder = JobFolder(tmp_path / "job")
        assert folder.is_fresh
        assert (folder.nights(), folder.versions(), folder.promotions()) == ([], [], [])
        assert not [*tmp_path.iterdir()]

    def test_what_lasts_is_a_mistake_of_the_settings_and_what_passes_is_not(self, tmp_path: Path) -> None:
        for code in (errno.EACCES, errno.EROFS, errno.EPERM):
            assert isinstance(refusal(OSError(code, os.strerror(code), "a")), ConfigError)
        for code in (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.ESTALE, errno.EMFILE):
            assert isinstance(refusal(OSError(code, os.strerror(code), "a")), BusyError)

    def test_old_versions_go_but_none_that_is_needed(self, tmp_path: Path) -> None:
        folder = JobFolder(tmp_path)
        for number in range(1, 7):
            assert write_version(folder) == number
        folder.promote(1, "", "")
        folder.promote(2, "", "")
        assert folder.remove_versions(keep=2) == [3, 4]
        assert [version.number for version in folder.versions()] == [1, 2, 5, 6]
        assert write_version(folder) == 7


class TestSuccession:
    def line(self, folder: JobFolder) -> tuple[list[int], list[Finding]]:
        findings: list[Finding] = []
        return [version.number for version in line_of_succession(JOB, folder, findings)], findings

    @pytest.fixture
    def folder(self, tmp_path: Path) -> JobFolder:
        folder = JobFolder(tmp_path)
        for _ in range(3):
            write_version(folder)
        return folder

    def test_nobody_was_promoted(self, folder: JobFolder) -> None:
        assert self.line(folder) == ([], [])

    def test_other_files_in_the_folder_do_no_harm(self, folder: JobFolder) -> None:
        folder.promote(1, "", "")
        (folder.promotions_path / "000001 copy.json").write_text("{}")
        (folder.versions_path / "0001.bak").mkdir()
        folder.promote(2, "", "")
        assert write_version(folder) == 4
        assert self.line(folder) == ([2, 1], [])

    def test_the_champion_comes_first_then_its_predecessors(self, folder: JobFolder) -> None:
        for version in (1, 2, 3):
            folder.promote(version, "", "")
        assert self.line(folder) == ([3, 2, 1], [])

    def test_a_rollback_sets_the_champion_aside(self, folder: JobFolder) -> None:
        for version in (1, 2):
            folder.promote(version, "", "")
        folder.promote(1, "rollback", "", withdrawn=[2])
        assert self.line(folder) == ([1], [])
        assert withdrawn(folder.promotions()) == {2}
        folder.promote(2, "by hand", "")
        assert self.line(folder) == ([2, 1], [])
        assert withdrawn(folder.promotions()) == set()

    def test_seasonal_naive_may_be_the_champion(self, folder: JobFolder) -> None:
        folder.promote(1, "", "")
        folder.promote(None, "worse than seasonal naive", "")
        assert self.line(folder) == ([], [])

    def test_a_damaged_promotion_leaves_the_one_before_it(self, folder: JobFolder) -> None:
        for version in (1, 2):
            folder.promote(version, "", "")
        (folder.promotions_path / "000002.json").write_text("{")
        line, findings = self.line(folder)
        assert line == [1]
        assert "000002.json" in findings[0].message
        folder.promote(3, "", "")
        assert self.line(folder)[0] == [3, 1]

    def test_a_missing_version_is_told(self, folder: JobFolder) -> None:
        for version in (1, 2):
            folder.promote(version, "", "")
        (folder.versions_path / "0002" / "version.json").unlink()
        line, findings = self.line(folder)
        assert line == [1]
        assert {finding.check for finding in findings} == {"state", "champion"}


@pytest.mark.parametrize(
    ("freq", "start"),
    [("h", "2024-03-30 05:00"), ("D", "2024-01-31"), ("W-TUE", "2024-01-02"), ("MS", "2024-01-01"),
     ("ME", "2024-01-31"), ("B", "2024-01-05"), ("QE-DEC", "2023-12-31"), ("D", "2024-01-31 06:00")],
)  # fmt: skip
@pytest.mark.parametrize("beyond", ["0h", "5h", "3D", "40D", "400D"])
def test_series_go_on_to_the_last_stamp_that_the_cutoff_knows(freq: str, start: str, beyond: str) -> None:
    stamps = pd.date_range(start, periods=4, freq=freq)
    frame = pd.concat(
        [
            pd.DataFrame({"unique_id": "long", "ds": stamps, "y": 1.0}),
            pd.DataFrame({"unique_id": "late", "ds": stamps[2:], "y": [1.0, np.nan]}),
        ]
    )
    cutoff = stamps[-1] + pd.Timedelta(beyond)
    panel = up_to(Panel.from_frame(frame, freq), cutoff)
    expected = pd.date_range(start, cutoff, freq=freq)
    assert panel.last_stamps.tolist() == [expected[-1].value] * 2
    assert panel.lengths.tolist() == [len(expected) - 2, len(expected)]
    assert unobserved_since(panel).tolist() == [len(expected) - 3, len(expected) - 4]


def test_integers_go_on_too() -> None:
    panel = Panel.from_frame(pd.DataFrame({"unique_id": "a", "ds": [3, 5], "y": 1.0}), 2)
    assert up_to(panel, 10).lengths.tolist() == [4]
    assert up_to(panel, 4).lengths.tolist() == [2]
    assert steps_between("2", 3, 9) == 3


@given(st.datetimes(pd.Timestamp("1900-01-01"), pd.Timestamp("2200-01-01")) | st.integers(0, 10**11))
def test_a_label_names_its_cutoff(cutoff: object) -> None:
    known = cutoff if isinstance(cutoff, int) else pd.Timestamp(cutoff).floor("s")
    assert unlabeled(label(known)) == known
