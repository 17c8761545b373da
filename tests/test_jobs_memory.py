from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.errors import ConfigError
from pipelines.jobs import memory as module
from pipelines.jobs.memory import check_memory, memory_limit, too_large


def plan_of(memory_mb):
    return SimpleNamespace(memory_mb=memory_mb, horizon=99999999, season_length=7, lookback=21)


def test_this_machine_has_a_limit():
    assert 2**28 < memory_limit() < 2**50


@given(has=st.integers(1, 10**6), wants=st.integers(0, 10**6))
def test_a_plan_fits_or_is_refused_with_its_horizon(has, wants):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "memory_limit", lambda: has * 2**20)
        if wants <= has:
            check_memory(plan_of(wants))
            assert too_large(plan_of(wants)) == ""
        else:
            with pytest.raises(ConfigError, match=r"horizon 99,999,999.*choose a shorter horizon") as caught:
                check_memory(plan_of(wants))
            assert f"{wants:,} MB" in str(caught.value)


def test_a_system_without_numbers_refuses_nothing(monkeypatch):
    monkeypatch.setattr(module, "_limits", lambda: iter(()))
    assert memory_limit() is None
    check_memory(plan_of(10**9))


@pytest.mark.parametrize(
    ("groups", "file"),
    [
        ("0::/a/b", "a/memory.max"),
        ("0::/a/b", "memory.max"),
        ("5:cpu:/\n4:memory:/a", "memory/a/memory.limit_in_bytes"),
        ("4:cpu,memory:/host/a", "memory/memory.limit_in_bytes"),
    ],
)
def test_the_limit_of_a_control_group_counts(tmp_path, monkeypatch, groups, file):
    (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / file).write_text("123456789\n")
    (tmp_path / "cgroup").write_text(f"{groups}\nodd\n")
    monkeypatch.setattr(module, "_CGROUP", tmp_path)
    monkeypatch.setattr(module, "_PROC", tmp_path / "cgroup")
    assert memory_limit() == 123456789


def test_a_group_without_limit_does_not_count(tmp_path, monkeypatch):
    (tmp_path / "memory.max").write_text("max\n")
    (tmp_path / "cgroup").write_text("0::/\n")
    monkeypatch.setattr(module, "_CGROUP", tmp_path)
    monkeypatch.setattr(module, "_PROC", tmp_path / "cgroup")
    assert memory_limit() > 2**28
